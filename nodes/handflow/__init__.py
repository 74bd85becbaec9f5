"""handflow finds people's hands in a camera picture and tells games about them: a dataflow of small processes."""

__version__ = "0.1.0"

from .messages import Array, Flow, Frame, Hands, Heatmap, Hop, Message, State, now_ns
from .runtime.node import Node, Range, SetupError, ticks
from .runtime.wire import Packed

__all__ = [
    "Array",
    "Flow",
    "Frame",
    "Hands",
    "Heatmap",
    "Hop",
    "Message",
    "Node",
    "Packed",
    "Range",
    "SetupError",
    "State",
    "now_ns",
    "ticks",
]

"""handflow finds people's hands in a camera picture and tells games about them: a dataflow of small processes."""

__version__ = "0.1.0"

import handflow.runtime.interrupts  # noqa: F401  # the first: Ctrl-C may come while the others are imported
from handflow.runtime.node import Node, Range, ticks
from handflow.runtime.transport.wire import Packed

from .errors import SetupError
from .messages import Array, Flow, Frame, Gestures, Hands, Heatmap, Hop, Message, Phase, State, now_ns

__all__ = [
    "Array",
    "Flow",
    "Frame",
    "Gestures",
    "Hands",
    "Heatmap",
    "Hop",
    "Message",
    "Node",
    "Packed",
    "Phase",
    "Range",
    "SetupError",
    "State",
    "now_ns",
    "ticks",
]

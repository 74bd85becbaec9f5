"""What a layout is: a function from a frame's update to packets, and what a target chooses of it.

Packets are bundled into datagrams; a message given as bytes (an event) is sent alone, in a datagram of its own.
"""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from .coordinates import CoordinateTransform
from .delta import NO_CHANGE, Delta
from .encoding import Packet
from .frame_state import FrameState
from .sent_gesture import SentGesture

Protocol = Literal["tuio11", "tuio2", "augmenta2", "hands", "hands-split", "wekinator"]


class OscStatus(NamedTuple):
    """How the stage is, once a second."""

    ok: bool
    fps: float
    latency_ms: float
    dropped: int
    uptime_s: int
    faults: Sequence[tuple[str, str]] = ()  # node, and what is wrong with it


class LayoutOptions(NamedTuple):
    """What a target chooses of its layout."""

    address: str = "127.0.0.1"  # of this machine, as the target sees it
    base: str = "/hands"
    blobs: bool = False
    slots: int = 8
    size_m: tuple[float, float] | None = None
    transform: CoordinateTransform = CoordinateTransform()


class FrameUpdate(NamedTuple):
    """A frame as one target is sent it. `number` counts what this target was sent."""

    state: FrameState
    number: int
    delta: Delta = NO_CHANGE
    again: FrameState = FrameState()  # who left in the frame before: the layouts without a list of ids send it twice


class OscLayout(NamedTuple):
    """A protocol: the port it is usual at, and how a frame, gestures and the status become packets."""

    port: int
    frame: Callable[[FrameUpdate, LayoutOptions], list[Packet | bytes]]
    bundled: bool = True  # unless the target says otherwise
    numbered: bool = False  # each packet of a frame has a number of its own
    base: str = ""  # the default of the addresses that may be chosen
    gestures: Callable[[list[SentGesture], LayoutOptions], list[Packet | bytes]] = lambda gestures, options: []
    status: Callable[[OscStatus, LayoutOptions], list[Packet | bytes]] = lambda status, options: []

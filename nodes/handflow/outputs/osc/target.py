"""One target of osc: its settings, and the sender that keeps its frames in its own rate and layout."""

import logging
from typing import Annotated, Literal

import msgspec

from handflow.outputs.udp import UdpSender
from handflow.runtime.node import Range

from .coordinates import CoordinateTransform
from .delta import Delta
from .encoding import Packet
from .frame_state import FrameState
from .layout import FrameUpdate, LayoutOptions, OscStatus, Protocol
from .layouts import LAYOUTS
from .sent_gesture import SentGesture

Address = Annotated[str, msgspec.Meta(pattern=r"^(/[^\x00-\x20\x7f-\U0010ffff#*,/?\[\]{}]+)+$", max_length=64)]
Port = Annotated[int, Range(1, 65535)]
Number = Annotated[float, Range(-1e6, 1e6)]
Metres = Annotated[float, Range(0.01, 1e5)]


# How many packets and which datagrams, by all that they depend on.
DatagramCache = dict[tuple, tuple[int, list[bytes]]]


class Target(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Somebody who is sent hands."""

    protocol: Protocol
    host: str = "127.0.0.1"  # a name, an address, a broadcast or a multicast address
    port: Port | None = None  # None: the protocol's own
    base: Address | None = None  # hands, hands-split, wekinator: what addresses begin with; None: the protocol's own
    blobs: bool = False  # tuio11: 2Dblb as well
    slots: Annotated[int, Range(1, 64)] = 8  # hands-split, wekinator: a fixed number
    size_m: tuple[Metres, Metres] | None = None  # augmenta2: of the scene; None: 1 m wide, as high as the picture is
    rate: Annotated[float, Range(0.1, 1000)] | None = None  # frames a second at most; None: every frame
    bundles: bool | None = None  # None: as the protocol has it
    flip: Literal["", "x", "y", "xy"] = ""
    swap: bool = False  # x and y exchanged
    clamp: bool = True  # positions outside 0..1 are sent as its edge
    scale: tuple[Number, Number] = (1.0, 1.0)  # of positions, sizes and velocities
    offset: tuple[Number, Number] = (0.0, 0.0)  # of positions, after the scale
    # multicast and broadcast: the address of the network to use; None: the system's choice
    interface: str | None = None
    hops: Annotated[int, Range(0, 255)] = 1  # multicast: how many routers may pass it on, this network counted

    @property
    def name(self) -> str:
        base = f" at {self.base}" if self.base else ""
        return f"{self.protocol} to {self.host}:{self.port or LAYOUTS[self.protocol].port}{base}"


class TargetSender:
    """Sends frames to one target, at its own rate and in its own layout."""

    def __init__(self, target: Target, log: logging.Logger) -> None:
        self.target, self.name = target, target.name
        self.layout = LAYOUTS[target.protocol]
        self.bundled = self.layout.bundled if target.bundles is None else target.bundles
        transform = CoordinateTransform(target.flip, target.swap, target.clamp, target.scale, target.offset)
        base = target.base or self.layout.base
        self.options = LayoutOptions("127.0.0.1", base, target.blobs, target.slots, target.size_m, transform)
        self.number = 0  # of the last frame that was sent
        self.last = FrameState()  # it
        port = target.port or self.layout.port
        self.udp = UdpSender(self.name, target.host, port, target.interface, target.hops, log)
        self.frames = 0
        self._left = FrameState()  # who left in that frame
        self._due_s = 0.0
        self._open = False

    @property
    def failing(self) -> bool:
        return self.udp.failing or not self._open

    def send(
        self, state: FrameState, changes: Delta, now_s: float, must: bool = False, cache: DatagramCache | None = None
    ) -> None:
        """Sends a frame, unless it is too early by the target's rate and need not be.

        `cache`: the datagrams that others were sent of this frame.
        """
        if not self._ready():
            return
        if not (must or self._timely(now_s)):
            return
        self.number = (self.number + 1) & 0x7FFFFFFF
        again = self._left_before(state)
        if cache is None or len(again):
            cache = {}
        key = (self.layout, self.options, self.bundled, self.number, id(changes))
        # Several machines are often sent the same.
        if key not in cache:
            packets = self.layout.frame(FrameUpdate(state, self.number, changes, again), self.options)
            cache[key] = len(packets), self._datagrams(packets)
        parts, datagrams = cache[key]
        self.last, self._left = state, changes.left
        self.frames += 1
        if self.layout.numbered:
            self.number = (self.number + parts - 1) & 0x7FFFFFFF
        self.udp.send(datagrams)

    def send_gestures(self, gestures: list[SentGesture]) -> None:
        if gestures and self._ready():
            self.udp.send(self._datagrams(self.layout.gestures(gestures, self.options)))

    def send_status(self, status: OscStatus) -> None:
        if self._ready():
            self.udp.send(self._datagrams(self.layout.status(status, self.options)))

    def _datagrams(self, packets: list[Packet | bytes]) -> list[bytes]:
        found: list[bytes] = []
        for packet in packets:
            found += packet.datagrams(self.bundled) if isinstance(packet, Packet) else [packet]
        return found

    def _timely(self, now_s: float) -> bool:
        """Whether a frame may be sent now. A little early is in time, or a source at just this rate would lose some."""
        if self.target.rate is None:
            return True
        interval_s = 1 / self.target.rate
        if now_s < self._due_s - interval_s / 4:
            return False
        self._due_s += interval_s
        if self._due_s < now_s:
            self._due_s = now_s + interval_s
        return True

    def _left_before(self, state: FrameState) -> FrameState:
        """Who left in the frame before and has not come back."""
        if not len(self._left):
            return self._left
        return self._left.pick([row for row, id_ in enumerate(self._left.ids) if id_ not in state.ids])

    def _ready(self) -> bool:
        if not self._open and self.udp.ready():
            self._open = True
            self.options = self.options._replace(address=self.udp.own_address)
        return self._open

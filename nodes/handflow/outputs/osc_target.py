"""One target of osc: what it wishes, and what it has been told so far."""

import logging
from typing import Annotated, Literal

import msgspec

from handflow.runtime.node import Range

from .frame_state import News, Sheet, View
from .osc_encoding import Packet
from .osc_layouts import LAYOUTS, Protocol, Status, Style, Told
from .udp import Line

Address = Annotated[str, msgspec.Meta(pattern=r"^(/[^\x00-\x20\x7f-\U0010ffff#*,/?\[\]{}]+)+$", max_length=64)]
Port = Annotated[int, Range(1, 65535)]
Number = Annotated[float, Range(-1e6, 1e6)]
Metres = Annotated[float, Range(0.01, 1e5)]


Made = dict[tuple, tuple[int, list[bytes]]]  # how many packets and which datagrams, by all that they depend on


class Target(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Somebody who is told."""

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
    clamp: bool = True  # places outside 0..1 are told as its edge
    scale: tuple[Number, Number] = (1.0, 1.0)  # of places, sizes and velocities
    offset: tuple[Number, Number] = (0.0, 0.0)  # of places, after the scale
    interface: str | None = (
        None  # multicast and broadcast: the address of the network to use; None: the system's choice
    )
    hops: Annotated[int, Range(0, 255)] = 1  # multicast: how many routers may pass it on, this network counted

    @property
    def name(self) -> str:
        base = f" at {self.base}" if self.base else ""
        return f"{self.protocol} to {self.host}:{self.port or LAYOUTS[self.protocol].port}{base}"


class Outlet:
    """Tells one target, at its own rate and in its own layout."""

    def __init__(self, target: Target, log: logging.Logger) -> None:
        self.target, self.name = target, target.name
        self.layout = LAYOUTS[target.protocol]
        self.bundled = self.layout.bundled if target.bundles is None else target.bundles
        view = View(target.flip, target.swap, target.clamp, target.scale, target.offset)
        base = target.base or self.layout.base
        self.style = Style("127.0.0.1", base, target.blobs, target.slots, target.size_m, view)
        self.number = 0  # of the last frame that was sent
        self.last = Sheet()  # it
        self.line = Line(self.name, target.host, target.port or self.layout.port, target.interface, target.hops, log)
        self.frames = 0
        self._left = Sheet()  # who left in that frame
        self._due_s = 0.0
        self._open = False

    @property
    def failing(self) -> bool:
        return self.line.failing or not self._open

    def tell(self, sheet: Sheet, changes: News, now_s: float, must: bool = False, made: Made | None = None) -> None:
        """Sends a frame, unless that were too many a second and it need not be. `made`: by others, of this frame."""
        if not self._ready():
            return
        if not (must or self._timely(now_s)):
            return
        self.number = (self.number + 1) & 0x7FFFFFFF
        again = self._gone(sheet)
        if made is None or len(again):
            made = {}
        same = (self.layout, self.style, self.bundled, self.number, id(changes))
        if same not in made:  # several machines are often told the same
            packets = self.layout.frame(Told(sheet, self.number, changes, again), self.style)
            made[same] = len(packets), self._datagrams(packets)
        parts, datagrams = made[same]
        self.last, self._left = sheet, changes.left
        self.frames += 1
        if self.layout.numbered:
            self.number = (self.number + parts - 1) & 0x7FFFFFFF
        self.line.send(datagrams)

    def tell_status(self, status: Status) -> None:
        if self._ready():
            self.line.send(self._datagrams(self.layout.status(status, self.style)))

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

    def _gone(self, sheet: Sheet) -> Sheet:
        """Who left in the frame before and has not come back."""
        if not len(self._left):
            return self._left
        return self._left.pick([row for row, id_ in enumerate(self._left.ids) if id_ not in sheet.ids])

    def _ready(self) -> bool:
        if not self._open and self.line.ready():
            self._open = True
            self.style = self.style._replace(address=self.line.own_address)
        return self._open

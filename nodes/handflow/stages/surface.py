"""Hands in the picture -> Hands on a surface: the floor, wall or screen whose four corners the picture shows.

Places become 0..1 of the surface, velocities and radii follow; hands beside it are left out or held at its border. Says
which zone of the surface each hand is in, and does not flicker at borders. 0.4 ms for 20 hands, and 0.06 for each zone.
Survives missing and doubled messages.
"""

from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from handflow.messages import Hands, State, layout_of
from handflow.runtime.node import Node, Range
from handflow.vision.homography import PICTURE, Corners, Plane, corners_fault
from handflow.vision.polygons import Polygon, distances, fault

Length = Annotated[float, Range(0.001, 100_000)]
Name = Annotated[str, msgspec.Meta(pattern=r"^[^\x00-\x1f\x7f]{1,40}$")]


class Zone(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A named part of the surface."""

    name: Name
    polygon: Polygon  # 0..1 of the surface
    dwell_s: Annotated[float, Range(0, 3600)] = 1.0  # a hand that stays for so long has dwelt


@dataclass
class Guest:
    """A hand that is on the surface."""

    id: int  # the surface's own: who was told that a hand has left must not hear of it again when it comes back
    inside_ns: int = 0  # when it was last on the surface
    zone: int = -1
    since_ns: int = 0  # when it came into its zone
    in_zone_ns: int = 0  # when it was last in its zone

    def zone_s(self, now_ns: int) -> float:
        return max(now_ns - self.since_ns, 0) / 1e9 if self.zone >= 0 else 0.0


class Surface(Node):
    """Hands on a floor, a wall or a screen that the camera sees at an angle."""

    corners: Annotated[
        Corners, "where the picture shows the surface's top left, top right, bottom right, bottom left corner, 0..1"
    ] = PICTURE
    size: Annotated[
        tuple[Length, Length] | None, "the surface's width and height in any unit; none: proportions of the picture"
    ] = None
    mirror: Annotated[bool, "left and right of the surface change places"] = False
    outside: Annotated[
        Literal["leave_out", "clamp"], "hands beside the surface: as if they were not there, or held at its border"
    ] = "leave_out"
    zones: Annotated[list[Zone], "parts of the surface; where two overlap, the first counts"] = field(
        default_factory=list
    )
    # A hand at rest wanders 0.2 % of the picture's width; at the far end of a floor that becomes several times as much.
    margin: Annotated[
        float, Range(0, 0.5), "of the surface's width: a hand nearer to the zone or surface it is in has not left it"
    ] = 0.02
    linger_s: Annotated[float, Range(0, 5), "nor has one that is farther out for less time than this"] = 0.1

    def __post_init__(self) -> None:
        if wrong := corners_fault(self.corners):
            raise ValueError(f"corners: {wrong}")
        names = [zone.name for zone in self.zones]
        for zone in self.zones:
            if wrong := fault(zone.polygon):
                raise ValueError(f"zones: {zone.name!r}: {wrong}")
            if names.count(zone.name) > 1:
                raise ValueError(f"zones: two are called {zone.name!r}; a name of its own for each expected")

    def start(self) -> None:
        self.plane = Plane(self.corners, self.mirror)
        self.guests: dict[int, Guest] = {}  # by the tracker's id
        self.told = Hands()

    def changed(self, name: str) -> bool:
        """Hands stay who they are when somebody calibrates."""
        if name in ("corners", "mirror"):
            self.plane = Plane(self.corners, self.mirror)
        elif name == "zones":
            for guest in self.guests.values():
                guest.zone = -1
        return False

    def process(self, hands: Hands) -> Hands:
        seen = hands.height / hands.width if hands.width and hands.height else 1.0
        aspect = self.size[1] / self.size[0] if self.size else seen
        rows = np.flatnonzero((hands.state != State.LEAVING) & np.isfinite(hands.xy).all(axis=1))
        points = hands.xy[rows].astype(np.float64)
        gaps = self.plane.gaps(points, aspect) if self.outside == "leave_out" else np.zeros(len(rows))
        on = self.receive(hands.id[rows].tolist(), gaps.tolist(), hands.captured_ns)
        rows, held = rows[on], self.plane.held(points[on], seen)
        places = self.plane.places(held)
        self.find_zones(places * [1, aspect], aspect, hands.captured_ns)
        guests = list(self.guests.values())  # in the order of `rows`
        ids = np.array([guest.id for guest in guests], np.int32)
        zones = np.array([guest.zone for guest in guests], np.int32)
        zone_s = np.array([guest.zone_s(hands.captured_ns) for guest in guests])
        dwell_s = np.array([*(zone.dwell_s for zone in self.zones), np.inf])  # the last one is of -1, no zone
        there = Hands(
            id=ids,
            state=np.where(np.isin(ids, self.told.id), np.maximum(hands.state[rows], State.TRACKED), State.NEW),
            xy=places,
            velocity=self.plane.velocities(held, hands.velocity[rows], seen),
            radius=hands.radius[rows] * np.sqrt(self.plane.stretch(held) * aspect / seen),  # a circle of the same area
            score=hands.score[rows],
            open=hands.open[rows],
            is_open=hands.is_open[rows],
            age=hands.age[rows],
            width=hands.width,
            height=round(hands.width * aspect),
            zone=zones,
            zone_s=zone_s,
            dwelt=zone_s >= dwell_s[zones],
            zones=[zone.name for zone in self.zones],
        )
        left = self.told
        self.told = there
        self.note = f"{len(ids)} on it, {len(hands.xy) - len(ids)} beside it"
        return _with_leaving(there, left)

    def receive(self, ids: list[int], gaps: list[float], now_ns: int) -> list[int]:
        """Takes note of who is on the surface; indices in `ids` of those who are, each `gaps` beside it."""
        guests = {}
        on = []
        for index, (id_, gap) in enumerate(zip(ids, gaps, strict=True)):
            guest = self.guests.get(id_)
            if gap <= (0 if guest is None else self.margin):
                guest = guest or Guest(self._new_id())
                guest.inside_ns = now_ns
            if guest is not None and id_ not in guests and self._lately(guest.inside_ns, now_ns):
                guests[id_] = guest
                on.append(index)
        self.guests = guests
        return on

    def find_zones(self, places: np.ndarray, aspect: float, now_ns: int) -> None:
        """Says of each guest which zone it is in; `places` (n, 2) in widths of the surface."""
        polygons = [np.array(zone.polygon) * [1, aspect] for zone in self.zones]
        gaps = np.array([distances(places, polygon) for polygon in polygons]).reshape(len(polygons), len(places))
        for guest, row in zip(self.guests.values(), gaps.T.tolist(), strict=True):
            inside = (z for z, gap in enumerate(row) if gap <= (self.margin if z == guest.zone else 0))
            zone = next(inside, -1)
            if zone >= 0 and zone != guest.zone:
                guest.zone, guest.since_ns = zone, now_ns
            if zone >= 0:
                guest.in_zone_ns = now_ns
            elif not self._lately(guest.in_zone_ns, now_ns):
                guest.zone = -1

    def _lately(self, then_ns: int, now_ns: int) -> bool:
        """Whether that is so little time ago that a hand has not left yet."""
        return then_ns == now_ns or abs(now_ns - then_ns) < self.linger_s * 1e9  # a replay's clock may start again

    def _new_id(self) -> int:
        self.persistent["last_id"] = self.persistent.get("last_id", 0) + 1
        return self.persistent["last_id"]


def _with_leaving(there: Hands, before: Hands) -> Hands:
    """`there`, and once more those of `before` who are not there, as they were last: leaving, and in no zone."""
    gone = np.flatnonzero(~np.isin(before.id, there.id))
    if not len(gone):
        return there
    leaving = {
        "state": np.full(len(gone), State.LEAVING),
        "zone": np.full(len(gone), -1),
        "zone_s": np.zeros(len(gone)),
        "dwelt": np.zeros(len(gone), bool),
    }
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(there, name), leaving.get(name, getattr(before, name)[gone])])
        for name in layout_of(Hands).arrays
    }
    return replace(there, **columns)

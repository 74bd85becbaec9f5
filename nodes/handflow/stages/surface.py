"""Hands in the frame -> Hands on a surface: the floor, wall or screen whose four corners the frame shows.

Positions become 0..1 of the surface, velocities and radii follow; hands beside it are left out or held at its border.
Says which zone of the surface each hand is in, and does not flicker at borders; that a hand enters or leaves a zone is
told by whoever compares two messages (outputs/osc/delta.py). 0.4 ms for 20 hands, and 0.06 for each zone. Survives
missing and doubled messages.
"""

from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from handflow import Hands, Node, Range, State
from handflow.messages import layout_of
from handflow.vision.floor_points import FloorPoint, plane_of, point_arrays
from handflow.vision.homography import PICTURE, Corners, corners_fault, points_fault
from handflow.vision.polygons import Polygon, distances, polygon_fault

Length = Annotated[float, Range(0.001, 100_000)]
Name = Annotated[str, msgspec.Meta(pattern=r"^[^\x00-\x1f\x7f]{1,40}$")]


class Zone(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A named part of the surface."""

    name: Name
    polygon: Polygon  # 0..1 of the surface
    dwell_s: Annotated[float, Range(0, 3600)] = 1.0  # a hand that stays for this long has dwelt


@dataclass
class SurfaceHand:
    """A hand that is on the surface."""

    # The surface's own: a game that was sent that a hand has left must not be sent the same id again.
    id: int
    inside_ns: int = 0  # when it was last on the surface
    zone: int = -1
    since_ns: int = 0  # when it came into its zone
    in_zone_ns: int = 0  # when it was last in its zone

    def zone_s(self, now_ns: int) -> float:
        return max(now_ns - self.since_ns, 0) / 1e9 if self.zone >= 0 else 0.0


class Surface(Node):
    """Hands on a floor, a wall or a screen that the camera sees at an angle."""

    corners: Annotated[
        Corners, "where the frame shows the surface's top left, top right, bottom right, bottom left corner, 0..1"
    ] = PICTURE
    points: Annotated[
        list[FloorPoint], "in place of corners, where the picture shows a part of the surface: at least 4 places of it"
    ] = field(default_factory=list)
    size: Annotated[
        tuple[Length, Length] | None, "the surface's width and height in any unit; none: proportions of the frame"
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
        if self.points and self.size is None:
            raise ValueError("size: expected the surface's width and height, in which `points` are measured, got none")
        if self.points and self.corners != PICTURE:
            raise ValueError("points: expected corners or points, got both; leave one of them out")
        if self.points and (wrong := points_fault(*point_arrays(self.points, self.size))):
            raise ValueError(f"points: {wrong}")
        names = [zone.name for zone in self.zones]
        for zone in self.zones:
            if wrong := polygon_fault(zone.polygon):
                raise ValueError(f"zones: {zone.name!r}: {wrong}")
            if names.count(zone.name) > 1:
                raise ValueError(f"zones: expected a different name for each, got {zone.name!r} twice")

    def start(self) -> None:
        self.plane = plane_of(self.corners, self.points, self.size, self.mirror)
        self.on_surface: dict[int, SurfaceHand] = {}  # by the tracker's id
        self.last = Hands()  # as last sent

    def changed(self, name: str) -> bool:
        """Hands keep their ids when somebody calibrates."""
        if name in ("corners", "points", "size", "mirror"):
            self.plane = plane_of(self.corners, self.points, self.size, self.mirror)
        elif name == "zones":
            for hand in self.on_surface.values():
                hand.zone = -1
        return False

    def process(self, hands: Hands) -> Hands:
        frame_aspect = hands.height / hands.width if hands.width and hands.height else 1.0
        aspect = self.size[1] / self.size[0] if self.size else frame_aspect
        rows = np.flatnonzero((hands.state != State.LEAVING) & np.isfinite(hands.xy).all(axis=1))
        points = hands.xy[rows].astype(np.float64)
        gaps = self.plane.gaps(points, aspect) if self.outside == "leave_out" else np.zeros(len(rows))
        on = self.find_present(hands.id[rows].tolist(), gaps.tolist(), hands.captured_ns)
        rows, nearest = rows[on], self.plane.nearest(points[on], frame_aspect)
        positions = self.plane.positions(nearest)
        self.find_zones(positions * [1, aspect], aspect, hands.captured_ns)
        on_surface = list(self.on_surface.values())  # in the order of `rows`
        ids = np.array([hand.id for hand in on_surface], np.int32)
        zones = np.array([hand.zone for hand in on_surface], np.int32)
        zone_s = np.array([hand.zone_s(hands.captured_ns) for hand in on_surface])
        # The last one is of -1, no zone.
        dwell_s = np.array([*(zone.dwell_s for zone in self.zones), np.inf])
        there = Hands(
            id=ids,
            state=np.where(np.isin(ids, self.last.id), np.maximum(hands.state[rows], State.TRACKED), State.NEW),
            xy=positions,
            velocity=self.plane.velocities(nearest, hands.velocity[rows], frame_aspect),
            # A circle of the same area.
            radius=hands.radius[rows] * np.sqrt(self.plane.stretch(nearest) * aspect / frame_aspect),
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
        left = self.last
        self.last = there
        self.note = f"{len(ids)} on it, {len(hands.xy) - len(ids)} beside it"
        return _with_leaving(there, left)

    def find_present(self, ids: list[int], gaps: list[float], now_ns: int) -> list[int]:
        """Which hands are on the surface, as indices in `ids`; each lies `gaps` beside it."""
        on_surface = {}
        on = []
        for index, (id_, gap) in enumerate(zip(ids, gaps, strict=True)):
            hand = self.on_surface.get(id_)
            if gap <= (0 if hand is None else self.margin):
                hand = hand or SurfaceHand(self._new_id())
                hand.inside_ns = now_ns
            if hand is not None and id_ not in on_surface and self._lately(hand.inside_ns, now_ns):
                on_surface[id_] = hand
                on.append(index)
        self.on_surface = on_surface
        return on

    def find_zones(self, positions: np.ndarray, aspect: float, now_ns: int) -> None:
        """Finds the zone of each hand on the surface; `positions` (n, 2) in widths of the surface."""
        polygons = [np.array(zone.polygon) * [1, aspect] for zone in self.zones]
        gaps = np.array([distances(positions, polygon) for polygon in polygons]).reshape(len(polygons), len(positions))
        for hand, row in zip(self.on_surface.values(), gaps.T.tolist(), strict=True):
            inside = (z for z, gap in enumerate(row) if gap <= (self.margin if z == hand.zone else 0))
            zone = next(inside, -1)
            if zone >= 0 and zone != hand.zone:
                hand.zone, hand.since_ns = zone, now_ns
            if zone >= 0:
                hand.in_zone_ns = now_ns
            elif not self._lately(hand.in_zone_ns, now_ns):
                hand.zone = -1

    def _lately(self, then_ns: int, now_ns: int) -> bool:
        """Whether that is so short a time ago that a hand has not left yet."""
        # A replay's clock may start again.
        return then_ns == now_ns or abs(now_ns - then_ns) < self.linger_s * 1e9

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

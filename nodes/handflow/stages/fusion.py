"""Hands of several cameras over one floor -> Hands of the floor: each of them once, with one id from camera to camera.

Its inputs are `surface` nodes, each calibrated to the same floor, or trackers whose pictures `place` lays side by side.
Each message is taken as it comes and moved on to the newest moment, so cameras may have any rate; a camera that slows
down, dies or comes back changes nothing for the hands that others see. 1.5 ms a message for 12 hands of each of four
cameras. Survives missing, late and doubled messages and sources that start again.
"""

from dataclasses import field
from typing import Annotated, Any

import msgspec
import numpy as np

from handflow import Hands, Node, Range, State
from handflow.errors import SetupError
from handflow.vision.floor_points import FloorPoint, plane_of
from handflow.vision.fusion.fused_hand import FusedHand
from handflow.vision.fusion.fuser import Fuser
from handflow.vision.fusion.sighting import HAND_M, sightings_in
from handflow.vision.homography import PICTURE, Corners, Plane

Metres = Annotated[float, Range(0.1, 1000)]
Share = Annotated[float, Range(-1, 2)]
Side = Annotated[float, Range(0.001, 2)]

# A message so much older than another camera's newest is not of the same moment any more.
MAX_AGE_S = 0.5
# A source that starts again counts its time anew.
RESTARTED_S = 1.0
# How often it is looked at how far the cameras are off.
OFFSETS_S = 1.0


class Fusion(Node):
    """Makes one set of the hands that several cameras see on one floor."""

    merges = True

    size: Annotated[
        tuple[Metres, Metres] | None, "the floor's width and height in metres; none: judged by the size of the hands"
    ] = None
    place: Annotated[
        dict[str, tuple[Share, Share, Side, Side]],
        "without a common floor: where each input's picture lies in the whole, left, top, width, height, 0..1",
    ] = field(default_factory=dict)
    fps: Annotated[float, Range(1, 240), "sends so many times a second at most"] = 30.0
    keep_s: Annotated[float, Range(0, 5), "a hand that no camera sees for longer than this is gone"] = 0.5
    acceleration: Annotated[float, Range(0.1, 200), "how sharply hands turn, m/s²"] = 10.0
    correct: Annotated[bool, "takes off how far each camera was measured to be beside the others"] = True
    tell_m: Annotated[float, Range(0.01, 5), "a camera that is farther off than this is told of, metres"] = 0.25
    ahead_s: Annotated[float, Range(0, 0.2), "sends positions this much later: the time until they are shown"] = 0.0

    def __post_init__(self) -> None:
        if self.place and self.size is not None:
            raise ValueError("place: expected size, of a floor that all share, or place, without one; got both")

    def start(self) -> None:
        self.fuser = Fuser(self._new_id, self.acceleration, self.keep_s)
        self.fuser.measured = frozenset()
        self.off: dict[str, complex] = {}  # metres, by camera
        self.looked_s = self.sent_s = -np.inf
        self.planes = {name: self._plane_of(name) for name in self._inputs()}
        self.known: set[int] = set()  # ids that were told of in the message before
        self.first_ns: int | None = None
        self.moment_ns = 0
        self.judged_m = 0.0  # the floor's width, by the hands' own size
        self.aspect = 1.0  # of the floor, height / width
        self.streams: dict[str, int] = {}
        self.warned: set[str] = set()
        self.commands = {"offsets": self.tell_offsets}
        if self.place and (missing := [name for name in self._inputs() if name not in self.place]):
            raise SetupError(f"place: expected one for each input, got none for {', '.join(missing)}")

    def changed(self, name: str) -> bool:
        self.fuser.acceleration, self.fuser.keep_s = self.acceleration, self.keep_s
        return name in ("size", "place")

    def process(self, hands: Hands) -> Hands | None:
        camera = hands.hops[-1].node if hands.hops else str(hands.stream)
        # From the first message on: seconds since 1970 would be rounded, each time differently.
        self.first_ns = hands.captured_ns if self.first_ns is None else self.first_ns
        captured_s = (hands.captured_ns - self.first_ns) / 1e9
        lost: list[FusedHand] = []
        if self._went_back(camera, captured_s):
            lost = self.fuser.forget_all()
            self.sent_s = self.looked_s = -np.inf
            self.moment_ns = 0
        age_s = max(self.fuser.moment_s - captured_s, 0.0)
        if age_s > MAX_AGE_S:
            self._warn(f"{camera}: its hands are {age_s:.1f} s older than others'; left out until they are not")
            return None
        placed = self._placed(camera, hands)
        metres = self._metres(placed)
        plane = None if self.place else self.planes.get(camera)
        offset = self.off.get(camera, 0j) if self.correct else 0j
        seen = sightings_in(placed, metres, offset, age_s, plane)
        raw = {each.id: each.position + offset - each.velocity * age_s for each in seen}
        self.moment_ns = max(self.moment_ns, hands.captured_ns)
        self.fuser.see(camera, captured_s, seen, raw)
        self._look_at_offsets()
        moment_s = self.fuser.moment_s
        # A message that is a little early is the one that was due.
        if not lost and moment_s - self.sent_s < 0.9 / self.fps:
            return None
        self.sent_s = moment_s
        lost += self.fuser.forget_lost()
        self.fuser.confirm()
        for hand in self.fuser.hands:
            hand.finish()
        self.note = f"{len(self.fuser.hands)} hands, {len(self._there())} cameras"
        return self._told(lost, metres, placed.width)

    def tell_offsets(self, _: object) -> dict[str, Any]:
        """What is known of the cameras' floors: how far each is off, and every two from each other. Metres."""
        pairs = self.fuser.offsets.pairs()
        return {
            "cameras": {name: [off.real, off.imag] for name, off in self.fuser.offsets.cameras().items()},
            "pairs": [
                {"cameras": list(pair), "offset": [o.offset.real, o.offset.imag], "spread": o.spread, "votes": o.votes}
                for pair, o in pairs.items()
            ],
        }

    # The cameras

    def _inputs(self) -> list[str]:
        """The nodes that feed this one."""
        spec = self.graph.get("nodes", {}).get(self.log.name, {"in": {}})
        edges = [edge for given in spec["in"].values() for edge in (given if isinstance(given, list) else [given])]
        return [edge["from"] for edge in edges]

    def _plane_of(self, name: str) -> Plane | None:
        """How a surface of this graph sees its floor; None: it is none, or of another graph."""
        spec = self.graph["nodes"].get(name, {})
        if spec.get("run") != "surface":
            return None
        given = spec["with"]
        points = msgspec.convert(given.get("points", []), list[FloorPoint])
        corners = msgspec.convert(given.get("corners", PICTURE), Corners)
        size = msgspec.convert(given.get("size"), tuple[float, float] | None)
        return plane_of(corners, points, size, bool(given.get("mirror")))

    def _went_back(self, camera: str, captured_s: float) -> bool:
        known = self.fuser.cameras.get(camera)
        return known is not None and captured_s < known.moment_s - RESTARTED_S

    def _there(self) -> list[str]:
        """The cameras that send."""
        fuser = self.fuser
        return [n for n, c in fuser.cameras.items() if fuser.moment_s - c.moment_s <= max(1.0, c.patience_s())]

    def _placed(self, camera: str, hands: Hands) -> Hands:
        """Hands as they lie in the whole; what does not fit is said."""
        if hands.zones:
            self._warn(f"{camera}: its zones are left out; put them into a surface behind this node")
        if not self.place:
            aspect = hands.height / hands.width if hands.width and hands.height else 1.0
            if self.size is None and abs(aspect / self.aspect - 1) > 0.02 and self.fuser.hands:
                self._warn(
                    f"{camera}: expected a floor as the others', {self.aspect:.2f} as high as wide, got {aspect:.2f}"
                )
            self.aspect = aspect if self.size is None else self.size[1] / self.size[0]
            return hands
        if camera not in self.place:
            raise SetupError(f"place: expected one for {camera}, got none")
        left, top, width, height = self.place[camera]
        aspect = hands.height / hands.width if hands.width and hands.height else 1.0
        self.aspect = aspect * width / height
        return Hands(
            id=hands.id,
            state=hands.state,
            xy=hands.xy * [width, height] + [left, top],
            velocity=hands.velocity * [width, height],
            radius=hands.radius * width,
            score=hands.score,
            open=hands.open,
            is_open=hands.is_open,
            age=hands.age,
            width=round(hands.width / width),
            height=round(hands.height / height),
        )

    def _metres(self, hands: Hands) -> complex:
        """The floor's width and height, x + iy."""
        if self.size is not None:
            return complex(*self.size)
        # Not while hands are followed: what is near would be another place.
        if len(hands.radius) and not self.fuser.hands:
            self.judged_m = HAND_M / max(float(np.median(hands.radius)), 1e-3)
        width = self.judged_m or 1.0
        return complex(width, width * self.aspect)

    def _look_at_offsets(self) -> None:
        """Says which cameras are off, and by how much."""
        if self.fuser.moment_s - self.looked_s < OFFSETS_S or self.size is None:
            return
        self.looked_s = self.fuser.moment_s
        self.off = self.fuser.offsets.cameras()
        self.fuser.measured = frozenset(self.off) if self.correct else frozenset()
        pairs = self.fuser.offsets.pairs()
        if len(self.off) == 2 and len(pairs) == 1:
            # Which of the two is wrong they do not say.
            ((first, second), apart), *_ = pairs.items()
            said = f"{first} and {second} lie {_how_far(apart.offset)} apart"
            far = abs(apart.offset) > self.tell_m
        else:
            off = {name: by for name, by in self.off.items() if abs(by) > self.tell_m}
            said = ", ".join(f"{name} is off by {_how_far(by)}" for name, by in off.items())
            far = bool(off)
        fault = f"calibration: {said}; calibrate again" if far else ""
        if bool(fault) != bool(self.fault):
            self.log.warning("%s", fault or "calibration: the cameras agree again")
        self.fault = fault

    def _warn(self, line: str) -> None:
        key = line.partition(" ")[0] + line[-20:]
        if key not in self.warned:
            self.warned.add(key)
            self.log.warning("%s", line)

    # The message

    def _told(self, lost: list[FusedHand], metres: complex, width: int) -> Hands:
        there = [hand for hand in self.fuser.hands if hand.id]
        hands = [*there, *lost]
        for hand in lost:
            hand.state = State.LEAVING
        told = Hands(
            id=np.array([hand.id for hand in hands]),
            state=np.array([hand.state for hand in hands]),
            xy=_rows([hand.position.value + hand.velocity.value * self.ahead_s for hand in hands], metres),
            velocity=_rows([hand.velocity.value for hand in hands], metres),
            radius=np.array([hand.radius / metres.real for hand in hands]),
            score=np.array([hand.score for hand in hands]),
            open=np.array([hand.open for hand in hands]),
            is_open=np.array([hand.is_open for hand in hands]),
            age=np.array([hand.moment_s - hand.born_s for hand in hands]),
            width=width,
            height=round(width * metres.imag / metres.real),
            captured_ns=self.moment_ns,
        )
        new = [hand.id for hand in there if hand.id not in self.known]
        told.state[np.isin(told.id, new) & (told.state != State.LEAVING)] = State.NEW
        self.known = {hand.id for hand in there}
        return told

    def _new_id(self) -> int:
        self.persistent["last_id"] = self.persistent.get("last_id", 0) + 1
        return self.persistent["last_id"]


def _rows(positions: list[complex], metres: complex) -> np.ndarray:
    """Positions in metres -> (n, 2) in 0..1 of the floor."""
    return np.array([(each.real / metres.real, each.imag / metres.imag) for each in positions])


def _how_far(by: complex) -> str:
    """An offset in words, in the floor's own directions."""
    across = f"{abs(by.real) * 100:.0f} cm to the {'right' if by.real > 0 else 'left'}"
    along = f"{abs(by.imag) * 100:.0f} cm {'down' if by.imag > 0 else 'up'}"
    return f"{abs(by) * 100:.0f} cm ({across}, {along} the plan)"

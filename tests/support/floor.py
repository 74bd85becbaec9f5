"""A floor with people on it and cameras over it, and how well what is told of the hands agrees with where they were."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from handflow import Hands, Hop, State
from handflow.stages.surface import Surface
from handflow.stages.tracker import Tracker
from handflow.vision.homography import warp
from handflow.vision.peaks import Peaks

FLOOR = (12.0, 8.0)  # metres
PICTURE = (1280, 720)
HAND_M = 0.095  # half of a hand's length
STEP_S = 0.02  # of the walk


class Walk:
    """People who walk between places they choose, and keep out of each other's way; each shows `hands` hands."""

    def __init__(self, people: int, seconds: float, seed: int, hands: int = 1) -> None:
        random, floor = np.random.default_rng(seed), np.array(FLOOR)
        place, goal = random.random((people, 2)) * floor, random.random((people, 2)) * floor
        speed = random.uniform(0.5, 1.4, (people, 1))
        sway, side = random.uniform(0, 6, (people, hands)), random.uniform(0, 6, people)
        steps = round(seconds / STEP_S) + 1
        self.path = np.zeros((steps, people * hands, 2))
        for step in range(steps):
            arrived = np.hypot(*(goal - place).T) < 0.3
            goal[arrived] = random.random((arrived.sum(), 2)) * floor
            way = (goal - place) / np.hypot(*(goal - place).T)[:, None].clip(1e-6)
            apart = place[:, None] - place
            distance = np.hypot(apart[..., 0], apart[..., 1])[..., None].clip(0.05)
            pushed = (apart / distance * np.maximum(0.9 - distance, 0) * 4).sum(axis=1)
            place = (place + (way * speed + pushed) * STEP_S).clip(0.1, floor - 0.1)
            t = step * STEP_S
            for hand in range(hands):
                angle = side + math.pi * hand + 0.3 * t
                reach = 0.25 + 0.12 * np.sin(5 * t + sway[:, hand])
                self.path[step, hand::hands] = place + reach[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])

    def at(self, t: float) -> np.ndarray:
        """Where the hands are, metres: (n, 2)."""
        step = min(max(t / STEP_S, 0), len(self.path) - 1.001)
        share = step % 1
        return self.path[int(step)] * (1 - share) + self.path[int(step) + 1] * share


class CameraView:
    """A camera on a mast, and the tracker and the surface that follow it. `marks_m`: how far each mark is misplaced."""

    def __init__(
        self,
        name: str,
        stands: tuple[float, float],
        looks_at: tuple[float, float],
        seed: int,
        fps: float = 30,
        clock_s: float = 0.0,
        delay_s: float = 0.03,
        marks_m: float = 0.1,
        shift_m: tuple[float, float] = (0, 0),
        height_m: float = 4.0,
    ) -> None:
        self.name, self.fps, self.clock_s, self.delay_s = name, fps, clock_s, delay_s
        self.random = np.random.default_rng(seed)
        self.eye = np.array([*stands, height_m])
        forward = np.array([*looks_at, 0.0]) - self.eye
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, [0, 0, 1])
        right /= np.linalg.norm(right)
        # The plan's y goes down: seen from above it is a left-handed one, so right and left change places.
        turn = np.vstack([-right, np.cross(forward, right), forward])
        self.focal = 0.62  # of the picture's width: 78 degrees
        aspect = PICTURE[1] / PICTURE[0]
        lens = np.array([[self.focal, 0, 0.5], [0, self.focal / aspect, 0.5], [0, 0, 1]])
        flat = np.column_stack([turn[:, 0], turn[:, 1], -turn @ self.eye])
        self.matrix = lens @ flat  # from metres of the floor to 0..1 of the picture
        marks = self._marks()
        angles = self.random.uniform(0, 2 * math.pi, len(marks))
        wrong = marks + marks_m * np.column_stack([np.cos(angles), np.sin(angles)]) + shift_m
        shown = warp(self.matrix, marks)
        points = [{"picture": p, "floor": f} for p, f in zip(shown.tolist(), wrong.tolist(), strict=True)]
        self.settings = {"points": points, "size": list(FLOOR)}
        self.tracker, self.surface = Tracker(), made(Surface, self.settings)
        self.tracker.start()
        self.surface.start()
        self.blind_until = np.zeros(0)

    def sees(self, places: np.ndarray, border: float = 0.0) -> np.ndarray:
        """Which places (n, 2), metres, the picture shows: (n,) bool."""
        shown = warp(self.matrix, places)
        return np.asarray(((shown >= border) & (shown <= 1 - border)).all(axis=1))

    def look(self, t: float, places: np.ndarray) -> Hands:
        """What the surface says of a frame."""
        random = self.random
        if len(self.blind_until) != len(places):
            self.blind_until = np.zeros(len(places))
        # Somebody stands in the way for a moment.
        hides = random.random(len(places)) < 0.1 / self.fps
        self.blind_until[hides] = t + random.uniform(0.1, 0.5, hides.sum())
        there = self.sees(places) & (self.blind_until <= t) & (random.random(len(places)) > 0.03)
        distance = np.linalg.norm(np.column_stack([places, np.zeros(len(places))]) - self.eye, axis=1)[there]
        xy = warp(self.matrix, places[there]) + random.normal(0, 3, (there.sum(), 2)) / PICTURE
        radius = HAND_M * self.focal / distance
        score = (0.5 + 12 * radius).clip(0.3, 0.95)
        none = np.zeros(len(xy))
        peaks = Peaks(xy.astype(np.float32), score, none, radius)
        captured_ns = round((1000 + t + self.clock_s) * 1e9)
        hands = self.tracker.update(peaks, captured_ns, None, PICTURE)
        hands.captured_ns = captured_ns
        told = self.surface.process(hands)
        told.captured_ns, told.stream, told.hops = captured_ns, 1, [Hop(self.name, 0, 0)]
        return told

    def _marks(self) -> np.ndarray:
        """Six places of the floor that it shows well."""
        corners = []
        inverse = np.linalg.inv(self.matrix)
        for x, y in ((0.1, 0.25), (0.5, 0.25), (0.9, 0.25), (0.1, 0.85), (0.5, 0.85), (0.9, 0.85)):
            place = inverse @ [x, y, 1]
            corners.append((place[:2] / place[2]).clip((0, 0), FLOOR))
        return np.array(corners)


def made(kind: type, settings: dict) -> Surface:
    """A node with settings as a graph has them."""
    from handflow.runtime.graph.stage import checked_settings, declaration_of

    good, wrong = checked_settings(declaration_of(kind), settings)
    assert not wrong
    return kind(**good)  # type: ignore[no-any-return]


def four_cameras(seed: int = 0, **changes: float) -> list[CameraView]:
    """At the sides of the floor, each of another rate, with clocks 20 ms apart, and marks that are 10 cm off."""
    return [
        CameraView("a", (0.5, -0.5), (3.5, 4.2), seed + 1, 30, 0.0, 0.02, **changes),
        CameraView("b", (11.5, -0.5), (8.5, 4.2), seed + 2, 30, 0.02, 0.04, **changes),
        CameraView("c", (11.5, 8.5), (8.5, 3.8), seed + 3, 25, 0.0, 0.03, **changes),
        CameraView("d", (0.5, 8.5), (3.5, 3.8), seed + 4, 15, 0.02, 0.06, **changes),
    ]


class Arrival(NamedTuple):
    """A message that comes at the end of its way."""

    at_s: float
    t: float  # of its frame
    camera: CameraView
    hands: Hands


def arrivals(
    walk: Walk, cameras: Sequence[CameraView], seconds: float, dropped: float = 0.1, dies: tuple[str, float] = ("", 0)
) -> Iterator[Arrival]:
    """What the cameras send, in the order in which it arrives; `dies`: one that sends nothing from some time on."""
    due = []
    for camera in cameras:
        for number in range(int(seconds * camera.fps)):
            t = (number + 0.37 * len(camera.name)) / camera.fps
            if not (camera.name == dies[0] and t >= dies[1]):
                due.append((t + camera.delay_s + abs(camera.random.normal(0, 0.005)), t, camera))
    for at_s, t, camera in sorted(due, key=lambda each: each[:2]):
        if camera.random.random() >= dropped:
            yield Arrival(at_s, t, camera, camera.look(t, walk.at(t)))


@dataclass
class Judged:
    """How good what was told is."""

    errors_m: list[float] = field(default_factory=list)
    frames: int = 0
    double: int = 0  # frames with a hand that was told twice for more than 0.2 s
    handed_over: int = 0
    kept: int = 0  # of these, with the same id
    missing: int = 0  # hands in a frame that some camera sees and that were not told
    told: int = 0
    ids: dict[int, list[tuple[float, object]]] = field(default_factory=dict)  # of each hand: since when it had which id

    def line(self) -> str:
        return (
            f"{100 * np.median(self.errors_m):.1f} cm, ids kept {100 * self.kept / max(self.handed_over, 1):.1f} % of "
            f"{self.handed_over}, no double hand in {100 - 100 * self.double / self.frames:.2f} % of {self.frames} "
            f"frames, missing {100 * self.missing / max(self.told + self.missing, 1):.1f} %"
        )


DOUBLE_S = 0.2
NEAR_M = 0.6
SETTLED_S = 0.5  # by then a hand that a camera came to see must have its id


class Judge:
    """Compares what is told with where the hands were."""

    def __init__(self, walk: Walk, cameras: Sequence[CameraView]) -> None:
        self.walk, self.cameras, self.judged = walk, cameras, Judged()
        self._double_since: dict[object, float] = {}
        self._seen_since: list[dict[str, float]] = [{} for _ in range(walk.path.shape[1])]
        self._id: list[object] = [None] * walk.path.shape[1]
        self._open: list[tuple[float, int, object]] = []  # hand-overs that are to be looked at later: when, hand, id

    def frame(self, t: float, ids: Sequence[object], places: np.ndarray, alive: Callable[[str], bool] = bool) -> None:
        """What is told of a moment: ids, and places (n, 2) in metres."""
        judged, truth = self.judged, self.walk.at(t)
        judged.frames += 1
        self._watch_views(t, truth, alive)
        gaps = np.hypot(*np.moveaxis(truth[:, None] - places.reshape(-1, 2), 2, 0))
        taken: set[int] = set()
        mine: dict[int, int] = {}
        for flat in np.argsort(gaps, axis=None):
            hand, row = divmod(int(flat), gaps.shape[1])
            if gaps[hand, row] > NEAR_M:
                break
            # Who was told by this id before is so rather than one who is nearer by a little.
            if hand not in mine and row not in taken:
                mine[hand] = row
                taken.add(row)
        self._prefer_known(mine, gaps, ids)
        for hand, row in mine.items():
            judged.errors_m.append(float(gaps[hand, row]))
            self._id[hand] = ids[row]
            history = judged.ids.setdefault(hand, [])
            if not history or history[-1][1] != ids[row]:
                history.append((t, ids[row]))
        judged.told += len(mine)
        for hand, since in enumerate(self._seen_since):
            if hand not in mine:
                judged.missing += any(t - s > SETTLED_S for s in since.values())
                self._id[hand] = None
        doubles = {ids[row] for row in range(gaps.shape[1]) if row not in mine.values() and gaps[:, row].min() < NEAR_M}
        self._double_since = {each: self._double_since.get(each, t) for each in doubles}
        judged.double += any(t - since > DOUBLE_S for since in self._double_since.values())
        self._look_at_hand_overs(t)

    def _prefer_known(self, mine: dict[int, int], gaps: np.ndarray, ids: Sequence[object]) -> None:
        """Two hands that pass each other do not change ids because each is nearer to the other's place for a moment."""
        row_of = {each: row for row, each in enumerate(ids)}
        for hand, before in enumerate(self._id):
            row = row_of.get(before)
            if row is None or mine.get(hand) == row or gaps[hand, row] > NEAR_M / 2:
                continue
            other = next((h for h, r in mine.items() if r == row), None)
            if other is not None and hand in mine:
                mine[other] = mine[hand]
            elif other is not None:
                del mine[other]
            mine[hand] = row

    def _watch_views(self, t: float, truth: np.ndarray, alive: Callable[[str], bool]) -> None:
        for camera in self.cameras:
            for hand, sees in enumerate(camera.sees(truth) & alive(camera.name)):
                since = self._seen_since[hand]
                if sees:
                    since.setdefault(camera.name, t)
                elif camera.name in since:
                    lasted = t - since.pop(camera.name)
                    # Out of one view while another goes on, and both had it for long enough to say that it is one.
                    others = [s for s in since.values() if t - s > SETTLED_S]
                    if lasted > 1 and others and self._id[hand] is not None:
                        self._open.append((t + SETTLED_S, hand, self._id[hand]))

    def _look_at_hand_overs(self, t: float) -> None:
        for due in [each for each in self._open if t >= each[0]]:
            self._open.remove(due)
            _, hand, before = due
            if any(True for _ in self._seen_since[hand]):
                self.judged.handed_over += 1
                self.judged.kept += self._id[hand] == before


def union_of(latest: Iterable[Arrival]) -> tuple[list[object], np.ndarray]:
    """What a game would be sent of all cameras, with nothing between: ids and places in metres."""
    ids: list[object] = []
    places = []
    for arrival in latest:
        hands = arrival.hands
        for row in np.flatnonzero(hands.state != State.LEAVING):
            ids.append((arrival.camera.name, int(hands.id[row])))
            places.append(hands.xy[row] * FLOOR)
    return ids, np.array(places).reshape(-1, 2)

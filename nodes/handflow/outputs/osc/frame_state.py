"""The hands of one frame as numbers that every layout can send."""

from dataclasses import dataclass, field

import numpy as np

from handflow.messages import State

from .coordinates import ID, SLOT, STATE, VX, VY, ZONE, CoordinateTransform

# Between two frames nearly at one time no change of speed can be measured.
LEAST_STEP_S = 1e-4


def no_floats(rows: int = 0) -> np.ndarray:
    """Zeros (rows, 9) float32: the floats of so many hands."""
    return np.zeros((rows, 9), np.float32)


@dataclass(eq=False)
class FrameState:
    """The hands of one frame. Every number is finite and fits its tag. `FrameState()` says that there are none."""

    seq: int = 0  # of the camera's frame
    captured_ns: int = 0
    latency_ms: float = 0.0
    width: int = 0  # of the frame, pixels
    height: int = 0
    integers: np.ndarray = field(default_factory=lambda: np.zeros((0, 4), np.int32))  # id slot state zone
    floats: np.ndarray = field(default_factory=no_floats)  # x y w h vx vy score age open: 0..1, and per second
    # In the frame before.
    velocities_before: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), np.float32))
    seconds: float = 0.0  # since the frame before
    is_open: list[bool] = field(default_factory=list)
    dwelt: list[bool] = field(default_factory=list)  # in its zone for as long as that asks for
    zones: list[str] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)  # of `integers`
    _transformed: dict[CoordinateTransform, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    def floats_in(self, transform: CoordinateTransform) -> np.ndarray:
        """`floats` (n, 9) in a target's coordinates."""
        return self._in(transform)[0]

    def acceleration(self, transform: CoordinateTransform) -> np.ndarray:
        """(n, 1) the change of speed per second, TUIO's m, in a target's coordinates."""
        floats, before = self._in(transform)
        if not self.seconds > LEAST_STEP_S:
            return np.zeros((len(floats), 1), np.float32)
        speed = np.hypot(floats[:, VX : VX + 1], floats[:, VY : VY + 1])
        return (speed - np.hypot(before[:, :1], before[:, 1:])) / self.seconds

    def pick(self, rows: list[int], state: State | None = None) -> "FrameState":
        """Some of the hands; all in `state`, if given."""
        integers = self.integers[rows]
        if state is not None:
            integers[:, STATE] = state
        return FrameState(
            self.seq, self.captured_ns, self.latency_ms, self.width, self.height, integers, self.floats[rows],
            self.velocities_before[rows], self.seconds, [self.is_open[i] for i in rows],
            [self.dwelt[i] for i in rows], self.zones, [self.ids[i] for i in rows],
        )  # fmt: skip

    def zone_of(self, row: int) -> str | None:
        """The name of the zone that a hand is in."""
        zone = int(self.integers[row, ZONE])
        if zone < 0:
            return None
        return self.zones[zone] if zone < len(self.zones) else str(zone)

    def _in(self, transform: CoordinateTransform) -> tuple[np.ndarray, np.ndarray]:
        # Several targets mostly want the same coordinates.
        found = self._transformed.get(transform)
        if found is None:
            found = self._transformed[transform] = transform.apply(self.floats, self.velocities_before)
        return found


def state_of_slots(slots: dict[int, int]) -> FrameState:
    """The state of hands of which only ids and slots are known."""
    rows = len(slots)
    integers = np.zeros((rows, 4), np.int32)
    integers[:, ID], integers[:, SLOT], integers[:, ZONE] = list(slots), list(slots.values()), -1
    return FrameState(
        integers=integers, floats=no_floats(rows), velocities_before=np.zeros((rows, 2), np.float32),
        is_open=[False] * rows, dwelt=[False] * rows, ids=list(slots),
    )  # fmt: skip

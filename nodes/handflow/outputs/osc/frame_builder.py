"""Hands -> FrameState, from one frame to the next: who has which slot, and how fast each was."""

import numpy as np

from handflow.messages import Hands, State

from .coordinates import AGE, ID, LEAST, MOST, OPEN, SCORE, SLOT, STATE, VX, VY, ZONE, H, W, X, Y
from .frame_state import FrameState

MAX_HANDS = 200  # in a frame: their alive list takes 1 kB in every datagram and leaves room for some hands
LEAVING = int(State.LEAVING)


class SlotAllocator:
    """Gives each hand the lowest free slot, for as long as it is there."""

    def __init__(self, slots: dict[int, int] | None = None) -> None:
        self.slots = slots or {}  # id -> slot
        self._ids: list[int] = []

    def assign(self, ids: list[int]) -> list[int]:
        """Each hand's slot: the one it had, or the lowest that was not taken in the frame before."""
        old = self.slots
        if ids != self._ids or len(old) != len(ids):
            taken = set(old.values())
            free = (slot for slot in range(2 * len(ids) + len(taken)) if slot not in taken)
            self.slots = {id_: old[id_] if id_ in old else next(free) for id_ in ids}
            self._ids = ids
        return list(self.slots.values())

    def clear(self) -> None:
        self.slots, self._ids = {}, []


class FrameBuilder:
    """Makes each frame's state from its hands and what is known of the frame before."""

    def __init__(self, slots: dict[int, int] | None = None) -> None:
        self.allocator = SlotAllocator(slots)
        self.last = FrameState()
        self.faulty = 0  # hands left out: no number as a position, or the id of another
        self.crowded = 0  # hands left out: more than a datagram can hold

    def build(self, hands: Hands, now_ns: int) -> FrameState:
        """The frame's state. A missing hand has left, whether the tracker said so or that message was skipped."""
        ids = hands.id & 0x7FFFFFFF
        floats = _floats_of(hands)
        finite = np.isfinite(floats)
        listed = ids.tolist()
        rows: slice | np.ndarray = slice(None)
        unique = len(set(listed)) == len(listed) <= MAX_HANDS
        if LEAVING in hands.state.tolist() or not unique or not finite.all():
            rows = self._rows_to_send(ids, hands.state != LEAVING, finite[:, : Y + 1].all(axis=1))
            floats[~finite] = 0
            floats = floats[rows]
            listed = ids[rows].tolist()
        integers = np.empty((len(listed), 4), np.int32)
        integers[:, ID], integers[:, STATE] = ids[rows], hands.state[rows]
        integers[:, SLOT] = self.allocator.assign(listed)
        integers[:, ZONE] = np.maximum(hands.zone[rows], -1)
        last = self.last
        self.last = FrameState(
            seq=hands.seq & 0x7FFFFFFF,
            captured_ns=hands.captured_ns,
            latency_ms=min(max(0.0, (now_ns - hands.captured_ns) / 1e6), 1e9),
            width=hands.width,
            height=hands.height,
            integers=integers,
            floats=_bounded(floats, hands.width / hands.height if hands.height > 0 else 1.0),
            seconds=(hands.captured_ns - last.captured_ns) / 1e9,
            is_open=hands.is_open[rows].tolist(),
            dwelt=hands.dwelt[rows].tolist(),
            zones=list(hands.zones),
            ids=listed,
        )
        self.last.velocities_before = _velocities_before(self.last, last)
        return self.last

    def clear(self) -> FrameState:
        """The state of a picture that nobody is in any more."""
        self.allocator.clear()
        last = self.last
        self.last = FrameState(last.seq, last.captured_ns, 0.0, last.width, last.height)
        return self.last

    def _rows_to_send(self, ids: np.ndarray, there: np.ndarray, positioned: np.ndarray) -> np.ndarray:
        """Which hands are there, have a position, are not the second of two with one id, and fit."""
        rows = np.flatnonzero(there & positioned)
        rows = rows[np.sort(np.unique(ids[rows], return_index=True)[1])]
        self.faulty += int(np.count_nonzero(there)) - len(rows)
        if len(rows) > MAX_HANDS:
            self.crowded += len(rows) - MAX_HANDS
            # Always the same ones: the oldest.
            rows = rows[np.argsort(ids[rows])[:MAX_HANDS]]
        return rows


def _floats_of(hands: Hands) -> np.ndarray:
    """FrameState.floats as they came; w is still the radius."""
    floats = np.empty((len(hands.id), 9), np.float32)
    floats[:, X : Y + 1], floats[:, VX : VY + 1] = hands.xy, hands.velocity
    floats[:, W], floats[:, H] = hands.radius, 0
    floats[:, SCORE], floats[:, AGE], floats[:, OPEN] = hands.score, hands.age, hands.open
    return floats


def _bounded(floats: np.ndarray, aspect: float) -> np.ndarray:
    """Nothing beyond what makes sense; w and h from the radius, in the frame's widths and heights."""
    np.minimum(np.maximum(floats, LEAST, out=floats), MOST, out=floats)
    floats[:, W] *= 2
    np.minimum(floats[:, W] * aspect, 1, out=floats[:, H])
    return floats


def _velocities_before(state: FrameState, last: FrameState) -> np.ndarray:
    """(n, 2); of a new hand its first, so that its speed has not changed."""
    then, now = last.floats[:, VX : VY + 1], state.floats[:, VX : VY + 1]
    if state.ids == last.ids:
        return then
    row = {id_: number for number, id_ in enumerate(last.ids)}
    return np.array([then[row[i]] if i in row else now[n] for n, i in enumerate(state.ids)], np.float32).reshape(-1, 2)

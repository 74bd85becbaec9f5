"""Key frames, where somebody put every box right, and what lies between them: boxes carried by the flow.

After a key frame its boxes are carried on; before the first one they are carried back; between two a box that is in
both is carried from either side, and blended by how near each is. What was carried through a loss is not a label.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .propagation import SEEN, Carried, blend, carry, inside

MOST = 150  # frames that boxes are carried over at once; a second of waiting. Step by step they go as far as wished
UNDOS = 200

Hand = dict[str, Any]  # as in a label file: box, kind, labelled_by, id; and lost, where the flow lost it
Id = int | str


@dataclass
class Marks:
    """What one frame has."""

    hands: list[Hand] = field(default_factory=list)
    exact: bool = False  # put right by somebody: a key frame
    labelled: bool = False  # to be learned from


@dataclass
class Chain:
    """A key frame's boxes on their way, by frame: id -> box and whether the hand is still held."""

    step: int  # 1 or -1
    boxes: dict[int, dict[Id, tuple[np.ndarray, bool]]]


class Keyed:
    """The marks of those of a clip's frames that have been looked at and are known something about."""

    def __init__(self, grey: Callable[[int], np.ndarray] | None, size: tuple[int, int]) -> None:
        self.grey = grey  # a frame's grey picture by number; None: pictures that have nothing to do with each other
        self.width, self.height = size
        self.marks: dict[int, Marks] = {}
        self._chains: dict[tuple[int, int], Chain] = {}
        self._past: list[tuple[int, Marks | None]] = []  # frames and their marks before each edit

    def load(self, marks: Mapping[int, Marks]) -> None:
        """Goes on with what was stored; what was carried up to the ends need not be carried again."""
        self.marks = dict(marks)
        if self.grey is not None and (keys := self.keys()):
            for key, step in ((keys[0], -1), (keys[-1], 1)):
                chain = self._chain(key, step)
                for frame in self.marks:
                    if (frame - key) * step > 0:
                        chain.boxes[frame] = held(self.marks[frame].hands)

    @property
    def undoable(self) -> bool:
        return bool(self._past)

    def keys(self) -> list[int]:
        """The key frames, in order."""
        return sorted(frame for frame, marks in self.marks.items() if marks.exact)

    def look(self, frame: int) -> Marks:
        """The marks of a frame that is looked at. Of one that lies too far from all others: none."""
        if frame not in self.marks:
            between = self._between(frame)
            if between is None:
                return Marks()
            self.marks[frame] = between
        return self.marks[frame]

    def edit(self, frame: int, hands: list[Hand]) -> set[int]:
        """Makes it a key frame with these hands (one may still be lost); every frame that has changed by it."""
        old = self.marks.get(frame)
        self._past = [*self._past[1 - UNDOS :], (frame, old)]
        return self._put(frame, Marks(hands, exact=True, labelled=not any("lost" in each for each in hands)))

    def undo(self) -> tuple[int, set[int]] | None:
        """Takes the last edit back; its frame, and every frame that has changed by it."""
        if not self._past:
            return None
        frame, old = self._past.pop()
        return frame, self._put(frame, old if old is not None and old.exact else None)

    def _put(self, frame: int, marks: Marks | None) -> set[int]:
        self._chains = {(key, step): chain for (key, step), chain in self._chains.items() if key != frame}
        self.marks.pop(frame, None)
        if marks is not None:
            self.marks[frame] = marks
        if self.grey is None:
            return {frame}
        before, after = self._neighbours(frame)
        changed = {
            other
            for other in self.marks
            if not self.marks[other].exact and (before is None or other > before) and (after is None or other < after)
        }
        if marks is None:
            changed.add(frame)
        # From near to far: each is one step more than what has just been carried.
        for other in sorted(changed, key=lambda other: abs(other - frame)):
            between = self._between(other)
            if between is not None:
                self.marks[other] = between
            else:
                self.marks.pop(other, None)  # too far to be carried at once: to be looked at again
        return changed | {frame}

    def _neighbours(self, frame: int) -> tuple[int | None, int | None]:
        """The key frames before and after."""
        keys = self.keys()
        before = max((key for key in keys if key < frame), default=None)
        return before, min((key for key in keys if key > frame), default=None)

    def _between(self, frame: int) -> Marks | None:
        """A frame's marks by its key frames; None if it lies too far from them."""
        if self.grey is None:
            return None
        before, after = self._neighbours(frame)
        forward = None if before is None else self._carried(before, 1, frame)
        backward = None if after is None else self._carried(after, -1, frame)
        if forward is None and backward is None:
            return None
        boxes, kinds = dict(backward or {}), self._kinds(after if forward is None else before)
        if forward is not None:
            boxes = dict(forward)
            if backward is not None and before is not None and after is not None:
                both = [id_ for id_ in self._kinds(before) if id_ in self._kinds(after)]
                boxes |= blended(both, forward, backward, (frame - before) / (after - before))
                kinds |= {id_: common(kinds[id_], self._kinds(after)[id_]) for id_ in both}
        hands = [hand(id_, box, kinds[id_], sure) for id_, (box, sure) in sorted(boxes.items(), key=str)]
        return Marks(hands, labelled=not any("lost" in each for each in hands))

    def _kinds(self, key: int | None) -> dict[Id, str]:
        return {} if key is None else {each["id"]: each["kind"] for each in self.marks[key].hands}

    def _chain(self, key: int, step: int) -> Chain:
        return self._chains.setdefault((key, step), Chain(step, {key: held(self.marks[key].hands)}))

    def _carried(self, key: int, step: int, frame: int) -> dict[Id, tuple[np.ndarray, bool]] | None:
        """A key frame's boxes in another frame; None if that would take too long."""
        chain = self._chain(key, step)
        here = min((known for known in chain.boxes if (frame - known) * step >= 0), key=lambda f: abs(frame - f))
        if abs(frame - here) > MOST:
            return None
        while here != frame:
            chain.boxes[here + step] = self._step(chain.boxes[here], here, here + step)
            here += step
        return chain.boxes[frame]

    def _step(
        self, boxes: Mapping[Id, tuple[np.ndarray, bool]], here: int, there: int
    ) -> dict[Id, tuple[np.ndarray, bool]]:
        assert self.grey is not None
        alive = [id_ for id_, (_, sure) in boxes.items() if sure]
        moved = dict(boxes)
        if alive:
            found = carry(self.grey(here), self.grey(there), np.array([boxes[id_][0] for id_ in alive]), self.width)
            moved |= zip(alive, zip(found.boxes, found.sure.tolist(), strict=True), strict=True)
        return {id_: (box, ok) for id_, (box, ok) in moved.items() if inside(box, self.width, self.height) >= SEEN}


def held(hands: Iterable[Hand]) -> dict[Id, tuple[np.ndarray, bool]]:
    """Hands by id, as a chain has them."""
    return {each["id"]: (np.array(each["box"], float), "lost" not in each) for each in hands}


def blended(
    both: list[Id],
    forward: Mapping[Id, tuple[np.ndarray, bool]],
    backward: Mapping[Id, tuple[np.ndarray, bool]],
    share: float,
) -> dict[Id, tuple[np.ndarray, bool]]:
    """Hands that are in both key frames. One that has left the picture on one way counts by the other."""
    mixed: dict[Id, tuple[np.ndarray, bool]] = {
        id_: way[id_] for id_ in both for way in (backward, forward) if id_ in way
    }
    met = [id_ for id_ in both if id_ in forward and id_ in backward]
    if met:
        ways = [
            Carried(np.array([way[id_][0] for id_ in met]), np.array([way[id_][1] for id_ in met]))
            for way in (forward, backward)
        ]
        result = blend(ways[0], ways[1], share)
        mixed |= zip(met, zip(result.boxes, result.sure.tolist(), strict=True), strict=True)
    return mixed


def common(one: str, other: str) -> str:
    """The kind of a hand between two key frames: where they differ, nobody knows when it changed."""
    if one == other:
        return one
    return "ignore" if "ignore" in (one, other) else "unknown"


def hand(id_: Id, box: np.ndarray, kind: str, sure: bool) -> Hand:
    """A carried hand, as label files have it."""
    made = {"box": [round(float(value), 1) for value in box], "kind": kind, "labelled_by": "flow", "id": id_}
    return made if sure else made | {"lost": True}

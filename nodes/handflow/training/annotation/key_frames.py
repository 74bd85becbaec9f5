"""Key frames, whose boxes somebody corrected, and the frames between them, to which optical flow propagates boxes.

After a key frame its boxes are propagated on, before the first one back; between two a box that is in both comes from
either side, and is blended by how near each is. A frame with a hand that the flow lost is not labelled.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from handflow.training.labels.line import HandLabel

from .propagation import SEEN, Propagated, blend, inside, propagate

MOST_FRAMES = 150  # frames that boxes are propagated over at once, a second of waiting; step by step they go on
UNDOS = 200

Id = int | str
Boxes = dict[Id, tuple[np.ndarray, bool]]  # of hands by id: the box (x, y, width, height), and whether it is still held


@dataclass
class FrameLabels:
    """The hands of one frame, all with ids."""

    hands: list[HandLabel] = field(default_factory=list)
    exact: bool = False  # corrected by somebody: a key frame
    labelled: bool = False  # to be learned from


@dataclass
class Chain:
    """A key frame's boxes, propagated in one direction as far as they were needed."""

    step: int  # 1 or -1
    boxes: dict[int, Boxes]  # by frame


class KeyFrames:
    """The labels of a clip's frames, as far as they were shown and something is known of them."""

    def __init__(self, grey: Callable[[int], np.ndarray] | None, size: tuple[int, int]) -> None:
        self.grey = grey  # a frame's grey picture by number; None: pictures that have nothing to do with each other
        self.width, self.height = size
        self.frames: dict[int, FrameLabels] = {}
        self._chains: dict[tuple[int, int], Chain] = {}
        self._past: list[tuple[int, FrameLabels | None]] = []  # frames and their labels before each edit

    def load(self, labels: Mapping[int, FrameLabels]) -> None:
        """Goes on with what was stored; what was propagated to the ends need not be again."""
        self.frames = dict(labels)
        if self.grey is not None and (keys := self.keys()):
            for key, step in ((keys[0], -1), (keys[-1], 1)):
                chain = self._chain(key, step)
                for frame in self.frames:
                    if (frame - key) * step > 0:
                        chain.boxes[frame] = held(self.frames[frame].hands)

    @property
    def undoable(self) -> bool:
        return bool(self._past)

    def keys(self) -> list[int]:
        """The key frames, in order."""
        return sorted(frame for frame, labels in self.frames.items() if labels.exact)

    def show(self, frame: int) -> FrameLabels:
        """The labels of a frame that is shown. Of one that lies too far from all others: none."""
        if frame not in self.frames:
            between = self._between(frame)
            if between is None:
                return FrameLabels()
            self.frames[frame] = between
        return self.frames[frame]

    def edit(self, frame: int, hands: list[HandLabel]) -> set[int]:
        """Makes it a key frame with these hands (one may still be lost); every frame that has changed by it."""
        old = self.frames.get(frame)
        self._past = [*self._past[1 - UNDOS :], (frame, old)]
        return self._put(frame, FrameLabels(hands, exact=True, labelled=not any(each.lost for each in hands)))

    def undo(self) -> tuple[int, set[int]] | None:
        """Takes the last edit back; its frame, and every frame that has changed by it."""
        if not self._past:
            return None
        frame, old = self._past.pop()
        return frame, self._put(frame, old if old is not None and old.exact else None)

    def _put(self, frame: int, labels: FrameLabels | None) -> set[int]:
        self._chains = {(key, step): chain for (key, step), chain in self._chains.items() if key != frame}
        self.frames.pop(frame, None)
        if labels is not None:
            self.frames[frame] = labels
        if self.grey is None:
            return {frame}
        before, after = self._neighbours(frame)
        changed = {
            other
            for other in self.frames
            if not self.frames[other].exact and (before is None or other > before) and (after is None or other < after)
        }
        if labels is None:
            changed.add(frame)
        # From near to far: each is one step more than what has just been propagated.
        for other in sorted(changed, key=lambda other: abs(other - frame)):
            between = self._between(other)
            if between is not None:
                self.frames[other] = between
            else:
                self.frames.pop(other, None)  # too far to be propagated at once: to be shown again
        return changed | {frame}

    def _neighbours(self, frame: int) -> tuple[int | None, int | None]:
        """The key frames before and after."""
        keys = self.keys()
        before = max((key for key in keys if key < frame), default=None)
        return before, min((key for key in keys if key > frame), default=None)

    def _between(self, frame: int) -> FrameLabels | None:
        """A frame's labels by its key frames; None if it lies too far from them."""
        if self.grey is None:
            return None
        before, after = self._neighbours(frame)
        forward = None if before is None else self._propagated(before, 1, frame)
        backward = None if after is None else self._propagated(after, -1, frame)
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
        return FrameLabels(hands, labelled=not any(each.lost for each in hands))

    def _kinds(self, key: int | None) -> dict[Id, str]:
        return {} if key is None else {_id(each): each.kind for each in self.frames[key].hands}

    def _chain(self, key: int, step: int) -> Chain:
        return self._chains.setdefault((key, step), Chain(step, {key: held(self.frames[key].hands)}))

    def _propagated(self, key: int, step: int, frame: int) -> Boxes | None:
        """A key frame's boxes in another frame; None if that would take too long."""
        chain = self._chain(key, step)
        here = min((known for known in chain.boxes if (frame - known) * step >= 0), key=lambda f: abs(frame - f))
        if abs(frame - here) > MOST_FRAMES:
            return None
        while here != frame:
            chain.boxes[here + step] = self._step(chain.boxes[here], here, here + step)
            here += step
        return chain.boxes[frame]

    def _step(self, boxes: Boxes, here: int, there: int) -> Boxes:
        assert self.grey is not None
        alive = [id_ for id_, (_, sure) in boxes.items() if sure]
        moved = dict(boxes)
        if alive:
            found = propagate(self.grey(here), self.grey(there), np.array([boxes[id_][0] for id_ in alive]), self.width)
            moved |= zip(alive, zip(found.boxes, found.sure.tolist(), strict=True), strict=True)
        return {id_: (box, ok) for id_, (box, ok) in moved.items() if inside(box, self.width, self.height) >= SEEN}


def held(hands: Iterable[HandLabel]) -> Boxes:
    """Hands by id, as a chain has them."""
    return {_id(each): (np.array(each.box, float), not each.lost) for each in hands}


def _id(hand: HandLabel) -> Id:
    assert hand.id is not None
    return hand.id


def blended(both: list[Id], forward: Boxes, backward: Boxes, share: float) -> Boxes:
    """Hands that are in both key frames. One that has left the picture on one way counts by the other."""
    mixed: Boxes = {id_: way[id_] for id_ in both for way in (backward, forward) if id_ in way}
    met = [id_ for id_ in both if id_ in forward and id_ in backward]
    if met:
        ways = [
            Propagated(np.array([way[id_][0] for id_ in met]), np.array([way[id_][1] for id_ in met]))
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


def hand(id_: Id, box: np.ndarray, kind: str, sure: bool) -> HandLabel:
    """The label of a propagated hand."""
    return HandLabel([round(float(value), 1) for value in box], kind, id=id_, labelled_by="flow", lost=not sure)

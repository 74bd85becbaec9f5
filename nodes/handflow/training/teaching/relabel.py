"""Labels that a teacher has looked at: coarse boxes made tight, hands added that nobody had labelled.

What may be a hand becomes a region to ignore. Interrupted, the work goes on at the line where it was.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from handflow.errors import LabelError
from handflow.runtime.files import whole_lines
from handflow.training.labels.data import label_files
from handflow.training.labels.images import read_once
from handflow.training.labels.legacy_words import in_todays_words
from handflow.training.labels.line import HandLabel, LabelLine, check_line, json_lines, parse_line

from .hand_teacher import SURE, HandTeacher, TaughtHand, distance

COARSE_IS_LOOSE = 1.4  # squares guessed from joints are so much larger than tight boxes
CERTAIN_PALM, CERTAIN_HAND = 0.5, 0.8  # from which a hand that nobody labelled is believed
POSSIBLE_PALM, POSSIBLE_HAND = 0.7, 0.3  # from which it may be one


def relabel(
    paths: list[Path], out: Path, teacher: HandTeacher, before_each: Callable[[], None] = lambda: None
) -> Counter[str]:
    """Writes the pictures of label files or folders to `out` as the teacher sees them; how many hands changed how.

    Pictures are named by their whole paths; a folder's clips are left out. `before_each` may wait. Raises LabelError.
    """
    part, total = out.with_name(f"{out.name}.part"), Counter[str]()
    done = whole_lines(part)
    with part.open("a", encoding="utf-8") as opened:
        for number, (where, file, values) in enumerate(picture_lines(paths)):
            if number < done:
                continue
            before_each()
            line = parse_line(in_todays_words(values), where)
            check_line(line, where)
            line.image = str((file.parent / str(line.image)).resolve())
            changed, count = taught(line, teacher.hands(read_once(Path(line.image))))
            total += count
            print(json.dumps(changed.json()), file=opened, flush=True)
    part.replace(out)
    return total


def picture_lines(paths: list[Path]) -> Iterator[tuple[str, Path, dict[str, Any]]]:
    """Where each picture's line stands, in which file, and what it says. Raises LabelError."""
    for file in (file for path in paths for file in label_files(path)):
        if file.suffix != ".jsonl":
            raise LabelError(f"{file}: expected labels of our own (JSON lines) to teach anew")
        for where, values in json_lines(file):
            if "clip" not in values and "frame" not in values:
                yield where, file, values


def taught(line: LabelLine, hands: list[TaughtHand]) -> tuple[LabelLine, Counter[str]]:
    """A line after the teacher has looked, and how many of which kind of change that made."""
    count, used = Counter[str](), set[int]()
    out: list[HandLabel] = []
    for label in line.hands:
        coarse = label.coarse and label.kind == "unknown"
        best = None if label.kind == "ignore" else nearest(label, hands, used, 0.75 if coarse else 0.5)
        used |= set() if best is None else {best}
        if coarse:
            label = sharpened(label, None if best is None else hands[best])
            count["still coarse" if label.coarse else "made tight"] += 1
        out.append(label)
    for number, hand in enumerate(hands):
        if number not in used and (new := unlabelled(hand, line, out)) is not None:
            out.append(new)
            count["ignored" if new.kind == "ignore" else "added"] += 1
    return replace(line, hands=out), count


def nearest(label: HandLabel, hands: list[TaughtHand], used: set[int], reach: float) -> int | None:
    """The teacher's hand that is nearest to a label, within `reach` of its longer side."""
    box = np.array(label.box, float)
    close = [(distance(box, hand.box), n) for n, hand in enumerate(hands) if n not in used]
    best = min((c for c in close if c[0] < reach * box[2:].max()), default=None)
    return None if best is None else best[1]


def sharpened(label: HandLabel, hand: TaughtHand | None) -> HandLabel:
    """A coarse label with the teacher's tight box; or, where it has none, as small as hands are."""
    box = np.array(label.box, float)
    if hand is not None and hand.presence > SURE and 0.25 < hand.box[2:].max() / box[2:].max() < COARSE_IS_LOOSE:
        rest = {name: value for name, value in label.rest.items() if name != "auto"}
        return replace(label, box=rounded(hand.box), coarse=False, labelled_by="teacher", rest=rest)
    size = box[2:] / COARSE_IS_LOOSE
    return replace(label, box=rounded(np.append(box[:2] + (box[2:] - size) / 2, size)))


def unlabelled(hand: TaughtHand, line: LabelLine, labels: list[HandLabel]) -> HandLabel | None:
    """A hand that the teacher sees and nobody has labelled; None if somebody has, or if it hardly is one."""
    middle = hand.box[:2] + hand.box[2:] / 2
    known = [np.array(label.box, float) for label in labels if label.kind != "ignore"]
    if not ((middle > 0) & (middle < [line.width, line.height])).all() or any(
        distance(box, hand.box) < 0.6 * max(box[2:].max(), hand.box[2:].max()) for box in known
    ):
        return None
    if hand.presence > CERTAIN_HAND and hand.score > CERTAIN_PALM:
        return HandLabel(rounded(hand.box), "unknown", labelled_by="teacher")
    if hand.presence > POSSIBLE_HAND or hand.score > POSSIBLE_PALM:
        return HandLabel(rounded(hand.guess), "ignore", labelled_by="teacher")
    return None


def rounded(box: np.ndarray) -> list[float]:
    """A box as labels have it: to a tenth of a pixel."""
    return [round(float(value), 1) for value in box]

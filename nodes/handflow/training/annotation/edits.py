"""Hands as the annotate page sends them, and what it is offered."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from handflow.training.labels.line import HandLabel


def edited(given: Any, before: list[HandLabel], width: int, height: int, kinds: Iterable[str]) -> list[HandLabel]:
    """Hands as the page sends them, checked; what is known of those that stay as they were is kept. ValueError."""
    if not isinstance(given, list) or not all(isinstance(hand, dict) for hand in given):
        raise ValueError(f"expected hands to be a list of objects, got {str(given)[:40]}")
    known = {hand.id: hand for hand in before}
    hands: list[HandLabel] = []
    for hand in given:
        id_, box, kind = hand.get("id"), checked_box(hand.get("box"), width, height), hand.get("kind")
        if kind not in kinds:
            raise ValueError(f"expected a kind, one of {', '.join(kinds)}, got {kind!r}")
        if not isinstance(id_, int | str) or isinstance(id_, bool) or any(each.id == id_ for each in hands):
            raise ValueError(f"expected an id for each hand, got {id_!r}")
        old = known.get(id_)
        same = old is not None and old.box == box
        if old is not None and same and old.lost and hand.get("lost"):
            hands.append(replace(old, kind=kind))  # others were corrected, this one not yet
        elif old is not None and same and not old.lost and old.labelled_by != "flow":
            hands.append(old if old.kind == kind else replace(old, kind=kind, kind_by="eye"))
        else:
            hands.append(HandLabel(box, kind, id=id_, labelled_by="model" if hand.get("by") == "model" else "eye"))
    return hands


def checked_box(box: Any, width: int, height: int) -> list[float]:
    """A box in the picture, in tenths of a pixel. ValueError."""
    if not isinstance(box, list) or len(box) != 4 or not all(type(v) in (int, float) and abs(v) < 1e6 for v in box):
        raise ValueError(f"expected a box [x, y, width, height], got {box}")
    x, y, w, h = rounded = [round(float(value), 1) for value in box]
    if not (w >= 1 and h >= 1 and x < width and y < height and x + w > 0 and y + h > 0):
        raise ValueError(f"expected a box in the picture of {width}x{height}, got {rounded}")
    return rounded


def not_yet_labelled(found: list[dict[str, Any]], hands: list[HandLabel]) -> list[dict[str, Any]]:
    """Those found where no box is yet: their middle lies in none, and no box's middle in them."""

    def middle_in(one: Sequence[float], other: Sequence[float]) -> bool:
        x, y = one[0] + one[2] / 2 - other[0], one[1] + one[3] / 2 - other[1]
        return 0 <= x <= other[2] and 0 <= y <= other[3]

    boxes = [hand.box for hand in hands if not hand.lost]
    return [
        each for each in found if not any(middle_in(each["box"], box) or middle_in(box, each["box"]) for box in boxes)
    ]

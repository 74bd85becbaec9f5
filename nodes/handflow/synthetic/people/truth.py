"""What is true of a drawn picture: each hand's box and kind, each person's box and joints, in its pixels."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .camera import PinholeCamera
from .drawn import Drawn
from .strangers import PlacedHand, PlacedPerson

# An open palm that faces the camera: no finger bent over this, and the palm no farther away from it (degrees).
OPEN_FLAT, OPEN_DEG = 0.28, 45
# Up to here a person might say so or not.
MAYBE_FLAT, MAYBE_DEG = 0.45, 62
OPEN_VISIBLE = 0.6
# A hand that shows less than this is a region to ignore; and none where it hardly shows.
SMALL_VISIBLE, LEAST_VISIBLE = 0.4, 0.1
SMALLEST_PX = 3
PERSON_PX = 20  # pixels of somebody who counts
EDGE = 1  # percent of a hand's pixels at each edge of its box that may lie outside


@dataclass
class TrueLabels:
    """Of one picture; as label files have them."""

    hands: list[dict[str, Any]] = field(default_factory=list)
    people: list[dict[str, Any]] = field(default_factory=list)


def labels_of(drawn: Drawn, camera: PinholeCamera, people: list[PlacedPerson], scale: float, ids: bool) -> TrueLabels:
    """`scale`: of the finished picture against the drawn one; `ids`: which hand of a clip each is."""
    found = TrueLabels()
    for person in (person for person in people if not person.thing):
        for hand in person.hands:
            label = _hand(drawn, camera, hand, scale)
            if label is not None:
                found.hands.append(label | ({"id": hand.owner} if ids else {}))
        whole = _person(drawn, camera, person, scale)
        found.people += [whole] if whole else []
    return found


def kind_of(flat: float, palm_deg: float, visible: float) -> str:
    """open, other or unknown."""
    if flat < OPEN_FLAT and palm_deg < OPEN_DEG:
        return "open" if visible >= OPEN_VISIBLE else "unknown"
    return "unknown" if flat < MAYBE_FLAT and palm_deg < MAYBE_DEG else "other"


def _hand(drawn: Drawn, camera: PinholeCamera, hand: PlacedHand, scale: float) -> dict[str, Any] | None:
    whole, shown = int((drawn.hands == hand.owner).sum()), drawn.owners == hand.owner
    if not whole or not shown.any():
        return None
    pixels, depth = camera.project(hand.vertices)
    inside = ((pixels > 0) & (pixels < camera.size)).all(axis=1) & (depth > 0.3)
    visible = min(float(shown.sum() / whole * inside.mean()), 1.0)
    if visible < LEAST_VISIBLE:
        return None
    rows, columns = np.nonzero(shown)
    low = np.percentile(columns, EDGE), np.percentile(rows, EDGE)
    high = np.percentile(columns, 100 - EDGE) + 1, np.percentile(rows, 100 - EDGE) + 1
    box = _rounded([low[0], low[1], high[0] - low[0], high[1] - low[1]], scale)
    kind = kind_of(hand.flat, hand.palm_deg, visible)
    if visible < SMALL_VISIBLE or max(box[2:]) < SMALLEST_PX:
        kind = "ignore"
    rest = {"labelled_by": "render", "kind_by": "render", "visible": round(visible, 2), "pose": hand.kind}
    return {"box": box, "kind": kind, **rest}


def _person(drawn: Drawn, camera: PinholeCamera, person: PlacedPerson, scale: float) -> dict[str, Any] | None:
    mine = np.isin(drawn.owners, person.owners)
    if mine.sum() < PERSON_PX:
        return None
    rows, columns = np.nonzero(mine)
    box = [columns.min(), rows.min(), columns.max() + 1 - columns.min(), rows.max() + 1 - rows.min()]
    pixels, depth = camera.project(np.array(list(person.joints.values())))
    joints = {}
    for name, (x, y), far in zip(person.joints, pixels, depth, strict=True):
        if far > 0.3 and 0 <= x < camera.size[0] and 0 <= y < camera.size[1]:
            joints[name] = [*_rounded([x, y], scale), int(mine[int(y), int(x)])]
    return {"box": _rounded(box, scale), "joints": joints}


def _rounded(values: list, scale: float) -> list[float]:
    return [round(float(value) * scale, 1) for value in values]

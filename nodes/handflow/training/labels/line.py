"""The format of our own labels: JSON lines, a picture or a frame of a clip a line.

    {"image": "desk/a.png", "width": 1280, "height": 720, "hands": [HAND, …], "source": "desk", "group": "anna"}
    {"frame": 17, "width": 1280, "height": 720, "hands": [HAND, …], "labelled": true, "exact": false}

`image` is relative to the label file. `source` names the data set; a `group` (a person, a place) never lies on both
sides of a split. A clip's frames are lines in a file named as the clip is: `labelled` false is a frame that is not to
be learned from, `exact` true one whose boxes somebody corrected. A file `clips.jsonl` beside it lists clips by
{"clip", "labels", "group"}, and with a "path" those that lie elsewhere.

HAND is {"box": [x, y, width, height], "kind": "open"}: in pixels, origin top left; `kind` is open (an open palm that
faces the camera), other, unknown, or ignore (a region in which nothing counts). It may also have

    coarse       true: the box is off by up to half a hand, as one guessed from a person's joints; of unknown hands
    landmarks    21 points [x, y] on the hand, by which it is cut out of its background
    id           which hand of the clip it is
    labelled_by  where the box is from: eye, model, flow (propagated from another frame), class (another program),
                 render (a rendered picture, whose truth is known) or teacher (`handflow teach`)
    kind_by      where the kind is from
    lost         true: optical flow lost it here, and nobody has corrected it yet

A line may also tell of people, for the heads that only training has (network.PARTS), and of how the picture was made:

    people           [PERSON, …]; not there: nothing is known of people. [] with people_complete: nobody is in it
    people_complete  true: everybody in the picture is among them; else it is known what is where only in their boxes
    rendered         true: the people in it are rendered

PERSON is {"box": [x, y, width, height], "joints": {"head": [x, y, seen], …}}; the joints are head, left_elbow,
right_elbow, left_wrist, right_wrist, left_foot and right_foot, each where known; `seen` 0 is one that is hidden.

Whatever else stands in a line or a hand, such as a licence, is kept and not read.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from handflow.errors import LabelError
from handflow.training.targets import KINDS

from .omissions import Omissions
from .people import PersonLabel, parse_people
from .text import lines_of, parse_json, read_text

FARTHEST_PX = 1e7  # from a picture's corner; beyond, float32 no longer tells pixels apart


@dataclass
class HandLabel:
    """One hand, or region to ignore, of a picture: HAND above."""

    box: list[float]
    kind: str
    coarse: bool = False
    landmarks: list[list[float]] | None = None
    id: int | str | None = None
    labelled_by: str = ""
    kind_by: str = ""
    lost: bool = False
    rest: dict[str, Any] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        """As it stands in a file: what is not known is left out."""
        optional = {name: value for name in OF_HAND[2:] if (value := getattr(self, name)) not in ("", None)}
        flags = {name for name in ("coarse", "lost") if not getattr(self, name)}
        known = {name: value for name, value in optional.items() if name not in flags}
        return {"box": self.box, "kind": self.kind, **known, **self.rest}


@dataclass
class LabelLine:
    """One line: a picture, or a frame of a clip, with its hands."""

    width: int
    height: int
    hands: list[HandLabel]
    image: str | None = None
    frame: int | None = None
    source: str = ""
    group: str = ""
    labelled: bool = True
    exact: bool | None = None
    people: list[PersonLabel] | None = None
    people_complete: bool = False
    rendered: bool = False
    rest: dict[str, Any] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        """As it stands in a file: what is not known is left out."""
        optional = {"source": self.source, "group": self.group, "exact": self.exact}
        return {
            **({"image": self.image} if self.frame is None else {"frame": self.frame}),
            **{"width": self.width, "height": self.height, "hands": [hand.json() for hand in self.hands]},
            **{name: value for name, value in optional.items() if value not in ("", None)},
            **({} if self.labelled and self.exact is None else {"labelled": self.labelled}),
            **({} if self.people is None else {"people": [person.json() for person in self.people]}),
            **{name: True for name in ("people_complete", "rendered") if getattr(self, name)},
            **self.rest,
        }


OF_HAND = [each.name for each in fields(HandLabel) if each.name != "rest"]
OF_LINE = [each.name for each in fields(LabelLine) if each.name != "rest"]


def json_lines(file: Path, omissions: Omissions | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects in a file of JSON lines, each with where it stands. LabelError, unless `omissions` takes it."""
    for number, text in enumerate(lines_of(read_text(file)), start=1):
        if not text.strip():
            continue
        where = f"{file}:{number}"
        with (omissions or Omissions(strict=True)).guarding("line", where, "JSON lines"):
            values = parse_json(text, where)
            if not isinstance(values, dict):
                raise LabelError(f"{where}: expected an object, got {text[:40]!r}")
            yield where, values


def parse_line(values: dict[str, Any], where: str) -> LabelLine:
    """A line of a file; `check_line` checks what is in it. Raises LabelError."""
    for name in ("frame" if "frame" in values else "image", "width", "height", "hands"):
        if name not in values:
            raise LabelError(f"{where}: expected {name!r} in this line, got {', '.join(values)}")
    hands = values["hands"]
    if not isinstance(hands, list) or not all(isinstance(hand, dict) for hand in hands):
        raise LabelError(f'{where}: expected hands to be a list of {{"box", "kind"}}, got {str(hands)[:40]}')
    known = {name: value for name, value in values.items() if name in OF_LINE}
    known["hands"] = [_parse_hand(hand) for hand in hands]
    if "people" in known:
        known["people"] = parse_people(known["people"], where)
    return LabelLine(**known, rest=_rest(values, OF_LINE))


def check_line(line: LabelLine, where: str) -> None:
    """Raises LabelError if a size, box, kind or landmark is not what it must be."""
    check_size(line, where)
    for hand in line.hands:
        check_hand(hand, where)
        check_place(hand, line, where)


def check_size(line: LabelLine, where: str) -> None:
    """Raises LabelError if a line's size or number of frame cannot be one."""
    width, height = line.width, line.height
    if not isinstance(width, int) or not isinstance(height, int) or min(width, height) < 1:
        raise LabelError(f"{where}: expected width and height in whole pixels, got {width!r} and {height!r}")
    if line.frame is not None and (not isinstance(line.frame, int) or line.frame < 0):
        raise LabelError(f"{where}: expected the number of a frame, got {line.frame!r}")


def check_hand(hand: HandLabel, where: str) -> None:
    """Raises LabelError if a box, kind or landmark is not what it must be, wherever it lies."""
    if not isinstance(hand.kind, str) or hand.kind not in KINDS:
        raise LabelError(f"{where}: expected a kind, one of {', '.join(KINDS)}, got {hand.kind!r}")
    box = hand.box
    if not isinstance(box, list) or len(box) != 4 or not all(map(_is_place, box)):
        raise LabelError(f"{where}: expected a box [x, y, width, height], got {str(box)[:60]}")
    if not (box[2] > 0 and box[3] > 0):
        raise LabelError(f"{where}: box {_shown(box)} is empty")
    if hand.landmarks is not None and not _are_points(hand.landmarks):
        raise LabelError(f"{where}: expected landmarks to be 21 points [x, y], got {str(hand.landmarks)[:40]}")


def check_place(hand: HandLabel, line: LabelLine, where: str) -> None:
    """Raises LabelError if a box lies outside its picture. In part outside is fine: the hand leaves."""
    x, y, w, h = hand.box
    if not (x < line.width and y < line.height and x + w > 0 and y + h > 0):
        raise LabelError(
            f"{where}: box {_shown(hand.box)} lies outside its picture of {line.width}x{line.height} pixels"
        )


def _parse_hand(values: dict[str, Any]) -> HandLabel:
    known = {name: value for name, value in values.items() if name in OF_HAND}
    return HandLabel(**{"box": None, "kind": None} | known, rest=_rest(values, OF_HAND))


def _rest(values: dict[str, Any], known: list[str]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in known}


def _are_points(landmarks: Any) -> bool:
    try:
        places = np.array(landmarks, float)
    except (TypeError, ValueError, OverflowError):
        return False
    return places.shape == (21, 2) and bool((abs(places) < FARTHEST_PX).all())


def _is_place(value: Any) -> bool:
    """Whether a value is a number that pixels may have: no NaN, and none that overflows."""
    return isinstance(value, int | float) and abs(value) < FARTHEST_PX


def _shown(box: list[float]) -> list[float]:
    return [round(value, 2) for value in box]

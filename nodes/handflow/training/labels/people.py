"""People in a label line, for the heads that only training has: where each is, and where their joints are."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from handflow.errors import LabelError
from handflow.training.targets import ELBOW, FOOT, HEAD, PERSON, WRIST

PART_OF_JOINT = {
    "head": HEAD,
    **{f"{side}_{joint}": part for side in ("left", "right") for joint, part in (("elbow", ELBOW), ("wrist", WRIST))},
    **{f"{side}_foot": FOOT for side in ("left", "right")},
}
JOINT_SIDE = 0.1  # of a joint's square, of its person's longer side
HEAD_SIDE = 0.16
# COCO's 17 keypoints: which of them each joint of ours is; the head is the middle of nose, eyes and ears.
COCO_JOINTS = {
    "left_elbow": 7,
    "right_elbow": 8,
    "left_wrist": 9,
    "right_wrist": 10,
    "left_foot": 15,
    "right_foot": 16,
}
COCO_HEAD = slice(0, 5)


@dataclass
class PersonLabel:
    """One person of a picture: PERSON in line.py."""

    box: list[float]
    joints: dict[str, list[float]]

    def json(self) -> dict[str, Any]:
        """As it stands in a file."""
        return {"box": self.box, "joints": self.joints}


def parse_people(given: Any, where: str) -> list[PersonLabel]:
    """The people of a line. Raises LabelError."""
    if not isinstance(given, list) or not all(isinstance(person, dict) for person in given):
        raise LabelError(f'{where}: expected people to be a list of {{"box", "joints"}}, got {str(given)[:40]}')
    return [_parse_person(person, where) for person in given]


def parts_of(people: list[PersonLabel]) -> np.ndarray:
    """Boxes and kinds of people and their parts, (m, 5) float32; a joint is a small square, hidden ones lack."""
    rows: list[list[float]] = []
    for person in people:
        rows.append([*person.box, PERSON])
        for name, (x, y, seen) in person.joints.items():
            if seen:
                part = PART_OF_JOINT[name]
                side = (HEAD_SIDE if part == HEAD else JOINT_SIDE) * max(person.box[2:])
                rows.append([x - side / 2, y - side / 2, side, side, part])
    return np.array(rows, np.float32).reshape(-1, 5)


def person_of_keypoints(box: list[float], keypoints: list[list[float]]) -> PersonLabel:
    """A person as COCO labels them: 17 points [x, y, v], of which v is 0 unlabelled, 1 hidden, 2 visible."""
    points = np.array(keypoints, float).reshape(17, 3)
    joints = {name: points[at] for name, at in COCO_JOINTS.items()}
    if (face := points[COCO_HEAD][points[COCO_HEAD, 2] > 0]).size:
        joints["head"] = np.append(face[:, :2].mean(axis=0), face[:, 2].max())
    return PersonLabel(box, {name: [*p[:2].tolist(), int(p[2] > 1)] for name, p in joints.items() if p[2] > 0})


def read_keypoints(file: Path) -> dict[str, list[PersonLabel]]:
    """The people of a file [{"image", "people": [{"box", "keypoints"}]}], by picture. Raises LabelError."""
    try:
        given = json.loads(file.read_text("utf-8"))
        return {
            each["image"]: [person_of_keypoints(person["box"], person["keypoints"]) for person in each["people"]]
            for each in given
        }
    except (OSError, ValueError, TypeError, KeyError) as error:
        expected = '[{"image", "people": [{"box", "keypoints": 17 of [x, y, v]}]}]'
        raise LabelError(f"{file}: expected {expected} ({type(error).__name__} {error})") from None


def _parse_person(values: dict[str, Any], where: str) -> PersonLabel:
    box, joints = values.get("box"), values.get("joints", {})
    if not isinstance(box, list) or not _are_numbers(box, 4) or not min(box[2:]) > 0:
        raise LabelError(f"{where}: expected a person's box [x, y, width, height], got {box}")
    if not isinstance(joints, dict) or not all(_are_numbers(point, 3) for point in joints.values()):
        raise LabelError(f"{where}: expected joints to be {{name: [x, y, seen]}}, got {str(joints)[:40]}")
    if unknown := joints.keys() - PART_OF_JOINT.keys():
        raise LabelError(f"{where}: expected joints among {', '.join(PART_OF_JOINT)}, got {', '.join(sorted(unknown))}")
    return PersonLabel(box, joints)


def _are_numbers(values: Any, count: int) -> bool:
    return isinstance(values, list) and len(values) == count and all(isinstance(v, int | float) for v in values)

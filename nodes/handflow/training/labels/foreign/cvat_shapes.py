"""The shapes that CVAT draws -> boxes, and hands."""

import math
import xml.etree.ElementTree as ET
from typing import NamedTuple

from handflow.errors import LabelError
from handflow.training.labels.line import HandLabel
from handflow.training.labels.omissions import Omissions

from .foreign_formats import NONE, Kinds
from .shapes import around, around_ellipse, around_runs, around_turned

SHAPES = ("box", "ellipse", "polygon", "polyline", "points", "cuboid", "mask", "skeleton")
CUBOID = [f"{corner}{side}" for side in (1, 2) for corner in ("tl", "bl", "tr", "br")]


class CvatShape(NamedTuple):
    """A shape's extent: `box` before it is turned, in degrees clockwise about its middle."""

    box: list[float]
    degrees: float = 0.0
    is_ellipse: bool = False
    points: list[list[float]] | None = None  # where it consists of points that are all there

    def around(self) -> list[float]:
        """The upright box [x, y, width, height] around it."""
        if not self.degrees:
            return self.box
        x, y, width, height = self.box
        if self.is_ellipse:
            return around_ellipse(x + width / 2, y + height / 2, width / 2, height / 2, self.degrees)
        return around_turned(self.box, self.degrees)

    def towards(self, other: "CvatShape", share: float) -> "CvatShape":
        """The shape `share` (0..1) of the way to `other`, turned the shorter way round."""
        box = [a * (1 - share) + b * share for a, b in zip(self.box, other.box, strict=True)]
        turn = (other.degrees - self.degrees + 180) % 360 - 180
        points = None
        if self.points is not None and other.points is not None and len(self.points) == len(other.points):
            pairs = zip(self.points, other.points, strict=True)
            points = [[a[n] * (1 - share) + b[n] * share for n in (0, 1)] for a, b in pairs]
        return CvatShape(box, self.degrees + turn * share, self.is_ellipse, points)


def is_outside(shape: ET.Element) -> bool:
    """Whether a shape of a track is no longer there; a skeleton says it of each of its points."""
    if shape.tag == "skeleton":
        return all(is_outside(point) for point in shape.iter("points"))
    return shape.get("outside") == "1"


def shape_in(element: ET.Element, where: str) -> CvatShape:
    """What an element draws. Raises LabelError; KeyError and ValueError where it is not as CVAT has it."""
    of, tag = element.attrib, element.tag
    degrees = float(of.get("rotation", 0))
    if not math.isfinite(degrees):
        raise ValueError(f"rotation {of['rotation']}")
    if tag == "box":
        left, top, right, bottom = (float(of[name]) for name in ("xtl", "ytl", "xbr", "ybr"))
        return CvatShape([left, top, right - left, bottom - top], degrees)
    if tag == "ellipse":
        cx, cy, rx, ry = (float(of[name]) for name in ("cx", "cy", "rx", "ry"))
        return CvatShape([cx - rx, cy - ry, 2 * rx, 2 * ry], degrees, is_ellipse=True)
    if tag == "cuboid":
        return CvatShape(around([[float(of[f"x{corner}"]), float(of[f"y{corner}"])] for corner in CUBOID]))
    if tag == "mask":
        runs = [int(run) for run in of["rle"].split(",")]
        x, y, width, height = around_runs(runs, int(of["width"]), int(of["height"]), by_columns=False)
        return CvatShape([x + float(of["left"]), y + float(of["top"]), width, height])
    if tag == "skeleton":
        there = [point for point in element.iter("points") if point.get("outside") != "1"]
        points = [place for point in there for place in _places(point)]
        whole = len(there) == len(list(element.iter("points")))
        return CvatShape(around(points), points=points if whole else None)
    if tag not in SHAPES:
        raise LabelError(f"{where}: expected one of {', '.join(SHAPES)}, got {tag}")
    places = _places(element)
    return CvatShape(around(places), degrees, points=places if tag == "points" else None)


def _places(element: ET.Element) -> list[list[float]]:
    pairs = [[float(value) for value in pair.split(",")] for pair in element.attrib["points"].split(";")]
    if any(len(pair) != 2 for pair in pairs):
        raise ValueError(f"points {element.attrib['points'][:40]}")
    return pairs


class CvatHands:
    """Reads shapes as hands."""

    def __init__(self, kinds: Kinds, omissions: Omissions) -> None:
        self._kinds, self._omissions = kinds, omissions

    def of(self, element: ET.Element, label: str, where: str) -> list[HandLabel]:
        """The hand in one shape; none in tags and attributes, and where it cannot be used. LabelError."""
        found = self.shape(element, label, where)
        return [] if found is None else [hand_of(*found)]

    def shape(self, element: ET.Element, label: str, where: str) -> tuple[CvatShape, str] | None:
        """A shape, and its kind. LabelError."""
        if element.tag in ("tag", "attribute"):
            return None
        if self.is_none(element, label, where):
            return None
        with self._omissions.guarding("box", where, "CVAT"):
            return shape_in(element, where), self._kind(element, label, where)
        return None

    def is_none(self, element: ET.Element, label: str, where: str) -> bool:
        """Whether a shape is of a class that is no hand. LabelError."""
        return element.tag in SHAPES and self._kind(element, label, where) == NONE

    def _kind(self, element: ET.Element, label: str, where: str) -> str:
        attributes = element.findall("attribute")
        own = next((a.text or "" for a in attributes if a.get("name") == "kind"), "")
        return self._kinds.of(own or label, where)


def hand_of(shape: CvatShape, kind: str) -> HandLabel:
    """The hand that a shape of a kind shows."""
    landmarks = shape.points if shape.points is not None and len(shape.points) == 21 else None
    return HandLabel(shape.around(), kind, landmarks=landmarks, labelled_by="class")

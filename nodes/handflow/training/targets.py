"""Labelled hands -> what the network's maps should show, and a mask of where that counts."""

from enum import IntEnum
from typing import Literal, NamedTuple

import numpy as np

OPEN, OTHER, UNKNOWN, IGNORE, COARSE = range(5)  # coarse: a hand of unknown kind whose box is only about right
PERSON, HEAD, ELBOW, WRIST, FOOT = range(5, 10)  # people and their parts, for the heads that only training has
KINDS = {"open": OPEN, "other": OTHER, "unknown": UNKNOWN, "ignore": IGNORE}  # as labels name them

SIGMA = 0.11  # of a hand's blob, in hands; but at least 0.7 cells
COARSE_SIGMA = 0.25  # off by up to half a hand: the cells around are forgiven
DISC = 0.25  # radius of 2017's flat disc, in hands; but at least a cell
EVEN_SIGMA = 1.2  # of a blob, in cells, whose cells weigh as the background's do where hands are to count evenly
PART_SIGMA = 0.22  # of the blob of a person or part, of its box; but at least .6 cells

Blob = Literal["gauss", "disc"]


class PeopleLabelled(IntEnum):
    """Whose parts are labelled in a picture."""

    NOBODY = 0
    SOME = 1  # so only in their boxes is it known what is where
    EVERYBODY = 2


class Targets(NamedTuple):
    """The maps of one picture, all of (rows, columns)."""

    heat: np.ndarray  # (2, rows, columns) float32: any hand, open palm
    mask: np.ndarray  # (2, rows, columns) float32: 0 where the loss must not look
    centre: np.ndarray  # (2, rows, columns) float32: 1 in the cell that holds a hand's centre
    size: np.ndarray  # (3, rows, columns) float32: log of the radius in cells, offset x and y in cells
    weight: np.ndarray  # (2, rows, columns) float32: how much radius and offset count here
    coarse: np.ndarray  # (k, 3) float32: x, y and longer side, in cells, of hands whose centre is yet to be found


def draw_targets(
    boxes: np.ndarray,
    kinds: np.ndarray,
    columns: int,
    rows: int,
    shape: Blob = "gauss",
    other_weight: float = 0.0,
    even: bool = False,
) -> Targets:
    """`boxes` (n, 4) are x, y, width, height in cells of the map, `kinds` (n,) the constants above.

    A coarse hand lies somewhere about its box's middle: no cell is its centre yet (coarse_labels.assign_coarse finds
    one), and the mask makes small what the cells around lose by lighting up.
    `even`: in a hand's box the mask falls as its blob grows, so that a hand that fills the picture, with a hundred
    times the cells of a far one, counts ten times as much and not a hundred times.
    """
    order = np.argsort(kinds == IGNORE, kind="stable")[::-1]  # ignored regions first: a labelled hand inside one counts
    boxes, kinds = boxes[order], kinds[order]
    coarse = boxes[kinds == COARSE]
    targets = Targets(
        heat=np.zeros((2, rows, columns), np.float32),
        mask=draw_mask(boxes, kinds, columns, rows, other_weight, even),
        centre=np.zeros((2, rows, columns), np.float32),
        size=np.zeros((3, rows, columns), np.float32),
        weight=np.zeros((2, rows, columns), np.float32),
        coarse=np.column_stack([coarse[:, :2] + coarse[:, 2:] / 2, coarse[:, 2:].max(axis=1, initial=0)]).astype("f4"),
    )
    for box, kind in zip(boxes, kinds, strict=True):
        if kind != IGNORE:
            draw_hand(targets, box, kind, shape)
    return targets


def draw_mask(
    boxes: np.ndarray, kinds: np.ndarray, columns: int, rows: int, other_weight: float, even: bool = False
) -> np.ndarray:
    """(2, rows, columns): W(p) of OpenPose (arXiv 1812.08008), 0 in ignored regions.

    For the open map also (`other_weight`) in the boxes of hands that are not open for sure: they may light up, they
    need not. Where boxes overlap, the later one counts.
    """
    mask = np.ones((2, rows, columns), np.float32)
    inside = [window(box, columns, rows) for box in boxes]
    sigma = np.maximum(0.7, SIGMA * boxes[:, 2:].max(axis=1, initial=0))
    weight = (EVEN_SIGMA / sigma).clip(0.1, 1.7) if even else np.ones(len(boxes))
    hands = list(zip(kinds, inside, weight, strict=True))
    for kind, (down, across), own in hands:
        if kind == IGNORE:
            mask[:, down, across] = 0
        else:
            mask[0, down, across] = own
    for kind, (down, across), own in hands:
        if kind in (OTHER, UNKNOWN, COARSE):
            mask[1, down, across] = other_weight * own if kind == OTHER else 0
    for kind, (down, across), own in hands:
        if kind == OPEN:
            mask[1, down, across] = own
    return mask


def draw_hand(targets: Targets, box: np.ndarray, kind: int, shape: Blob) -> None:
    """Adds one hand to the maps; `box` as in `draw_targets`."""
    heat, mask, centre, size, weight, _ = targets
    rows, columns = heat.shape[1:]
    left, top, width, height = box
    hand = max(width, height)
    dx = (
        left + width / 2 - (np.arange(columns, dtype=np.float32) + 0.5)
    )  # (columns,): from cells' middles to the hand's
    dy = top + height / 2 - (np.arange(rows, dtype=np.float32)[:, None] + 0.5)  # (rows, 1)
    if shape == "gauss":
        sigma = max(0.7, (COARSE_SIGMA if kind == COARSE else SIGMA) * hand)
        blob = np.exp(-(dx**2 + dy**2) / (2 * sigma**2))  # (rows, columns)
    else:
        blob = (dx**2 + dy**2 < max(1.0, DISC * hand) ** 2).astype(np.float32)
    if kind == COARSE:
        mask[0] *= (1 - 0.6 * blob) ** 4
    column = min(max(int(left + width / 2), 0), columns - 1)
    row = min(max(int(top + height / 2), 0), rows - 1)
    for channel in () if kind == COARSE else (0, 1) if kind == OPEN else (0,):
        np.maximum(heat[channel], blob, out=heat[channel])
        centre[channel, row, column] = 1
    nearest = blob > weight[0]  # where two hands overlap, a cell speaks of the nearer one
    near = nearest & (np.abs(dx) <= 1.5) & (np.abs(dy) <= 1.5)
    size[0][nearest] = np.log(max(hand / 2, 0.25))
    size[1:, near] = np.broadcast_arrays(dx, dy)[0][near], np.broadcast_arrays(dx, dy)[1][near]
    weight[1][nearest] = 0
    weight[1][near] = kind != COARSE
    # Boxes guessed from joints are looser than others: they say where a hand is, not how large.
    weight[0][nearest] = np.where(blob > 0.3, blob, 0)[nearest] * (kind != COARSE)


def draw_parts(
    boxes: np.ndarray, kinds: np.ndarray, people: PeopleLabelled, columns: int, rows: int
) -> tuple[np.ndarray, np.ndarray]:
    """Maps (5, rows, columns) of people and their parts, and a mask (1, rows, columns) of where they are known.

    `boxes` (m, 4) in cells, `kinds` (m,) from PERSON to FOOT.
    """
    heat = np.zeros((5, rows, columns), np.float32)
    mask = np.full((1, rows, columns), people == PeopleLabelled.EVERYBODY, np.float32)
    if people == PeopleLabelled.NOBODY:
        return heat, mask
    x = np.arange(columns, dtype=np.float32) + 0.5
    y = np.arange(rows, dtype=np.float32)[:, None] + 0.5
    for box, kind in zip(boxes, kinds, strict=True):
        middle, sigma = box[:2] + box[2:] / 2, np.maximum(0.6, PART_SIGMA * box[2:])
        blob = np.exp(-((x - middle[0]) ** 2) / (2 * sigma[0] ** 2) - (y - middle[1]) ** 2 / (2 * sigma[1] ** 2))
        np.maximum(heat[kind - PERSON], blob, out=heat[kind - PERSON])
        if kind == PERSON:
            mask[(0, *window(box, columns, rows))] = 1
    return heat, mask


def window(box: np.ndarray, columns: int, rows: int) -> tuple[slice, slice]:
    """The rows and columns that a box (x, y, width, height in cells) touches."""
    left, top = np.floor(box[:2]).astype(int).clip(0)
    right, bottom = np.ceil(box[:2] + box[2:]).astype(int).clip(0)
    return slice(min(top, rows), min(bottom, rows)), slice(min(left, columns), min(right, columns))

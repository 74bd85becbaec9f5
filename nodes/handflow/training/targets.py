"""Labelled hands -> what the network's maps should show, and a mask of where that counts."""

from typing import Literal, NamedTuple

import numpy as np

OPEN, OTHER, UNKNOWN, IGNORE, ROUGH = range(5)  # rough: a hand of unknown kind whose box is only about right
KINDS = {"open": OPEN, "other": OTHER, "unknown": UNKNOWN, "ignore": IGNORE}  # as labels name them

SIGMA = 0.11  # of a hand's blob, in hands; but at least 0.7 cells


class Targets(NamedTuple):
    """The maps of one picture, all of (rows, columns)."""

    heat: np.ndarray  # (2, rows, columns) float32: any hand, open palm
    mask: np.ndarray  # (2, rows, columns) float32: 0 where the loss must not look
    centre: np.ndarray  # (2, rows, columns) float32: 1 in the cell that holds a hand's centre
    size: np.ndarray  # (3, rows, columns) float32: log of the radius in cells, offset x and y in cells
    weight: np.ndarray  # (2, rows, columns) float32: how much radius and offset count here
    rough: (
        np.ndarray
    )  # (k, 3) float32: x, y and longer side, in cells, of hands whose centre the network settles itself


def draw_targets(
    boxes: np.ndarray,
    kinds: np.ndarray,
    columns: int,
    rows: int,
    shape: Literal["gauss", "disc"] = "gauss",
    other_weight: float = 0.0,
) -> Targets:
    """`boxes` (n, 4) are x, y, width, height in cells of the map, `kinds` (n,) the constants above.

    The mask is W(p) of OpenPose (arXiv 1812.08008): 0 in ignored regions; for the open map also (`other_weight`) in the
    boxes of hands that are not open for sure: they may light up, they need not.
    A rough hand lies somewhere about its box's middle: no cell is its centre yet (losses.settle finds one), and
    the mask makes small what the cells around lose by lighting up.
    """
    heat = np.zeros((2, rows, columns), np.float32)
    mask = np.ones((2, rows, columns), np.float32)
    centre = np.zeros((2, rows, columns), np.float32)
    size = np.zeros((3, rows, columns), np.float32)
    weight = np.zeros((2, rows, columns), np.float32)
    rough: list[tuple[float, float, float]] = []
    x = np.arange(columns, dtype=np.float32) + 0.5  # the cells' middles
    y = np.arange(rows, dtype=np.float32)[:, None] + 0.5
    inside = [window(box, columns, rows) for box in boxes]
    order = np.argsort(kinds == IGNORE, kind="stable")[::-1]  # ignored regions first: a labelled hand inside one counts
    for n in order:
        if kinds[n] == IGNORE:
            mask[(slice(None), *inside[n])] = 0
        else:
            mask[(0, *inside[n])] = 1
    for n in order:
        if kinds[n] in (OTHER, UNKNOWN, ROUGH):
            mask[(1, *inside[n])] = other_weight if kinds[n] == OTHER else 0
    for n in order:
        if kinds[n] == IGNORE:
            continue
        left, top, width, height = boxes[n]
        hand = max(width, height)
        dx = left + width / 2 - x  # (columns,): from each cell's middle to the hand's centre
        dy = top + height / 2 - y  # (rows, 1)
        if shape == "gauss":
            sigma = max(0.7, (0.25 if kinds[n] == ROUGH else SIGMA) * hand)  # off by half a hand: forgive neighbours
            blob = np.exp(-(dx**2 + dy**2) / (2 * sigma**2))  # (rows, columns)
        else:
            blob = (dx**2 + dy**2 < max(1.0, 0.25 * hand) ** 2).astype(np.float32)  # the flat disc of 2017
        if kinds[n] == ROUGH:
            rough.append((left + width / 2, top + height / 2, hand))
            mask[0] *= (1 - 0.6 * blob) ** 4
        column = min(max(int(left + width / 2), 0), columns - 1)
        row = min(max(int(top + height / 2), 0), rows - 1)
        for channel in () if kinds[n] == ROUGH else (0, 1) if kinds[n] == OPEN else (0,):
            np.maximum(heat[channel], blob, out=heat[channel])
            centre[channel, row, column] = 1
        if kinds[n] == OPEN:
            mask[(1, *inside[n])] = 1
        nearest = blob > weight[0]  # where two hands overlap, a cell speaks of the nearer one
        near = nearest & (np.abs(dx) <= 1.5) & (np.abs(dy) <= 1.5)
        size[0][nearest] = np.log(max(hand / 2, 0.25))
        size[1:, near] = np.broadcast_arrays(dx, dy)[0][near], np.broadcast_arrays(dx, dy)[1][near]
        weight[1][nearest] = 0
        weight[1][near] = kinds[n] != ROUGH
        weight[0][nearest] = np.where(blob > 0.3, blob, 0)[nearest]
    return Targets(heat, mask, centre, size, weight, np.array(rough, np.float32).reshape(-1, 3))


def window(box: np.ndarray, columns: int, rows: int) -> tuple[slice, slice]:
    """The rows and columns that a box (x, y, width, height in cells) touches."""
    left, top = np.floor(box[:2]).astype(int).clip(0)
    right, bottom = np.ceil(box[:2] + box[2:]).astype(int).clip(0)
    return slice(min(top, rows), min(bottom, rows)), slice(min(left, columns), min(right, columns))

"""Places where something fires for ever without moving: lamps, leaves, statues, hands on posters.

A clutter map: the share of the time in which each place of the picture fired without moving, of late. A track there has
that much more clutter to compete with (Musicki, Suvorova, Morelande and Moran, Clutter map and target tracking, 2005).
"""

import numpy as np

from .kalman import share

# Across the picture: cells of half the size of the smallest hand that is found.
COLUMNS = 96
# A place that fires for a tenth of the time has twice as much clutter as one that never did.
USUAL = 0.1


class ClutterMap:
    """What is usual, by place. `aspect`: the picture's height / width."""

    def __init__(self, aspect: float) -> None:
        self.aspect = aspect
        self.habit = np.zeros((max(1, round(COLUMNS * aspect)), COLUMNS), np.float32)

    def learn(self, positions: list[complex], dt: float, learn_s: float) -> None:
        """Takes in where things fired that did not move, `dt` seconds after the last time. Positions in widths."""
        fired = np.zeros(self.habit.shape, bool)
        for row, column in map(self._cell, positions):
            fired[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2] = True
        self.habit += (fired - self.habit) * np.float32(share(dt, learn_s))

    def at(self, position: complex) -> float:
        """How usual it is that something fires at `position`, 0..1."""
        return float(self.habit[self._cell(position)])

    def _cell(self, position: complex) -> tuple[int, int]:
        rows, columns = self.habit.shape
        row, column = int(position.imag / self.aspect * rows), int(position.real * columns)
        return min(max(row, 0), rows - 1), min(max(column, 0), columns - 1)

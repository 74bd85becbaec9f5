"""How far each camera's floor lies beside the others', from the hands that two of them see at a time.

For two cameras, every difference between a hand of one and a hand of the other is a vote. Those of one hand fall on one
place, however far the two are off; those of different people fall anywhere. So nothing need be matched before.
"""

import itertools
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

REACH_M = 1.5  # a camera that is farther off was calibrated to another floor
CELL_M = 0.1
CELLS = 2 * round(REACH_M / CELL_M) + 1
MOVED_M = 0.15  # a hand votes again when it has gone so far: people at rest would vote for their neighbours
KEEP = 0.9995  # of all votes, at each new one: thousands count
# So many votes for one place, and so many times those that would be there by chance.
LEAST_VOTES, LEAST_RATIO = 25.0, 4.0


class PairOffset(NamedTuple):
    """How far positions of one camera lie from another's, metres."""

    offset: complex  # first minus second
    spread: float  # standard deviation of a single hand about it, along x or y
    votes: float


class PairVotes:
    """The votes on two cameras."""

    def __init__(self) -> None:
        self._votes = np.zeros((CELLS, CELLS))
        self._sums = np.zeros((CELLS, CELLS), complex)  # of the differences themselves

    def add(self, differences: np.ndarray) -> None:
        """Differences (n,), complex, metres, of one hand of the first camera to all of the second."""
        self._votes *= KEEP
        self._sums *= KEEP
        near = differences[np.maximum(abs(differences.real), abs(differences.imag)) < REACH_M]
        column = np.floor(near.real / CELL_M + CELLS / 2).astype(int)
        row = np.floor(near.imag / CELL_M + CELLS / 2).astype(int)
        np.add.at(self._votes, (row, column), 1)
        np.add.at(self._sums, (row, column), near)

    def offset(self) -> PairOffset | None:
        """Where they agree; None: they do not, or there are too few."""
        total = self._votes.sum()
        if total < LEAST_VOTES:
            return None
        windows = _window_sums(self._votes)
        row, column = np.unravel_index(windows.argmax(), windows.shape)
        votes = float(windows[row, column])
        by_chance = (total - votes) * 25 / CELLS**2
        if votes < LEAST_VOTES or votes < LEAST_RATIO * by_chance:
            return None
        part = slice(max(row - 2, 0), row + 3), slice(max(column - 2, 0), column + 3)
        mean = complex(self._sums[part].sum() / votes)
        cells = (np.arange(CELLS) - (CELLS - 1) / 2) * CELL_M
        distance = abs(cells[part[1]][None, :] + 1j * cells[part[0]][:, None] - mean) ** 2
        return PairOffset(mean, float(np.sqrt((self._votes[part] * distance).sum() / votes / 2)), votes)


class CameraOffsets:
    """The votes on every two of some cameras."""

    def __init__(self) -> None:
        self._pairs: dict[tuple[str, str], PairVotes] = {}
        self._voted: dict[tuple[str, str, int], complex] = {}  # where a hand last voted

    def see(self, camera: str, hands: Mapping[int, complex], others: Mapping[str, Mapping[int, complex]]) -> None:
        """Hands of one camera by id, and those of the others at the same moment; metres, as they are calibrated."""
        for other, theirs in others.items():
            first, second = sorted((camera, other))
            if not theirs or not hands:
                continue
            places = np.array(list(theirs.values()))
            sign = 1 if camera == first else -1
            for id_, place in hands.items():
                before = self._voted.get((camera, other, id_))
                if before is None or abs(place - before) > MOVED_M:
                    self._voted[camera, other, id_] = place
                    votes = self._pairs.setdefault((first, second), PairVotes())
                    votes.add(sign * (place - places))

    def forget(self, camera: str, ids: Mapping[int, object]) -> None:
        """Of this camera only these hands are still there."""
        gone = [key for key in self._voted if key[0] == camera and key[2] not in ids]
        for key in gone:
            del self._voted[key]

    def pairs(self) -> dict[tuple[str, str], PairOffset]:
        """What is known of every two cameras."""
        found = {pair: votes.offset() for pair, votes in self._pairs.items()}
        return {pair: offset for pair, offset in found.items() if offset is not None}

    def cameras(self) -> dict[str, complex]:
        """How far each camera is off, metres: with the fewest of them off that explain what every two say."""
        pairs = self.pairs()
        found: dict[str, complex] = {}
        for group in _groups(pairs):
            at = {camera: number for number, camera in enumerate(group)}
            rows, values, weights = [], [], []
            for (first, second), offset in pairs.items():
                if first in at:
                    row = np.zeros(len(group))
                    row[at[first]], row[at[second]] = 1, -1
                    rows.append(row)
                    values.append(offset.offset)
                    weights.append(np.sqrt(offset.votes))
            weight = np.array(weights)
            solved = np.linalg.lstsq(np.array(rows) * weight[:, None], np.array(values) * weight, rcond=None)[0]
            # Only differences are known. The sum of distances from the median is least: of four, one that is off alone
            # is found; of two, each is off by half.
            solved -= complex(np.median(solved.real), np.median(solved.imag))
            found |= dict(zip(group, map(complex, solved), strict=True))
        return found


def _groups(pairs: Mapping[tuple[str, str], PairOffset]) -> list[list[str]]:
    """Cameras that are joined by pairs."""
    groups: list[set[str]] = []
    for pair in pairs:
        joined = [group for group in groups if not group.isdisjoint(pair)]
        groups = [group for group in groups if group not in joined] + [set(pair).union(*joined)]
    return [sorted(group) for group in groups]


def _window_sums(votes: np.ndarray) -> np.ndarray:
    """The votes of the 5x5 cells about each: a hand's own scatter, and calibrations that differ from place to place."""
    padded = np.pad(votes, 2)
    steps = list(itertools.product(range(5), repeat=2))
    return np.sum([padded[row : row + CELLS, column : column + CELLS] for row, column in steps], axis=0)

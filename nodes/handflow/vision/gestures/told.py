"""What a detector says of each slot in one step."""

from typing import NamedTuple

import numpy as np


class Told(NamedTuple):
    """One gesture in one step; arrays with a slot for each hand. `with_`: the slot of the other hand, -1 none."""

    name: str
    active: np.ndarray
    progress: np.ndarray
    confidence: np.ndarray
    rate: np.ndarray | None = None  # Hz
    strength: np.ndarray | None = None  # sizes
    with_: np.ndarray | None = None

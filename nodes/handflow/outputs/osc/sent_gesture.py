"""A gesture on its way out."""

from typing import NamedTuple


class SentGesture(NamedTuple):
    """One gesture as it is sent."""

    name: str
    hands: tuple[int, int]  # ids; -1: no second one
    slots: tuple[int, int]
    phase: int
    progress: float
    confidence: float
    xy: tuple[float, float]
    rate: float
    strength: float

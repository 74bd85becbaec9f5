"""What a detector says of a hand in one step."""

from typing import NamedTuple


class Told(NamedTuple):
    """One gesture that goes on."""

    name: str
    slot: int
    progress: float = 1.0
    confidence: float = 1.0
    rate: float = 0.0  # Hz
    strength: float = 0.0  # sizes
    other: int = -1  # the slot of the other hand


def margin(value: float, needed: float) -> float:
    """A confidence: 0.5 where `value` is just what is needed, 1 at twice that."""
    return 0.5 + 0.5 * min(max(value / needed - 1, 0.0), 1.0)

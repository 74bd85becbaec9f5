"""How long to wait before something that failed is tried again."""

from collections.abc import Sequence


def pause_s(pauses_s: Sequence[float], failures: int) -> float:
    """Seconds to wait after one failure that followed `failures` others: of growing pauses, the last for ever."""
    return pauses_s[min(failures, len(pauses_s) - 1)]

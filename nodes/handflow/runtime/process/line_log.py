"""The last lines that a running graph has said, for whoever cannot see its terminal."""

import time
from collections import deque
from collections.abc import Callable
from typing import TypedDict

from handflow.runtime.address import masked

KEPT_LINES = 500


class LogLine(TypedDict):
    """A line, with its number: whoever has read up to there asks for what came after it."""

    number: int  # from 1
    at: float  # seconds since 1970
    text: str


class LineLog:
    """Remembers the newest lines."""

    def __init__(self) -> None:
        self._lines: deque[LogLine] = deque(maxlen=KEPT_LINES)
        self._count = 0

    def remembering(self, say: Callable[[str], None]) -> Callable[[str], None]:
        """`say`, with each line remembered."""

        def say_and_remember(text: str) -> None:
            self._count += 1
            self._lines.append(LogLine(number=self._count, at=round(time.time(), 3), text=masked(text)))
            say(text)

        return say_and_remember

    def after(self, number: int) -> list[LogLine]:
        """The lines after that number, as far as they are remembered."""
        return [line for line in self._lines if line["number"] > number]

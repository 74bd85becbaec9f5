"""A line for each frame as it comes, and one that says that nobody is there any more when none does."""

import time
from typing import Any

from handflow.messages import Gestures, Hands

from .json_line import Line, gesture_lines, line_of

REPEATED_S = 1.0  # how often it is said that nobody is there


class LiveLines:
    """The lines of what is called `name`. No hands for `lost_s`: there are none.

    `persistent`: what outlives a crash; times go on from the same frame then.
    """

    def __init__(self, name: str, lost_s: float, persistent: dict[str, Any]) -> None:
        self.name, self.lost_s, self._persistent = name, lost_s, persistent
        self._last: Line | None = None  # of the newest frame
        self.received_s = self.reported_s = time.monotonic()

    def of(self, hands: Hands, gestures: Gestures | None = None) -> list[Line]:
        """The frame's line, after one that is due. Without a stage that tells gestures it does not speak of them."""
        # After a sleep of the machine no idle moment comes first; whoever is there now, those of before are gone.
        late = time.monotonic() - self.received_s > self.lost_s and self.reported_s <= self.received_s
        lines = self.last() if late else []
        self.received_s = time.monotonic()
        if self._persistent.get("stream") != hands.stream:
            self._persistent.update(stream=hands.stream, first_ns=hands.captured_ns)
        self._last = line_of(self.name, hands, self._persistent["first_ns"])
        if gestures is not None:
            self._last["gestures"] = gesture_lines(gestures)
        return [*lines, self._last]

    def overdue(self) -> list[Line]:
        """The line of nobody, if it is time for it: to be asked while no hands come."""
        now = time.monotonic()
        if now - self.received_s <= self.lost_s or now - self.reported_s <= REPEATED_S:
            return []
        self.reported_s = now
        return self.last()

    def pause(self) -> None:
        """No hands are read for a while, which says nothing about whether there are any."""
        self._last = None
        self.received_s = self.reported_s = time.monotonic()

    def last(self) -> list[Line]:
        """The last frame once more, without hands and marked: readers would keep its hands for ever otherwise."""
        if self._last is None:
            return []
        empty: Line = {name: [] for name in ("hands", "gestures") if name in self._last}
        return [{**self._last, **empty, "lost": True}]

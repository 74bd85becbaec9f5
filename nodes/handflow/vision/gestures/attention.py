"""Who may play: hands that waved, a few at a time, in turn. What an installation needs against passers-by."""

from collections import deque
from typing import Annotated, Literal

import msgspec

from handflow.runtime.node import Range


class AttentionSettings(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """Whose gestures count."""

    after: Literal["nothing", "wave"] = "nothing"  # wave: a hand's gestures count once it waved
    players: Annotated[int, Range(1, 100)] = 4  # hands that play at a time
    turn_s: Annotated[float, Range(1, 3600)] = 30.0  # a turn's length where others wait for theirs


class Attention:
    """Keeps the players, and those who wait in the order in which they waved."""

    def __init__(self, settings: AttentionSettings) -> None:
        self.settings = settings
        self.since_s: dict[int, float] = {}  # slot -> when its turn began
        self.waiting: deque[int] = deque()

    def step(self, now_s: float, there: set[int], waved: list[int]) -> None:
        """`there`: slots with a hand; `waved`: those that just began a wave."""
        self.since_s = {slot: at for slot, at in self.since_s.items() if slot in there}
        self.waiting = deque(slot for slot in self.waiting if slot in there)
        self.waiting.extend(slot for slot in waved if slot not in self.since_s and slot not in self.waiting)
        while self.waiting:
            if len(self.since_s) >= self.settings.players:
                longest = min(self.since_s, key=lambda slot: self.since_s[slot])
                if now_s - self.since_s[longest] < self.settings.turn_s:
                    break
                # Who waves again waits behind the others.
                del self.since_s[longest]
            self.since_s[self.waiting.popleft()] = now_s

    def restart(self, slots: list[int]) -> None:
        """These slots are other hands from now on."""
        for slot in slots:
            self.since_s.pop(slot, None)
            if slot in self.waiting:
                self.waiting.remove(slot)

    def progress(self, slot: int, now_s: float) -> float:
        """How much of its turn a player has had, 0..1."""
        return min((now_s - self.since_s[slot]) / self.settings.turn_s, 1.0)

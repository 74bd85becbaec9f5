"""How many messages may be on their way to another machine: as many as arrive without queueing.

Readers acknowledge what has arrived. While that takes no longer than it can, more and more may be on their way; once
a queue has formed somewhere (a slow link, a full router), fewer, down to one: what is sent next is then the newest.
Congestion control by delay, as in TCP Vegas (Brakmo, O'Malley, Peterson 1994).
"""

from collections import OrderedDict
from dataclasses import dataclass

# Windows in messages: half a second at 30 fps at most, and that of a new reader.
MAX_WINDOW, FIRST_WINDOW = 16, 2.0
# What each good arrival adds to a window, and what each late one multiplies it by.
WIDEN_BY, NARROW_TIMES = 0.25, 0.5
# A message that takes so much longer than the quickest one has waited in a queue.
QUEUED_S = 0.1
# A reader that has acknowledged nothing for so long, or for thrice its delay, is gone and not waited for.
SILENT_S = 3.0
# More readers than this are none of ours.
MAX_READERS = 16
# Routes change, and a link that stays slow is no longer late: the least delay grows by so many seconds a second.
FORGET_DELAY = 0.05


@dataclass
class RemoteReader:
    """A subscription on another machine."""

    acknowledged: int  # number of the last message that has arrived
    heard_s: float  # when that was said, or when it began to owe an answer
    least_s: float  # that a message and its acknowledgement take
    window: float = FIRST_WINDOW  # how many messages may be on their way


class CongestionWindow:
    """How many messages of one node may be on their way, in one form (Crossing).

    Where several machines read it the fastest counts: none waits for another.
    """

    def __init__(self) -> None:
        self.readers: dict[bytes, RemoteReader] = {}
        self._on_way: OrderedDict[int, float] = OrderedDict()  # number -> when it was sent, oldest first

    def open(self, now: float) -> bool:
        """Whether another message may be sent."""
        for name, reader in list(self.readers.items()):
            if self._behind(reader) and now - reader.heard_s > max(SILENT_S, 3 * reader.least_s):
                del self.readers[name]
        return not self.readers or any(self._behind(r) < int(r.window) for r in self.readers.values())

    def sent(self, number: int, now: float) -> None:
        """A message has been sent."""
        for reader in self.readers.values():
            if not self._behind(reader):
                reader.heard_s = now
        self._on_way[number] = now
        while len(self._on_way) > 4 * MAX_WINDOW:
            self._on_way.popitem(last=False)

    def arrived(self, name: bytes, number: int, now: float) -> None:
        """A reader acknowledges a message; what was never sent is passed over."""
        since = self._on_way.get(number)
        if since is None or (name not in self.readers and len(self.readers) >= MAX_READERS):
            return
        delay = now - since
        before = self.readers.get(name)
        least = min(delay, before.least_s + (now - before.heard_s) * FORGET_DELAY) if before else delay
        window = before.window if before else FIRST_WINDOW
        window = min(window + WIDEN_BY, MAX_WINDOW) if delay - least < QUEUED_S else max(window * NARROW_TIMES, 1)
        self.readers[name] = RemoteReader(max(number, before.acknowledged if before else 0), now, least, window)
        done = min(reader.acknowledged for reader in self.readers.values())
        while self._on_way and next(iter(self._on_way)) <= done - MAX_WINDOW:
            self._on_way.popitem(last=False)

    def _behind(self, reader: RemoteReader) -> int:
        return sum(number > reader.acknowledged for number in self._on_way)

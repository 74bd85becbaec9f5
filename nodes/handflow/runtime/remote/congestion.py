"""How many messages may be on their way to another machine: as many as arrive without queueing.

Readers acknowledge what has arrived. While that takes no longer than it can, more and more may be on their way; once
a queue has formed somewhere (a slow link, a full router), fewer, down to one: what is sent next is then the newest.
Congestion control by delay, as in TCP Vegas (Brakmo, O'Malley, Peterson 1994).
"""

from collections import OrderedDict
from dataclasses import dataclass

MOST = 16  # half a second at 30 fps
FIRST, MORE, LESS = 2.0, 0.25, 0.5  # the window of a new reader; added by each good arrival; times, by each late one
QUEUE_S = 0.1  # more than the least delay: a queue
SILENT_S = 3.0  # a reader that has acknowledged nothing for so long, or thrice its delay, is not waited for: it is gone
READERS = 16  # more are none of ours
CREEP = 0.05  # seconds a second by which the least delay is forgotten: routes change


@dataclass
class RemoteReader:
    """One reading end on another machine."""

    acked: int  # number of the last message that has arrived
    heard: float  # seconds, when that was said, or when it began to owe an answer
    least: float  # seconds that a message and its acknowledgement take
    window: float = FIRST  # how many may be on their way


class CongestionWindow:
    """Of one form of one node's messages. Where several machines read it the fastest counts: none waits for another."""

    def __init__(self) -> None:
        self.readers: dict[bytes, RemoteReader] = {}
        self._on_way: OrderedDict[int, float] = OrderedDict()  # number -> when it was sent, oldest first

    def open(self, now: float) -> bool:
        """Whether another message may be sent."""
        for name, reader in list(self.readers.items()):
            if self._behind(reader) and now - reader.heard > max(SILENT_S, 3 * reader.least):
                del self.readers[name]
        return not self.readers or any(self._behind(r) < int(r.window) for r in self.readers.values())

    def sent(self, number: int, now: float) -> None:
        for reader in self.readers.values():
            if not self._behind(reader):
                reader.heard = now
        self._on_way[number] = now
        while len(self._on_way) > 4 * MOST:
            self._on_way.popitem(last=False)

    def arrived(self, name: bytes, number: int, now: float) -> None:
        """A reader acknowledges a message; what was never sent is no news."""
        since = self._on_way.get(number)
        if since is None or (name not in self.readers and len(self.readers) >= READERS):
            return
        delay = now - since
        before = self.readers.get(name)
        least = min(delay, before.least + (now - before.heard) * CREEP) if before else delay
        window = before.window if before else FIRST
        window = min(window + MORE, MOST) if delay - least < QUEUE_S else max(window * LESS, 1)
        self.readers[name] = RemoteReader(max(number, before.acked if before else 0), now, least, window)
        done = min(reader.acked for reader in self.readers.values())
        while self._on_way and next(iter(self._on_way)) <= done - MOST:
            self._on_way.popitem(last=False)

    def _behind(self, reader: RemoteReader) -> int:
        return sum(number > reader.acked for number in self._on_way)

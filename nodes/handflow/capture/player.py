"""A file played as a camera would give it."""

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator

from handflow.messages import now_ns
from handflow.runtime.awake_clock import AwakeClock

from .frames import WAIT_S, CapturedFrame

REST_S = 0.012  # between two pictures that are decoded ahead


class Player:
    """Hands out a file's pictures when they are due, as a camera would; its thread decodes ahead.

    A picture is skipped if the next one is due as well. The clock starts with the first one handed out, and stands
    while this process does not run: the file goes on where it was.
    """

    def __init__(self, source: Iterable[CapturedFrame], ahead: int = 2) -> None:
        self.skipped = 0
        self._source, self._ahead = source, ahead
        self._queue: deque[CapturedFrame] = deque()
        self._changed = threading.Condition()
        self._ended = self._closing = False
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._decode, name="player", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[CapturedFrame | None]:
        """Waits for the next picture that is due; None for each 0.25 s without one. Ends with the file."""
        clock, start_s = AwakeClock(2 * WAIT_S), None
        while True:
            with self._changed:
                if not self._changed.wait_for(lambda: self._queue or self._ended, WAIT_S):
                    clock.now()
                    yield None
                    continue
                if not self._queue:
                    break
                now_s = clock.now()
                if start_s is None:
                    start_s = now_s - self._queue[0].t
                while len(self._queue) > 1 and start_s + self._queue[1].t <= now_s:
                    self._queue.popleft()
                    self.skipped += 1
                wait_s = start_s + self._queue[0].t - now_s
                captured = self._queue.popleft() if wait_s <= WAIT_S else None
                self._changed.notify()
            time.sleep(min(max(wait_s, 0.0), WAIT_S))
            yield captured and captured._replace(captured_ns=now_ns())
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(0.2)

    def _decode(self) -> None:
        try:
            for captured in self._source:
                with self._changed:
                    self._changed.wait_for(lambda: self._closing or len(self._queue) < self._ahead)
                    if self._closing:
                        return
                    self._queue.append(captured)
                    self._changed.notify()
                    enough = len(self._queue) >= self._ahead
                # The picture just handed out is on its way: decoding at once would take a core from the network.
                time.sleep(REST_S if enough else 0)
        except Exception as error:  # belongs to whoever reads
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify()

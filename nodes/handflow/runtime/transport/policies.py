"""Which of an edge's messages are read. Each policy holds the subscription that it reads.

| policy | an input that drives: `next` | any other: `match` |
|---|---|---|
| `Newest` | the newest message; what is older is skipped | the newest there is, read before or not |
| `SameFrame` | | the message of the driving one's frame, waited for while the input keeps up |
| `Lossless` | every message, in order, acknowledged (flow_control.py) | |
| `Exact` | | the frame's message, waited for as long as it takes |
"""

import time
from collections import deque
from collections.abc import Callable, Container

from handflow.errors import StaleSlot, WireError
from handflow.messages import Message

from .flow_control import ACKNOWLEDGE_MS, Credit
from .subscriber import NO_PRODUCER, Received, Subscription
from .wire import Edge, Nothing, copied, nothing_in, origin_of

# Messages that are read one by one when another process has taken over, here or at the other end: what has been held up
# then comes at once, and is not to be skipped.
CATCH_UP = 12
# After a wait this long the socket was empty before the message came, so it is the newest.
FRESH_S = 0.0005
# A message this much older than the driving one means that its sender has stopped.
OLD_S = 1.0
# The last messages that `same` keeps, to look a frame up in.
HELD_MESSAGES = 8
# After this many driving messages without a match the input counts as dead and is not waited for.
MISSES = 3
# How often one that waits for as long as it takes looks whether the producer has ended.
LOOK_MS = 50
Key = tuple[int, int]  # stream and seq


def key_of(message: Message) -> Key:
    """Which frame a message belongs to."""
    return message.stream, message.seq


class Newest:
    """Reads the newest message, and counts those that it skips by the gaps in `sent`."""

    def __init__(self, subscription: Subscription) -> None:
        self.subscription, self.edge = subscription, subscription.edge
        self._last_sent = 0
        self._waiting: deque[bytes] = deque()  # messages that have come and are not read yet
        self._in_turn = 0  # so many of them are to be read one by one
        self._latest: dict[str, Received] = {}  # by source; where there is one, by ""

    def next(self, timeout_s: float) -> Received | None:
        """Waits for a message and takes the newest; None if that cannot be read. TimeoutError."""
        subscription, waiting, began = self.subscription, self._waiting, time.perf_counter()
        first = waiting.popleft() if waiting else subscription.receive(timeout_s)
        if self._in_turn:
            self._in_turn -= 1
            return self._read(first)
        # Asking ZeroMQ for more takes a twentieth of a hop, and what had to be waited for is the newest.
        if not waiting and (time.perf_counter() - began > FRESH_S or not subscription.readable()):
            return self._read(first)
        waiting.appendleft(first)
        waiting.extend(subscription.arrived())
        if (last_before := subscription.change_over(waiting)) is not None:
            for _ in range(last_before):
                waiting.popleft()
            self.read_in_turn()
            return self.next(timeout_s)
        newest = waiting.pop()
        waiting.clear()
        return self._read(newest)

    def match(self, driving: Message) -> Received | None:
        """The newest message there is, read before or not; None if it is so old that its sender must have stopped."""
        self.keep_up()
        source = _source_of(self.edge, driving)
        latest = self._latest.get(source)
        if latest and driving.captured_ns - latest.message.captured_ns > OLD_S * 1e9:
            del self._latest[source]
            return None
        return latest

    def keep_up(self) -> None:
        """Takes in what has come, for `match` to find."""
        arrived = list(self.subscription.arrived())
        for data in arrived if len(self.edge.origins) > 1 else arrived[-1:]:
            if (received := self._read(data)) is not None:
                self._latest[_source_of(self.edge, received.message)] = received

    def read_in_turn(self, postponed: bool = False) -> None:
        """From now on the next CATCH_UP messages are read one by one. `postponed`: and worked on so much later that the
        ring would have gone round.
        """
        self._in_turn, self.subscription.postponed = CATCH_UP, postponed

    def waiting(self) -> bool:
        """Whether there is something to read."""
        return bool(self._waiting) or self.subscription.readable()

    def done(self) -> None:
        """Does nothing: this policy acknowledges no messages."""

    def rest(self) -> None:
        """Does nothing: this policy acknowledges no messages."""

    def _read(self, data: bytes) -> Received | None:
        """Decodes a message, and counts those before it that were skipped."""
        subscription = self.subscription
        producer = subscription.producer
        received = subscription.read(data)
        if subscription.producer != producer:
            self._last_sent = 0
            if producer != NO_PRODUCER:
                self.read_in_turn()
        if received is not None:
            sent = subscription.nth or received.message.sent
            # A producer that does not say who it is may have been restarted, and counts from 1 again.
            subscription.profile.skipped += max(0, sent - self._last_sent - 1) if self._last_sent else 0
            self._last_sent = sent
        return received


class SameFrame:
    """Looks up the message of the driving one's frame among the last that came."""

    def __init__(self, subscription: Subscription) -> None:
        self.subscription, self.edge = subscription, subscription.edge
        self._held: dict[Key, Received] = {}  # oldest first
        self._misses = 0  # driving messages in a row that found nothing here

    def match(self, driving: Message) -> Received | None:
        """The message of the driving one's frame, waited for only while this input keeps up."""
        wanted = key_of(driving)
        deadline = time.perf_counter() + self.edge.wait_ms / 1000
        self.keep_up()
        while wanted not in self._held:
            left = deadline - time.perf_counter()
            passed = any(stream == wanted[0] and seq > wanted[1] for stream, seq in self._held)
            # A dead input must not cost every frame its wait.
            if passed or left <= 0 or self._misses >= MISSES or not self.subscription.wait(left * 1000):
                self._misses += 1
                return None
            self.keep_up()
        received = self._held[wanted]
        return received if self.subscription.intact(received) else None

    def keep_up(self) -> None:
        """Takes in what has come, for `match` to find."""
        for data in self.subscription.arrived():
            self._misses = 0
            received = self.subscription.read(data)
            if received is not None:
                self._held[key_of(received.message)] = received
                while len(self._held) > HELD_MESSAGES * max(1, len(self.edge.origins)):
                    del self._held[next(iter(self._held))]

    def done(self) -> None:
        """Does nothing: this policy acknowledges no messages."""

    def rest(self) -> None:
        """Does nothing: this policy acknowledges no messages."""


class Lossless:
    """Reads every message, and tells the producer which are done with.

    What is lost all the same (a credit lost, a producer killed) is counted, and said once.
    """

    def __init__(self, subscription: Subscription, node: str, say: Callable[[str], None]) -> None:
        self.subscription, self.edge = subscription, subscription.edge
        self._credit = Credit(node, subscription.prefix, subscription.answer)
        self._say = say
        self._losing = False

    def next(self, timeout_s: float) -> Received | None:
        """Waits for the next message; None if it cannot be read. TimeoutError."""
        subscription = self.subscription
        if self._credit.owes() and not subscription.readable() and not subscription.wait(ACKNOWLEDGE_MS):
            self.rest()
        return self._read(subscription.receive(timeout_s))

    def read_in_turn(self, postponed: bool = False) -> None:
        """Does nothing: every message is read in turn anyway."""

    def waiting(self) -> bool:
        """Whether there is something to read."""
        return self.subscription.readable()

    def done(self, unfinished: int = 0) -> None:
        """The work on all but the last `unfinished` messages is done: their memory may be used again."""
        self._credit.done(self.subscription.number - unfinished)

    def rest(self) -> None:
        """There is time to acknowledge all that is done with."""
        self._credit.acknowledge()

    def _read(self, data: bytes) -> Received | None:
        subscription = self.subscription
        try:
            packed = subscription.unpack(data)
            if "by" not in packed:
                raise WireError("it does not say by whom it was sent")
            if subscription.missed is None:
                self._credit.begin(subscription.producer, subscription.number)
            else:
                self._count_lost(subscription.missed)
            if not subscription.wanted(data):
                return None
            received = subscription.decode(packed, Nothing if nothing_in(packed) else self.edge.kind)
            return received._replace(last=bool(packed.get("last")))
        except WireError:
            subscription.profile.refused += 1
        except StaleSlot:
            self._count_lost(1)
        return None

    def _count_lost(self, messages: int) -> None:
        self.subscription.profile.lost += messages
        if messages and not self._losing:
            self._say(f"{self.edge.node}: messages were lost; `handflow top` counts them")
        self._losing = messages > 0


class Exact:
    """Joins by frame, however long that takes: an input of an exact graph that does not drive.

    Every node of an exact graph says something for every frame of its source, if only that it has nothing; so what is
    waited for comes, and two runs join the same messages. `ended` holds the producers that have sent their last.
    """

    def __init__(
        self, subscription: Subscription, node: str, say: Callable[[str], None], ended: Container[str]
    ) -> None:
        self.subscription, self.edge = subscription, subscription.edge
        self._lossless = Lossless(subscription, node, say)
        self._ended = ended
        # By source; where there is one, by "". Of later frames than was asked for:
        self._ahead: dict[str, deque[Received]] = {}
        self._frames: dict[str, tuple[Key, Key | None]] = {}  # of the last driving message, and the one before
        self._frame: Key | None = None  # that was asked for last
        self._found: Received | None = None

    def match(self, driving: Message) -> Received | None:
        """The last message of the driving one's frame, in a loop of the frame before; None if there is none."""
        source, frame = _source_of(self.edge, driving), key_of(driving)
        last, before = self._frames.get(source, (None, None))
        if frame != last:
            before = last
            self._frames[source] = frame, before
        wanted = before if self.edge.loop else frame
        return self._of(wanted, source) if wanted else None

    def keep_up(self) -> None:
        """What has come waits in the socket: nothing may be passed over."""

    def done(self) -> None:
        """What was found is done with; what lies ahead is not, unless it was copied."""
        self._lossless.done(unfinished=len(self.edge.origins) < 2 and any(self._ahead.values()))

    def rest(self) -> None:
        """There is time to acknowledge all that is done with."""
        self._lossless.rest()

    def _of(self, frame: Key, source: str) -> Received | None:
        """A frame's last message. The frames of a source are asked for in the order in which they come."""
        if frame != self._frame:
            self._frame, self._found = frame, None
            while (received := self._next(source)) is not None:
                # Sources that stand in for others may leave frames out.
                if key_of(received.message) > frame:
                    self._ahead.setdefault(source, deque()).appendleft(received)
                    break
                if key_of(received.message) < frame:
                    self.done()
                    continue
                self._found = None if isinstance(received.message, Nothing) else received
                if received.last:
                    break
        return self._found

    def _next(self, source: str) -> Received | None:
        """The next message of a source, those of others put aside; None: the producer has ended."""
        if ahead := self._ahead.get(source):
            return ahead.popleft()
        while (received := self._one()) is not None:
            if len(self.edge.origins) < 2:
                return received
            # How far one source is ahead of another no credit bounds, so none may hang on what is put aside.
            received = received._replace(message=copied(received.message), refs=[])
            self.done()
            if (of := _source_of(self.edge, received.message)) == source:
                return received
            self._ahead.setdefault(of, deque()).append(received)
        return None

    def _one(self) -> Received | None:
        """The next message that can be read; None: the producer has ended."""
        last_look = False
        while True:
            self.subscription.locate()
            if self.subscription.wait(LOOK_MS):
                received = self._lossless.next(0)
                if received is not None:
                    return received
                if self._found is None:
                    # Of another stream than is read here.
                    self.done()
            elif last_look:
                return None
            else:
                self.rest()
                last_look = self.edge.node in self._ended


def _source_of(edge: Edge, message: Message) -> str:
    """Under which of an edge's sources a message counts; "": there is but one."""
    return origin_of(message) if len(edge.origins) > 1 else ""


Driving = Newest | Lossless
Matching = Newest | SameFrame | Exact

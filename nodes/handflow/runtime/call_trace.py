"""What a node did with each message, kept while somebody wants a trace of it."""

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from handflow.messages import Clock, Message

# Nobody has fetched so many: the oldest are dropped.
MAX_RECORDS = 20_000
# Of one call; a node that sends more in one is not shown in full.
MAX_PARTS = 32


class SentRecord(NamedTuple):
    """One message sent; times are monotonic, ns."""

    began_ns: int
    ended_ns: int
    sent: int


class InputRecord(NamedTuple):
    """One message that came in: who sent it, and which."""

    node: str
    stream: int
    seq: int
    sent: int


class CallRecord(NamedTuple):
    """One call of `process`, or one message of a source; times are monotonic, ns."""

    began_ns: int  # of a source: when the picture was taken
    ended_ns: int  # of a source: when the sending began
    stream: int
    seq: int
    skipped: int  # messages, since the record before
    lost: int
    inputs: list[InputRecord]
    sends: list[SentRecord]


class CallTrace:
    """The records of one node. One thread writes, another takes them."""

    def __init__(self, skipped: int = 0, lost: int = 0) -> None:
        self._records: deque[CallRecord] = deque(maxlen=MAX_RECORDS)
        self._inputs: list[InputRecord] | None = None
        self._sends: list[SentRecord] = []
        self._skipped, self._lost = skipped, lost  # as they were at the record before

    def begin(self, inputs: Iterable[Message | None]) -> None:
        """`process` is called with these."""
        self._sends = []
        self._inputs = [
            InputRecord(message.hops[-1].node, message.stream, message.seq, message.sent)
            for message in inputs
            if message is not None and message.hops
        ][:MAX_PARTS]

    def sent(self, message: Message, ended_ns: int, skipped: int, lost: int) -> None:
        """It has sent a message."""
        began_ns = message.hops[-1].sent_ns - Clock.offset_ns
        sent = SentRecord(began_ns, ended_ns, message.sent)
        if self._inputs is None:  # a source
            captured_ns = message.captured_ns - Clock.offset_ns
            self._add(captured_ns, began_ns, message, skipped, lost, [], [sent])
        elif len(self._sends) < MAX_PARTS:
            self._sends.append(sent)

    def end(self, driving: Message, began_ns: int, ended_ns: int, skipped: int, lost: int) -> None:
        """`process` is done with `driving`."""
        if self._inputs is not None:
            self._add(began_ns, ended_ns, driving, skipped, lost, self._inputs, self._sends)
            self._inputs = None

    def take(self, at_most: int) -> list[CallRecord]:
        """The oldest that have not been taken yet."""
        return [self._records.popleft() for _ in range(min(at_most, len(self._records)))]

    def _add(
        self,
        began_ns: int,
        ended_ns: int,
        message: Message,
        skipped: int,
        lost: int,
        inputs: list[InputRecord],
        sends: list[SentRecord],
    ) -> None:
        new_skipped, new_lost = skipped - self._skipped, lost - self._lost
        self._skipped, self._lost = skipped, lost
        self._records.append(
            CallRecord(began_ns, ended_ns, message.stream, message.seq, new_skipped, new_lost, inputs, sends)
        )

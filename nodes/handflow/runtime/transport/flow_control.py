"""Credit: how an edge with `keep: all` loses nothing, and how a reader that has stopped is kept from stopping others.

A reader may be CREDIT messages behind. It says who it is by a subscription of its own, which ZeroMQ repeats to a
producer that has been started again and takes back from a reader that has died. Then it sends acknowledgements of what
it has read to the producer. This module keeps both ends' accounts and does no input or output.
"""

import secrets
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgpack

# Messages that a reader may be behind: a second at 30 fps, so a reader is known to be silent before anybody has to wait
# for it.
CREDIT = 32
# A reader that holds others up and has said nothing for so long loses its credit.
SILENT_S = 1.0
# Each acknowledgement costs a message: a reader that has more to read acknowledges so many messages at a time,
ACKNOWLEDGED_MESSAGES = 8
# one that has not does so after a pause,
ACKNOWLEDGE_MS = 20
# and one that is slower than its input at least so often: it is not silent.
ACKNOWLEDGED_S = 0.1
# More readers than this are none of ours.
MAX_READERS = 64
_TOPIC = b"all "
# 0 and 1 are ZeroMQ's: the end and the beginning of a subscription.
_ACK = b"\x02"


class Ack(NamedTuple):
    """A reader has done with everything up to the message number `sent` of the producer `by`."""

    reader: str
    by: int
    sent: int


def reader_of(node: str) -> str:
    """A name for one reading end of a node; another process of the same node has another."""
    return f"{node} {secrets.token_hex(8)}"


def topic(reader: str, prefix: bytes = b"") -> bytes:
    """What a reader subscribes to, so that its producer knows of it. No message begins so."""
    return prefix + _TOPIC + reader.encode()


def packed_ack(ack: Ack) -> bytes:
    """An acknowledgement as it travels against the stream."""
    return _ACK + msgpack.packb(ack)


class Credit:
    """A reader's half. `answer` sends against the stream; the reader is announced at once."""

    def __init__(self, node: str, prefix: bytes, answer: Callable[[bytes], None]) -> None:
        self._reader, self._answer = reader_of(node), answer
        self._producer = 0
        self._done = self._acknowledged = 0  # numbers of messages
        self._said_s = 0.0  # when it was acknowledged
        answer(b"\x01" + topic(self._reader, prefix))

    def begin(self, producer: int, number: int) -> None:
        """Message `number` is the first of a producer, and so what was before it is not ours to acknowledge."""
        self._producer = producer
        self._done = self._acknowledged = number - 1

    def done(self, number: int) -> None:
        """The work on all messages up to `number` is done."""
        self._done = number
        if number - self._acknowledged >= ACKNOWLEDGED_MESSAGES or time.monotonic() - self._said_s > ACKNOWLEDGED_S:
            self.acknowledge()

    def owes(self) -> bool:
        """Whether something is done with and not acknowledged."""
        return self._acknowledged < self._done

    def acknowledge(self) -> None:
        """Says so of all that is done with."""
        if self.owes():
            self._acknowledged, self._said_s = self._done, time.monotonic()
            self._answer(packed_ack(Ack(self._reader, self._producer, self._done)))


@dataclass
class Account:
    """What the producer knows of one reader."""

    read: int  # number of the last message it has done with
    heard: float  # seconds by the producer's AwakeClock: when it last said so, or began to owe an answer
    lost: bool = False  # was silent: it is sent messages, but nothing is kept for it


class Ledger:
    """The readers with credit. `by` is this producer's number: what is meant for one that ran before is not ours."""

    def __init__(self, by: int, prefix: bytes = b"") -> None:
        self.by = by
        self.sent = 0  # number of the last message
        self.accounts: dict[str, Account] = {}  # by reader
        self.refused = 0  # what came and was nothing that a reader says
        self.back: list[str] = []  # nodes that have their credit again and are still to be named
        self._topic = prefix + _TOPIC

    def hear(self, data: bytes, now: float) -> None:
        """What came against the stream: a reader has come, has gone, or acknowledges."""
        kind, rest = data[:1], data[1:]
        reader = rest[len(self._topic) :].decode(errors="replace") if rest.startswith(self._topic) else ""
        if kind == _ACK:
            self._acknowledge(rest, now)
        elif kind == b"\x01" and reader and len(self.accounts) < MAX_READERS:
            self.accounts[reader] = Account(self.sent, now)
        elif kind == b"\x00" and reader:
            self.accounts.pop(reader, None)
        else:
            self.refused += 1

    def count(self, now: float) -> None:
        """One more message has gone out."""
        for account in self.accounts.values():
            if account.read == self.sent:  # it owed nothing: its silence begins now
                account.heard = now
        self.sent += 1

    def read(self) -> int:
        """Up to which message everybody with credit has read."""
        return min((a.read for a in self.accounts.values() if not a.lost), default=self.sent)

    def credited(self) -> int:
        """How many readers have credit."""
        return sum(not account.lost for account in self.accounts.values())

    def full(self) -> bool:
        """Whether somebody must read before another message may go out."""
        return self.sent - self.read() >= CREDIT

    def owed(self) -> bool:
        """Whether something is still to be read."""
        return self.read() < self.sent

    def missing(self, nodes: Sequence[str]) -> list[str]:
        """Those of the nodes that do not read here; a node that reads twice is named twice."""
        return list((Counter(nodes) - Counter(map(node_of, self.accounts))).elements())

    def lose_silent(self, now: float) -> list[str]:
        """Takes the credit of those that owe an answer and are silent; the nodes' names."""
        silent = [
            (reader, account)
            for reader, account in self.accounts.items()
            if not account.lost and account.read < self.sent and now - account.heard > SILENT_S
        ]
        for _, account in silent:
            account.lost = True
        return [node_of(reader) for reader, _ in silent]

    def _acknowledge(self, packed: bytes, now: float) -> None:
        try:
            ack = Ack(*msgpack.unpackb(packed))
            account = self.accounts.get(ack.reader) if ack.by == self.by else None
            if not isinstance(ack.sent, int) or (account and not 0 < ack.sent <= self.sent):
                raise ValueError
        except (ValueError, TypeError, msgpack.UnpackException):
            self.refused += 1
            return
        if account is None:  # of a reader that has just gone, or meant for the process before this one
            return
        account.heard = now
        account.read = max(account.read, ack.sent)
        if account.lost and self.sent - account.read < CREDIT:
            account.lost = False
            self.back.append(node_of(ack.reader))


def node_of(reader: str) -> str:
    """The node's name in a reader's."""
    return reader.partition(" ")[0]

"""Every message for readers on other machines (`keep: all`): credit, as on one machine (flow_control.py), over tcp.

The producer keeps what is not yet read, up to CREDIT messages, and then waits. A reader that is silent meanwhile, as
over a cut link, is waited for no more and sent nothing more until it has read what it was sent. It counts what it has
missed by the gap in the numbers.

Each reader has a count and a topic of its own, so that no more than CREDIT messages are ever on their way to it. ZeroMQ
must never stop to read from the network for want of room: with heartbeats that ends the process (zeromq/libzmq#3937).
"""

import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from handflow.messages import Message
from handflow.runtime.awake_clock import AwakeClock
from handflow.runtime.topology import TOPIC_BYTES, Crossing
from handflow.runtime.transport.flow_control import CREDIT, SILENT_S, Ledger
from handflow.runtime.transport.publisher import LOOK_FOR_SILENT_S
from handflow.runtime.transport.wire import stream_of

# In ZeroMQ's queue: its count of what waits lags by half of it, and what has credit must fit in the rest.
QUEUED_MESSAGES = 4 * CREDIT
# A reader's silence is judged in steps well below SILENT_S.
AWAKE_STEP_S = 0.1
# What follows a form's topic: the name of one reader.
NAME_BYTES = 8
# More readers than this are none of ours.
MAX_READERS = 16


def topic_of_reader(crossing: Crossing) -> bytes:
    """What a new reader subscribes to, and each message for it begins with."""
    return crossing.topic + secrets.token_bytes(NAME_BYTES)


@dataclass
class LosslessReader:
    """One reader elsewhere, also while it is cut off."""

    form: Crossing
    ledger: Ledger
    put: int = 0  # number of the last message that it was sent


class LosslessReaders:
    """The accounts of those who read every message of a node elsewhere.

    `send` is given a topic, its form, and a message with its number for this reader and whose numbers they are;
    `listen` waits for so many seconds and takes in what has come.
    """

    def __init__(
        self,
        forms: Mapping[bytes, Crossing],
        send: Callable[[bytes, Crossing, Message, int, int], None],
        listen: Callable[[float], None],
        say: Callable[[str], None],
    ) -> None:
        self._forms, self._send, self._listen, self._say = forms, send, listen, say
        self._readers: dict[bytes, LosslessReader] = {}  # by topic
        self._clock = AwakeClock(AWAKE_STEP_S)

    def wanted(self) -> Collection[bytes]:
        """The topics of the forms that somebody reads."""
        return [reader.form.topic for reader in self._readers.values() if reader.ledger.accounts]

    def send(self, message: Message) -> None:
        """Sends it to each reader, once there is room."""
        for topic, reader in list(self._readers.items()):
            stream, ledger = reader.form.stream, reader.ledger
            if stream and stream != stream_of(message, [stream]):
                continue
            self._wait(ledger)
            self._trust_again(reader)
            if ledger.credited():
                reader.put = ledger.sent + 1
                self._send(topic, reader.form, message, reader.put, ledger.by)
            ledger.count(self._clock.now())

    def wait(self) -> None:
        """Until another message may be sent to each."""
        for reader in list(self._readers.values()):
            self._wait(reader.ledger)

    def drain(self) -> None:
        """Waits until those with credit have read everything."""
        for reader in list(self._readers.values()):
            while reader.ledger.owed():
                self._listen(LOOK_FOR_SILENT_S)
                reader.ledger.lose_silent(self._clock.now())

    def hear(self, data: bytes) -> None:
        """What came against the stream: subscriptions of readers and their ends, and acknowledgements."""
        now = self._clock.now()
        if data[:1] not in (b"\x00", b"\x01"):
            for reader in self._readers.values():
                reader.ledger.hear(data, now)
            return
        topic, form = data[1 : 1 + TOPIC_BYTES + NAME_BYTES], data[1 : 1 + TOPIC_BYTES]
        if form not in self._forms or len(topic) < TOPIC_BYTES + NAME_BYTES:
            return
        if data[:1] == b"\x01" and topic not in self._readers and self._has_room():
            self._readers[topic] = LosslessReader(self._forms[form], Ledger(secrets.randbits(31), topic))
        if len(data) > 1 + len(topic) and topic in self._readers:
            self._readers[topic].ledger.hear(data, now)

    def _has_room(self) -> bool:
        """Whether one reader more can be had; forgets those that came first and have gone, if there are many."""
        for topic in [topic for topic, reader in self._readers.items() if not reader.ledger.accounts]:
            if len(self._readers) >= MAX_READERS:
                del self._readers[topic]
        return len(self._readers) < MAX_READERS

    def _trust_again(self, reader: LosslessReader) -> None:
        """Gives a reader its credit back once it has read all that it was sent."""
        ledger = reader.ledger
        for account in ledger.accounts.values():
            if account.lost and account.read >= reader.put:
                account.lost, account.read = False, ledger.sent
                ledger.back += [name.partition(" ")[0] for name, each in ledger.accounts.items() if each is account]
        while ledger.back:
            self._say(f"{ledger.back.pop()} is reading again")

    def _wait(self, ledger: Ledger) -> None:
        while ledger.full():
            for node in ledger.lose_silent(self._clock.now()):
                self._say(
                    f"{node}, on another machine, has read nothing for {SILENT_S:g} s: not waiting for it any longer, "
                    "it loses messages"
                )
            if ledger.full():
                self._listen(LOOK_FOR_SILENT_S)

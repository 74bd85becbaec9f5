"""The sending end of a node: one ZeroMQ PUB socket, one message part for each message."""

import secrets
from collections.abc import Callable, Sequence

import zmq

from handflow.messages import Message
from handflow.runtime.awake_clock import AwakeClock, Countdown
from handflow.runtime.profile import Profile

from .endpoint import LOCATE_S, Address
from .flow_control import CREDIT, SILENT_S, Ledger
from .shared_memory import Rings
from .wire import Nothing, encode, head_of, stream_of

# Messages a silent reader may leave waiting; small ones: frames lie in the ring. ZeroMQ's count of what waits lags by
# half of it, and what has credit must fit in the rest.
QUEUED_MESSAGES = 4 * CREDIT
# Readers say nothing that is longer.
MAX_ANSWER_BYTES = 4096
# How often one that waits for a reader looks whether it has become silent.
LOOK_FOR_SILENT_S = 0.02
# A reader's silence is judged in steps well below SILENT_S.
AWAKE_STEP_S = 0.1
# Arithmetic on pyzmq's enumerations costs microseconds.
READABLE = int(zmq.POLLIN)


class Publisher:
    """The sending end of a node: binds, so that listeners come and go as they like.

    `say` gets a line when a reader of every message loses its credit or has it back. In an `exact` graph none does, and
    the last message of each frame says that it is. `streams`: nodes by which some readers choose.
    """

    def __init__(
        self,
        context: zmq.Context,
        address: Address,
        rings: Rings,
        profile: Profile,
        say: Callable[[str], None] = lambda line: None,
        exact: bool = False,
        streams: Sequence[str] = (),
    ) -> None:
        self._rings = rings
        self._profile = profile
        self._say = say
        self._exact = exact
        self._pending: Message | None = None  # exact: held until it is known whether the frame has another
        self.address = address
        self._prefix = address.prefix
        self._streams = {stream: head_of(stream) for stream in streams}
        self._nth = dict.fromkeys(self._streams, 0)  # so many messages of each have been sent
        self._wanted = {self._prefix, *(self._prefix + head for head in self._streams.values())}  # by listeners
        self._ledger = Ledger(secrets.randbits(31), address.prefix)
        self._listeners = 0
        self._clock = AwakeClock(AWAKE_STEP_S)
        self._heard = False  # since the last message
        self._socket = context.socket(zmq.XPUB)
        self._socket.setsockopt(zmq.SNDHWM, QUEUED_MESSAGES)
        self._socket.setsockopt(zmq.MAXMSGSIZE, MAX_ANSWER_BYTES)
        # Every subscription and every end of one is told, not only the first and the last.
        self._socket.setsockopt(zmq.XPUB_VERBOSER, 1)
        # On a clean end what was sent goes out; a reader that does not read holds us up no longer than this.
        self._socket.setsockopt(zmq.LINGER, 100)
        address.bind(self._socket)

    def wait_for(self, listeners: int, timeout_s: float) -> None:
        """Waits until so many listen, or the time is over: a clip's first frames should not go to nobody."""
        wait = Countdown(timeout_s)
        while self._listeners < listeners and (left := wait.left()):
            self._hear(min(left, LOCATE_S))

    def wait_for_readers(
        self, nodes: Sequence[str], timeout_s: float, meanwhile: Callable[[], None] = lambda: None
    ) -> None:
        """Waits until these, who must read every message, do listen; says whom it goes on without."""
        wait = Countdown(timeout_s)
        while (missing := self._ledger.missing(nodes)) and (left := wait.left()):
            self._hear(min(left, LOCATE_S))
            meanwhile()
        if missing:
            self._say(f"going on without {', '.join(missing)}: no reader after {timeout_s:g} s")

    def send(self, message: Message) -> None:
        """Sends at once; waits only if those who must read every message are as far behind as they may be."""
        if self._exact:
            self._pending, message_before = message, self._pending
            if message_before is not None:
                self._send(message_before, last=False)
        else:
            self._send(message)

    def _send(self, message: Message, **marks: int) -> None:
        ledger = self._ledger
        if ledger.accounts:
            self._wait()
        message.sent = ledger.sent + 1
        # Serialise before sending: a failed pack must not leave a gap in the counter's wake without a word.
        head, stream = self._prefix, stream_of(message, self._streams)
        if stream:
            head += self._streams[stream]
            self._nth[stream] += 1
            marks |= {"nth": self._nth[stream]}
        data = encode(message, self._rings, by=ledger.by, **marks)
        self._socket.send(head + data if head else data)
        ledger.count(self._clock.now())
        self._hear()
        self._heard = True
        self._rings.settle(ledger.sent, ledger.read())

    def ready(self, done: Message | None = None) -> None:
        """Waits until another message may be sent. Before the work on it: what waits for a reader grows old.

        `done`: what drove the work that is now done.
        """
        if self._exact:
            last, self._pending = self._pending or (done and Nothing.of(done)), None
            if last is not None:
                self._send(last, last=True)
        if not self._heard:
            self._hear()
        self._heard = False
        if self._ledger.accounts:
            self._wait()

    def _wait(self) -> None:
        ledger = self._ledger
        while ledger.full() or self._rings.crowded():
            if not self._exact:
                for node in ledger.lose_silent(self._clock.now()):
                    self._say(
                        f"{node} has read nothing for {SILENT_S:g} s: not waiting for it any longer, it loses messages"
                    )
            self._rings.settle(ledger.sent, ledger.read())
            if ledger.full() or self._rings.crowded():
                self._hear(LOOK_FOR_SILENT_S)
                self._rings.settle(ledger.sent, ledger.read())

    def drain(self) -> None:
        """Waits until those who must read every message have done so."""
        while self._ledger.owed():
            self._hear(0.1)
            if not self._exact:
                self._ledger.lose_silent(self._clock.now())

    def close(self) -> None:
        self._socket.close()

    def _hear(self, timeout_s: float = 0) -> None:
        """Takes in what has come against the stream: it would pile up unread."""
        if timeout_s and not self._socket.poll(timeout_s * 1000):
            return
        ledger = self._ledger
        while self._socket.get(zmq.EVENTS) & READABLE:
            data = self._socket.recv()
            if data[:1] in (b"\x00", b"\x01") and data[1:] in self._wanted:
                self._listeners += 1 if data[0] else -1
            else:
                ledger.hear(data, self._clock.now())
            self._rings.keep(CREDIT if ledger.accounts else 0, alone=self._listeners <= ledger.credited())
        while ledger.back:
            self._say(f"{ledger.back.pop()} is reading again")
        self._profile.refused += ledger.refused
        ledger.refused = 0

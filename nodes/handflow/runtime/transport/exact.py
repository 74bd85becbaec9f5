"""Inputs of an exact graph that do not drive: joined by frame, waited for as long as it takes.

Every node of an exact graph says something for every frame of its source, if only that it has nothing; so what is
waited for comes, and two runs join the same messages however long each of them took.
"""

from collections.abc import Container

from handflow.messages import Message

from .lossless import Lossless
from .subscriber import Received
from .wire import Nothing

LOOK_MS = 50  # how often one that waits looks whether the producer has ended
Key = tuple[int, int]  # stream and seq


def key_of(message: Message) -> Key:
    """Which frame a message belongs to."""
    return message.stream, message.seq


class Joined(Lossless):
    """Looks for the messages of given frames, which are asked for in the order in which they come."""

    _ahead: Received | None = None  # of a later frame than was asked for
    _frame: Key | None = None  # that was asked for last
    _found: Received | None = None

    def of(self, frame: Key, ended: Container[str]) -> Received | None:
        """The frame's last message; None if there is none, or if the producer has ended without it."""
        if frame != self._frame:
            self._frame, self._found = frame, None
            while (received := self._ahead or self._one(ended)) is not None:
                self._ahead = received
                if key_of(received.message) > frame:  # sources that stand in for others may leave frames out
                    break
                self._ahead = None
                if key_of(received.message) < frame:
                    self.done()
                    continue
                self._found = None if isinstance(received.message, Nothing) else received
                if received.last:
                    break
        return self._found

    def done(self) -> None:
        """What was found is done with; what lies ahead is not."""
        number, self._number = self._number, self._number - (self._ahead is not None)
        super().done()
        self._number = number

    def _one(self, ended: Container[str]) -> Received | None:
        """The next message that can be read; None: the producer has ended."""
        last_look = False
        while True:
            self.found()
            if self.socket.poll(LOOK_MS):
                received = self.next(0)
                if received is not None:
                    return received
            elif last_look:
                return None
            else:
                self.rest()
                last_look = self.edge.node in ended

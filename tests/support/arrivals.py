"""Messages on their way through real sockets: read when all that a test sent has come, however busy the machine is."""

import time
from collections import deque
from collections.abc import Callable, Iterator

from handflow.runtime.node import Call
from handflow.runtime.transport.inputs import Inputs
from handflow.runtime.transport.subscriber import Subscription

LONG_MS, LOOK_MS = 60_000, 50


def until_arrived(inputs: Inputs, count: int, node: str | None = None) -> None:
    """Waits until so many messages of a node (of the only one, if none is named) have come; none is read yet."""
    (subscription,) = [each for each in inputs._subscriptions if node in (None, each.edge.node)]
    _Arrived(subscription, lambda came: len(came) >= count)


def until_arrived_at(
    subscription: Subscription, wanted: Callable[[bytes], bool], meanwhile: Callable[[], object]
) -> None:
    """Waits until the wanted message has come, `meanwhile` again and again; none is read yet."""
    _Arrived(subscription, lambda came: bool(came) and wanted(came[-1]), meanwhile)


class _Arrived:
    """Takes messages out of a subscription's socket, and stands before it: they are read as if they lay there still."""

    def __init__(
        self,
        subscription: Subscription,
        all_there: Callable[[deque[bytes]], bool],
        meanwhile: Callable[[], object] = lambda: None,
    ) -> None:
        self.waiting: deque[bytes] = deque()
        self.receive_, self.readable_, self.wait_ = subscription.receive, subscription.readable, subscription.wait
        deadline = time.monotonic() + LONG_MS / 1000
        while not all_there(self.waiting):
            assert time.monotonic() < deadline, f"only {len(self.waiting)} messages have come"
            meanwhile()
            if self.wait_(LOOK_MS):
                self.waiting.append(self.receive_(0))
        for name in ("receive", "readable", "wait", "arrived"):
            setattr(subscription, name, getattr(self, name))

    def receive(self, timeout_s: float) -> bytes:
        return self.waiting.popleft() if self.waiting else self.receive_(timeout_s)

    def readable(self) -> bool:
        came = self.readable_()  # asked in any case: ZeroMQ does what is due when it is asked something
        return came or bool(self.waiting)

    def wait(self, timeout_ms: float) -> bool:
        return bool(self.waiting) or self.wait_(timeout_ms)

    def arrived(self) -> Iterator[bytes]:
        while self.readable():
            yield self.receive(0)


def calls(inputs: Inputs) -> Iterator[Call]:
    """What comes, however late; nothing for a minute ends it."""
    heard_s = time.monotonic()
    for call in inputs:
        if call is not None:
            yield call
            heard_s = time.monotonic()
        elif time.monotonic() - heard_s > LONG_MS / 1000:
            return

"""The receiving ends of a node joined: what `process` is called with."""

import contextlib
import time
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence

import zmq

from handflow.messages import Clock, Message, move_times
from handflow.runtime.node import Call
from handflow.runtime.profile import Profile

from .endpoint import LOCATE_S
from .flow_control import ACKNOWLEDGE_MS
from .policies import CATCH_UP, Driving, Exact, Lossless, Matching, Newest, SameFrame, key_of
from .shared_memory import Ref, Rings
from .subscriber import Received, Subscription
from .wire import Edge, Nothing

# After its sender has ended: what was sent has been read by then.
LAST_MESSAGE_S = 0.05
# No wait for that takes longer, unless this process itself did not run.
SLEPT_S = 1.0
# How long a node waits for a message before it is told that there is none.
IDLE_S = 0.25


class Inputs:
    """The inputs of a node: iterate them for what `process` is called with, None when nothing comes.

    They end when `ended` names all nodes that drive this one and everything that those sent has been read. `unwired`
    are the arguments that the graph leaves out. While `resting()`, nothing is subscribed to, and nothing comes.
    `in_order`: what several send is read in the order of its capture, however it arrives. `clocks`: by node, the
    `Clock.offset_ns` of the messages that have another stream clock than this process. `moved()`: all edges, once some
    of them come from another machine than before.
    """

    def __init__(
        self,
        node: str,
        edges: Sequence[Edge],
        unwired: Iterable[str],
        subscribe: Callable[[Edge], Subscription],
        rings: Rings,
        profile: Profile,
        ended: Container[str],  # nodes
        say: Callable[[str], None] = lambda line: None,
        resting: Callable[[], bool] = lambda: False,
        in_order: bool = False,
        clocks: Mapping[str, int] | None = None,
        poller: Callable[[], zmq.Poller] = zmq.Poller,
        moved: Callable[[], Sequence[Edge] | None] = lambda: None,
    ) -> None:
        self._node, self._edges, self._subscribe, self._say = node, edges, subscribe, say
        self._rings, self._new_poller = rings, poller
        rings.passes_on = all(edge.keep != "all" for edge in edges)
        self._profile = profile
        self._ended = ended
        self._resting, self._moved = resting, moved
        self._unwired: dict[str, Message | None] = dict.fromkeys(unwired)
        several = max(1, sum(edge.drives for edge in edges))
        self._passed: deque[tuple[Driving, Received | None]] = deque(maxlen=CATCH_UP * several)  # see pass_by
        self._turn = 0  # whose message is looked for first, where several drive
        self._in_order, self._clocks = in_order, {} if clocks is None else clocks
        self._heads: dict[Driving, Received] = {}  # in order: the next message of each
        self._open()

    def _open(self) -> None:
        self._driving = [self._policy(edge) for edge in self._edges if edge.drives]
        self._others = [self._policy_beside(edge) for edge in self._edges if not edge.drives]
        self._arrange()

    def _policy(self, edge: Edge) -> Driving:
        subscription = self._subscribe(edge)
        return Lossless(subscription, self._node, self._say) if edge.keep == "all" else Newest(subscription)

    def _policy_beside(self, edge: Edge) -> Matching:
        subscription = self._subscribe(edge)
        if edge.keep == "all":
            return Exact(subscription, self._node, self._say, self._ended)
        return SameFrame(subscription) if edge.keep == "same" else Newest(subscription)

    def _arrange(self) -> None:
        self._subscriptions = [policy.subscription for policy in (*self._driving, *self._others)]
        self._poller = self._new_poller()
        for policy in self._driving:
            self._poller.register(policy.subscription.socket, zmq.POLLIN)

    def _move(self, edges: Sequence[Edge]) -> None:
        """Reads from elsewhere what has moved; what has come from where it was is let go of."""
        for at, edge in enumerate(edge for edge in edges if edge.drives):
            if edge.crossing != self._driving[at].edge.crossing:
                self._driving[at].subscription.close()
                self._driving[at] = self._policy(edge)
        for at, edge in enumerate(edge for edge in edges if not edge.drives):
            if edge.crossing != self._others[at].edge.crossing:
                self._others[at].subscription.close()
                self._others[at] = self._policy_beside(edge)
        self._edges = edges
        self._arrange()
        self._passed.clear()
        self._heads.clear()

    def _rest(self) -> Iterator[None]:
        """Lets go of the producers until somebody needs messages again."""
        self.close()
        while self._resting() and not all(policy.edge.node in self._ended for policy in self._driving):
            time.sleep(IDLE_S)
            yield None
        self._open()

    def __iter__(self) -> Iterator[Call | None]:
        while True:
            if (edges := self._moved()) is not None:
                self._move(edges)
            if self._resting():
                yield from self._rest()
            ending, began_s = all(policy.edge.node in self._ended for policy in self._driving), time.perf_counter()
            try:
                timeout_s = LAST_MESSAGE_S if ending else IDLE_S
                driving, first = self._passed.popleft() if self._passed else self._next(timeout_s)
            except TimeoutError:
                for policy in (*self._driving, *self._others):
                    policy.rest()
                # Who slept meanwhile has not looked for long enough.
                if ending and time.perf_counter() - began_s < SLEPT_S:
                    return
                yield None
                continue
            call = self._joined(driving, first) if first is not None else None
            if call is not None:
                yield call
            driving.done()
            if first is not None and first.last:
                for other in self._others:
                    other.done()

    def pass_by(self, timeout_s: float) -> None:
        """Reads without anybody to process it, so as to be no further behind than the newest when that changes."""
        for other in self._others:
            other.keep_up()
        for policy in self._driving:
            policy.read_in_turn(postponed=True)
        with contextlib.suppress(TimeoutError):
            self._passed.append(self._any(timeout_s))

    def go_on_after(self, frames: Mapping[int, int]) -> None:
        """Of what was passed by, all that came after these frames (seq by stream) is given first, and then what comes
        meanwhile.
        """
        for policy in self._driving:
            policy.read_in_turn()
        after = [(each, first) for each, first in self._passed if first is not None and not _up_to(frames, first)]
        self._passed.clear()
        self._passed.extend(after)

    def look(self) -> None:
        """Looks for the producers, so that they know of this reader before it reads."""
        for subscription in self._subscriptions:
            subscription.locate()
            # ZeroMQ does what is due when it is asked something.
            subscription.readable()

    def close(self) -> None:
        while self._subscriptions:
            self._subscriptions.pop().close()

    def _next(self, timeout_s: float) -> tuple[Driving, Received | None]:
        """The next driving message; meanwhile looks for producers that have not been found or have moved."""
        deadline = time.perf_counter() + timeout_s
        while True:
            located = [subscription.locate() for subscription in self._subscriptions]
            try:
                return self._any(timeout_s if all(located) else min(LOCATE_S, timeout_s))
            except TimeoutError:
                if time.perf_counter() >= deadline - 0.001:  # ZeroMQ rounds to milliseconds
                    raise

    def _any(self, timeout_s: float) -> tuple[Driving, Received | None]:
        """A message of any input that drives, each in its turn. TimeoutError."""
        if len(self._driving) == 1:
            return self._driving[0], self._driving[0].next(timeout_s)
        if self._in_order:
            return self._earliest(timeout_s)
        for wait_s in (0.0, timeout_s):
            if wait_s and not self._poller.poll(ACKNOWLEDGE_MS):
                for policy in self._driving:
                    policy.rest()
                self._poller.poll(round(wait_s * 1000))
            for _ in self._driving:
                self._turn = (self._turn + 1) % len(self._driving)
                if (policy := self._driving[self._turn]).waiting():
                    return policy, policy.next(0)
        raise TimeoutError

    def _earliest(self, timeout_s: float) -> tuple[Driving, Received]:
        """What was captured first, once every input that drives has something or has ended. TimeoutError."""
        for policy in self._driving:
            while policy not in self._heads:
                ended = policy.edge.node in self._ended
                try:
                    received = policy.next(LAST_MESSAGE_S if ended else timeout_s)
                except TimeoutError:
                    if ended:
                        break
                    raise
                if received is not None:
                    self._heads[policy] = received
        if not self._heads:
            raise TimeoutError
        first = min(self._heads, key=lambda policy: self._heads[policy].message.captured_ns)
        return first, self._heads.pop(first)

    def _joined(self, driving: Driving, first: Received) -> Call | None:
        """The driving message and the others' for its frame; None if one that is needed is missing."""
        if (offset_ns := self._clocks.get(driving.edge.node)) is not None:
            move_times(first.message, Clock.offset_ns - offset_ns)
        values: dict[str, Message | None] = {**self._unwired, driving.edge.argument: first.message}
        refs = list(first.refs)
        nothing = isinstance(first.message, Nothing)
        for other in self._others:
            argument = other.edge.argument
            received = other.match(first.message) if _may_match(other.edge, driving.edge) else None
            if received is not None:
                values[argument] = received.message
                refs += received.refs
            else:
                values.setdefault(argument, None)
        if any(values[other.edge.argument] is None and not other.edge.optional for other in self._others):
            self._profile.skipped += not nothing
            nothing = True
        if nothing:
            # Those who wait for this node in an exact graph must be told; in any other they do not wait for long.
            return Call(None, first.message) if first.last else None
        return Call(values, first.message, first.received_ns, lambda: self._intact(refs))

    def _intact(self, refs: list[Ref]) -> bool:
        whole = all(map(self._rings.intact, refs))
        if not whole:
            for subscription in self._subscriptions:
                subscription.torn = True
        return whole


def _may_match(other: Edge, driving: Edge) -> bool:
    """Whether an input may have anything for the frames of the one that drives: of another camera it has not."""
    return not (other.origins and driving.origins) or not set(other.origins).isdisjoint(driving.origins)


def _up_to(frames: Mapping[int, int], received: Received) -> bool:
    """Whether a message is of one of these frames or of an earlier one of its stream."""
    stream, seq = key_of(received.message)
    return seq <= frames.get(stream, 0)

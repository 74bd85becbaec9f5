"""What a node is, and how one is driven: messages in, `process()`, messages out. Knows no socket and no hand."""

import itertools
import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol, Self, dataclass_transform

import msgspec
import numpy as np

from handflow.messages import Hop, Message, now_ns

from .profile import Profile

# What a camera saw so long ago is not now.
MAX_AGE_S = 0.1


def Range(low: float, high: float) -> msgspec.Meta:  # noqa: N802 (reads as a type in annotations)
    """Bounds of a setting, both allowed: `reach: Annotated[float, Range(0, 1), "of the frame's width"] = 0.1`."""
    return msgspec.Meta(ge=low, le=high)


@dataclass_transform(kw_only_default=True, field_specifiers=(field,))
class Node:
    """One stage. Subclasses annotate their settings as fields and define `process()`.

    `process` takes the messages its arguments name and returns a message, None for "nothing this time", or yields
    several. A source takes none and yields; one that waits yields None at least once a second.
    Arrays that come in are read-only and valid during `process`.
    """

    # What the runtime lends a node. Not settings: Node itself is no dataclass.
    log: logging.Logger  # one per node, with its name
    persistent: dict[str, Any]  # small values (numbers, text) that outlive a crash of this process within a run
    note: str  # what the table shows beside this node: "3 hands"
    # What is wrong, for whoever watches over the installation: a word or two, a colon, and what to do; "": nothing.
    fault: str
    empty: Callable[..., np.ndarray]  # like numpy.empty, but in the shared slot that is sent next: no copy
    # The graph that it runs in, as plain values: file, nodes with run, in, with, and began_ns, the stream clock of its
    # start (None: of this node alone); {} without one.
    graph: dict[str, Any]
    process: Callable[..., Any]
    # What it can be asked while it runs, set in `start`: called between two messages with the value that was sent. They
    # return the answer (numbers, text, lists, dicts), or a concurrent.futures.Future of it. SetupError refuses.
    commands: dict[str, Callable[[Any], Any]]

    exact: bool  # whether this is an exact graph: every message counts, and no result may depend on the time it took
    # A source's message that is older by the time it would be sent is not sent, but counted as skipped.
    max_age_s: float
    # How the driving input is read where the graph does not say: `newest`, or `all` of it. By argument if it matters
    # which one drives: {"hands": "all"}; between machines that means the newest, for a slow link must hold nobody up.
    keep: str | dict[str, str] = "newest"
    # Whether its process leaves the processor to the others' where there is not enough for all: who looks must not
    # hold up who plays.
    gives_way = False

    # Its messages belong to no one frame of its inputs: the runtime numbers them as a stream of their own, like a
    # source's. They keep the `captured_ns` that they are given, else have that of the driving message.
    merges: bool = False

    # It sends what another node has sent before, in that one's place: those messages passed nodes that this graph need
    # not have.
    stands_in: bool = False

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        dataclass(kw_only=True, eq=False)(cls)

    def __new__(cls, *_: object, **__: object) -> Self:
        node = super().__new__(cls)
        node.log = logging.getLogger(cls.__name__.lower())
        node.persistent, node.note, node.empty, node.graph, node.exact = {}, "", np.empty, {}, False
        node.commands, node.fault = {}, ""
        node.max_age_s = math.inf
        return node

    def output_type(self) -> type[Message] | None:
        """What `process` returns, where that depends on the settings; None: what its annotation says. SetupError."""
        return None

    def first_line(self) -> str:
        """What whoever starts the graph is told before anything else, asked before `start` in another process.

        A page's address, with its token; "": nothing.
        """
        return ""

    def start(self) -> None:
        """Opens what `process` needs. A failure here at the start of a graph ends the run, with its line."""

    def idle(self) -> None:
        """Called again and again, every 0.25 s, while no message comes."""

    def resting(self) -> bool:
        """Whether nobody needs what it does. It is given no message until then, and costs nothing.

        Asked before each message. No node waits for one whose class defines this, at the start or after a crash.
        """
        return False

    def changed(self, name: str) -> bool:
        """Called between two messages when the setting `name` has a new value. True: it takes a `stop` and a `start`.

        A class that reads some settings only in `process` says so here, and goes on with all that it has gathered.
        """
        return True

    def stop(self) -> None:
        """Lets go of what `start` took."""

    def began_ns(self) -> int:
        """When the graph began, by the stream clock; now where it does not say.

        In exact graphs all sources count from there: how far two are apart must be the same in each run.
        """
        began_ns = self.graph.get("began_ns")
        return now_ns() if began_ns is None else int(began_ns)


class Stopped(BaseException):
    """Raised in the main thread by a signal to stop, wherever it is: also in a wait inside somebody's `process`."""


@dataclass
class Call:
    """What one call of `process` is given. A source is given none, once."""

    values: dict[str, Message | None] | None  # None: an exact graph has nothing for this frame
    driving: Message | None = None
    received_ns: int = 0
    intact: Callable[[], bool] = lambda: True  # whether the arrays are still what was sent


class Downstream(Protocol):
    """What takes a node's messages: a publisher, or a list in tests."""

    def send(self, message: Message) -> None: ...

    def ready(self, done: Message | None = None) -> None:
        """Waits until another message may be sent. `done`: what drove the work that is now done."""


def run_node(
    node: Node,
    name: str,
    inputs: Iterable[Call | None],
    publisher: Downstream,
    profile: Profile,
    remember: Callable[[dict[str, Any]], None] = lambda values: None,
    between: Callable[[], bool] = lambda: False,
) -> None:
    """Drives a started node until its inputs end. `remember` stores `persistent` before what depends on it is sent.

    `between` is called between two messages, for what is to be done there; True ends a source's present `process`.
    """
    driver = _Driver(node, name, publisher, profile, remember, between)
    for call in inputs:
        if call is None:
            node.idle()
            driver.report()
        elif call.values is not None:
            driver.call(call, call.values)
        publisher.ready(call.driving if call and not node.merges else None)
        between()


class _Driver:
    """One node at work."""

    def __init__(
        self,
        node: Node,
        name: str,
        publisher: Downstream,
        profile: Profile,
        remember: Callable[[dict[str, Any]], None],
        between: Callable[[], bool],
    ) -> None:
        self.node, self.name, self.publisher, self.profile = node, name, publisher, profile
        self.remember, self.between = remember, between
        # Of the messages of a source, or of one that merges.
        self.stream, self.seq = _exact_stream(node, name) if node.exact else now_ns(), 0
        self.persistent = dict(node.persistent)

    def call(self, call: Call, values: dict[str, Message | None]) -> None:
        """Calls `process` and sends what it gives."""
        node, profile = self.node, self.profile
        profile.begin(call.received_ns, values.values())
        intact: bool | None = None
        for message in each(node.process(**values)):
            if message is not None:
                if call.driving is not None and not (intact := call.intact()):
                    break
                self.send(message, call)
            self.report()
            if call.driving is None:
                # Before the next frame is taken: it must not grow old while a reader is waited for.
                self.publisher.ready()
                if self.between():
                    break
        self.keep()
        self.report()
        profile.end(call.driving, call.intact() if intact is None else intact)

    def send(self, message: Message, call: Call) -> None:
        """Sends with the header of what it was made of."""
        driving = call.driving
        hops: list[Hop]
        if driving is not None and self.node.merges:
            self.seq += 1
            message.stream, message.seq = self.stream, self.seq
            message.captured_ns = message.captured_ns or driving.captured_ns
            hops, received_ns = [], call.received_ns
        elif driving is not None:
            message.stream, message.seq, message.captured_ns = driving.stream, driving.seq, driving.captured_ns
            hops, received_ns = driving.hops, call.received_ns
        else:
            message.captured_ns = message.captured_ns or now_ns()
            if now_ns() - message.captured_ns > self.node.max_age_s * 1e9:
                self.profile.skipped += 1
                return
            self.seq += 1
            message.stream = message.stream or self.stream
            message.seq = message.seq or self.seq
            hops, received_ns = message.hops, message.captured_ns
        self.keep()
        message.hops = [*hops, Hop(self.name, received_ns, now_ns())]
        self.publisher.send(message)
        self.profile.sent(message)

    def report(self) -> None:
        """What the node says of itself."""
        self.profile.note, self.profile.fault = self.node.note, self.node.fault

    def keep(self) -> None:
        if self.node.persistent != self.persistent:
            self.persistent = dict(self.node.persistent)
            self.remember(self.persistent)


def _exact_stream(node: Node, name: str) -> int:
    """A number that is the same in each exact run, and no other node's: 1 for the first source."""
    nodes: dict[str, Any] = node.graph.get("nodes", {})
    sources = [each for each, spec in nodes.items() if not spec["in"]]
    names = [*sources, *(each for each in nodes if each not in sources)]
    return 1 + (names.index(name) if name in names else 0)


def each(result: Message | Iterable[Message | None] | None) -> Iterable[Message | None]:
    """What `process` returned, as the messages in it."""
    return () if result is None else (result,) if isinstance(result, Message) else result


def ticks(fps: float, exact: bool = False) -> Iterator[float]:
    """Seconds since the first tick, `fps` times a second by the monotonic clock. Late ticks are skipped.

    In an exact graph they come as fast as they are taken, all of them.
    """
    if exact:
        yield from (number / fps for number in itertools.count())
    start = time.perf_counter()
    number = 0
    while True:
        wait = start + number / fps - time.perf_counter()
        if wait > 0:
            time.sleep(wait)
        yield number / fps
        number = max(number + 1, math.floor((time.perf_counter() - start) * fps))

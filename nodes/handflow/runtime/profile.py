"""How a node does: counters and times, gathered while it runs and reported once a second."""

import threading
import time
from collections import deque
from collections.abc import Iterable
from typing import Any, TypedDict

from handflow.messages import Message, now_ns

from .call_trace import CallRecord, CallTrace
from .names import showable, shown

AWAKE_STEP_NS = 2_000_000_000  # a status is due every second: who comes later than this did not run
RECORDS = 2000  # of a trace, in one status: well below what a supervisor takes
MAX_STREAMS = 64  # that are remembered: a source that starts again begins another
SAMPLES = 300  # the percentiles span the last ten seconds at 30 fps


class Spread(TypedDict):
    """Two percentiles of the last SAMPLES values, in milliseconds."""

    p50: float
    p99: float


class NodeStatus(TypedDict):
    """What a node reports to its supervisor once a second."""

    node: str
    pid: int
    state: str  # starting, running, ended
    fps_in: float
    fps_out: float
    work_ms: Spread  # process(); for a source from the capture to the sending
    age_ms: Spread  # captured to this node's sending (a sink: to the end of its work)
    skipped: int  # messages that its inputs passed over, since it started
    lost: int  # read too late: the ring had gone round, or the writer had ended
    refused: int  # no message of the expected kind
    note: str  # what the node itself says: "3 hands"
    fault: str  # what is wrong by its own account: "black: is the lens covered, or the light off?"
    busy_s: float  # how long process() has been at the present message
    commands: list[str]  # that the node takes
    answers: list[tuple[int, Any, str]]  # to commands: their number, the answer, what was wrong
    frames: list[tuple[int, int]]  # stream and seq of the last message of each stream that it was driven by
    trace: list[CallRecord]  # what it did, while that is asked for


class Profile:
    """The counters of one node. One thread writes, another may take a status: torn reads only misjudge one second.

    Durations are by the monotonic clock: the stream clock may be another machine's, and take a step when it is found.
    """

    def __init__(self, node: str, pid: int) -> None:
        self.node, self.pid = node, pid
        self.state, self.note, self.fault = "starting", "", ""
        self.skipped = self.lost = self.refused = 0
        self._in = self._out = 0
        self._work: deque[int] = deque(maxlen=SAMPLES)  # ns
        self._age: deque[int] = deque(maxlen=SAMPLES)  # ns
        self._began_ns = 0
        self._sent_ns = 0
        self._last_report = (time.perf_counter_ns(), 0, 0)
        self._busy_since_ns = self._busy_ns = 0  # see _count_busy
        self.commands: list[str] = []
        self._answers: deque[tuple[int, Any, str]] = deque()
        self._frames: dict[int, int] = {}  # seq of the last message, by stream; newest last
        self.trace: CallTrace | None = None  # for whoever wants one
        self.reported = threading.Event()
        self.urgent = threading.Event()  # the status is to be reported at once

    def trace_calls(self, on: bool) -> None:
        """Records what is done from the next call on; called between two."""
        self.trace = CallTrace(self.skipped, self.lost) if on else None

    def enter(self, state: str) -> None:
        """Another state, reported at once; `reported` is set when it has been."""
        self.reported.clear()
        self.state = state
        self.urgent.set()

    def answer(self, number: int, answer: Any = None, error: str = "") -> None:
        """A command was carried out, or could not be."""
        self._answers.append((number, answer, error))
        self.urgent.set()

    def begin(self, received_ns: int, inputs: Iterable[Message | None] = ()) -> None:
        """`process` is called. A source is called once, so it is never busy by this measure."""
        self._began_ns = time.perf_counter_ns() if received_ns else 0
        if self.trace is not None and received_ns:
            self.trace.begin(inputs)

    def sent(self, message: Message) -> None:
        # When the sending began: those who wait for it are awake before it has ended.
        age = message.hops[-1].sent_ns - message.captured_ns
        self._out += 1
        self._age.append(age)
        if not self._began_ns:
            self._work.append(age)
        self._sent_ns = time.perf_counter_ns()
        if self.trace is not None:
            self.trace.sent(message, self._sent_ns, self.skipped, self.lost)

    def end(self, driving: Message | None, intact: bool) -> None:
        """`process` is done with `driving`. Not `intact`: its arrays were overwritten meanwhile."""
        if driving is None:
            return
        self._in += 1
        self._frames.pop(driving.stream, None)
        self._frames[driving.stream] = driving.seq
        if len(self._frames) > MAX_STREAMS:
            del self._frames[next(iter(self._frames))]
        ended_ns = time.perf_counter_ns()
        self._work.append(ended_ns - self._began_ns)
        if self._sent_ns < self._began_ns:
            self._age.append(now_ns() - driving.captured_ns)
        self.lost += not intact
        if self.trace is not None:
            self.trace.end(driving, self._began_ns, ended_ns, self.skipped, self.lost)
        self._began_ns = 0

    def status(self) -> NodeStatus:
        now, came, went = time.perf_counter_ns(), self._in, self._out
        since, came_before, went_before = self._last_report
        self._last_report = (now, came, went)
        seconds = max(1e-3, (now - since) / 1e9)
        return NodeStatus(
            node=self.node,
            pid=self.pid,
            state=self.state,
            fps_in=round((came - came_before) / seconds, 2),
            fps_out=round((went - went_before) / seconds, 2),
            work_ms=spread_ms(self._work),
            age_ms=spread_ms(self._age),
            skipped=self.skipped,
            lost=self.lost,
            refused=self.refused,
            note=shown(self.note),
            fault=shown(self.fault),
            busy_s=round(self._count_busy(now, now - since) / 1e9, 3),
            frames=list(self._frames.items()),
            commands=self.commands,
            trace=self.trace.take(RECORDS) if self.trace is not None else [],
            answers=[showable(self._answers.popleft()) for _ in range(len(self._answers))],
        )

    def _count_busy(self, now_ns: int, passed_ns: int) -> int:
        """How long `process` has been at the present message, as far as this process ran: see AwakeClock.

        `passed_ns`: since the status before this one.
        """
        began_ns, before_ns = self._began_ns, self._busy_since_ns
        self._busy_since_ns = began_ns
        if not began_ns:
            return 0
        awake_ns = min(passed_ns, now_ns - began_ns, AWAKE_STEP_NS)
        self._busy_ns = awake_ns + (self._busy_ns if began_ns == before_ns else 0)
        return self._busy_ns


def spread_ms(samples_ns: "deque[int] | list[Any]") -> Spread:
    """Median and 99th percentile in ms; 0 where there is no sample."""
    if not samples_ns:
        return Spread(p50=0.0, p99=0.0)
    # numpy's percentiles take as long as sending ten frames.
    ordered = sorted(samples_ns)
    p50, p99 = (_quantile(ordered, share) / 1e6 for share in (0.5, 0.99))
    return Spread(p50=round(p50, 3), p99=round(p99, 3))


def _quantile(ordered: list[int], share: float) -> float:
    """Between two samples in proportion, as numpy has it."""
    whole, part = divmod(share * (len(ordered) - 1), 1)
    low, high = ordered[int(whole)], ordered[min(int(whole) + 1, len(ordered) - 1)]
    return low + part * (high - low)

"""A recorded output -> the same messages again, in place of the node that gave them, in their own time or at once.

Several replays of one recording follow one clock (recording/playback_clock.py), which `handflow replay` starts when all
are ready, holds, and lets go on frame by frame. Alone, a replay begins at once.
"""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, NamedTuple

from handflow import Hop, Message, Node, Range, now_ns
from handflow.errors import RecordingError
from handflow.messages import layout_of
from handflow.recording.channels import kind_of
from handflow.recording.message_format import unpack
from handflow.recording.playback_clock import FOLLOW, PlaybackClock
from handflow.recording.reader import Recording
from handflow.runtime.names import meant

POLL_S = 0.02  # how soon a replay that waits follows another clock


class Due(NamedTuple):
    """A message and its times, seconds since the recording's first frame; in a loop they go on."""

    message: Message
    frame_s: float  # when its frame was captured
    sent_s: float  # when its node sent it
    shift_ns: int  # of the loops before


class Replay(Node):
    """Plays one recorded output."""

    stands_in = True

    file: Annotated[str, "a recording"]
    output: Annotated[str, "the node whose messages are played"]
    rate: Annotated[float, Range(0, 1000), "how much faster than then; 0: as fast as it goes"] = 1.0
    loop: Annotated[bool, "starts again at its end"] = False
    begin: Annotated[float, Range(0, 1e9), "seconds from the first frame"] = 0.0
    end: Annotated[float, Range(0, 1e9), "seconds from the first frame; 0: to the end"] = 0.0
    shared_clock: Annotated[bool, "waits for the clock that `handflow replay` keeps for several; false: alone"] = False

    def __post_init__(self) -> None:
        self.clock: PlaybackClock | None = None  # also that of before a stop and a start

    def output_type(self) -> type[Message]:
        return kind_of(Recording(Path(meant(self.file))).output(self.output))

    def start(self) -> None:
        self.recording = Recording(Path(meant(self.file)))
        self.kind = kind_of(self.recording.output(self.output))
        self.commands = {FOLLOW: self.follow} if self.shared_clock else {}

    def follow(self, clock: object) -> None:
        """Goes by this clock from now on."""
        self.clock = PlaybackClock.of(clock)

    def process(self) -> Iterator[Message | None]:
        from_s = self.begin
        if not self.shared_clock:
            self.clock = PlaybackClock.starting(self.begin, now_ns())
        while self.clock is None:
            time.sleep(POLL_S)
            yield None
        if self.shared_clock and self.rate:
            # Before the first frame, unless this was started again after a crash: it goes on where the others are.
            from_s = self.clock.position_s(self.rate)
        try:
            for due in self._messages(from_s):
                while (left_s := self.clock.wait_s(due.frame_s, due.sent_s, self.rate)) > 0:
                    with self._in_own_time():
                        time.sleep(min(left_s, POLL_S))
                    yield None
                yield self._now(due, self.clock)
        except RecordingError as error:
            self.log.error("%s", error)

    def _messages(self, from_s: float) -> Iterator[Due]:
        continuous = self.recording.timeline.continuous
        first_ns = self.recording.start_ns
        span_ns = continuous(first_ns + self.recording.span_ns) - first_ns
        end_ns = first_ns + round(self.end * 1e9) if self.end else None
        begin_ns = first_ns + round(self.begin * 1e9)
        lap_ns = (min(end_ns, first_ns + span_ns) if end_ns else first_ns + span_ns) - begin_ns
        shift_ns = laps = 0
        while True:
            for entry in self.recording.entries([self.output], since_ns=begin_ns):
                with self._in_own_time():
                    message = unpack(entry.data, self.kind)
                captured_ns = continuous(message.captured_ns)
                if end_ns is not None and captured_ns > end_ns:
                    break
                if captured_ns >= begin_ns:
                    message.stream += laps  # frame numbers start again
                    frame_s = (captured_ns - first_ns + shift_ns) / 1e9
                    if frame_s >= from_s:
                        sent_s = (continuous(entry.publish_ns) - first_ns + shift_ns) / 1e9
                        yield Due(message, frame_s, sent_s, shift_ns)
            if not self.loop or lap_ns <= 0:
                return
            laps += 1
            shift_ns += lap_ns

    @contextlib.contextmanager
    def _in_own_time(self) -> Iterator[None]:
        """Where this process is stopped meanwhile (a suspended machine), the recording does not go on without it."""
        began_ns = now_ns()
        yield
        if self.clock is not None:
            self.clock = self.clock.after_stop(began_ns, now_ns())

    def _now(self, due: Due, clock: PlaybackClock) -> Message:
        """The message with its times as if it happened now; its node's own hop is written anew by the runtime."""
        message, continuous = due.message, self.recording.timeline.continuous
        by_ns = due.shift_ns
        if not self.exact:  # an exact run must be the same at any time of day
            by_ns += clock.began_ns - round(clock.begin_s * 1e9) - self.recording.start_ns
        for name in layout_of(self.kind).plain:
            if name.endswith("_ns"):  # a time of the stream clock
                setattr(message, name, continuous(getattr(message, name)) + by_ns)
        message.hops = [
            Hop(hop.node, continuous(hop.received_ns) + by_ns, continuous(hop.sent_ns) + by_ns)
            for hop in message.hops[:-1]
        ]
        return message

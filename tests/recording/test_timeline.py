"""Recordings whose times jump: they are played on, with one line."""

from pathlib import Path

import numpy as np
import pytest
from support.recorded import STEP_NS, frame, hands

from handflow import Flow, Frame, Hands, Hop
from handflow.recording.channels import output_of
from handflow.recording.message_format import pack
from handflow.recording.metadata import RecordingMetadata
from handflow.recording.reader import Recording
from handflow.recording.timeline import TimeJump, Timeline, jumps_in
from handflow.recording.writer import Recorder
from handflow.stages.replay import Replay

S = 1_000_000_000


def recording(file: Path, jump_s: float, frames: int = 20, flush: bool = True) -> Path:
    """Of three nodes, with a jump in the middle; in one chunk, or in two."""
    kinds = {"camera": Frame, "flow": Flow, "tracker": Hands}
    recorder = Recorder(file, RecordingMetadata(), [output_of(name, kind, name) for name, kind in kinds.items()])
    for number in range(1, frames + 1):
        by_ns = round(jump_s * S) if number > frames // 2 else 0
        before_ns = round(jump_s * S) if number > frames // 2 + 1 else 0
        at = number * STEP_NS
        flow = Flow(vectors=np.zeros((1, 1, 2)), since_ns=at - STEP_NS + before_ns)
        for name, message in {"camera": frame(number), "flow": flow, "tracker": hands(number)}.items():
            message.stream, message.seq, message.captured_ns = 7, number, at + by_ns
            message.hops = [Hop(name, at + by_ns, at + by_ns + 5_000_000)]
            sent_ns = message.hops[-1].sent_ns
            recorder.add(name, pack(message), sent_ns, sent_ns, number)
        if flush and number == frames // 2:
            recorder.flush()
    recorder.close()
    return file


@pytest.mark.parametrize("flush", [True, False])
@pytest.mark.parametrize("jump_s", [6, 3600])
def test_a_recording_with_a_jump_is_played_on_at_once(tmp_path: Path, jump_s: float, flush: bool) -> None:
    file = recording(tmp_path / "a.mcap", jump_s, flush=flush)
    for output in ("camera", "flow", "tracker"):
        node = Replay(file=str(file), output=output, rate=10)
        node.start()
        waits, got = 0, []
        for message in node.process():
            waits += message is None
            assert waits < 25, "it waits through the jump"
            got += [message] if message is not None else []
        assert [message.seq for message in got] == list(range(1, 21))
        assert np.diff([message.captured_ns for message in got]) == pytest.approx(STEP_NS, abs=6_000_000)
        if output == "flow":
            assert [m.captured_ns - m.since_ns for m in got] == pytest.approx([STEP_NS] * 20, abs=6_000_000)
    fault = Recording(file).timeline.fault()
    assert f"jump by +{jump_s}" in fault


def test_a_recording_without_a_jump_is_as_it_was(tmp_path: Path) -> None:
    timeline = Recording(recording(tmp_path / "a.mcap", 3)).timeline  # a camera that was away for three seconds
    assert timeline.fault() == ""
    assert timeline.continuous(10 * S) == timeline.recorded(10 * S) == 10 * S


def test_what_is_recorded_seldom_does_not_jump() -> None:
    assert jumps_in([n * 20 * S for n in range(9)]) == []


def test_times_are_found_again() -> None:
    timeline = Timeline([TimeJump(10 * S, 110 * S), TimeJump(120 * S, 1120 * S)])
    for recorded in (5 * S, 10 * S, 110 * S, 115 * S, 120 * S, 1120 * S, 1200 * S):
        assert timeline.recorded(timeline.continuous(recorded)) == recorded
    assert timeline.continuous(1200 * S) == 100 * S + 2 * 33_000_000
    assert timeline.fault() == "its times jump in 2 places, first by +100.0 s; it is played on there"

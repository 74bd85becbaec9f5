"""Recordings played: in their own time, in parts, over and over, frame by frame, in place of their nodes."""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from support.clocks import oversleep
from support.graphs import Run, until
from support.quiet import in_a_quiet_moment
from support.recorded import STEP_NS, bad_files, frame, graph_in, hands, write
from support.references import FOLDER
from support.references import recorded as recorded_frames

from handflow import Frame, Hands, SetupError, now_ns
from handflow.__main__ import main
from handflow.commands._graphs import graph_of
from handflow.commands.recording.record import add_recorder
from handflow.commands.recording.replay import changed_models
from handflow.outputs.json_line import frame_line, hand_lines
from handflow.recording.channels import output_of
from handflow.recording.message_format import pack
from handflow.recording.metadata import PictureFormat, RecordingMetadata, metadata_of, models_of
from handflow.recording.playback_clock import PlaybackClock
from handflow.recording.reader import Recording
from handflow.recording.writer import Recorder
from handflow.runtime.graph.graph import Graph
from handflow.runtime.graph.spec import NodeSpec
from handflow.runtime.inline import InlineGraph, InlineNode
from handflow.stages.flow import OpticalFlow
from handflow.stages.heatmap import HeatmapNode
from handflow.stages.replay import Replay
from handflow.stages.tracker import Tracker


def played(file: Path, limit: int = 1000, **settings: object) -> list[Frame | Hands]:
    node = Replay(file=str(file), **settings)  # type: ignore[arg-type]
    node.start()
    got = []
    for message in node.process():
        if message is not None:
            got.append(message)
        if len(got) == limit:
            break
    return got  # type: ignore[return-value]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "a.mcap")


def test_all_messages_come_in_order_with_their_frames_numbers(file: Path) -> None:
    got = played(file, output="camera", rate=0)
    assert [message.seq for message in got] == list(range(1, 31))
    assert {message.stream for message in got} == {7}
    assert Replay(file=str(file), output="camera").output_type() is Frame
    assert Replay(file=str(file), output="tracker").output_type() is Hands


def test_what_is_played_happens_now_in_the_steps_of_then(file: Path) -> None:
    begun_ns = now_ns()
    got = played(file, output="tracker", rate=0)
    assert begun_ns <= got[0].captured_ns <= now_ns()
    assert set(np.diff([message.captured_ns for message in got]).tolist()) == {STEP_NS}
    assert [hop.node for hop in got[0].hops] == ["camera"]  # its own is written by the runtime
    assert got[0].hops[0].received_ns == got[0].captured_ns


def test_in_an_exact_graph_the_times_stay_what_they_were(file: Path) -> None:
    node = Replay(file=str(file), output="tracker", rate=0)
    node.exact = True
    node.start()
    assert [message.captured_ns for message in node.process() if message] == [n * STEP_NS for n in range(1, 31)]


def test_a_part_is_played_by_the_times_of_its_frames(file: Path) -> None:
    got = played(file, output="camera", rate=0, begin=0.5, end=0.7)
    assert [message.seq for message in got] == [n for n in range(1, 31) if 0.5 <= (n - 1) * STEP_NS / 1e9 <= 0.7]


def test_in_a_loop_time_goes_on_and_frame_numbers_start_again(file: Path) -> None:
    got = played(file, 75, output="camera", rate=0, loop=True)
    assert [message.seq for message in got] == [*range(1, 31), *range(1, 31), *range(1, 16)]
    assert [message.stream for message in got] == [7] * 30 + [8] * 30 + [9] * 15
    assert set(np.diff([message.captured_ns for message in got]).tolist()) == {STEP_NS}


@pytest.mark.parametrize("rate", [1.0, 3.0])
def test_messages_come_when_they_are_due(file: Path, rate: float) -> None:
    def observe() -> None:
        node = Replay(file=str(file), output="tracker", rate=rate)
        node.start()
        at = [time.monotonic() for message in node.process() if message is not None]
        late_ms = (np.array(at) - at[0] - np.arange(30) * STEP_NS / 1e9 / rate) * 1e3
        assert np.abs(np.median(late_ms)) < 5

    in_a_quiet_moment(observe)


def test_several_replays_wait_for_their_clock_and_one_started_again_goes_on_where_they_are(tmp_path: Path) -> None:
    minute = write(tmp_path / "a.mcap", messages=1800)  # not over, however long the machine takes to come to it
    node = Replay(file=str(minute), output="camera", shared_clock=True)
    node.start()
    messages = node.process()
    assert next(messages) is None
    ten_frames_ago = now_ns() - 10 * STEP_NS
    node.commands["clock"](PlaybackClock.starting(0.0, ten_frames_ago).plain())
    got = next(message for message in messages if message is not None)
    assert 10 <= got.seq <= (now_ns() - ten_frames_ago) / STEP_NS + 1  # none that is not due yet
    assert abs(got.captured_ns - ten_frames_ago - (got.seq - 1) * STEP_NS) < 1e6  # with the times of all others
    with pytest.raises(SetupError, match="expected a playback clock, got something else"):
        node.commands["clock"]({"rate": 5})


def recorded(folder: Path, metadata: RecordingMetadata = RecordingMetadata()) -> Path:  # noqa: B008 (immutable)
    """What the graph of test_record may have sent, pictures and hands."""
    recorder = Recorder(folder / "a.mcap", metadata, [output_of("numbers", Frame), output_of("spot", Hands)])
    for number in range(1, 31):
        for name, message in (("numbers", frame(number)), ("spot", hands(number))):
            recorder.add(name, pack(message), message.captured_ns, message.captured_ns, number)
    recorder.close()
    return folder / "a.mcap"


def lines(file: Path) -> list[dict]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_a_recorded_camera_drives_the_rest_of_the_graph(run: Callable[..., Run], tmp_path: Path) -> None:
    graph, out = graph_in(tmp_path), tmp_path / "out.jsonl"
    file = recorded(tmp_path)
    started = run("replay", file, graph, "--only", "numbers", "--exact", "--json", out)
    assert started.end(60) == 0, started.err
    got = lines(out)
    assert [line["frame"] for line in got] == list(range(30))
    assert [line["hands"][0]["x"] for line in got] == [pytest.approx((n + 1) / 100) for n in range(30)]  # made live
    assert got[29]["t"] == pytest.approx(29 * STEP_NS / 1e9, abs=1e-4)
    assert {line["source"] for line in got} == {str(file)}


@pytest.mark.slow
def test_recorded_hands_need_no_camera(run: Callable[..., Run], tmp_path: Path) -> None:
    graph = graph_in(tmp_path)
    file = recorded(tmp_path)
    started = run("replay", file, graph, "--only", "spot", "--json", "-", "--rate", "0")
    assert started.end(60) == 0, started.err
    assert [json.loads(line)["hands"][0]["x"] for line in started.out] == [0.5] * 30  # as recorded
    assert started.err[0] == "left out, for nothing in the recording drives them: numbers\n"


def test_without_a_graph_the_recorded_one_runs(run: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    graph = graph_of(str(graph_in(tmp_path)))
    add_recorder(graph, ["numbers"], {"file": str(tmp_path / "a.mcap"), "overwrite": True})  # is not run again
    file = recorded(tmp_path, metadata_of(graph.plain(), PictureFormat()))
    started = run("replay", file, "--only", "numbers", "--rate", "0", "--json", "-", cwd=tmp_path / "elsewhere")
    assert started.end(60) == 0, started.err
    assert json.loads(started.out[-1])["hands"][0]["x"] == pytest.approx(0.3)


def test_a_paused_replay_goes_on_frame_by_frame(tmp_path: Path) -> None:
    file = recorded(tmp_path)
    process = subprocess.Popen(
        [sys.executable, "-m", "handflow", "replay", file, graph_in(tmp_path), "--only=spot", "--pause", "--json=-"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
    )  # fmt: skip
    assert process.stdin
    assert process.stdout
    assert json.loads(process.stdout.readline())["frame"] == 0
    for number in (1, 2):
        process.stdin.write(b"n")
        assert json.loads(process.stdout.readline())["frame"] == number
    process.stdin.write(b"q")
    out, err = process.communicate(timeout=30)
    assert out == b""
    assert process.returncode == 0, err
    assert b"n: next frame" in err


@pytest.mark.slow
def test_a_replay_that_was_killed_goes_on_where_the_others_are(run: Callable[..., Run], tmp_path: Path) -> None:
    file, out = recorded(tmp_path), tmp_path / "out.jsonl"
    started = run("replay", file, graph_in(tmp_path), "--only", "spot", "--rate", "0.2", "--json", out)
    until(lambda: out.exists() and len(lines(out)) > 3, "nothing is played")
    started.kill("spot")
    before = len(lines(out))
    assert started.end(60) == 0
    frames = [line["frame"] for line in lines(out)]
    assert frames == sorted(set(frames))  # none is played again
    assert frames[-1] == 29
    assert len(frames) > before


def test_a_replay_ends_when_nobody_reads_its_lines_any_more(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "handflow", "replay", recorded(tmp_path), graph_in(tmp_path), "--loop", "--json=-"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout
    assert process.stderr
    for _ in range(40):
        json.loads(process.stdout.readline())
    process.stdout.close()
    assert process.wait(30) == 0
    assert process.stderr.read() == b""
    process.stderr.close()


def test_what_cannot_be_played_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graph = graph_in(tmp_path)
    good = recorded(tmp_path)
    data = bytearray(good.read_bytes())
    chunk = Recording(good).chunks[0]
    flipped, cut = tmp_path / "flipped.mcap", tmp_path / "cut.mcap"
    data[chunk.start + 70] ^= 1
    flipped.write_bytes(data)
    cut.write_bytes(good.read_bytes()[: chunk.start + 100])
    other = write(tmp_path / "other.mcap", 3)
    (tmp_path / "bad").mkdir()
    cases = [
        (
            (other, graph),
            1,
            "has the outputs camera, tracker; none of them is a node of the graph, which has numbers, spot",
        ),
        ((good, graph, "--only", "sptt"), 1, "no output 'sptt' (did you mean 'spot'?); it has numbers, spot"),
        (
            (good, graph, "--json", "x", "--only", "numbers", "--start", "3", "--end", "2"),
            2,
            "--end 2 lies before --start 3",
        ),
        ((good, graph, "--pause", "--rate", "0"), 2, "--pause needs a --rate above 0"),
        ((flipped, graph), 1, f"damaged at byte {chunk.start} of {len(data)}; handflow recover"),
        ((cut, graph), 1, "breaks off before the first message"),
        *(((bad, graph), 1, words) for bad, words in bad_files(tmp_path / "bad").values()),
    ]
    for arguments, status, words in cases:
        assert main(["replay", *map(str, arguments)]) == status, arguments
        err = capsys.readouterr().err
        assert err.count("\n") == 1, err
        assert words in err, err


def test_a_graph_with_another_model_than_was_recorded_says_so(tmp_path: Path) -> None:
    graph = {"file": "g.yaml", "nodes": {"heatmap": {"run": "heatmap", "in": {}, "with": {"precision": "fp32"}}}}
    now = models_of(graph)
    assert list(now) == ["heatmap"]
    assert len(now["heatmap"]["hands.onnx"]) == 64
    told = {}
    for name, digest in (("same", now["heatmap"]["hands.onnx"]), ("other", "f00" * 21 + "f")):
        metadata = RecordingMetadata(models={"heatmap": {"hands.onnx": digest}})
        recorder = Recorder(tmp_path / name, metadata, [output_of("camera", Frame)])
        recorder.add("camera", pack(frame(1)), 1, 1, 1)
        recorder.close()
        node = NodeSpec("heatmap", {}, {"precision": "fp32"})
        told[name] = changed_models(Graph(Path("g.yaml"), {"heatmap": node}), Recording(tmp_path / name))
    assert told["same"] == []
    (line,) = told["other"]
    is_ = f"heatmap: the model hands.onnx is {now['heatmap']['hands.onnx'][:12]}"
    assert line == f"{is_}, recorded with hands.onnx f00f00f00f00: its hands may differ from those"


GRAPH = """
nodes:
  camera: {run: camera}
  flow: {run: flow, in: camera}
  heatmap: {run: heatmap, in: {frame: camera, prior: tracker}, with: {precision: fp32, prior_gain: 0.5}}
  tracker: {run: tracker, in: {heatmap: heatmap, flow: flow}}
"""


@contextlib.contextmanager
def busy(processes: int) -> Iterator[None]:
    """Keeps so many cores busy."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def exactly(run: Callable[..., Run], folder: Path, name: str) -> list[dict]:
    (folder / "graph.yaml").write_text(GRAPH)
    started = run("replay", FOLDER / f"{name}.mcap", folder / "graph.yaml", "--exact", "--json", folder / "out.jsonl")
    assert started.end(100) == 0, started.err
    return lines(folder / "out.jsonl")


@pytest.mark.slow
def test_an_exact_replay_gives_the_hands_that_one_process_gives(run: Callable[..., Run], tmp_path: Path) -> None:
    """Stages in processes of their own, and one after the other in this one: the same to the bit."""
    got = exactly(run, tmp_path, "two-cross")
    frames = recorded_frames("two-cross")
    nodes = {
        "flow": InlineNode(OpticalFlow(), {"frame": ""}),
        "heatmap": InlineNode(HeatmapNode(precision="fp32", prior_gain=0.5), {"frame": "", "prior": "tracker"}),
        "tracker": InlineNode(Tracker(), {"heatmap": "heatmap", "flow": "flow"}),
    }
    with InlineGraph(nodes) as stages:
        found = [stages.push(frame)["tracker"] for frame in frames]
    times = [(frame.captured_ns - frames[0].captured_ns) / 1e9 for frame in frames]
    expected = [
        frame_line(str(FOLDER / "two-cross.mcap"), n, t, 384, 216, hand_lines(hands))
        for n, (t, hands) in enumerate(zip(times, found, strict=True))
    ]
    assert got == expected
    assert len(got[-1]["hands"]) == 2


@pytest.mark.slow
def test_two_exact_replays_write_the_same_bytes_on_an_idle_and_a_busy_machine(
    run: Callable[..., Run], tmp_path: Path
) -> None:
    exactly(run, tmp_path, "three-hands")
    idle = (tmp_path / "out.jsonl").read_bytes()
    with busy(3):
        assert len(exactly(run, tmp_path, "three-hands")) == 42
    assert (tmp_path / "out.jsonl").read_bytes() == idle


def test_a_replay_that_was_stopped_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not catch up in a moment on what it has missed."""
    node = Replay(file=str(write(tmp_path / "a.mcap", messages=1800)), output="tracker")
    node.start()
    messages = (message for message in node.process() if message is not None)
    next(messages)
    real, stopped_ns = time.sleep, []

    def sleep(seconds: float) -> None:
        stopped_ns.append(now_ns())
        real(seconds)
        monkeypatch.setattr(time, "sleep", real)
        oversleep(monkeypatch, 13)

    monkeypatch.setattr(time, "sleep", sleep)
    while not stopped_ns:  # a busy machine has several messages to send before the first that is not due yet
        next(messages)
    for _ in range(9):
        next(messages)
    assert now_ns() - stopped_ns[0] > 13e9 + 9 * STEP_NS

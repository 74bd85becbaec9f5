"""Recording real graphs: nothing is lost, nothing waits for the disk, and a kill costs no more than a moment."""

import itertools
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from support.graphs import Run, until
from support.quiet import in_a_quiet_moment
from support.recorded import frame, graph_in

from handflow import Frame, Hands, SetupError, now_ns
from handflow.__main__ import main
from handflow.commands._graphs import graph_of
from handflow.commands.recording.record import chosen_outputs
from handflow.errors import GraphError
from handflow.recording.background_writer import BackgroundWriter, RecordingPlan
from handflow.recording.channels import STATUS
from handflow.recording.metadata import RecordingMetadata
from handflow.recording.reader import Recording
from handflow.runtime.graph.schema import schema
from handflow.runtime.transport.rundir import RunDir
from handflow.stages.record import Record


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A graph that runs."""
    file = graph_in(tmp_path_factory.mktemp("running"))
    running = Run("run", str(file))
    until(lambda: running.out, "the graph does not run")
    yield file
    assert running.process.poll() is None, running.err
    assert running.stop() == 0


def sequence(recording: Recording, output: str) -> list[int]:
    return [message.seq for message in recording.messages(output)]


def test_every_message_of_a_graph_is_in_its_recording(run: Callable[..., Run], tmp_path: Path) -> None:
    started = run("record", "-o", tmp_path / "a.mcap", graph_in(tmp_path, count=60, fps=60), "--pictures", "png")
    assert started.end(60) == 0, started.err
    recording = Recording(tmp_path / "a.mcap")
    assert recording.fault() == ""
    assert sequence(recording, "numbers") == list(range(1, 61))
    frames = [m for m in recording.messages("numbers") if isinstance(m, Frame)]
    assert [int(f.image.min()) for f in frames] == [int(f.image.max()) for f in frames] == list(range(1, 61))
    hands = [m for m in recording.messages("spot") if isinstance(m, Hands)]
    assert [[hop.node for hop in m.hops] for m in hands[:2]] == [["numbers", "spot"]] * 2
    assert recording.metadata is not None
    assert recording.metadata.graph["nodes"]["spot"]["in"]["frame"]["from"] == "numbers"
    assert recording.metadata.pictures == "png"


def test_a_running_graph_is_recorded_from_beside_it(run: Callable[..., Run], graph: Path, tmp_path: Path) -> None:
    beside = run("record", "-o", tmp_path / "a.mcap", graph, "--for", "2.5")
    assert beside.end() == 0, beside.err
    recording = Recording(tmp_path / "a.mcap")
    numbers = sequence(recording, "numbers")
    assert len(numbers) > 10
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    rows = [json.loads(entry.data) for entry in recording.entries([STATUS])]
    assert {row["node"] for row in rows[-1]} == {"numbers", "spot"}  # what `top` showed meanwhile


LATE = """
import time
from handflow import Hands, Node, ticks

class Late(Node):
    def start(self):
        time.sleep(1.5)

    def process(self) -> Hands:
        for _ in ticks(30):
            yield Hands()
"""


@pytest.mark.slow
def test_the_time_to_record_counts_from_the_first_message(run: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "late.py").write_text(LATE)
    (tmp_path / "graph.yaml").write_text("nodes: {late: {run: late.py}}\n")
    started = run("record", "-o", tmp_path / "a.mcap", tmp_path / "graph.yaml", "--for", "1")
    assert started.end() == 0, started.err
    recording = Recording(tmp_path / "a.mcap")
    assert recording.span_ns > 0.8e9


def test_only_what_was_named_is_recorded(tmp_path: Path) -> None:
    graph = graph_of(str(graph_in(tmp_path)))
    assert chosen_outputs(graph, []) == ["numbers", "spot"]
    assert chosen_outputs(graph, ["spot"]) == ["spot"]
    with pytest.raises(GraphError, match=r"--only spt: no node that gives messages \(did you mean 'spot'"):
        chosen_outputs(graph, ["spt"])


def test_editors_know_that_a_recorder_takes_any_inputs() -> None:
    record = {"run": "record", "in": {"pictures": "camera", "hands": {"from": "tracker"}}, "with": {"file": "a.mcap"}}
    jsonschema.validate({"nodes": {"camera": {"run": "camera"}, "record": record}}, schema())
    record["in"] = {"pictures": 5}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"nodes": {"record": record}}, schema())


def killed_at(run: Callable[..., Run], graph: Path, file: Path, after_s: float) -> float:
    """Kills a recorder beside the running graph; seconds of what was sent before that are missing in its file."""
    beside = run("record", "-o", file, graph)
    until(lambda: file.exists() and file.stat().st_size > 10_000, "nothing is recorded")
    time.sleep(after_s)
    beside.process.kill()
    at = now_ns()
    beside.end()
    last = max(entry.publish_ns for entry in Recording(file).entries())
    return (at - last) / 1e9


def test_a_kill_costs_no_more_than_the_last_moment(run: Callable[..., Run], graph: Path, tmp_path: Path) -> None:
    dice, files = random.Random(1), (tmp_path / f"{n}.mcap" for n in itertools.count())

    def observe() -> None:
        missing = [killed_at(run, graph, next(files), dice.uniform(0, 0.5)) for _ in range(2)]
        assert max(missing) < 1.5, missing  # 0.5 s, and this machine may be busy

    in_a_quiet_moment(observe)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_hundred_kills_cost_no_more_than_half_a_second_each(
    run: Callable[..., Run], graph: Path, tmp_path: Path
) -> None:
    dice = random.Random(2)
    missing = [killed_at(run, graph, tmp_path / f"{n}.mcap", dice.uniform(0, 1.5)) for n in range(100)]
    print(f"missing: median {np.median(missing):.3f} s, most {max(missing):.3f} s")
    assert sorted(missing)[97] < 0.5, sorted(missing)[-5:]  # two in a hundred may meet a busy machine


def test_a_full_disk_ends_the_recording_with_one_line(graph: Path, tmp_path: Path) -> None:
    """A limit on the size of files is a real refusal by the system, as a full disk is."""
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (15_000, 15_000)); "
        "from handflow.__main__ import main; sys.exit(main())"
    )
    file = tmp_path / "a.mcap"
    done = subprocess.run(
        [sys.executable, "-c", code, "record", "-o", file, graph], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if "recording stopped" in line]
    assert lines == [f"record: recording stopped: File too large; {file} has what came before"]
    assert len(list(Recording(file).entries())) > 0


def test_a_nearly_full_disk_ends_the_recording_in_time(tmp_path: Path) -> None:
    said: list[str] = []
    writer = BackgroundWriter(RecordingPlan(tmp_path / "a.mcap", RecordingMetadata(), keep_free_mb=1e9), said.append)
    writer.put(frame(1))
    until(lambda: writer.stopped, "it is not stopped")
    writer.close()
    assert len(said) == 1
    assert "MB left; keep_free_mb is 1e+09" in said[0]
    assert Recording(tmp_path / "a.mcap").fault() == ""  # there was room for the index


def test_a_slow_disk_ends_the_recording_and_holds_nobody_up(tmp_path: Path) -> None:
    pipes = (tmp_path / f"pipe{n}.mcap" for n in itertools.count())
    in_a_quiet_moment(lambda: record_into(next(pipes)))


def record_into(pipe: Path) -> None:
    """A pipe that nobody reads takes nothing, for ever."""
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    said: list[str] = []
    writer = BackgroundWriter(RecordingPlan(pipe, RecordingMetadata(), waiting_mb=2), said.append)
    noise = np.random.default_rng(0).integers(0, 255, (90, 160, 3), np.uint8)
    longest = 0.0
    for number in range(1, 2000):
        picture = frame(number)
        picture.image = noise
        began = time.monotonic()
        writer.put(picture)
        longest = max(longest, time.monotonic() - began)
        if writer.stopped:
            break
        time.sleep(0.001)
    assert "takes less than comes" in writer.stopped
    assert longest < 1  # a tenth of a millisecond, if the machine is not busy
    assert said == [f"recording stopped: {writer.stopped}; {pipe} has what came before"]
    drain = threading.Thread(target=lambda: [time.sleep(0.01) for _ in iter(lambda: _some(reader), b"")])
    drain.start()
    writer.close()
    drain.join(20)
    os.close(reader)


def _some(fd: int) -> bytes:
    try:
        return os.read(fd, 1 << 20)
    except BlockingIOError:
        return b"."


def test_a_long_recording_is_split_into_files_that_follow_each_other(tmp_path: Path) -> None:
    said: list[str] = []
    writer = BackgroundWriter(RecordingPlan(tmp_path / "a.mcap", RecordingMetadata(), split_mb=0.004), said.append)
    for number in range(1, 61):
        writer.put(frame(number))
        time.sleep(0.015)
        until(lambda: writer.messages == number, "it does not keep up", pause_s=0.001)  # noqa: B023
    writer.close()
    files = [tmp_path / "a.mcap", *sorted(tmp_path.glob("a-*.mcap"))]
    assert len(files) > 2
    assert [n for file in files for n in sequence(Recording(file), "camera")] == list(range(1, 61))
    assert said[0] == f"records into {tmp_path / 'a-2.mcap'}"


def test_a_recording_that_is_full_when_it_ends_has_no_empty_file_after_it(tmp_path: Path) -> None:
    writer = BackgroundWriter(RecordingPlan(tmp_path / "a.mcap", RecordingMetadata(), split_s=0.001), print)
    writer.put(frame(1))
    # By the first flush it is full.
    until(lambda: b"camera" in (tmp_path / "a.mcap").read_bytes(), "nothing is written")
    writer.close()
    assert [file.name for file in tmp_path.iterdir()] == ["a.mcap"]


@pytest.mark.slow
def test_a_stage_of_a_graph_keeps_what_was_recorded_before(run: Callable[..., Run], tmp_path: Path) -> None:
    """Also what it has recorded itself before it was killed."""
    more = f"  record: {{run: record, in: {{a: numbers, b: spot}}, with: {{file: {tmp_path / 'a.mcap'}}}}}\n"
    graph = graph_in(tmp_path, more)
    (tmp_path / "a.mcap").write_text("what was here")
    running = run("run", graph)
    until(lambda: (tmp_path / "a-2.mcap").exists() and (tmp_path / "a-2.mcap").stat().st_size > 10_000, "no recording")
    running.kill("record")
    until(lambda: (tmp_path / "a-3.mcap").exists() and (tmp_path / "a-3.mcap").stat().st_size > 10_000, "no restart")
    assert running.stop() == 0
    assert (tmp_path / "a.mcap").read_text() == "what was here"
    assert Recording(tmp_path / "a-2.mcap").names() == ["numbers", "spot"]
    assert Recording(tmp_path / "a-3.mcap").fault() == ""


def test_the_last_seconds_are_written_when_asked_for(
    run: Callable[..., Run],
    command: Callable[..., list[str]],
    graph: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "snap.mcap"
    keeper = run("record", "-o", file, graph, "--snapshot", "1")
    until(lambda: "first_s" in RunDir(graph).stored("record"), "nothing is read")
    assert not file.exists()
    until(lambda: main(["record", "--trigger", str(graph)]) == 0, "it does not keep the last seconds")
    assert Recording(file).fault() == ""
    snaps = (tmp_path / f"snap-{n}.mcap" for n in itertools.count(2))

    def observe() -> None:
        time.sleep(1.5)
        snap = next(snaps)
        assert command("record", "--trigger", graph) == [str(snap)]
        times = [entry.publish_ns for entry in Recording(snap).entries(["numbers"])]
        assert 0.3 < (times[-1] - times[0]) / 1e9 < 1.3

    in_a_quiet_moment(observe)
    assert keeper.stop() == 0
    assert main(["record", "--trigger", str(graph)]) == 1
    assert "no recorder keeps the last seconds of this graph" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["-o", "no/such/folder/a.mcap"], 1, "there is no folder"),
        ([], 2, "-o FILE is missing"),
        (["-o", "a.mcap", "--for", "0"], 2, "expected a number above 0, got '0'"),
    ],
)
def test_what_cannot_be_recorded_is_one_line(
    tmp_path: Path, arguments: list[str], status: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        got: object = main(["record", str(graph_in(tmp_path)), *arguments])
    except SystemExit as error:  # argparse's
        got = error.code
    assert got == status
    assert words in capsys.readouterr().err.splitlines()[-1]


def test_a_recorder_that_is_switched_off_writes_nothing(tmp_path: Path) -> None:
    node = Record(file=str(tmp_path / "a.mcap"), recording=False, snapshot_s=5)
    node.start()
    node.process(camera=frame(1))
    with pytest.raises(SetupError, match="set `recording` to true"):
        node.commands["snapshot"](None)
    node.stop()
    assert list(tmp_path.iterdir()) == []

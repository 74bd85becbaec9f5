"""What cannot be printed is dropped and counted where something is to go on, and is an error where it is the result."""

import io
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support.graphs import until

from handflow.commands._standard_streams import SLOW_S, DroppingStream, ResultStream
from handflow.errors import OutputError, ReaderGone
from handflow.messages import Hands
from handflow.stages.json_lines import JsonLines

FULL = "/dev/full"


@pytest.fixture
def pipe() -> Iterator[tuple[io.FileIO, io.FileIO]]:
    """What reads, and what writes."""
    read, write = os.pipe()
    with io.FileIO(read) as reader, io.FileIO(write, "w") as writer:
        yield reader, writer


def dropping(fd: int, told: list[bytes], ends_with_reader: bool = False) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BufferedWriter(DroppingStream(fd, "it", told.append, ends_with_reader)), "utf-8")


def test_lines_to_a_full_disk_are_dropped_and_counted() -> None:
    told: list[bytes] = []
    with open(FULL, "wb") as full, closing(dropping(full.fileno(), told)) as stream:
        for _ in range(3):
            print("a line", file=stream, flush=True)
        stream.buffer.raw.report()  # type: ignore[union-attr]
    assert told == [b"3 lines to it were dropped: No space left on device\n"]


def test_lines_to_a_pipe_without_a_reader_are_dropped_or_end_a_watcher(pipe: tuple[io.FileIO, io.FileIO]) -> None:
    told: list[bytes] = []
    pipe[0].close()
    print("a line", file=dropping(pipe[1].fileno(), told), flush=True)
    with pytest.raises(ReaderGone):
        print("a line", file=dropping(pipe[1].fileno(), told, ends_with_reader=True), flush=True)


def test_a_reader_that_does_not_read_is_waited_for_once_and_told_what_it_missed(
    pipe: tuple[io.FileIO, io.FileIO],
) -> None:
    told: list[bytes] = []
    stream = dropping(pipe[1].fileno(), told)
    waits = []

    class Poll:
        """Notes how long a reader that took nothing was waited for, in ms."""

        def __init__(self, poll: select.poll) -> None:
            self.real = poll

        def poll(self, timeout_ms: float) -> list[tuple[int, int]]:
            if not (ready := self.real.poll(timeout_ms)) and timeout_ms:
                waits.append(timeout_ms)
            return ready

    stream.buffer.raw._poll = Poll(stream.buffer.raw._poll)  # type: ignore[union-attr]
    for number in range(3000):  # 64 KiB fit into a pipe
        print(f"{number:0100}", file=stream, flush=True)
    assert waits == [SLOW_S * 1000]
    lost = stream.buffer.raw.dropped  # type: ignore[union-attr]
    assert lost > 2000
    assert told == []
    pipe[0].read(1 << 20)
    print("again", file=stream, flush=True)
    assert told == [f"{lost} lines to it were dropped: nobody reads it\n".encode()]
    assert (pipe[0].read(1 << 20) or b"").endswith(b"again\n")


def test_a_line_that_broke_off_is_ended_before_the_next_one(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    file = tmp_path / "log"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with open(file, "wb") as out, closing(dropping(out.fileno(), [])) as stream:
        resource.setrlimit(resource.RLIMIT_FSIZE, (6, limits[1]))
        try:
            print("0123456789", file=stream, flush=True)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        print("again", file=stream, flush=True)
    assert file.read_text() == "012345\nagain\n"


def test_a_result_that_cannot_be_written_is_told_once() -> None:
    with open(FULL, "wb") as full:
        stream = ResultStream(full.fileno())
        with pytest.raises(OutputError, match="standard output: cannot be written: No space left on device"):
            stream.write(b"a line\n")
        assert stream.write(b"another\n") == 8  # at the end of the process


def test_a_result_that_nobody_reads_on_ends_in_silence(pipe: tuple[io.FileIO, io.FileIO]) -> None:
    pipe[0].close()
    with pytest.raises(ReaderGone):
        ResultStream(pipe[1].fileno()).write(b"a line\n")


@pytest.mark.parametrize(
    ("redirected", "status", "said"),
    [
        (">/dev/full", 1, "standard output: cannot be written: No space left on device\n"),
        (">&-", 1, "standard output: cannot be written: it is closed\n"),
        ("| true", 0, ""),
        pytest.param(">/dev/full 2>&1", 1, "", marks=pytest.mark.slow),
        pytest.param(">&- 2>&- <&-", 1, "", marks=pytest.mark.slow),
    ],
)
def test_a_command_whose_result_cannot_be_printed(redirected: str, status: int, said: str) -> None:
    line = f"set -o pipefail; {sys.executable} -m handflow --version {redirected}"
    done = subprocess.run(["bash", "-c", line], stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (status, said)


@pytest.mark.slow
@pytest.mark.parametrize("redirected", [">/dev/full", ">&- 2>&- <&-", "2>/dev/full", "2>&1 | true"])
def test_a_graph_goes_on_whatever_becomes_of_its_log(tmp_path: Path, redirected: str) -> None:
    graph = tmp_path / "graph.yaml"
    graph.write_text(
        "nodes:\n  camera: {run: demo, with: {fps: 10}}\n  record: {run: record, in: {camera: camera}, "
        f"with: {{file: {tmp_path / 'made.mcap'}, keep_free_mb: 0}}}}\n"
    )
    line = f"set -o pipefail; {sys.executable} -m handflow run {graph} --for 6 {redirected}"
    process = subprocess.Popen(["bash", "-c", line], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: (tmp_path / "made.mcap").exists(), "nothing is recorded")
        before = (tmp_path / "made.mcap").stat().st_size
        until(lambda: (tmp_path / "made.mcap").stat().st_size > before, "it does not go on")
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("use", ["LOG", "RESULT"])
def test_what_is_closed_refuses_what_this_process_and_those_it_starts_write(use: str) -> None:
    """Else a result (`replay --json - >&-`) would be lost without a word."""
    code = f"""
import os, subprocess, sys
from handflow.commands._standard_streams import Use, protect
protect(Use.{use})
code = "import os; os.write(1, b'a line')"
sys.exit(10 + subprocess.run([sys.executable, "-c", code], stderr=subprocess.DEVNULL).returncode)
"""
    done = subprocess.run(["bash", "-c", '"$0" -c "$1" >&-', sys.executable, code])
    assert done.returncode == 11


def test_lines_for_a_closed_output_end_with_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with open(os.devnull, "rb") as closed:
        monkeypatch.setattr("handflow.stages.json_lines.STDOUT", closed.fileno())
        lines = JsonLines()
        lines.start()
        lines.process(Hands())
        lines.stop()
    assert lines.persistent["stopped"] == "standard output: cannot be written: it is closed"

"""Stages that fail, hang or are killed, and graphs that are stopped: nothing is left behind."""

import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from support.graphs import Run, left, memory_files, until
from support.numbered import BOTH_IF_SLOW, PASSER, TAP, TICKER, graph, tapped, with_nodes
from support.quiet import in_a_quiet_moment

from handflow.runtime.node import Stopped
from handflow.runtime.process.supervisor import signals_stop
from handflow.runtime.transport.rundir import RunDir


@pytest.fixture
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return with_nodes(tmp_path, getattr(request, "param", "auto"))


@BOTH_IF_SLOW
@pytest.mark.parametrize(
    "how", [signal.SIGINT, *(pytest.param(how, marks=pytest.mark.slow) for how in (signal.SIGTERM, signal.SIGHUP))]
)
def test_a_signal_stops_cleanly_with_status_0(run: Callable[..., Run], folder: Path, how: int) -> None:
    def observe() -> None:
        """What has not stopped in 2 s is killed, and that is said."""
        (folder / "out").unlink(missing_ok=True)
        started = run("run", graph(folder, "ticker: {run: ticker.py}", PASSER, TAP), cwd=folder)
        until(lambda: len(tapped(folder)) > 3, "nothing is delivered")
        before = started.children()
        assert started.stop(how) == 0
        assert not left({child.pid for child in before.values()})
        assert started.err == []

    in_a_quiet_moment(observe)


@BOTH_IF_SLOW
def test_a_stage_that_cannot_start_ends_the_run_with_its_line(run: Callable[..., Run], folder: Path) -> None:
    broken = "passer: {run: passer.py, in: ticker, with: {broken: start}}"

    def observe() -> None:
        """What of the others has not stopped in 2 s is killed, and that is said too."""
        started = run("run", graph(folder, TICKER, broken, TAP), cwd=folder)
        assert started.end() == 1
        assert started.err == ["passer: OSError: the passer is broken\n"]

    in_a_quiet_moment(observe)


@pytest.mark.slow
def test_a_port_in_use_is_one_line(run: Callable[..., Run], folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = f"server: {{run: server.py, in: ticker, with: {{port: {port}}}}}"
        started = run("run", graph(folder, TICKER, server), cwd=folder)
        assert started.end() == 1
    assert len(started.err) == 1
    assert "server: OSError: [Errno 98] Address already in use" in started.err[0]


@BOTH_IF_SLOW
def test_a_stage_that_fails_is_started_again_and_why_is_said(run: Callable[..., Run], folder: Path) -> None:
    broken = "passer: {run: passer.py, in: ticker, with: {broken: process}}"
    started = run("run", graph(folder, "ticker: {run: ticker.py}", broken, TAP), cwd=folder)
    until(lambda: any(seq > 10 for _, seq in tapped(folder)), "it does not go on")
    started.stop()
    text = "".join(started.err)
    assert "passer failed (ValueError: ten is too many); restart 1 in 0.1 s\n" in started.err
    assert "passer.py" in text  # and where, for whoever wrote it


@BOTH_IF_SLOW
@pytest.mark.slow
def test_a_stage_that_hangs_is_killed_and_started_again(run: Callable[..., Run], folder: Path) -> None:
    started = run("run", graph(folder, "ticker: {run: ticker.py}", "frozen: {run: frozen.py, in: ticker}"), cwd=folder)
    until(lambda: any("frozen has been at one message for" in line for line in started.err), "it is not noticed")
    until(lambda: any("frozen was killed by SIGKILL; restart 1" in line for line in started.err), "it is not restarted")


@pytest.mark.slow
def test_a_stage_that_loads_for_long_is_waited_for(run: Callable[..., Run], folder: Path) -> None:
    (folder / "heavy.py").write_text("import time\n\ntime.sleep(13)\n" + (folder / "passer.py").read_text())
    started = run(
        "run", graph(folder, "ticker: {run: ticker.py}", "passer: {run: heavy.py, in: ticker}", TAP), cwd=folder
    )
    until(lambda: tapped(folder), "nothing is delivered")
    started.stop()
    assert not [line for line in started.err if "silent" in line or "restart" in line]


@BOTH_IF_SLOW
def test_a_silent_stage_is_noticed_even_when_stopped_by_a_signal(run: Callable[..., Run], folder: Path) -> None:
    started = run("run", graph(folder, "ticker: {run: ticker.py}", PASSER, TAP), cwd=folder)
    until(lambda: tapped(folder), "nothing is delivered")
    os.kill(started.children()["passer"].pid, signal.SIGSTOP)
    assert started.stop() == 0  # killed after two seconds: nothing waits for it for ever
    assert any("passer did not stop in 2 s; killing it" in line for line in started.err)


@pytest.mark.parametrize(
    ("folder", "who"),
    [
        ("auto", "the supervisor"),
        pytest.param("auto", "everything", marks=pytest.mark.slow),
        pytest.param("portable", "the supervisor", marks=pytest.mark.slow),
        pytest.param("portable", "everything", marks=pytest.mark.slow),
    ],
    indirect=["folder"],
)
def test_after_kill_9_nothing_is_left_and_the_next_start_works(run: Callable[..., Run], folder: Path, who: str) -> None:
    file = graph(folder, "ticker: {run: ticker.py}", PASSER, TAP)
    started = run("run", file, cwd=folder)
    until(lambda: tapped(folder), "nothing is delivered")
    children = started.children()
    shared = memory_files(children.values())
    started.process.kill()
    if who == "everything":
        for child in children.values():
            child.kill()
    started.end()
    until(lambda: not left({child.pid for child in children.values()}), "orphans are left")
    assert not [path for path in shared if os.path.exists(path)]
    (folder / "out").unlink()
    run("run", file, cwd=folder)
    until(lambda: len(tapped(folder)) > 3, "the next start does not work")
    rings = list(RunDir(file).path.glob("*.ring"))
    assert len(rings) == ((folder / "transport").read_text() == "portable")  # the ticker's; the dead one's is gone


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_asks_for_the_end_and_only_the_second_interrupts(how: int) -> None:
    """An exception out of nowhere leaves locks taken: of `subprocess`, whose `wait` never came back then."""
    inherited = signal.getsignal(how)
    before = signal.default_int_handler if how == signal.SIGINT else signal.SIG_DFL  # under nohup: ignored
    signal.signal(how, before)
    try:
        with signals_stop() as asked:
            assert not asked.is_set()
            signal.raise_signal(how)
            assert asked.is_set()
            with pytest.raises(Stopped):
                signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(how) == before
    finally:
        signal.signal(how, inherited)


def test_a_stage_that_is_stopped_while_a_module_of_it_is_imported_ends_without_a_word(
    run: Callable[..., Run], tmp_path: Path
) -> None:
    (tmp_path / "heavy.py").write_text(
        "import os, signal, time\n"
        "try:\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    time.sleep(30)\n"
        "except BaseException:\n"
        "    raise ImportError('initialization failed')\n"
    )
    (tmp_path / "graph.yaml").write_text("nodes: {heavy: {run: heavy.py}}\n")
    started = run("node", "heavy", "--graph", "graph.yaml", cwd=tmp_path)
    assert started.end() == 0
    assert started.err == []

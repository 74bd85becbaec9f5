"""Real graphs in real processes, and a game that listens to them."""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import settings
from support.browser import Browser
from support.clocks import StillClock
from support.graphs import HEADLESS, Game, Run, left, until
from support.needed import need
from support.osc_receivers import Mailbox
from support.oscdump import Dump

from handflow.__main__ import main
from handflow.stages import osc

# Else all tests, and all of handflow in each of hundreds of processes, would be compiled every time.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# torch's threads wait for each other in busy loops: in several test processes at once that costs ten times the work.
os.environ["OMP_NUM_THREADS"] = "1"

# The same examples in each run: by chance a new one may be found by whoever looks for it, with
# `--hypothesis-profile searching`, and not by whoever changes something else. How long one takes says nothing here.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("searching", deadline=None)
settings.load_profile("repeatable")

SLOW_TIMEOUT_S = 600  # of a slow test that names none: a busy machine takes many times what an idle one takes


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SLOW_TIMEOUT_S))


@pytest.fixture(scope="session", autouse=True)
def own_run_directories(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What graphs leave where temporary files lie goes with the tests, and there is nothing else there."""
    tmp_path_factory.getbasetemp()  # stays where it is, to be looked at afterwards
    with (
        tempfile.TemporaryDirectory(prefix="hf", ignore_cleanup_errors=True) as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("TMPDIR", folder)
        patch.setattr(tempfile, "tempdir", None)
        yield


@pytest.fixture
def run() -> Iterator[Callable[..., Run]]:
    """Starts handflow commands, and sees to it that none of their processes outlives the test."""
    with ExitStack() as ends:

        def start(*arguments: object, cwd: Path | None = None, within: Iterable[str] = ()) -> Run:
            started = Run(*map(str, arguments), cwd=cwd, within=within)

            def end() -> None:
                if started.process.poll() is None:
                    started.stop()
                until(lambda: not left(started.seen), "processes are left behind")

            ends.callback(end)
            return started

        yield start


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Carries out a command that succeeds, without a process for it; its lines."""

    def carry_out(*arguments: object, cwd: Path | None = None) -> list[str]:
        if cwd:
            monkeypatch.chdir(cwd)
        capsys.readouterr()
        status = main([*map(str, arguments)])
        said = capsys.readouterr()
        assert status == 0, said.err
        return said.out.splitlines()

    return carry_out


@pytest.fixture
def osc_in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """For stages that send OSC and are called directly: a second that a busy machine takes is one without hands."""
    StillClock(monkeypatch, osc)


@pytest.fixture
def game() -> Iterator[Game]:
    made = Game()
    yield made
    made.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium without a screen; skipped where it is missing, except in CI."""
    chromium = shutil.which("chromium")
    need(chromium, "apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=HEADLESS.split())
        yield Browser(started)
        started.close()


@pytest.fixture
def dump() -> Iterator[Dump]:
    receiver = Dump()
    yield receiver
    receiver.process.kill()
    receiver.process.communicate()


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """Where a game receives OSC."""
    box = Mailbox()
    yield box
    box.socket.close()

"""The whole machine is paused, or only who watches it, or only one stage: real processes, stopped by signals."""

import contextlib
import itertools
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.graphs import Game, Run, until

pytestmark = pytest.mark.slow
PAUSE_S = float(os.environ.get("PAUSE_S", "13"))
GONE_S, BACK_S = 0.5, 1.0  # after going on: hands are told gone, and hands are followed again
GRAPH = """nodes:
  camera: {{run: camera, with: {{source: demo}}}}
  heatmap: {{run: heatmap, in: {{frame: camera, prior: tracker}}}}
  tracker: {{run: tracker, in: heatmap}}
  osc: {{run: osc, in: tracker, with: {{targets: [{{protocol: hands, port: {port}}}]}}}}
"""


@pytest.fixture
def paused(
    run: Callable[..., Run], game: Game, tmp_path: Path
) -> Callable[[Callable[[Run], list[int]]], tuple[Run, float, float]]:
    """Starts a graph and stops those of its processes that are chosen; from when to when."""

    def pause(chosen: Callable[[Run], list[int]]) -> tuple[Run, float, float]:
        (tmp_path / "graph.yaml").write_text(GRAPH.format(port=game.port))
        started = run("run", "graph.yaml", cwd=tmp_path)
        until(game.ids, "no hand is followed")
        pids = chosen(started)
        begun = time.monotonic()
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(PAUSE_S)
        ended = time.monotonic()
        for pid in pids:
            # One that was killed meanwhile, as it should be.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        return started, begun, ended

    return pause


def stages(started: Run) -> list[int]:
    return [child.pid for child in started.children().values()]


def test_nobody_is_killed_for_a_pause_of_all_and_hands_are_told_gone_and_followed_anew(paused, game: Game) -> None:
    before: list[int] = []

    def everybody(started: Run) -> list[int]:
        before.extend(stages(started))
        return [started.process.pid, *before]

    started, _, ended = paused(everybody)
    until(lambda: game.heard[-1].at > ended + 3, "it does not go on")
    assert stages(started) == before
    assert not [line for line in started.err if "silent" in line or "restart" in line or "at one message" in line]
    after = [heard for heard in game.heard if heard.at > ended]
    gone = next(heard.at for heard in after if heard.address == "/hands/frame" and heard.values[1] == 0)
    assert gone - ended < GONE_S
    new = max((i for h in game.heard if h.at < ended and h.address == "/hands/hand" for i in h.values[:1]), default=0)
    back = next(heard.at for heard in after if heard.address == "/hands/hand" and heard.values[0] > new)
    print(f"gone after {gone - ended:.3f} s, followed again after {back - ended:.3f} s")
    assert back - ended < BACK_S


def test_a_pause_of_the_supervisor_alone_is_noticed_by_nobody(paused, game: Game) -> None:
    before: list[int] = []

    def supervisor(started: Run) -> list[int]:
        before.extend(stages(started))
        return [started.process.pid]

    started, begun, ended = paused(supervisor)
    until(lambda: game.heard[-1].at > ended + 3, "it does not go on")
    assert stages(started) == before
    at = [heard.at for heard in game.frames() if heard.at > begun]
    assert max(b - a for a, b in itertools.pairwise(at)) < 2


@pytest.mark.skipif(PAUSE_S < 12, reason="a stage is silent for 10 s before it is killed")
def test_a_stage_that_hangs_alone_is_started_again(paused) -> None:
    started, _, _ = paused(lambda started: [started.children()["tracker"].pid])
    assert any("tracker has been silent for" in line for line in started.err)
    assert any("tracker was killed by SIGKILL; restart 1" in line for line in started.err)

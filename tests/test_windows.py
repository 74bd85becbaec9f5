"""handflow on Windows: Windows' own CPython and libraries, under wine. Beside it, on Linux: games, pages, a peer."""

import contextlib
import json
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.browser import Browser
from support.graphs import Game, Run, free_ports, until
from support.wine import WindowsRun, Wine, missing, windows_path

from handflow.__main__ import main

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),  # on a busy machine each of wine's processes takes half a minute to start
    pytest.mark.skipif(bool(missing()), reason=f"Windows under wine: {missing()}"),
]
TOLERANCE = 1e-3
START_S = 240.0
RECORDING = Path(__file__).parent / "recordings" / "three-hands.mcap"
# Line ends, backslashes, a drive, a blank and umlauts, as Windows' editors and people write them.
GRAPH = """\
nodes:
  camera: {run: camera, with: {source: demo, size: [640, 360]}}
  heatmap: {run: heatmap, in: {frame: camera, prior: tracker}}
  tracker: {run: tracker, in: {heatmap: heatmap}}
  counter: {run: 'own stages\\zähler.py', in: tracker}
  osc: {run: osc, in: tracker, with: {targets: [{protocol: hands, port: GAME}]}}
  view: {run: view, in: {frame: camera, hands: tracker}, with: {port: PAGE}}
"""
COUNTER = """\
from handflow import Hands, Node


class Counter(Node):
    \"\"\"Says in its note how many hands there are.\"\"\"

    def start(self) -> None:
        self.log.info("zählt")

    def process(self, hands: Hands) -> None:
        self.note = f"{len(hands.id)} Hände"
"""
RECORDED = """\
nodes:
  camera: {run: camera, with: {source: demo, size: [640, 360]}}
  heatmap: {run: heatmap, in: camera}
  tracker: {run: tracker, in: heatmap}
"""
MACHINES = """\
machines:
  booth: {host: 127.0.0.1, port: BOOTH}
  stage: {host: 127.0.0.1, port: STAGE}
key: game.key
nodes:
  camera: {run: camera, with: {source: demo, size: [640, 360]}, on: booth}
  heatmap: {run: heatmap, in: {frame: {from: camera, size: [320, 180]}}, on: stage}
  tracker: {run: tracker, in: heatmap, on: stage}
  osc: {run: osc, in: tracker, on: stage, with: {targets: [{protocol: hands, port: GAME}]}}
"""


@pytest.fixture(scope="module")
def wine() -> Iterator[Wine]:
    made = Wine()
    yield made
    made.close()


@pytest.fixture
def folder(wine: Wine, tmp_path: Path) -> Iterator[Path]:
    made = tmp_path / "ein Ordner für Hände"
    (made / "own stages").mkdir(parents=True)
    yield made
    wine.end_commands()


def write(file: Path, text: str, **values: object) -> Path:
    for name, value in values.items():
        text = text.replace(name, str(value))
    file.write_text(text, "utf-8", newline="\r\n")
    return file


def hands(file: Path) -> list[list[dict[str, Any]]]:
    return [json.loads(line)["hands"] for line in file.read_text("utf-8").splitlines()]


def reachable(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5):
        return True
    return False


def alike(one: list[list[dict[str, Any]]], other: list[list[dict[str, Any]]]) -> bool:
    """The same hands in each frame, with numbers that differ by no more than processors and decoders round."""
    return len(one) == len(other) and all(
        [hand.keys() for hand in mine] == [hand.keys() for hand in theirs]
        and all(
            value == pytest.approx(theirs[number][key], abs=TOLERANCE)
            for number, hand in enumerate(mine)
            for key, value in hand.items()
        )
        for mine, theirs in zip(one, other, strict=True)
    )


def ended(run: WindowsRun, status: int = 0) -> list[str]:
    """Waits for the end of a command; its lines."""
    assert run.end() == status, (run.out, run.err)
    return run.out


def rows(wine: Wine, folder: Path) -> dict[str, dict[str, Any]]:
    (line,) = wine.lines("top", "--once", "--json", cwd=folder)
    return {row["node"]: row for row in json.loads(line)}


def test_a_clip_shows_the_hands_that_linux_finds(wine: Wine, folder: Path) -> None:
    clip, here, there = folder / "drei Hände.mp4", folder / "linux.jsonl", folder / "fenster ü.jsonl"
    assert main(["convert", str(RECORDING), "-o", str(clip)]) == 0
    assert main(["detect", str(clip), "--json", str(here)]) == 0
    wine.lines("detect", windows_path(clip), "--json", rf".\{there.name}", cwd=folder)
    assert sum(map(len, hands(here))) > 50
    assert alike(hands(there), hands(here))


def test_its_cameras_are_asked_for(wine: Wine, folder: Path) -> None:
    """Through DirectShow and Media Foundation; wine has none to tell of."""
    assert wine.lines("cameras", cwd=folder)[0].startswith("no camera: plug one in")


def test_a_mistake_in_a_graph_is_said_as_on_linux(wine: Wine, folder: Path) -> None:
    write(folder / "own stages" / "zähler.py", COUNTER)
    write(folder / "gut.yaml", GRAPH, GAME=9000, PAGE=8088)
    write(folder / "schlecht.yaml", GRAPH.replace("tracker, with", "trakcer, with"), GAME=9000, PAGE=8088)
    write(folder / "escape.yaml", GRAPH.replace("'", '"'), GAME=9000, PAGE=8088)
    assert "6 nodes, nothing wrong" in wine.lines("check", r".\gut.yaml", cwd=folder)[0]
    for name, said in (
        ("schlecht.yaml", "schlecht.yaml:6:.*'trakcer'.*did you mean 'tracker'"),
        ("escape.yaml", "escape.yaml:5:.*unknown escape character"),
        (r"gibt\es nicht.yaml", r"gibt\\es nicht\.yaml"),
    ):
        run = wine.start("check", name, cwd=folder)
        ended(run, 2)
        assert len(run.err) == 1, run.err
        assert re.search(said, run.err[0]), run.err


def test_a_graph_is_watched_changed_killed_and_stopped(wine: Wine, folder: Path, game: Game, browser: Browser) -> None:
    page_port = free_ports(1)
    write(folder / "own stages" / "zähler.py", COUNTER)
    write(folder / "Bühne 1.yaml", GRAPH, GAME=game.port, PAGE=page_port)
    run = wine.start("run", r".\Bühne 1.yaml", cwd=folder)
    until(lambda: len(game.ids()) > 0 or run.process.poll() is not None, "no hands arrive", START_S)
    until(lambda: any("Hände" in line for line in run.out), "no note of the stage beside the graph")
    assert "counter: zählt" in "".join(run.err)

    until(lambda: reachable(page_port), "no page", START_S)
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"http://127.0.0.1:{page_port}/")
    page.wait_for_selector('#state[data-state="live"]', timeout=60_000)
    kind = "fetch('/frame.jpg').then((answer) => answer.headers.get('content-type'))"
    until(lambda: page.evaluate(kind) == "image/jpeg", "no picture")
    assert "hands" in page.evaluate("fetch('/hands.json').then((answer) => answer.json())")
    browser.leave(page)

    ended(wine.start("set", "tracker.keep_s=0.7", cwd=folder))
    assert "0.7" in "".join(wine.lines("get", "tracker", cwd=folder))
    ended(wine.start("save", "gespeichert ü.yaml", cwd=folder))
    saved = (folder / "gespeichert ü.yaml").read_bytes()
    assert b"keep_s: 0.7" in saved
    assert saved.count(b"\r\n") == saved.count(b"\n")
    ended(wine.start("swap", "tracker", cwd=folder))

    before = rows(wine, folder)
    assert before["tracker"]["swaps"] == 1
    wine.end_process(before["heatmap"]["pid"])
    until(lambda: any(re.match("heatmap failed .*restart 1", line) for line in run.err), "nobody saw it end")
    seen = len(game.heard)
    until(lambda: any(h.address == "/hands/hand" for h in game.heard[seen:]), "no hands after the kill", START_S)
    after = rows(wine, folder)
    assert {name for name, row in after.items() if row["restarts"]} == {"heatmap"}
    assert after["heatmap"]["pid"] != before["heatmap"]["pid"]
    assert {name: row["pid"] for name, row in after.items() if name != "heatmap"} == {
        name: row["pid"] for name, row in before.items() if name != "heatmap"
    }

    assert run.stop() == 0, run.err
    # Games are told that nobody is there any more: the stages had time to say goodbye.
    until(lambda: game.frames()[-1].values[1] == 0, "hands stay")


def test_what_is_recorded_there_is_replayed_as_on_linux(wine: Wine, folder: Path) -> None:
    write(folder / "pipeline.yaml", RECORDED)
    ended(wine.start("record", "--only", "camera,tracker", "--for", "2", "-o", "aufnahme ü.mcap", cwd=folder))
    replayed = "replay", "aufnahme ü.mcap", "--only", "camera", "--exact", "--json"
    ended(wine.start(*replayed, "fenster.jsonl", cwd=folder))
    here = Run(*replayed, "linux.jsonl", cwd=folder)
    assert here.end() == 0, here.err
    assert len(hands(folder / "linux.jsonl")) > 10
    assert alike(hands(folder / "fenster.jsonl"), hands(folder / "linux.jsonl"))


def test_a_graph_runs_on_linux_and_windows(wine: Wine, folder: Path, game: Game, run: Callable[..., Run]) -> None:
    port = free_ports(10)
    ended(wine.start("key", "game.key", cwd=folder))
    graph = write(folder / "zwei.yaml", MACHINES, BOOTH=port, STAGE=port + 5, GAME=game.port)
    (folder / "game.key").chmod(0o600)
    there = wine.start("run", "zwei.yaml", "--on", "stage", cwd=folder)
    here = run("run", graph, "--on", "booth")
    until(lambda: len(game.ids()) > 0, "no hands arrive", START_S)
    table = rows(wine, folder)
    assert {name: row["on"] for name, row in table.items()} == {
        "camera": "booth", "heatmap": "stage", "tracker": "stage", "osc": "stage",
    }  # fmt: skip
    assert here.stop() == 0
    assert there.stop() == 0, there.err

"""The stages together: from a clip's pictures to hands in a game."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.graphs import Game, Run, until
from support.numbered import BOTH_IF_SLOW, graph, tapped, with_nodes


@pytest.fixture
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return with_nodes(tmp_path, getattr(request, "param", "auto"))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds of the demo's hands."""
    from handflow.synthetic.scene import Scene

    file = tmp_path_factory.mktemp("clip") / "demo.mp4"
    scene = Scene(seed=5, hands=3, size=(640, 360))
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"mp4v"), 10, (640, 360))
    image = np.empty((360, 640, 3), np.uint8)
    for frame in range(40):
        scene.draw(2 + frame / 10, image)
        writer.write(image)
    writer.release()
    return file


def pipeline(clip: Path, game: Game, *lines: str) -> list[str]:
    camera = {"source": str(clip), "loop": True, "size": [640, 360], "fps": 10}
    targets = [{"protocol": "hands", "host": "127.0.0.1", "port": game.port}]
    return [
        f"camera: {{run: camera, with: {json.dumps(camera)}}}",
        "flow: {run: flow, in: camera}",
        "heatmap: {run: heatmap, in: {frame: camera, prior: tracker}, with: {precision: int8}}",
        "tracker: {run: tracker, in: {heatmap: heatmap, flow: flow}}",
        f"osc: {{run: osc, in: tracker, with: {{targets: {json.dumps(targets)}}}}}",
        *lines,
    ]


@BOTH_IF_SLOW
def test_hands_reach_the_game(run: Callable[..., Run], folder: Path, clip: Path, game: Game) -> None:
    started = run("run", graph(folder, *pipeline(clip, game)), cwd=folder)
    until(lambda: len(game.ids()) >= 2, "no hands arrive")
    seqs = [frame.values[0] for frame in game.frames()]
    empty = seqs.count(0)  # an empty picture, at the start and for each second in which no hands have come yet
    assert seqs == [0] * empty + sorted(set(seqs[empty:]))
    assert started.stop() == 0
    last_alive = [h.values for h in game.heard if h.address == "/hands/alive"][-1]
    assert last_alive == []  # on stopping, no hand stays behind in the game


@pytest.mark.slow
def test_a_graph_without_flow_works(run: Callable[..., Run], folder: Path, clip: Path, game: Game) -> None:
    lines = [line for line in pipeline(clip, game) if not line.startswith("flow")]
    lines[2] = "tracker: {run: tracker, in: heatmap}"
    run("run", graph(folder, *lines), cwd=folder)
    until(lambda: game.ids(), "no hands arrive")


AFTER = {  # what a stage's death takes with it for a moment: all that is driven by it
    "camera": {"camera", "flow", "heatmap", "tracker"},
    "flow": {"flow"},
    "heatmap": {"heatmap", "tracker"},
    "tracker": {"tracker"},
    "osc": set(),
}


@BOTH_IF_SLOW
@pytest.mark.slow
def test_kill_9_of_any_stage(run: Callable[..., Run], folder: Path, clip: Path, game: Game) -> None:
    """Those not fed by it keep their frame rate, it comes back, tracking goes on and no id is used again."""
    kinds = {"camera": "frame", "flow": "flow", "heatmap": "heatmap", "tracker": "hands"}
    taps = [
        f"tap-{node}: {{run: tap_{kind}.py, in: {node}, with: {{file: out-{node}}}}}" for node, kind in kinds.items()
    ]
    started = run("run", graph(folder, *pipeline(clip, game, *taps)), cwd=folder)
    until(lambda: len(game.frames()) > 10 and game.ids(), "nothing is delivered")
    interval = 1 / 10
    for node, fed in AFTER.items():
        time.sleep(0.5)
        ids, killed = set(game.ids()), time.monotonic()
        old = started.kill(node)
        back = kinds.get(node) and f"out-{node}"
        until(
            lambda back=back, killed=killed: (
                tapped(folder, back)[-1][0] > killed + 0.1 if back else game.frames()[-1].at > killed + 0.2
            ),
            f"{node} is not back",
        )
        assert started.children()[node].pid != old
        heard = len(game.frames())
        until(lambda heard=heard: len(game.frames()) > heard + 5, f"nothing reaches the game after {node}'s death")
        for other in kinds.keys() - fed:
            times = np.array([at for at, _ in tapped(folder, f"out-{other}")])
            # A busy machine holds everything up, also before.
            usual = max(np.diff(times[times < killed]), default=interval)
            longest = max(np.diff(times[times > killed - 0.3]))
            assert longest <= max(2 * interval, 2 * usual) + 0.03, f"{other} stalled when {node} died"
        if node == "tracker":
            fresh = set(game.ids()) - ids
            assert min(fresh, default=max(ids) + 1) > max(ids)
    assert sum(" was killed by SIGKILL; restart 1 in 0.1 s" in line for line in started.err) == len(AFTER)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        pytest.param("heatmap.model=nothing", "model", marks=pytest.mark.slow),
        pytest.param("heatmap.model=graph.yaml", "model", marks=pytest.mark.slow),
        ("camera.source=nowhere.mp4", "nowhere.mp4"),
        pytest.param("camera.source=graph.yaml", "graph.yaml", marks=pytest.mark.slow),
    ],
)
def test_what_cannot_be_read_is_one_line(
    run: Callable[..., Run], folder: Path, clip: Path, game: Game, setting: str, expected: str
) -> None:
    camera, _, heatmap, *_ = pipeline(clip, game)
    heatmap = heatmap.replace(", prior: tracker", "")
    started = run("run", graph(folder, camera, heatmap), "--set", setting, cwd=folder)
    assert started.end() == 1
    assert len(started.err) == 1
    assert started.err[0].startswith(setting.split(".")[0] + ": ")
    assert expected in started.err[0]

"""What the READMEs and examples show is run."""

import contextlib
import io
import json
import re
import shlex
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML
from support.graphs import Game, Run, until
from support.oscdump import Dump

from handflow import Hands
from handflow.__main__ import main
from handflow.runtime.graph.stage import checked_settings, declaration_of
from handflow.stages.surface import Surface

TOP = Path(__file__).parents[2]
EXAMPLES = TOP / "nodes" / "examples"
SMALL = [word for setting in ("camera.size=[640, 360]", "camera.fps=10", "heatmap.precision=int8")
         for word in ("--set", setting)]  # fmt: skip


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.yaml")), ids=lambda file: file.name)
def test_every_example_graph_is_right(file: Path) -> None:
    assert main(["check", str(file)]) == 0


def test_mirror_flips_places_and_velocities() -> None:
    sys.path.insert(0, str(EXAMPLES))
    try:
        from mirror import Mirror  # type: ignore[import-not-found]
    finally:
        sys.path.remove(str(EXAMPLES))
    hands = Hands(
        id=[1], state=[1], xy=[[0.2, 0.3]], velocity=[[1, 2]], radius=[0.1], score=[1], open=[0], is_open=[False],
        age=[1],
    )  # fmt: skip
    flipped = Mirror().process(hands)
    np.testing.assert_allclose(flipped.xy, [[0.8, 0.3]], atol=1e-6)
    assert flipped.velocity.tolist() == [[-1.0, 2.0]]


def test_the_mirror_example_delivers_and_stops(run: Callable[..., Run], game: Game) -> None:
    targets = json.dumps([{"protocol": "hands", "port": game.port}])
    started = run(
        "run", EXAMPLES / "mirror.yaml", "--source", "demo",
        *SMALL, "--set", f"osc.targets={targets}",
    )  # fmt: skip
    until(lambda: game.ids(), "no hands arrive")
    assert started.stop() == 0


@pytest.mark.slow
def test_the_floor_example_tells_oscdump_who_enters_leaves_and_dwells_where(
    run: Callable[..., Run], game: Game, dump: Dump
) -> None:
    targets = json.dumps([{"protocol": "hands", "port": port} for port in (game.port, dump.port)])
    started = run(
        "run", EXAMPLES / "floor.yaml", "--source", "demo",
        *SMALL, "--set", f"osc.targets={targets}",
    )  # fmt: skip
    until(lambda: any(heard.address == "/hands/dwell" for heard in game.heard), "nobody dwells", 60)
    assert started.stop() == 0
    dump.process.terminate()
    assert dump.process.stdout
    told = [shlex.split(line)[1:] for line in dump.process.stdout]
    inside: dict[tuple[str, str], str] = {}
    for address, values in ((words[0], words[2:]) for words in told):
        if address == "/hands/zone":
            id_, _, name, now = values
            assert name in ("door", "stage")
            assert now != inside.get((id_, name), "0")  # in and out take turns
            inside[id_, name] = now
        elif address == "/hands/dwell":
            assert inside[values[0], values[2]] == "1"
        elif address == "/hands/hand":
            x, y, zone = float(values[4]), float(values[5]), int(values[3])
            assert 0 <= x <= 1
            assert 0 <= y <= 1
            assert zone in (-1, 0, 1)
            if abs(x - 0.5) > 0.05 and zone >= 0:
                assert zone == (x > 0.5)
    assert inside
    assert set(inside.values()) == {"0"}  # at the end nobody is anywhere


def test_the_surface_in_the_readme_is_one() -> None:
    (text,) = re.findall(r"```yaml\n(surface:.*?)```", (TOP / "README.md").read_text("utf-8"), re.DOTALL)
    good, wrong = checked_settings(declaration_of(Surface), YAML(typ="safe", pure=True).load(text)["surface"]["with"])
    assert not wrong
    assert Surface(**good).zones[0].name == "door"


def test_the_graph_in_the_readme_is_the_shipped_one(capsys: pytest.CaptureFixture[str]) -> None:
    """The README's Mermaid picture is what `handflow graph` prints."""
    (picture,) = re.findall(r"```mermaid\n(.*?)```", (TOP / "README.md").read_text("utf-8"), re.DOTALL)
    assert main(["graph", str(TOP / "pipeline.yaml")]) == 0
    assert picture.strip() == capsys.readouterr().out.strip()


def test_the_node_in_the_nodes_readme_is_the_example() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (TOP / "nodes" / "README.md").read_text("utf-8"), re.DOTALL)[:1]
    assert code == (EXAMPLES / "mirror.py").read_text("utf-8")


def test_every_handflow_command_in_a_readme_is_one_that_exists() -> None:
    for readme in (
        TOP / "README.md",
        TOP / "nodes" / "README.md",
        EXAMPLES / "README.md",
        TOP / "models" / "README.md",
    ):
        for line in re.findall(r"^\s*(?:\$ )?handflow (.+)$", readme.read_text("utf-8"), re.MULTILINE):
            described = help_of(line.split()[0])
            for option in re.findall(r"(?<= )--[a-z][a-z-]*", line):
                assert option in described, f"{readme.name}: handflow {line}"


@cache
def help_of(verb: str) -> str:
    """What `handflow VERB --help` prints; a verb that is none ends with status 2."""
    with contextlib.redirect_stdout(io.StringIO()) as out, pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    assert ended.value.code == 0, verb
    return out.getvalue()

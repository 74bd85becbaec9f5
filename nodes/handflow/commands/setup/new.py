"""`handflow new NAME`: a folder with a node of your own, a graph that it stands in, and a test, ready to run.

handflow new reach
cd reach
handflow run --watch        the camera, or the demo; change reach.py while it runs
python -m pytest
"""

import argparse
import importlib.util
import keyword
import os
import string
import sys
from pathlib import Path

from handflow.commands._console import say
from handflow.errors import RunError, SetupError
from handflow.runtime.files import cannot_write
from handflow.runtime.graph.parse import NAME
from handflow.runtime.graph.stage import stage_names

NODE = '''\
"""Hands -> Hands: stretches positions about the middle, for people who do not reach the picture's edges."""

from dataclasses import replace
from typing import Annotated

from handflow import Hands, Node, Range


class $class_(Node):
    """Change `process`: it is called with the hands of every frame. `handflow run --watch` takes it over when saved."""

    stretch: Annotated[float, Range(0.5, 4), "how much farther from the middle hands are sent"] = 1.5

    def process(self, hands: Hands) -> Hands:
        self.note = f"{len(hands.id)} hands"
        return replace(
            hands,
            xy=((hands.xy - 0.5) * self.stretch + 0.5).clip(0, 1),
            velocity=hands.velocity * self.stretch,
        )
'''
GRAPH = """\
# handflow run; handflow check says what is wrong here.
nodes:
  camera: {run: camera, with: {source: auto, mirror: true}}  # the first camera, else the demo
  flow: {run: flow, in: camera}
  heatmap: {run: heatmap, in: {frame: camera, prior: tracker}, with: {profile: near}}
  tracker: {run: tracker, in: {heatmap: heatmap, flow: flow}}
  $node:
    run: $module.py
    in: tracker
    with: {stretch: 1.5}
  osc:
    run: osc
    in: $node
    with:
      targets:
        - {protocol: tuio11, host: 127.0.0.1, port: 3333}
"""
TEST = '''\
"""What $module.py does, and that the graph is right: python -m pytest."""

from pathlib import Path

import numpy as np
from handflow import Hands
from handflow.__main__ import main

from $module import $class_

HANDS = Hands(
    id=[1, 2], state=[1, 1], xy=[[0.5, 0.75], [0.9, 0.5]], velocity=[[0, 1], [0, 0]], radius=[0.05, 0.05],
    score=[1, 1], open=[0, 0], is_open=[False, False], age=[1, 1],
)  # fmt: skip


def test_hands_are_stretched_about_the_middle() -> None:
    found = $class_(stretch=2).process(HANDS)
    np.testing.assert_allclose(found.xy, [[0.5, 1], [1, 0.5]])
    np.testing.assert_allclose(found.velocity, [[0, 2], [0, 0]])
    assert list(found.id) == [1, 2]


def test_the_graph_is_right() -> None:
    assert main(["check", str(Path(__file__).with_name("pipeline.yaml"))]) == 0
'''


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="of the node, and of the folder: small letters, digits, - and _")


def run(args: argparse.Namespace) -> int:
    folder = Path(args.name)
    node = folder.name
    module = node.replace("-", "_")
    if why := _unusable(node, module):
        raise SetupError(f"new {args.name}: {why}")
    values = {"node": node, "module": module, "class_": "".join(part.capitalize() for part in module.split("_"))}
    files = {f"{module}.py": NODE, "pipeline.yaml": GRAPH, f"test_{module}.py": TEST}
    try:
        folder.mkdir(parents=True)
        for name, text in files.items():
            (folder / name).write_text(string.Template(text).substitute(values), "utf-8")
    except FileExistsError:
        raise RunError(f"{folder} is there already; choose another name") from None
    except OSError as error:
        raise RunError(cannot_write(folder, error)) from error
    say(
        f"{folder}{os.sep}: {', '.join(files)}",
        f"cd {folder}, then: handflow run --watch (what it does), python -m pytest (whether it is right)",
    )
    return 0


def _unusable(node: str, module: str) -> str:
    """Why a name cannot be a node's and a module's; "": it can."""
    if not NAME.fullmatch(node) or module.endswith("_"):
        return f"expected a name of small letters, digits, - and _ that begins with a letter, got {node!r}"
    if keyword.iskeyword(module) or module in sys.stdlib_module_names or module == "handflow":
        return f"{module} is a word of Python's or a module of its own, which would be hidden; choose another name"
    if node in stage_names():
        return f"{node} is a stage of handflow's; choose another name"
    if importlib.util.find_spec(module) is not None:
        return f"there is a Python package {module} here, which would be hidden; choose another name"
    return ""

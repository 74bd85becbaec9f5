"""A graph to calibrate, and what may be drawn on its page."""

import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

GRAPH = """\
# Above the door.
nodes:
  camera:  {run: camera, with: {source: demo, size: [640, 360]}}
  heatmap: {run: heatmap, in: {frame: camera, prior: tracker}}
  tracker: {run: tracker, in: {heatmap: heatmap}}
  view:    {run: view, in: {frame: camera, hands: tracker}}
  # the game
  osc:     {run: osc, in: tracker}
  other:   {run: osc, in: {hands: {from: tracker, keep: newest}}}
"""
CORNERS = [[0.25, 0.4], [0.75, 0.4], [0.95, 0.9], [0.05, 0.9]]
DOOR = {"name": "door", "polygon": [[0, 0], [0.2, 0], [0.2, 0.3]], "dwell_s": 1.5}


def nodes(file: Path) -> dict[str, Any]:
    return YAML(typ="safe", pure=True).load(file.read_text())["nodes"]


def on_two_machines(file: Path) -> None:
    machines = "machines: {booth: {host: 127.0.0.1, port: 5600}, stage: {host: 127.0.0.1, port: 5700}}\n"
    text = re.sub(r"\{run: (?!camera)", "{on: stage, run: ", GRAPH).replace("{run: camera", "{on: booth, run: camera")
    file.write_text(machines + text)

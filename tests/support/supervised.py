"""A graph whose supervisor answers within the test: settings, its log, its table, no processes."""

import json
from pathlib import Path
from typing import Any

from handflow.errors import Refused, RunError
from handflow.runtime.graph.parse import read
from handflow.runtime.graph.resolve import resolve
from handflow.runtime.process.changes.settings import checked
from handflow.runtime.process.description import description
from handflow.runtime.process.health import HealthRecord, stats
from handflow.runtime.process.line_log import LineLog
from handflow.runtime.process.status_table import EMPTY_ROW

GRAPH = """
nodes:
  tracker:
    run: tracker
    in: {heatmap: heatmap}
    with:
      keep_s: 0.3  # as we like it
      region: [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]]
  camera: {run: camera, with: {source: "rtsp://me:secret@10.0.0.2/a"}}
  heatmap: {run: heatmap, in: {frame: camera}}
  surface:
    run: surface
    in: tracker
    with:
      corners: [[0.2, 0.2], [0.8, 0.2], [0.9, 0.8], [0.1, 0.8]]
      zones: [{name: door, polygon: [[0, 0], [0.4, 0], [0.4, 0.5], [0, 0.5]]}]
  record: {run: record, in: {hands: tracker}, with: {recording: false, snapshot_s: 5}}
  flow: {run: flow, in: camera}
  gestures: {run: gestures, in: tracker}
  view: {run: view, in: {frame: camera, heatmap: heatmap, hands: tracker, flow: flow, gestures: gestures}}
"""


class Supervisor:
    """What answers the page's questions, without a process."""

    def __init__(self, file: Path) -> None:
        self.graph = read(file)
        self.stages = resolve(self.graph)
        self.lines = LineLog()
        self.lines.remembering(lambda text: None)("tracker: hello")
        self.snapshots: list[dict[str, str]] = []  # what the recorder answers to each
        self.rows = [EMPTY_ROW | {"node": name, "state": "running", "fps_in": 29.9} for name in self.stages]

    def ask(self, file: Path, verb: str, wait_s: float = 1, on: str | None = None, **given: Any) -> Any:
        if verb == "describe":
            return json.loads(json.dumps({n: description(self.graph.nodes[n], s) for n, s in self.stages.items()}))
        if verb == "changes":
            nodes = self.graph.nodes.items()
            return {"file": str(file), "nodes": {n: {"run": node.run, "with": node.settings} for n, node in nodes}}
        if verb == "log":
            return self.lines.after(given["after"])
        if verb == "stats":
            record = HealthRecord()
            record.update(self.rows)
            return stats(str(file), self.rows, record)
        if verb == "command":
            assert (given["name"], given["nodes"]) == ("snapshot", ["record"])
            return {"record": self.snapshots.pop(0)}
        assert verb == "set"
        node, key, value = given["node"], given["key"], given["value"]
        try:
            good = checked(self.stages[node], self.graph.nodes[node].settings, {key: value})
        except Refused as error:
            raise RunError(str(error)) from error
        self.stages[node].settings[key], self.graph.nodes[node].settings[key] = good[key], value
        return {}

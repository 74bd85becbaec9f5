"""What is drawn on the calibrate page, as settings in a graph's file: of which nodes, and how they get there."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import msgspec
import numpy as np

from handflow.errors import GraphError, RunError
from handflow.messages import Frame, Hands
from handflow.runtime.files import replacing
from handflow.runtime.graph.edits import edits
from handflow.runtime.graph.graph import Graph
from handflow.runtime.graph.parse import read
from handflow.runtime.graph.resolve import resolve
from handflow.runtime.graph.spec import EdgeSpec, NodeSpec
from handflow.runtime.graph.stage import Stage, checked_settings, declaration_of
from handflow.runtime.graph.yaml_edit import save
from handflow.stages.surface import Surface

SURFACE = ("corners", "points", "size", "mirror", "outside", "zones")  # what is set on the page
TRACKER = ("region", "ignore")

Drawn = dict[str, dict[str, Any]]  # "surface" and "tracker" -> settings as JSON has them


@dataclass
class CalibratedNodes:
    """Which nodes of a graph the page is about."""

    frames: str  # in whose frames the hands are found
    hands: str  # whose hands the surface reads
    surface: str  # "": there is none yet
    tracker: str  # who has a region and parts to ignore; "": nobody
    readers: list[str]  # who reads nothing but `hands`, and would read a new surface

    def named(self, part: str) -> str:
        """The node whose settings "surface" or "tracker" are."""
        return self.surface if part == "surface" else self.tracker


def calibrated_nodes(stages: Mapping[str, Stage], which: str | None = None) -> CalibratedNodes:
    """Finds them; `which` surface is meant if there are several. GraphError."""
    surface = _surface(stages, which)
    hands = stages[surface].edges[0].node if surface else _only_finder(stages)
    upstream = path_to_source(stages, hands)
    frames = next((name for name in upstream if stages[name].declaration.output is Frame), None)
    if frames is None:
        raise GraphError([f"expected a camera before {hands}, got none: there are no pictures to draw on"])
    tracker = next((name for name in upstream if set(TRACKER) <= set(stages[name].declaration.settings)), "")
    readers = [
        stage.name
        for stage in stages.values()
        if stage.edges and all(edge.node == hands and edge.kind is Hands for edge in stage.edges)
    ]
    return CalibratedNodes(frames, hands, surface, tracker, readers)


def path_to_source(stages: Mapping[str, Stage], name: str) -> list[str]:
    """From a node against the stream to its source, along driving edges: where several drive, that which was chosen."""
    names, chosen = [name], set[str]()
    while driving := [edge for edge in stages[names[-1]].edges if edge.drives]:
        edge = next((each for each in driving if each.node in chosen), driving[0])
        chosen.add(edge.stream)
        names.append(edge.node)
    return names


def _surface(stages: Mapping[str, Stage], which: str | None) -> str:
    surfaces = [stage.name for stage in stages.values() if issubclass(stage.node, Surface)]
    if which and which not in surfaces:
        raise GraphError([f"--node {which}: no such surface; the graph has {', '.join(surfaces) or 'none'}"])
    if len(surfaces) > 1 and not which:
        raise GraphError([f"the graph has {len(surfaces)} surfaces: {', '.join(surfaces)}; say which with --node"])
    return which or next(iter(surfaces), "")


def _only_finder(stages: Mapping[str, Stage]) -> str:
    """The node that makes hands of something else."""
    finders = [
        stage.name
        for stage in stages.values()
        if stage.declaration.output is Hands and not any(edge.kind is Hands for edge in stage.edges if edge.drives)
    ]
    if len(finders) != 1:
        found = f"{', '.join(finders)} give hands" if finders else "no node gives hands"
        raise GraphError([f"{found}: put a surface behind the one that is meant, or a tracker into the graph"])
    return finders[0]


class Saved(NamedTuple):
    """What was written into the graph's file."""

    line: str  # in words
    changed: dict[tuple[str, str], Any]  # node, setting -> value
    rewired: bool  # a surface is new in the graph


class CalibrationEdits:
    """What is drawn on the page, on its way from and to the graph's file. `which`: the surface, of several."""

    def __init__(self, file: Path, saved_as: Path, which: str | None = None) -> None:
        self.file, self.saved_as, self.which = file, saved_as, which
        # What the camera shows now, by which it will tell that it was moved; None: nothing that it shows.
        self.picture: np.ndarray | None = None
        self.read()

    def read(self) -> None:
        """Reads the file; it may have been edited since the last time. GraphError."""
        self.graph: Graph = read(self.file)
        self.stages = resolve(self.graph)
        self.nodes = calibrated_nodes(self.stages, self.which)
        surface, tracker = (self.stages.get(name) for name in (self.nodes.surface, self.nodes.tracker))
        self.surface = Surface(**surface.settings) if surface else Surface()
        self.tracker = tracker.node(**tracker.settings) if tracker else None

    def drawn(self) -> Drawn:
        """As the file has it, with the defaults of what it does not say."""
        drawn: Drawn = {"surface": {key: getattr(self.surface, key) for key in SURFACE}}
        if self.tracker is not None:
            drawn["tracker"] = {key: getattr(self.tracker, key) for key in TRACKER}
        return as_json(drawn)

    def check(self, drawn: dict[str, Any]) -> Drawn:
        """What was drawn, as the nodes take it. ValueError with one line."""
        checked: Drawn = {}
        for part, values in drawn.items():
            node = {"surface": self.surface, "tracker": self.tracker}.get(part)
            if node is None or not isinstance(values, dict):
                raise ValueError(f"{part}: expected settings of the surface or the tracker, got {values!r}")
            good, wrong = checked_settings(declaration_of(type(node)), values)
            if wrong:
                raise ValueError(next(iter(wrong.values())))
            type(node)(**good)
            checked[part] = as_json(good)
        return checked

    def save(self, drawn: dict[str, Any]) -> Saved:
        """Writes what differs from the file, and a surface if it has none. ValueError with one line."""
        try:
            self.read()
            after, new = self._changed_graph(self.check(drawn))
            found = edits(self.graph, after, self.saved_as.parent)
            if not found:
                return Saved(f"{self.file}: nothing has changed", {}, False)
            reference = self._keep_picture(after)
            found = edits(self.graph, after, self.saved_as.parent)
            save(self.saved_as, found, after=self.nodes.hands, source=self.file)
            self.file = self.saved_as
            self.read()
        except GraphError as error:
            raise ValueError(error.lines[0]) from error
        except RunError as error:
            raise ValueError(str(error)) from error
        changed = {(path[1], path[3]): value for path, value in found.items() if path[2:3] == ("with",)}
        # One after the other, and each has to fit what is there: points need a size, and no corners beside them.
        changed = dict(sorted(changed.items(), key=lambda each: bool(each[1]) if each[0][1] == "points" else 0.5))
        return Saved(f"saved in {self.file}{new}", changed | reference, bool(new))

    def _keep_picture(self, graph: Graph) -> dict[tuple[str, str], Any]:
        """Stores the camera's picture beside the graph, and sets it as its `reference`; that setting."""
        camera = self.nodes.frames
        if self.picture is None or "reference" not in self.stages[camera].declaration.settings:
            return {}
        name = f"{self.saved_as.stem}.{camera}.png"
        try:
            with replacing(self.saved_as.with_name(name)) as file:
                file.write_bytes(cv2.imencode(".png", self.picture)[1].tobytes())
        except OSError as error:
            raise RunError(f"{name}: cannot be written: {error.strerror}") from error
        graph.nodes[camera].settings["reference"] = name
        return {(camera, "reference"): name}

    def _changed_graph(self, drawn: Drawn) -> tuple[Graph, str]:
        """The graph with what was drawn, and what is to be said of a new surface in it."""
        before, nodes, graph = self.drawn(), self.nodes, self.graph.copy()
        changed = {
            part: {key: value for key, value in values.items() if value != before[part].get(key)}
            for part, values in drawn.items()
        }
        new = ""
        if changed.get("surface") and not nodes.surface:
            lies = {} if changed["surface"].get("points") else {"corners": before["surface"]["corners"]}
            surface = NodeSpec("surface", {"": EdgeSpec(nodes.hands)}, lies, graph.nodes[nodes.hands].on)
            nodes.surface = graph.free_name("surface")
            graph.insert_after(nodes.hands, nodes.surface, surface, nodes.readers)
            readers = ", ".join(nodes.readers) or "nobody"
            new = f"; node {nodes.surface!r} is new, behind {nodes.hands}, before {readers}"
        for part, values in changed.items():
            if values:
                graph.nodes[nodes.named(part)].settings |= values
        return graph, new


def as_json(values: Any) -> Any:
    """Lists for tuples, maps for structs."""
    return msgspec.json.decode(msgspec.json.encode(values))

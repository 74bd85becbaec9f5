"""What is drawn on the calibrate page, as settings in a graph's file: of which nodes, and how they get there."""

import itertools
import shutil
from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from handflow.errors import GraphError
from handflow.messages import Frame, Hands
from handflow.runtime.graph.graph import Graph, Stage, resolve
from handflow.runtime.graph.parse import read
from handflow.runtime.graph.stage import declared, settings
from handflow.runtime.graph.yaml_edit import save
from handflow.stages.surface import Surface

SURFACE = ("corners", "size", "mirror", "outside", "zones")  # what is set on the page
TRACKER = ("region", "ignore")

Drawn = dict[str, dict[str, Any]]  # "surface" and "tracker" -> settings as JSON has them


@dataclass
class Places:
    """Which nodes of a graph the page is about."""

    pictures: str  # whose pictures the hands are found in
    hands: str  # whose hands the surface reads
    surface: str  # "": there is none yet
    tracker: str  # who has a region and parts to ignore; "": nobody
    readers: list[str]  # who reads nothing but `hands`, and would read a new surface


def places(stages: Mapping[str, Stage], which: str | None = None) -> Places:
    """Looks for them; `which` surface is meant if there are several. GraphError."""
    surfaces = [stage.name for stage in stages.values() if issubclass(stage.node, Surface)]
    if which and which not in surfaces:
        raise GraphError([f"--node {which}: no such surface; the graph has {', '.join(surfaces) or 'none'}"])
    if len(surfaces) > 1 and not which:
        raise GraphError([f"the graph has {len(surfaces)} surfaces: {', '.join(surfaces)}; say which with --node"])
    surface = which or next(iter(surfaces), "")
    finders = [
        stage.name
        for stage in stages.values()
        if stage.what.output is Hands and not any(edge.kind is Hands for edge in stage.edges if edge.drives)
    ]
    if not surface and len(finders) != 1:
        found = f"{', '.join(finders)} give hands" if finders else "no node gives hands"
        raise GraphError([f"{found}: put a surface behind the one that is meant, or a tracker into the graph"])
    hands = stages[surface].edges[0].node if surface else finders[0]
    pictures = next((name for name in way(stages, hands) if stages[name].what.output is Frame), None)
    if pictures is None:
        raise GraphError([f"{hands} has no pictures to find hands in: a camera expected"])
    tracker = next((name for name in way(stages, hands) if set(TRACKER) <= set(stages[name].what.settings)), "")
    readers = [
        stage.name
        for stage in stages.values()
        if stage.edges and all(edge.node == hands and edge.kind is Hands for edge in stage.edges)
    ]
    return Places(pictures, hands, surface, tracker, readers)


def way(stages: Mapping[str, Stage], name: str) -> list[str]:
    """From a node against the stream to its source, along driving edges."""
    names = [name]
    while driving := [edge.node for edge in stages[names[-1]].edges if edge.drives]:
        names.append(driving[0])
    return names


class Saved(NamedTuple):
    line: str  # what was done
    changed: dict[tuple[str, str], Any]  # node, setting -> value
    rewired: bool  # a surface is new in the graph


class Draft:
    """What is drawn on the page, on its way from and to the graph's file."""

    def __init__(self, file: Path, saved_as: Path, which: str | None = None) -> None:
        self.file, self.saved_as, self.which = file, saved_as, which
        self.read()

    def read(self) -> None:
        """Reads the file; it may have been edited since the last time. GraphError."""
        self.graph: Graph = read(self.file)
        self.stages = resolve(self.graph)
        self.where = places(self.stages, self.which)
        surface, tracker = (self.stages.get(name) for name in (self.where.surface, self.where.tracker))
        self.surface = Surface(**surface.settings) if surface else Surface()
        self.tracker = tracker.node(**tracker.settings) if tracker else None

    def drawn(self) -> Drawn:
        """As the file has it, with the defaults of what it does not say."""
        told: Drawn = {"surface": {key: getattr(self.surface, key) for key in SURFACE}}
        if self.tracker is not None:
            told["tracker"] = {key: getattr(self.tracker, key) for key in TRACKER}
        return plain(told)

    def check(self, drawn: dict[str, Any]) -> Drawn:
        """What was drawn, as the nodes take it. ValueError with one line."""
        told: Drawn = {}
        for part, values in drawn.items():
            node = {"surface": self.surface, "tracker": self.tracker}.get(part)
            if node is None or not isinstance(values, dict):
                raise ValueError(f"{part}: {values!r} found, settings of the surface or the tracker expected")
            good, wrong = settings(declared(type(node)), values)
            if wrong:
                raise ValueError(next(iter(wrong.values())))
            type(node)(**good)
            told[part] = plain(good)
        return told

    def save(self, drawn: dict[str, Any]) -> Saved:
        """Writes what differs from the file, and a surface if it has none. ValueError with one line."""
        try:
            self.read()
            changes, done = self._changes(self.check(drawn))
            if not changes:
                return Saved(f"{self.file}: nothing has changed", {}, False)
            if self.file != self.saved_as:
                shutil.copyfile(self.file, self.saved_as)
                self.file = self.saved_as
            save(self.file, changes, after=self.where.hands)
            self.read()
        except GraphError as error:
            raise ValueError(error.lines[0]) from error
        except OSError as error:
            raise ValueError(f"{self.saved_as}: cannot be written: {error.strerror}") from error
        changed = {(path[1], path[3]): value for path, value in changes.items() if path[2:3] == ("with",)}
        return Saved(f"saved in {self.file}{done}", changed, bool(done))

    def _changes(self, drawn: Drawn) -> tuple[dict[tuple[str, ...], Any], str]:
        before, where = self.drawn(), self.where
        changed = {
            part: {key: value for key, value in values.items() if value != before[part].get(key)}
            for part, values in drawn.items()
        }
        changes: dict[tuple[str, ...], Any] = {
            ("nodes", where.tracker, "with", key): value for key, value in changed.get("tracker", {}).items()
        }
        new = changed.get("surface", {})
        if where.surface or not new:
            return changes | {("nodes", where.surface, "with", key): value for key, value in new.items()}, ""
        name = new_name(self.stages)
        with_ = {"corners": drawn["surface"].get("corners", before["surface"]["corners"])} | new
        machine = self.graph.entries[where.hands].on
        changes["nodes", name] = {
            "run": "surface",
            "in": where.hands,
            **({"on": machine} if machine else {}),
            "with": with_,
        }
        for reader in where.readers:
            changes["nodes", reader, "in"] = rewired(self.graph.entries[reader].inputs, name)
        return changes, f"; node {name!r} is new, behind {where.hands}, before {', '.join(where.readers) or 'nobody'}"


def plain(values: Any) -> Any:
    """As JSON has it: lists for tuples, maps for structs."""
    return msgspec.json.decode(msgspec.json.encode(values))


def new_name(taken: Container[str]) -> str:
    names = itertools.chain(["surface"], (f"surface{number}" for number in itertools.count(2)))
    return next(name for name in names if name not in taken)


def rewired(inputs: dict[str, dict[str, Any]], name: str) -> Any:
    """A node's `in:`, all of its edges from the node `name`."""
    edges = {argument: {**edge, "from": name} if len(edge) > 1 else name for argument, edge in inputs.items()}
    return edges.get("", edges)

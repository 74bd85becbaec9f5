"""`handflow calibrate`: a page to draw a surface's corners and zones on the picture; they are saved into the graph.

The picture is the running graph's, with its hands; or what the graph would see: its own camera's, or a file's.
"""

import argparse
import itertools
import shutil
import signal
import time
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import msgspec

from .launch import graph_of, packaged
from .lines import listed
from .messages import Frame, Hands
from .runtime.address import refuse_outside
from .runtime.graph import Graph, GraphError, Stage, copied, resolve
from .runtime.inline import Inline, Wired
from .runtime.node import SetupError, each
from .runtime.reader import read
from .runtime.rundir import RunDir
from .runtime.rundir import running as all_running
from .runtime.stage import declared, settings
from .runtime.watch import watch
from .runtime.wire import Edge
from .runtime.writer import save
from .sources import SUFFIXES
from .surface import Surface
from .view import jpeg, pack
from .web import Stream, Web

PAGE = Path(__file__).parent / "calibrate"
SIZE, QUALITY = (1280, 720), 85  # of the pictures sent: fine enough to see where a corner is
AGAIN_S = 0.25  # a picture that stays is sent again so often, for pages that have just been opened
SURFACE = ("corners", "size", "mirror", "outside", "zones")  # what is set on the page
TRACKER = ("region", "ignore")

Drawn = dict[str, dict[str, Any]]  # "surface" and "tracker" -> settings as JSON has them
Seen = tuple[Frame, Hands | None] | None


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
    if (len(surfaces) > 1 or which) and which not in surfaces:
        raise GraphError([f"surface {which or 'to be set'} is one of {', '.join(surfaces)}: say which with --node"])
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

    def save(self, drawn: dict[str, Any]) -> str:
        """Writes what differs from the file, and a surface if it has none; what was done, as a line. ValueError."""
        try:
            self.read()
            changes, done = self._changes(self.check(drawn))
            if not changes:
                return f"{self.file}: nothing has changed"
            if self.file != self.saved_as:
                shutil.copyfile(self.file, self.saved_as)
                self.file = self.saved_as
            save(self.file, changes, after=self.where.hands)
            self.read()
        except GraphError as error:
            raise ValueError(error.lines[0]) from error
        except OSError as error:
            raise ValueError(f"{self.saved_as}: cannot be written: {error.strerror}") from error
        return f"saved in {self.file}{done}"

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
        changes["nodes", name] = {"run": "surface", "in": where.hands, "with": with_}
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


def running(directory: RunDir, which: str | None) -> Iterator[Seen]:
    """The pictures and hands of a running graph, for ever."""
    where = places(resolve(copied(directory.graph)), which)
    edges = [
        Edge("frame", where.pictures, Frame, drives=True),
        Edge("hands", where.hands, Hands, optional=True, keep="newest"),
    ]
    for values in watch(directory, edges):
        if values is None:
            yield None
        else:
            frame, hands = values["frame"], values["hands"]
            assert isinstance(frame, Frame)
            yield frame, hands if isinstance(hands, Hands) else None


def opened(stages: Mapping[str, Stage], pictures: str, image: str | None) -> Iterator[Seen]:
    """The pictures of a graph that does not run: of its own source, or of the file `image` instead. SetupError."""
    *filters, source = way(stages, pictures)
    values = stages[source].settings
    if image is not None:
        if "source" not in stages[source].what.settings:
            raise SetupError(f"--image {image}: node {source!r} has no setting 'source' that could take it")
        values = values | {"source": image, "loop": Path(image).suffix.lower() not in SUFFIXES}
    node = stages[source].node(**values)
    wired = {
        name: Wired(
            stages[name].node(**stages[name].settings),
            {edge.argument: "" if edge.node == source else edge.node for edge in stages[name].edges},
        )
        for name in reversed(filters)
    }
    with Inline(wired) as inline:
        node.start()
        try:
            for frame in each(node.process()):
                seen = None if frame is None else inline.push(frame)[pictures if filters else ""]
                yield None if seen is None else (seen, None)
        finally:
            node.stop()


def show(feed: Iterator[Seen], stream: Stream, live: bool) -> None:
    """Sends what is seen to the pages, for ever; nothing is encoded while no page looks."""
    newest: Seen = None
    message, sent_s = b"", 0.0
    for number, seen in enumerate(itertools.chain(feed, _silence())):
        if seen is not None:
            newest, message = seen, b""
        stays = seen is None and (live or time.monotonic() - sent_s < AGAIN_S)
        if newest is None or stays or not stream.wanted:
            continue
        message = message or _message(number, *newest, live)
        sent_s = time.monotonic()
        stream.send(message)


def _message(number: int, frame: Frame, hands: Hands | None, live: bool) -> bytes:
    height, width = frame.image.shape[:2]
    head = {"frame": number, "width": width, "height": height, "live": live}
    return pack(head | {"hands": listed(hands) if hands is not None else []}, jpeg(frame.image, SIZE, QUALITY))


def _silence() -> Iterator[None]:
    """A still picture's end is not the end of looking at it."""
    while True:
        yield None
        time.sleep(AGAIN_S)


def serve(draft: Draft, directory: RunDir, address: str = "127.0.0.1", port: int = 0) -> tuple[Web, Stream]:
    """The page, with what it asks and where it sees pictures; to be started."""

    def told() -> dict[str, Any]:
        return {"graph": draft.file.name, "new": not draft.where.surface, **draft.drawn()}

    def check(drawn: dict[str, Any]) -> dict[str, Any]:
        draft.check(drawn)
        return {}

    def keep(drawn: dict[str, Any]) -> dict[str, Any]:
        done = draft.save(drawn)
        return {"done": done + ("; restart handflow run to use it" if directory.running() else ""), **told()}

    web = Web(PAGE, address, port)
    web.get("/drawn", told)
    web.post("/check", check)
    web.post("/save", keep)
    return web, web.stream("/live")


def calibrate(args: argparse.Namespace) -> int:
    """Serves the page until it is stopped. GraphError, SetupError."""
    refuse_outside(args.address, args.insecure)
    cv2.setNumThreads(1)
    file = _file(args.graph or args.file)
    # The packaged graph is not the user's to write: a copy here is what all commands take from then on.
    saved_as = Path("pipeline.yaml").absolute() if file == packaged("pipeline.yaml").absolute() else file
    draft = Draft(file, saved_as, args.node)
    directory = RunDir(file)
    live = args.image is None and directory.running()
    feed = running(directory, args.node) if live else opened(draft.stages, draft.where.pictures, args.image)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    web, stream = serve(draft, directory, args.address, args.port)
    try:
        web.start()
        print(f"the page is at {web.url}", flush=True)
        show(feed, stream, live)
    finally:
        web.close()
    return 0


def _file(given: str | None) -> Path:
    """The graph's file: given, else ./pipeline.yaml, else of the only graph that runs, else the packaged one."""
    if given is None and not Path("pipeline.yaml").exists() and len(directories := all_running()) == 1:
        return copied(directories[0].graph).file
    return graph_of(given).file

"""`handflow calibrate`: a page to draw a surface's corners and zones on the picture; they are saved into the graph.

The picture is the running graph's, with its hands; or what the graph would see: its own camera's, or a file's.
"""

import argparse
import itertools
import signal
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cv2

from handflow.capture.images import is_image
from handflow.commands._arguments import port
from handflow.commands._graphs import graph_of
from handflow.errors import RunError, SetupError
from handflow.messages import Frame, Hands
from handflow.outputs.json_line import hand_lines
from handflow.outputs.page import pack, page_jpeg
from handflow.runtime.address import refuse_outside
from handflow.runtime.files import packaged
from handflow.runtime.graph.graph import Graph
from handflow.runtime.graph.resolve import resolve
from handflow.runtime.graph.stage import Stage
from handflow.runtime.inline import InlineGraph, InlineNode
from handflow.runtime.node import Node, each
from handflow.runtime.process.control_client import ask
from handflow.runtime.process.tap import watch
from handflow.runtime.transport.rundir import RunDir
from handflow.runtime.transport.rundir import running as all_running
from handflow.runtime.transport.wire import Edge
from handflow.web.message_stream import MessageStream
from handflow.web.server import STATIC, WebServer

from .calibration_edits import CalibratedNodes, CalibrationEdits, Saved, calibrated_nodes, path_to_source
from .calibration_errors import show_errors

PAGE = STATIC / "calibrate"
SIZE, QUALITY = (1280, 720), 85  # of the pictures sent: fine enough to see where a corner is
KEPT_WIDTH = 320  # of the picture by which a camera tells that it was moved
AGAIN_S = 0.25  # a picture that stays is sent again so often, for pages that have just been opened
CHANGE_S = 10.0  # a stage takes a new setting between two messages

FrameAndHands = tuple[Frame, Hands | None] | None  # None: nothing new


def add_arguments(parser: argparse.ArgumentParser) -> None:
    where = "whose file it is saved in, and whose picture is shown; default: ./pipeline.yaml, else the one that runs"
    parser.add_argument("graph", nargs="?", metavar="GRAPH", help=where)
    parser.add_argument("--graph", dest="file", metavar="FILE", help="the same")
    parser.add_argument("--image", metavar="FILE", help="a stored picture or clip instead")
    parser.add_argument("--node", metavar="NAME", help="which surface, if the graph has several")
    parser.add_argument("--port", type=port, default=8089, help="of the page; 0: any free one")
    parser.add_argument(
        "--address", default="127.0.0.1", help="where the page listens; 0.0.0.0: other machines may draw"
    )
    parser.add_argument("--insecure", action="store_true", help="needed for that: whoever reaches the page may save")
    parser.add_argument(
        "--errors", action="store_true", help="no page: how well the cameras' points fit the plan, and each other"
    )
    parser.add_argument("--json", action="store_true", help="of --errors")


def run(args: argparse.Namespace) -> int:
    """Serves the page until it is stopped. GraphError, SetupError."""
    refuse_outside(args.address, args.insecure)
    cv2.setNumThreads(1)
    file = _file(args.graph or args.file)
    if args.errors:
        return show_errors(graph_of(str(file)), args.json)
    # The packaged graph is not the user's to write: a copy here is what all commands take from then on.
    saved_as = Path("pipeline.yaml").absolute() if file == packaged("pipeline.yaml").absolute() else file
    edits = CalibrationEdits(file, saved_as, args.node)
    directory = RunDir(file)
    live = args.image is None and directory.running()
    web, stream = serve(edits, args.address, args.port)
    state = "live" if live else "stored picture" if args.image else "the graph does not run: no hands"
    with ExitStack() as ends:
        ends.callback(web.close)
        # Before a camera is opened, whose thread an end would tear off.
        web.listen()
        feed = running(directory, args.node) if live else opened(edits.stages, edits.nodes.frames, args.image)
        ends.callback(feed.close)
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):  # a shell's background jobs are born deaf to Ctrl-C
            signal.signal(number, lambda *_: stopping.set())
        web.start()
        print(f"the page is at {web.url}", flush=True)
        endless = itertools.chain(feed if args.image else _kept(feed, edits), _nothing_new())
        show(itertools.takewhile(lambda _: not stopping.is_set(), endless), stream, state)
    return 0


def _file(given: str | None) -> Path:
    """The graph's file: given, else ./pipeline.yaml, else of the only graph that runs, else the packaged one."""
    if given is None and not Path("pipeline.yaml").exists() and len(directories := all_running()) == 1:
        return Graph.read_copy(directories[0].graph).file
    return graph_of(given).file


def serve(edits: CalibrationEdits, address: str = "127.0.0.1", port: int = 0) -> tuple[WebServer, MessageStream]:
    """The page, with what it asks and where it sees pictures; to be started."""
    file = edits.graph.file
    directory = RunDir(file)

    def drawn() -> dict[str, Any]:
        return {"graph": edits.file.name, "new": not edits.nodes.surface, **edits.drawn()}

    def check(given: dict[str, Any]) -> dict[str, Any]:
        edits.check(given)
        return {}

    def save(given: dict[str, Any]) -> dict[str, Any]:
        saved = edits.save(given)
        return {"done": saved.line + (_apply_to_running(file, saved) if directory.running() else ""), **drawn()}

    web = WebServer(PAGE, address, port)
    web.get("/drawn", drawn)
    web.post("/check", check)
    web.post("/save", save)
    return web, web.stream("/live")


def _apply_to_running(file: Path, saved: Saved) -> str:
    """Tells the running graph of what was saved; how that went."""
    if saved.rewired:
        return "; start handflow run again to use it"
    try:
        for (node, key), value in saved.changed.items():
            ask(file, "set", CHANGE_S, node=node, key=key, value=value)
    except RunError as error:
        return f"; start handflow run again to use it ({error})"
    return ", and used from now on" if saved.changed else ""


def running(directory: RunDir, which: str | None) -> Generator[FrameAndHands, None, None]:
    """The pictures and hands of a running graph, for ever. SetupError."""
    graph = Graph.read_copy(directory.graph)
    nodes = calibrated_nodes(resolve(graph), which)
    if (machine := graph.nodes[nodes.frames].on) != graph.on:
        raise SetupError(f"the pictures of {nodes.frames!r} are seen on {machine}: calibrate there, or give --image")
    return _watched(directory, nodes)


def _watched(directory: RunDir, nodes: CalibratedNodes) -> Generator[FrameAndHands, None, None]:
    edges = [
        Edge("frame", nodes.frames, Frame, drives=True),
        Edge("hands", nodes.hands, Hands, optional=True, keep="newest"),
    ]
    for values in watch(directory, edges):
        if values is None:
            yield None
        else:
            frame, hands = values["frame"], values["hands"]
            assert isinstance(frame, Frame)
            yield frame, hands if isinstance(hands, Hands) else None


def opened(stages: Mapping[str, Stage], frames: str, image: str | None) -> Generator[FrameAndHands, None, None]:
    """The pictures of a graph that does not run: of its own source, or of the file `image` instead. SetupError."""
    *filters, source = path_to_source(stages, frames)
    values = stages[source].settings
    if image is not None:
        if "source" not in stages[source].declaration.settings:
            raise SetupError(f"--image {image}: node {source!r} has no setting 'source' that could take it")
        values = values | {"source": image, "loop": not is_image(image)}
    node = stages[source].node(**values)
    between = InlineGraph({
        name: InlineNode(
            stages[name].node(**stages[name].settings),
            {edge.argument: "" if edge.node == source else edge.node for edge in stages[name].edges},
        )
        for name in reversed(filters)
    })  # fmt: skip
    node.start()
    return _frames(node, between, frames if filters else "")


def _frames(source: Node, between: InlineGraph, pictures: str) -> Generator[FrameAndHands, None, None]:
    try:
        with between:
            for frame in each(source.process()):
                seen = None if frame is None else between.push(frame)[pictures]
                yield None if seen is None else (seen, None)
    finally:
        source.stop()


def _kept(feed: Iterator[FrameAndHands], edits: CalibrationEdits) -> Iterator[FrameAndHands]:
    """Keeps what the camera shows, small, as it was a moment ago."""
    kept_s = 0.0
    for seen in feed:
        if seen is not None and time.monotonic() - kept_s >= AGAIN_S:
            image, kept_s = seen[0].image, time.monotonic()
            height = max(1, round(KEPT_WIDTH * image.shape[0] / image.shape[1]))
            edits.picture = cv2.resize(image, (KEPT_WIDTH, height), interpolation=cv2.INTER_AREA)
        yield seen


def show(feed: Iterator[FrameAndHands], stream: MessageStream, state: str) -> None:
    """Sends what is seen to the pages; nothing is encoded while no page looks."""
    newest: FrameAndHands = None
    message, sent_s = b"", 0.0
    for number, seen in enumerate(feed):
        if seen is not None:
            newest, message = seen, b""
        again = seen is not None or (state != "live" and time.monotonic() - sent_s >= AGAIN_S)
        if newest is None or not again or not stream.wanted:
            continue
        message = message or _message(number, *newest, state)
        sent_s = time.monotonic()
        stream.send(message)


def _message(number: int, frame: Frame, hands: Hands | None, state: str) -> bytes:
    height, width = frame.image.shape[:2]
    head = {"frame": number, "width": width, "height": height, "state": state}
    return pack(head | {"hands": hand_lines(hands) if hands is not None else []}, page_jpeg(frame.image, SIZE, QUALITY))


def _nothing_new() -> Iterator[None]:
    """A still picture's end is not the end of looking at it."""
    while True:
        yield None
        time.sleep(AGAIN_S)

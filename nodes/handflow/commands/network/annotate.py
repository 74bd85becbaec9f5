"""`handflow annotate CLIP…`: a page to label the hands in clips and pictures of your own, for `train` and `evaluate`.

Optical flow propagates boxes from frame to frame, so that they need only be corrected. Every change is saved at once.
"""

import argparse
import signal
import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from filelock import FileLock, Timeout

from handflow.capture.images import silence_opencv
from handflow.commands._arguments import port, whole
from handflow.commands._console import complain, say
from handflow.errors import SetupError
from handflow.messages import Frame
from handflow.runtime.inline import InlineGraph, InlineNode
from handflow.stages.heatmap import HeatmapNode
from handflow.training.annotation.label_file import ELSEWHERE
from handflow.training.annotation.session import Finder, Session, find_nothing, opened
from handflow.vision.peaks import find_peaks
from handflow.vision.thresholds import OPEN_AT, START_SCORE
from handflow.web.server import STATIC, WebServer

PAGE = STATIC / "annotate"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("clips", nargs="+", metavar="CLIP", help="clips, pictures, or folders of pictures")
    parser.add_argument("-o", dest="out", metavar="FOLDER", default="labels", help="of the labels (labels)")
    parser.add_argument(
        "--model", default="hands", help="whose finds are suggested: a model by name or file, or none (hands)"
    )
    parser.add_argument("--profile", choices=("near", "mid", "far"), default="far", help="how finely it looks (far)")
    parser.add_argument("--every", type=whole(1), default=1, metavar="N", help="steps from frame to Nth frame (1)")
    parser.add_argument("--port", type=port, default=8087, help="of the page; 0: any free one (8087)")
    parser.add_argument("--open", action="store_true", help="opens the page in this machine's browser")


def run(args: argparse.Namespace) -> int:
    """Serves the page until it is stopped. SetupError."""
    cv2.setNumThreads(1)
    silence_opencv()
    clips, pictures = opened(args.clips)  # before there is a folder for the labels of what cannot be read
    with only_one(Path(args.out)):
        return _run(args, Session(clips, pictures, Path(args.out), args.every))


def _run(args: argparse.Namespace, session: Session) -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    web = serve(session, args.port)
    with ExitStack() as ends:
        ends.callback(web.close)
        # Before the network is loaded, whose threads an end would tear off.
        web.listen()
        for item in session.items:
            say(f"{item.name}: {item.summary}")
            if item.clip is not None and item.clip.fault:
                complain(item.clip.fault)
        session.find = ends.enter_context(finder(args.model, args.profile))
        ends.callback(web.close)
        web.start()
        say(f"the page is at {web.url}; labels are saved in {args.out}")
        if args.open:
            webbrowser.open(web.url)
        threading.Event().wait()
    return 0


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Keeps others from labelling into the folder: each would take away what the other has saved. SetupError."""
    lock = FileLock(folder / ".annotate.lock", timeout=0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise SetupError(f"{folder}: another `handflow annotate` is using this folder; {ELSEWHERE}") from None
    except OSError as error:
        raise SetupError(f"{folder}: cannot be written: {error.strerror}") from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def finder(model: str, profile: str) -> Iterator[Finder]:
    """What finds hands in a picture, as boxes with kinds. SetupError."""
    if model == "none":
        yield find_nothing
        return
    node = HeatmapNode(model=model, profile=profile)  # type: ignore[arg-type]  # argparse has looked
    with InlineGraph({"heatmap": InlineNode(node, {"frame": "", "prior": "none"})}) as stages:

        def find(image: np.ndarray) -> list[dict[str, Any]]:
            height, width = image.shape[:2]
            heatmap = stages.push(Frame(image=image))["heatmap"]
            peaks = find_peaks(heatmap, START_SCORE)
            sides = 2 * peaks.radius * width
            corners = peaks.xy * [width, height] - sides[:, None] / 2
            return [
                {
                    "box": [round(float(value), 1) for value in (x, y, side, side)],
                    "kind": "open" if open_ >= OPEN_AT else "other",
                    "score": round(float(score), 2),
                }
                for (x, y), side, open_, score in zip(corners, sides, peaks.open, peaks.score, strict=True)
            ]

        yield find


def serve(session: Session, port: int = 0) -> WebServer:
    """The page, with what it asks; to be started."""

    def reporting(answer: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[dict[str, Any]], dict[str, Any]]:
        """The same, with a SetupError (the disk is full) as what the page shows."""

        def reply(given: dict[str, Any]) -> dict[str, Any]:
            try:
                return answer(given)
            except SetupError as error:
                raise ValueError(str(error)) from error

        return reply

    web = WebServer(PAGE, port=port)
    web.get("/state", session.state)
    for path, answer in {"/show": session.show, "/edit": session.edit, "/undo": session.undo}.items():
        web.post(path, reporting(answer))
    web.jpeg("/picture/{clip:\\d+}/{frame:\\d+}", session.picture)
    return web

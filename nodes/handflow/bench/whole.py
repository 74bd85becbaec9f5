"""How fast, how light and how steady the whole graph is on this machine, measured from outside.

A real `handflow run` sends to this process, which stands for the game: the latency is from the picture's capture to the
datagram's arrival here. Machines are noisy: variants take turns, medians are reported.
"""

import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import psutil
from pythonosc.osc_bundle import OscBundle
from pythonosc.osc_message import OscMessage

from handflow.errors import SetupError
from handflow.outputs.video_file import VideoFile
from handflow.recording.sources import read_source
from handflow.runtime.transport.rundir import RunDir
from handflow.synthetic.scene import Scene

from .stages import VARIANTS

SIZE = (1280, 720)
WARM_S = 3.0  # after the first datagram, before anything is counted
SETTLED_S = 15.0  # all memory that will be touched has been
Figures = dict[str, Any]

SLOW = '''
import time
import handflow
from handflow import Frame, now_ns


class Slow(handflow.Node):
    """Works for three frame intervals; writes down how old what it read was."""

    file: str
    fps: float

    def start(self) -> None:
        self.ages: list[float] = []

    def process(self, frame: Frame) -> None:
        self.ages.append((now_ns() - frame.captured_ns) / 1e6)
        time.sleep(3 / self.fps)

    def stop(self) -> None:
        with open(self.file, "w") as out:
            out.write(repr(self.ages))
'''


class Arrival(NamedTuple):
    """What one OSC frame said, and when it came."""

    at: float  # monotonic seconds
    captured: float  # seconds of the stream clock
    seq: int
    hands: int


def measure(
    source: str,
    fps: float,
    seconds: float,
    rounds: int,
    wanted: Sequence[str],
    effort: float,
    say: Callable[[str], None],
) -> Iterator[list[Figures]]:
    """After each turn the rows so far, one per profile and precision: medians of the rounds; they take turns.

    `wanted`: only these variants, as `near-int8`; none: all. `effort` of gaze.
    """
    names = {f"{profile}-{precision}": (profile, precision) for profile, precision in VARIANTS}
    if wrong := [name for name in wanted if name not in names]:
        raise SetupError(f"--variant: expected {' or '.join(names)}, got {wrong[0]}")
    variants = [names[name] for name in wanted or names]
    results: dict[tuple[str, str], list[Figures]] = {v: [] for v in variants}
    for number in range(rounds):
        for profile, precision in variants:
            say(f"whole graph: {profile} {precision}, round {number + 1} of {rounds}")
            results[profile, precision].append(whole_graph(source, fps, seconds, profile, precision, effort=effort))
            yield [{"profile": p, "precision": q, **_median(runs)} for (p, q), runs in results.items() if runs]


def clip(source: str, fps: float, folder: Path) -> Path:
    """A file with 1280x720 pictures: those of a clip, or ten seconds of the demo."""
    if source != "demo":
        return scaled(source, fps, folder)
    file = folder / "demo.mp4"
    video = VideoFile(file, fps, SIZE)
    scene, image = Scene(size=SIZE), np.empty((SIZE[1], SIZE[0], 3), np.uint8)
    for number in range(round(10 * fps)):
        scene.draw(number / fps, image)
        video.write(image)
    video.close()
    return file


def scaled(clip: str, fps: float, folder: Path) -> Path:
    """The clip's pictures filling 1280x720 (what is over is cut off), at `fps`: every clip costs the same to read."""
    file = folder / "clip.mp4"
    video = VideoFile(file, fps, SIZE)
    for picture in read_source(clip):
        height, width = picture.image.shape[:2]
        scale = max(SIZE[0] / width, SIZE[1] / height)
        image = cv2.resize(picture.image, None, fx=scale, fy=scale)
        top, left = (image.shape[0] - SIZE[1]) // 2, (image.shape[1] - SIZE[0]) // 2
        video.write(image[top : top + SIZE[1], left : left + SIZE[0]])
    video.close()
    return file


def whole_graph(
    source: str, fps: float, seconds: float, profile: str, precision: str, more: Sequence[str] = (), effort: float = 1.0
) -> Figures:
    """Camera to game, 1280x720: latency, processor, memory, start and stop. `more`: settings; `effort` of gaze."""
    with receiver() as (sock, port):
        settings = [f"heatmap.profile={profile}", f"heatmap.precision={precision}", f"heatmap.effort={effort}", *more]
        with running(source, fps, port, settings, flow=profile == "gaze") as (process, directory):
            return observed(
                process, sock, seconds, lambda: json.loads(directory.graph.read_text())["clock_offset_ns"] / 1e9
            )


def observed(
    process: "subprocess.Popen[bytes]",
    sock: socket.socket,
    seconds: float,
    clock_offset_s: Callable[[], float],
    end: signal.Signals = signal.SIGTERM,
) -> Figures:
    """What a graph that has just been started costs, and its end by a signal. It sends to `sock`.

    `clock_offset_s`: of the graph's clock against this process's, asked when it runs.
    """
    begun = time.monotonic()
    first = arrivals(sock, until=begun + 30, most=1)
    if not first:
        raise RuntimeError("no datagram came within 30 s")
    offset = clock_offset_s()
    arrivals(sock, until=time.monotonic() + WARM_S)
    tree = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    cpu, since = cpu_s(tree), time.monotonic()
    # What says that nobody has come for a while is of no frame.
    came = [each for each in arrivals(sock, until=since + seconds) if each.captured]
    lasted = time.monotonic() - since
    used = cpu_s(tree) - cpu
    pss = sum(each.memory_full_info().pss for each in tree) / 2**20
    stopping = time.monotonic()
    process.send_signal(end)
    process.wait(10)
    stopped = time.monotonic() - stopping
    if not came:
        raise RuntimeError(f"no hands came for {seconds:g} s; has this machine other things to do?")
    late = np.array([(a.at + offset - a.captured) * 1000 for a in came])
    return {
        "fps": round(len(came) / lasted, 1),
        "p50_ms": round(float(np.percentile(late, 50)), 2),
        "p99_ms": round(float(np.percentile(late, 99)), 2),
        "cpu_percent": round(100 * used / lasted, 1),
        "pss_mb": round(pss, 1),
        "hands": round(statistics.mean(a.hands for a in came), 2),
        "start_s": round(first[0].at - begun, 2),
        "stop_s": round(stopped, 2),
    }


def slow_reader(source: str, fps: float, seconds: float) -> Figures:
    """A stage that works for three frame intervals: how old what it reads is at the end, and how the memory grew."""
    with tempfile.TemporaryDirectory() as folder, receiver() as (sock, port):
        (Path(folder) / "slow.py").write_text(SLOW)
        out = Path(folder) / "ages"
        extra = f"  slow: {{run: slow.py, in: camera, with: {{file: {out}, fps: {fps}}}}}\n"
        with running(source, fps, port, [], Path(folder), extra) as (process, _):
            arrivals(sock, until=time.monotonic() + 30, most=1)
            arrivals(sock, until=time.monotonic() + SETTLED_S)
            tree = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
            before = sum(each.memory_info().rss for each in tree)
            arrivals(sock, until=time.monotonic() + seconds)
            after = sum(each.memory_info().rss for each in tree)
            process.send_signal(signal.SIGTERM)
            process.wait(10)
        ages = json.loads(out.read_text())[-30:]
    return {
        "age_ms_p50": round(statistics.median(ages), 1),
        "age_ms_max": round(max(ages), 1),
        "frame_interval_ms": round(1000 / fps, 1),
        "memory_growth_mb": round((after - before) / 2**20, 1),
    }


@contextmanager
def running(
    source: str,
    fps: float,
    port: int,
    settings: list[str],
    folder: Path | None = None,
    extra: str = "",
    flow: bool = False,
) -> Iterator[tuple["subprocess.Popen[bytes]", RunDir]]:
    """A `handflow run` of the usual graph, from a file of its own so that no other run is disturbed.

    `flow`: the heatmap is told where it moves.
    """
    with tempfile.TemporaryDirectory() as made:
        file = (folder or Path(made)) / "bench.yaml"
        file.write_text(usual_graph(source, fps, port, flow=flow) + extra)
        command = [sys.executable, "-m", "handflow", "run", str(file)]
        for setting in settings:
            command += ["--set", setting]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=os.getcwd())
        try:
            yield process, RunDir(file)
        finally:
            process.terminate()
            process.wait(10)


def usual_graph(source: str, fps: float, port: int, heatmap: dict[str, Any] | None = None, flow: bool = False) -> str:
    """A file's text: camera to game. `heatmap`: its settings; `flow`: it is told where it moves."""
    camera = {"source": source, "size": list(SIZE), "fps": fps, "loop": True}
    motion = ", flow: {from: flow, keep: newest}" if flow else ""
    given, targets = json.dumps(heatmap or {}), [{"protocol": "hands", "host": "127.0.0.1", "port": port}]
    return (
        f"nodes:\n"
        f"  camera: {{run: camera, with: {json.dumps(camera)}}}\n"
        f"  flow: {{run: flow, in: camera}}\n"
        f"  heatmap: {{run: heatmap, in: {{frame: camera, prior: tracker{motion}}}, with: {given}}}\n"
        f"  tracker: {{run: tracker, in: {{heatmap: heatmap, flow: flow}}}}\n"
        f"  osc: {{run: osc, in: tracker, with: {{targets: {json.dumps(targets)}}}}}\n"
    )


@contextmanager
def receiver() -> Iterator[tuple[socket.socket, int]]:
    """A game: its socket and the socket's port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        sock.bind(("127.0.0.1", 0))
        yield sock, sock.getsockname()[1]


def arrivals(sock: socket.socket, until: float, most: int = 1_000_000) -> list[Arrival]:
    """The frames' datagrams that come until then, with the time of their arrival; of a split frame the first part."""
    came: list[Arrival] = []
    while len(came) < most and (left := until - time.monotonic()) > 0:
        sock.settimeout(left)
        try:
            data = sock.recv(65536)
        except TimeoutError:
            break
        at = time.monotonic()
        if not data.startswith(b"#bundle"):
            continue
        head = next(iter(OscBundle(data)))
        if isinstance(head, OscMessage) and head.address.endswith("/frame"):
            seq, count, _, seconds, micros = list(head.params)[:5]
            if not came or came[-1].seq != seq:
                came.append(Arrival(at, seconds + micros / 1e6, seq, count))
    return came


def cpu_s(tree: list[psutil.Process]) -> float:
    """Processor time that these have used so far."""
    return sum(sum(each.cpu_times()[:2]) for each in tree)


def _median(runs: list[Figures]) -> Figures:
    return {key: round(statistics.median(run[key] for run in runs), 2) for key in runs[0]}

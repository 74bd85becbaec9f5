"""`handflow simulate`: invented hands, sent by the real `osc` stage.

For building a game without a camera, and for testing what receives: what was sent is counted.
"""

import argparse
import json
import signal
import time
from typing import Any, get_args

import msgspec
import numpy as np

from handflow.commands._arguments import positive, whole
from handflow.commands._settings import setting
from handflow.errors import GraphError
from handflow.messages import now_ns
from handflow.outputs.osc.layout import Protocol
from handflow.outputs.osc.target import Target
from handflow.runtime.graph.stage import hint
from handflow.runtime.node import ticks
from handflow.stages.osc import Osc
from handflow.synthetic.patterns import PATTERNS, Crowd
from handflow.vision.gestures.recogniser import Recogniser


class Tally:
    """What was sent to one target: what `monitor` must have heard."""

    def __init__(self) -> None:
        self.frames = self.hand_frames = self.entered = self.left = 0
        self._there: set[int] = set()

    def add(self, frames: int, ids: list[int]) -> None:
        """Notes that the target has been sent `frames` frames in all; the last one had the hands `ids`."""
        if frames == self.frames:
            return  # it wants fewer a second
        there = set(ids)
        self.hand_frames += len(ids)
        self.entered += len(there - self._there)
        self.left += len(self._there - there)
        self.frames, self._there = frames, there


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--protocol", action="append", choices=get_args(Protocol), help="repeat for more than one (default tuio11)")
    add("--to", action="append", metavar="HOST:PORT", help="repeat for more than one (default 127.0.0.1)")
    add("--hands", type=whole(0, 1000), default=5, metavar="N")
    add(
        "--pattern", choices=list(PATTERNS), default="circle",
        help="; ".join(f"{name}: {pattern.help}" for name, pattern in PATTERNS.items() if pattern.help)
        + "; or one gesture, again and again",
    )  # fmt: skip
    add("--fps", type=positive, default=60.0)
    add("--zones", action="store_true", help="the left and the right half of the picture are zones")
    add("--seed", type=int, default=0, help="the same seed makes the same hands")
    add("--set", action="append", default=[], metavar="KEY=VALUE", help="an option of each target: blobs=true")
    add("--for", dest="for_s", type=positive, metavar="SECONDS", help="stop after this long")
    add("--json", action="store_true", help="print at the end what was sent")


def run(args: argparse.Namespace) -> int:
    """Runs the command."""
    node = Osc(targets=_targets(args))
    crowd = Crowd(args.pattern, args.hands, args.seed, args.zones)
    recogniser = Recogniser()
    node.start()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does: nobody stays behind in a game
    if not args.json:
        print(f"{args.pattern} of {args.hands} hands: {node.note}; Ctrl-C ends it", flush=True)
    tallies = [Tally() for _ in node.senders]
    spent_s: list[float] = []
    spent_cpu_s = 0.0
    started, used = time.monotonic(), time.process_time()

    def add() -> None:
        for tally, sender in zip(tallies, node.senders, strict=True):
            tally.add(sender.frames, sender.last.ids)

    try:
        add()
        for seq, at_s in enumerate(ticks(args.fps), 1):
            if args.for_s is not None and at_s >= args.for_s:
                break
            hands = crowd.at(at_s)
            hands.stream, hands.seq, hands.captured_ns = 1, seq, now_ns()
            gestures = recogniser.step(hands)
            begun, begun_cpu = time.perf_counter(), time.thread_time()
            node.process(hands, gestures)
            spent_s.append(time.perf_counter() - begun)
            spent_cpu_s += time.thread_time() - begun_cpu
            add()
    except KeyboardInterrupt:
        pass
    finally:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)
        lasted_s = max(time.monotonic() - started, 1e-9)
        cpu = [100 * used_s / lasted_s for used_s in (spent_cpu_s, time.process_time() - used)]
        node.stop()
        add()
    _report(args.json, node, tallies, spent_s, *cpu)
    return 0


def _report(as_json: bool, node: Osc, tallies: list[Tally], spent_s: list[float], own: float, whole: float) -> None:
    p50, p99 = np.percentile(spent_s or [0.0], [50, 99]) * 1e6
    cost: dict[str, Any] = {
        "work_us": {"p50": round(float(p50), 1), "p99": round(float(p99), 1)},
        "work_percent": round(own, 2),  # processor of one core
        "cpu_percent": round(whole, 2),  # with the making of the hands
    }
    targets = [
        {
            "protocol": sender.target.protocol, "host": sender.target.host, "port": sender.udp.port,
            "datagrams": sender.udp.sent, "bytes": sender.udp.sent_bytes, "failed": sender.udp.failed,
            "frames": tally.frames, "hand_frames": tally.hand_frames, "entered": tally.entered, "left": tally.left,
        }
        for sender, tally in zip(node.senders, tallies, strict=True)
    ]  # fmt: skip
    if as_json:
        print(json.dumps({**cost, "targets": targets}))
        return
    for sender, target in zip(node.senders, targets, strict=True):
        print(
            f"{sender.name}: {target['frames']} frames in {target['datagrams']} datagrams, {target['entered']} hands"
            f" came and {target['left']} went" + f"; {target['failed']} datagrams failed" * bool(target["failed"])
        )
    print(f"osc worked {cost['work_us']['p50']:.0f} us a frame, {cost['work_percent']:.1f} % of one core")


def _targets(args: argparse.Namespace) -> list[Target]:
    """Each protocol to each address. GraphError."""
    chosen: dict[str, Any] = {}
    for text in args.set:
        key, given = setting(text, "--set")
        if key not in Target.__struct_fields__:
            known = Target.__struct_fields__[1:]
            raise GraphError([f"--set {text}: no setting {key!r}{hint(key, known)}; it has {', '.join(known)}"])
        chosen[key] = given
    addresses = [_address(text) for text in args.to or ["127.0.0.1"]]
    fields = [
        {"protocol": protocol, **address, **chosen} for protocol in args.protocol or ["tuio11"] for address in addresses
    ]
    try:
        return msgspec.convert(fields, list[Target], strict=True)
    except msgspec.ValidationError as error:
        raise GraphError([f"--set: {error}"]) from error


def _address(text: str) -> dict[str, Any]:
    """HOST, HOST:PORT or :PORT; an IPv6 address with a port stands in brackets. GraphError."""
    host, colon, port = text.rpartition(":")
    if not colon or (host.count(":") and not host.startswith("[")):
        host, port = text, ""
    if port and not (port.isdecimal() and 0 < int(port) < 65536):
        raise GraphError([f"--to {text}: expected a port from 1 to 65535, got {port!r}"])
    return {"host": host.strip("[]") or "127.0.0.1"} | ({"port": int(port)} if port else {})

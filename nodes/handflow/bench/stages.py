"""How long each stage works at a picture, alone on its processor: no other process, no transport."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from handflow.capture.frames import CapturedFrame
from handflow.messages import Frame
from handflow.recording.sources import read_source
from handflow.runtime.inline import InlineGraph, InlineNode
from handflow.stages.flow import OpticalFlow
from handflow.stages.heatmap import HeatmapNode
from handflow.stages.tracker import Tracker

VARIANTS = tuple((profile, precision) for profile in ("near", "mid", "far", "gaze") for precision in ("int8", "fp32"))
HELD = 48  # pictures, 130 MB: reading them would be measured else
WARM, COUNT = 10, 60  # pictures of a turn that are not counted, and that are


def measure(clip: Path, rounds: int, say: Callable[[str], None]) -> Iterator[list[dict[str, Any]]]:
    """After each turn the rows so far, one per stage; the network's profiles and precisions take turns."""
    held = list(itertools.islice(read_source(clip), HELD))
    times: dict[str, list[float]] = {}
    for number in range(rounds):
        for profile, precision in VARIANTS:
            say(f"stages: {profile} {precision}, round {number + 1} of {rounds}")
            for stage, ms in _turn(held, profile, precision):
                times.setdefault(f"heatmap {profile} {precision}" if stage == "heatmap" else stage, []).append(ms)
            yield [
                {
                    "stage": name,
                    "p50_ms": round(float(np.percentile(ms, 50)), 3),
                    "p99_ms": round(float(np.percentile(ms, 99)), 3),
                }
                for name, ms in times.items()
            ]


def _turn(held: list[CapturedFrame], profile: Any, precision: Any) -> list[tuple[str, float]]:
    nodes = {
        "flow": InlineNode(OpticalFlow(), {"frame": ""}),
        "heatmap": InlineNode(
            HeatmapNode(profile=profile, precision=precision), {"frame": "", "prior": "tracker", "flow": "flow"}
        ),
        "tracker": InlineNode(Tracker(), {"heatmap": "heatmap", "flow": "flow"}),
    }
    found = []
    with InlineGraph(nodes) as stages:
        for number in range(WARM + COUNT):
            picture = held[number % len(held)]
            frame = Frame(image=picture.image, captured_ns=round(number / 30 * 1e9) + 1, seq=number + 1)
            for name, message in stages.push(frame).items():
                if name and message is not None and number >= WARM:
                    hop = message.hops[-1]
                    found.append((name, (hop.sent_ns - hop.received_ns) / 1e6))
    return found

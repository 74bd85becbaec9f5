"""How fast a clip is looked through: ours, every frame with tracking, and MediaPipe Hands beside it."""

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from handflow.errors import PeerError

Figures = dict[str, Any]
OURS = {"handflow, int8": "int8", "handflow, fp32": "fp32"}


def measure(
    clip: Path, peers: Mapping[str, list[str]], rounds: int, say: Callable[[str], None], warn: Callable[[str], None]
) -> Iterator[list[Figures]]:
    """After each turn the rows so far, one per candidate: medians of the rounds.

    Frames a second, processor a frame, hands found in a frame.
    """
    module = f"{__package__}.candidates.detect_hands"
    commands = {name: [sys.executable, "-m", module, str(clip), precision] for name, precision in OURS.items()}
    if "mediapipe" in peers:
        commands["mediapipe"] = [*peers["mediapipe"], str(clip)]
    runs: dict[str, list[Figures]] = {name: [] for name in commands}
    for number in range(rounds):
        for name, command in commands.items():
            say(f"clip: {name}, round {number + 1} of {rounds}")
            try:
                runs[name].append(_one(command))
            except PeerError as error:
                warn(f"clip: {name}: {error}")
            yield [{"candidate": each, **_median(found)} for each, found in runs.items() if found]


def _one(command: list[str]) -> Figures:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise PeerError(f"it fails ({(done.stderr.strip() or 'without a word').splitlines()[-1]})")
    figures = json.loads(done.stdout.splitlines()[-1])
    return {
        "fps": figures["frames"] / figures["seconds"],
        "cpu_ms": 1000 * figures["cpu_s"] / figures["frames"],
        "hands": figures["hands"] / figures["frames"],
    }


def _median(runs: list[Figures]) -> Figures:
    row = {key: round(statistics.median(run[key] for run in runs), 2) for key in runs[0]}
    return {
        **row,
        "fps_spread": [round(pick(run["fps"] for run in runs), 1) for pick in (min, max)],
        "rounds": len(runs),
    }

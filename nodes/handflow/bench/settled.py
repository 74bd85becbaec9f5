"""What an empty scene costs, looked at in whole and as it is by default: nothing moves but the sensor's noise."""

import statistics
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from handflow.outputs.video_file import VideoFile
from handflow.synthetic.camera_noise import CameraNoise
from handflow.synthetic.scene import Scene

from .whole import SIZE, Figures, whole_graph

# Every picture, and as many as `heatmap` looks at by default.
CASES = {"every picture": ["heatmap.idle_fps=240"], "settled": []}
NOISE = 2.5
# Of the clip, which is looped: each time it begins anew it is looked at for a second.
CLIP_S = 20


def measure(
    fps: float, seconds: float, rounds: int, folder: Path, say: Callable[[str], None]
) -> Iterator[list[Figures]]:
    """After each turn the rows so far; the cases take turns. The last row is the second case against the first."""
    clip = empty_scene(fps, folder)
    runs: dict[str, list[Figures]] = {name: [] for name in CASES}
    for number in range(rounds):
        for name, settings in CASES.items():
            say(f"empty scene: {name}, round {number + 1} of {rounds}")
            runs[name].append(whole_graph(str(clip), fps, seconds, "near", "int8", settings))
            rows: list[Figures] = [{"case": each, **_median(found)} for each, found in runs.items() if found]
            if len(rows) == len(CASES):
                ratio = rows[1]["cpu_percent"] / max(rows[0]["cpu_percent"], 1e-9)
                rows.append({"case": "ratio", "cpu_percent": round(ratio, 2)})
            yield rows


def empty_scene(fps: float, folder: Path) -> Path:
    """A clip of the demo's room with nobody in it, as a camera sees it."""
    file = folder / "empty.mp4"
    video = VideoFile(file, fps, SIZE)
    scene, noise = Scene(hands=0, size=SIZE), CameraNoise(NOISE, SIZE)
    image = np.empty((SIZE[1], SIZE[0], 3), np.uint8)
    for number in range(round(CLIP_S * fps)):
        scene.draw(0.0, image)
        noise.add(number / fps, image)
        video.write(image)
    video.close()
    return file


def _median(runs: list[Figures]) -> Figures:
    keys = ("fps", "cpu_percent", "p50_ms", "p99_ms", "hands")
    return {key: round(statistics.median(run[key] for run in runs), 2) for key in keys}

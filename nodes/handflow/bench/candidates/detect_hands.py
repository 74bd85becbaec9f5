"""Ours over a clip, as `handflow detect` does it. `python -m handflow.bench.candidates.detect_hands CLIP PRECISION`."""

import json
import resource
import sys
import time
from typing import Literal

from handflow.pipeline import detect
from handflow.runtime.inline import started
from handflow.stages.heatmap import HeatmapNode

WARM = 10  # frames that are not counted: models load with the first ones


def main(clip: str, precision: Literal["int8", "fp32"]) -> None:
    frames = found = 0
    begun = used = 0.0
    with started(HeatmapNode(profile="near", precision=precision)) as model:
        for seen in detect(clip, model):
            frames += 1
            if frames == WARM:
                begun, used = time.monotonic(), cpu_s()
            if frames > WARM:
                found += len(seen.line["hands"])
    counted = frames - WARM
    print(json.dumps({"frames": counted, "seconds": time.monotonic() - begun, "cpu_s": cpu_s() - used, "hands": found}))


def cpu_s() -> float:
    return sum(resource.getrusage(resource.RUSAGE_SELF)[:2])


if __name__ == "__main__":
    main(sys.argv[1], "fp32" if sys.argv[2] == "fp32" else "int8")

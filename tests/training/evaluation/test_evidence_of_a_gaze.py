"""Where a gaze looks depends on what is followed, so each tracker that is compared has a gaze of its own."""

import json

import cv2
import numpy as np
import pytest
from support.models import FACTS, brightness_model

from handflow.runtime.inline import started
from handflow.stages.heatmap import HeatmapNode
from handflow.training.evaluation import evidence
from handflow.training.labels.data import read_labels

SETTINGS = {
    "one": {"evidence": False},
    "other": {"evidence": False, "start_score": 0.6},
    "deaf": {"evidence": False, "start_score": 1.0},
}


@pytest.fixture
def clip(tmp_path):
    """A labelled clip of a small bright palm that moves, as large as gets windows."""
    writer = cv2.VideoWriter(str(tmp_path / "wave.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 30, (1280, 720))
    lines = []
    for number in range(16):
        x = 600 + 5 * number
        image = np.zeros((720, 1280, 3), np.uint8)
        cv2.circle(image, (x, 300), 20, (255, 0, 0), -1)
        writer.write(cv2.GaussianBlur(image, (0, 0), 5))
        hand = {"box": [x - 20, 280, 40, 40], "kind": "open", "id": "right"}
        lines.append({"frame": number, "width": 1280, "height": 720, "hands": [hand]})
    writer.release()
    (tmp_path / "wave.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path


class Watched(HeatmapNode):
    """Counts the frames for which a tracker told it of hands."""

    told = 0

    def process(self, frame, prior=None, flow=None):
        self.told += prior is not None and len(prior.id) > 0
        return super().process(frame, prior, flow)


@pytest.mark.parametrize(("profile", "least"), [("gaze", 16), ("near", 0)])
def test_each_tracker_tells_its_own_gaze_what_it_follows(clip, monkeypatch, profile, least):
    monkeypatch.setattr(evidence, "SETTINGS", SETTINGS)
    model = brightness_model(clip / "light.onnx", FACTS)
    stage = Watched(model=str(model), profile=profile, precision="fp32", idle_fps=240)
    with started(stage):
        rows = evidence.compare(read_labels([str(clip / "wave.jsonl")], False), stage, (0.0, 1.0))
    assert [row["tracker"] for row in rows] == list(SETTINGS)
    assert rows[0]["found"] > 0.5
    # Two of the three trackers follow the palm.
    assert least <= stage.told <= 2 * 16
    assert bool(stage.told) == (profile == "gaze")

"""A model file knows how much a look of its own speaks for a hand, and the tracker goes by that."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.labels import draw
from support.models import FACTS, brightness_model

from handflow import Frame
from handflow.__main__ import main
from handflow.stages.heatmap import HeatmapNode
from handflow.stages.tracker import Tracker
from handflow.training.evaluation import calibration
from handflow.vision.evidence import MOTIONS, SCORES, SHIPPED
from handflow.vision.model import open_model


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A labelled clip of a bright palm that moves beside a dim lamp, and a model that sees light."""
    monkeypatch.setattr(calibration, "FEWEST", 20)
    writer = cv2.VideoWriter(str(tmp_path / "wave.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 30, (320, 180))
    lines = []
    for number in range(24):
        x = round(200 + 40 * np.sin(number / 5))
        image = np.zeros((180, 320, 3), np.uint8)
        cv2.circle(image, (x, 90), 14, (255, 0, 0), -1)
        cv2.circle(image, (60, 90), 14, (150, 0, 0), -1)
        writer.write(cv2.GaussianBlur(image, (0, 0), 5))
        hand = {"box": [x - 18, 72, 36, 36], "kind": "open", "id": "right"}
        lines.append({"frame": number, "width": 320, "height": 180, "hands": [hand]})
    writer.release()
    (tmp_path / "wave.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    brightness_model(tmp_path / "light.onnx", {**FACTS, "data": "abc"})
    return tmp_path


def test_what_scores_say_of_hands_goes_into_the_file_and_on_to_the_tracker(folder: Path) -> None:
    source = folder / "light.onnx"
    assert main(["export", str(source), "-o", str(folder / "out"), "--evidence", str(folder / "wave.jsonl")]) == 0
    measured = open_model(folder / "out" / "light.onnx")
    assert {"data": "abc", **FACTS}.items() <= measured.metadata.items()
    assert len(measured.calibration) == 2 + len(SCORES) + len(MOTIONS)
    assert json.loads(measured.metadata["calibration"]) == pytest.approx(measured.calibration.tolist())
    frame = Frame(image=np.zeros((180, 320, 3), np.uint8), captured_ns=1)
    for path, shipped in ((source, True), (measured.path, False)):
        stage, tracker = HeatmapNode(model=str(path), precision="fp32"), Tracker()
        stage.start()
        tracker.start()
        tracker.process(stage.process(frame, None), None)
        assert (tracker.calibration == SHIPPED) is shipped
    # What was bright was the palm, what was dim the lamp.
    assert tracker.calibration.of_peak(0.95) > 1
    assert tracker.calibration.of_peak(0.5) < -1


def test_pictures_say_nothing_of_time(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw(folder / "still" / "a.png")
    label = {"image": "a.png", "width": 200, "height": 100, "hands": [{"box": [40, 30, 30, 30], "kind": "open"}]}
    (folder / "still" / "labels.jsonl").write_text(json.dumps(label) + "\n")
    asked = ["export", str(folder / "light.onnx"), "-o", str(folder / "out"), "--evidence", str(folder / "still")]
    assert main(asked) == 1
    assert "expected labelled clips, got pictures" in capsys.readouterr().err
    assert list((folder / "out").iterdir()) == []

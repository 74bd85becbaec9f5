"""MediaPipe's palm detector is counted as models are, on whole pictures and on tiles."""

import json

import cv2
import numpy as np
import pytest
from support.models import FACTS, brightness_model, palm_detector

from handflow.__main__ import main


@pytest.fixture
def desk(tmp_path):
    """A picture with a bright square, which the stand-in for the detector takes for a palm, labelled as a hand."""
    image = np.zeros((192, 320, 3), np.uint8)
    image[56:72, 96:112] = 255
    cv2.imwrite(str(tmp_path / "a.png"), image)
    hands = [{"box": [84, 44, 40, 40], "kind": "other"}]
    line = {"image": "a.png", "width": 320, "height": 192, "hands": hands, "source": "desk"}
    (tmp_path / "desk.jsonl").write_text(json.dumps(line) + "\n")
    palm_detector(tmp_path / "palm.onnx")
    brightness_model(tmp_path / "light.onnx", FACTS)
    return tmp_path


def evaluated(desk, *options):
    command = ["evaluate", desk / "desk.jsonl", "--model", desk / "light.onnx", "--palm", desk / "palm.onnx", *options]
    return main(list(map(str, command)))


def test_it_stands_beside_the_models(desk, capsys):
    assert evaluated(desk, "--json") == 0
    results = json.loads(capsys.readouterr().out)
    assert [(result["model"], result["profile"]) for result in results] == [
        ("light.onnx", "near"),
        ("MediaPipe's palms", "whole"),
        ("MediaPipe's palms", "tiles"),
    ]
    for result in results:
        assert result["all"]["sources"]["desk"]["hands"] == 1
        assert result["all"]["sources"]["desk"]["ap"] == 1.0
        assert result["ms"] > 0


def test_tiles_show_palms_that_are_too_small_on_the_whole(desk, capsys):
    image = np.zeros((192, 320, 3), np.uint8)
    image[60:68, 100:108] = 255
    cv2.imwrite(str(desk / "a.png"), image)
    assert evaluated(desk, "--json") == 0
    found = {result["profile"]: result["all"]["total"]["ap"] for result in json.loads(capsys.readouterr().out)}
    assert (found["whole"], found["tiles"]) == (0, 1)


def test_what_is_found_over_what_it_costs_is_drawn(desk):
    assert evaluated(desk, "--join", "one=desk", "two=desk", "--report", desk / "report", "--json") == 0
    drawn = cv2.imread(str(desk / "report" / "costs.png"))
    assert drawn.shape[1] > 1.5 * drawn.shape[0]  # a panel for each of two sets
    assert drawn.std() > 5


def test_it_needs_labelled_pictures(desk, capsys):
    assert main(["evaluate", "--demo", "2", "--palm", str(desk / "palm.onnx")]) == 1
    assert "--palm is scored beside models on labelled pictures" in capsys.readouterr().err

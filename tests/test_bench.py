"""The benchmark measures a real run; how fast it was is no test's business."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from handflow.__main__ import main
from handflow.bench import scaled


def test_every_clip_is_scaled_to_fill_720p(tmp_path: Path) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "tall.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 25, (90, 160))
    for grey in (50, 200):
        writer.write(np.full((160, 90, 3), grey, np.uint8))
    writer.release()
    clip = cv2.VideoCapture(str(scaled(str(tmp_path / "tall.mp4"), 30, tmp_path)))
    shapes = [clip.read()[1].shape for _ in range(2)]
    assert shapes == [(720, 1280, 3)] * 2
    assert clip.get(cv2.CAP_PROP_FPS) == pytest.approx(30)
    assert not clip.read()[0]


@pytest.mark.slow
def test_the_whole_graph_and_a_slow_reader_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--rounds", "1", "--seconds", "2", "--variant", "near-int8", "--slow", "2", "--json"]
    assert main(["bench", *arguments]) == 0
    told = json.loads(capsys.readouterr().out)
    (row,) = told["graph"]
    assert (row["profile"], row["precision"]) == ("near", "int8")
    assert 0 < row["p50_ms"] <= row["p99_ms"]
    assert row["fps"] > 5
    assert row["hands"] > 0
    assert row["pss_mb"] > 50
    assert row["start_s"] > 0
    assert told["slow_reader"]["frame_interval_ms"] == 33.3
    assert told["slow_reader"]["age_ms_p50"] > 0

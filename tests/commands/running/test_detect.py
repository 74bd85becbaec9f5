"""`handflow detect`: lines, tables and videos of what is in pictures, folders and clips."""

import csv
import json
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.pictures import write_clip
from support.recorded import write

from handflow.__main__ import main
from handflow.stages import heatmap
from handflow.synthetic.scene import Scene
from handflow.vision.model import open_model

SIZE = (640, 360)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene(seed=3, hands=2, size=SIZE)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory, scene: Scene) -> Path:
    file = tmp_path_factory.mktemp("clip") / "clip.mp4"
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"mp4v"), 25, SIZE)
    for frame in range(25):
        writer.write(picture(scene, 4 + frame / 25))
    writer.release()
    return file


def picture(scene: Scene, t: float) -> np.ndarray:
    image = np.empty((SIZE[1], SIZE[0], 3), np.uint8)
    scene.draw(t, image)
    return image


def lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_clip_gives_a_line_per_frame_as_the_contract_has_it(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["detect", str(clip)]) == 0
    found = lines(capsys.readouterr().out)
    assert [line["frame"] for line in found] == list(range(25))
    assert [line["t"] for line in found] == pytest.approx([n / 25 for n in range(25)], abs=1e-3)
    assert all(list(line) == ["source", "frame", "t", "width", "height", "hands"] for line in found)
    assert {(line["source"], line["width"], line["height"]) for line in found} == {(str(clip), *SIZE)}
    hands = [hand for line in found for hand in line["hands"]]
    assert hands
    for hand in hands:
        assert list(hand)[:6] == ["id", "x", "y", "radius", "score", "open"]
        assert isinstance(hand["id"], int)
        assert all(0 <= hand[key] <= 1 for key in ("x", "y", "radius", "score", "open"))


def test_the_hands_are_where_the_demo_drew_them(clip: Path, scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    main(["detect", str(clip), "--precision", "fp32"])
    near = []
    for line in lines(capsys.readouterr().out)[5:]:
        truth = scene.truth(4 + line["frame"] / 25)
        for hand in line["hands"]:
            distance = np.hypot(*((truth.xy[truth.visible] - [hand["x"], hand["y"]]) * [1, SIZE[1] / SIZE[0]]).T)
            near.append(distance.min() < truth.radius[truth.visible][distance.argmin()])
    assert np.mean(near) > 0.8


def test_without_tracking_there_are_no_identities(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["detect", str(clip), "--no-track"])
    hands = [hand for line in lines(capsys.readouterr().out) for hand in line["hands"]]
    assert hands
    assert {hand["id"] for hand in hands} == {None}


def test_a_lower_threshold_lets_weaker_peaks_through(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    counts = []
    for score in ("0.9", "0.05"):
        main(["detect", str(clip), "--no-track", "--min-score", score])
        hands = [hand for line in lines(capsys.readouterr().out) for hand in line["hands"]]
        assert all(hand["score"] >= float(score) for hand in hands)
        counts.append(len(hands))
    assert counts[0] < counts[1]


def test_a_folder_gives_each_picture_on_its_own(
    tmp_path: Path, scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, t in {"b.png": 4.0, "a.jpg": 5.0, "note.txt": 0.0}.items():
        (tmp_path / name).write_text("") if t == 0 else cv2.imwrite(str(tmp_path / name), picture(scene, t))
    main(["detect", str(tmp_path)])
    found = lines(capsys.readouterr().out)
    assert [(line["source"], line["frame"], line["t"]) for line in found] == [
        (f"{tmp_path}/a.jpg", 0, 0.0),
        (f"{tmp_path}/b.png", 0, 0.0),
    ]
    assert {hand["id"] for line in found for hand in line["hands"]} <= {None}


def test_the_model_is_opened_once_whatever_the_number_of_paths(
    clip: Path, tmp_path: Path, scene: Scene, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [tmp_path / f"{number}.png" for number in range(5)]
    for number, file in enumerate(files):
        cv2.imwrite(str(file), picture(scene, number))
    opened: list[tuple] = []
    opened_for_one = 0
    monkeypatch.setattr(heatmap, "open_model", lambda *given: opened.append(given) or open_model(*given))
    for words in ([str(files[0])], [str(file) for file in files], [str(clip), str(clip), *map(str, files)]):
        opened.clear()
        assert main(["detect", *words]) == 0
        opened_for_one = opened_for_one if len(words) > 1 else len(opened)
        assert len(opened) == opened_for_one
    capsys.readouterr()


def test_outputs_go_to_files(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = {kind: tmp_path / f"out.{kind}" for kind in ("jsonl", "csv", "mp4")}
    main(["detect", str(clip), "--json", str(out["jsonl"]), "--csv", str(out["csv"]), "--video", str(out["mp4"])])
    assert capsys.readouterr().out == ""
    found = lines(out["jsonl"].read_text())
    with out["csv"].open() as file:
        rows = list(csv.DictReader(file))
    hands = [(line["frame"], hand) for line in found for hand in line["hands"]]
    assert [(int(row["frame"]), int(row["id"]), float(row["x"])) for row in rows] == [
        (frame, hand["id"], hand["x"]) for frame, hand in hands
    ]
    video = cv2.VideoCapture(str(out["mp4"]))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == 25
    assert video.get(cv2.CAP_PROP_FPS) == pytest.approx(25, abs=0.1)
    assert (video.get(cv2.CAP_PROP_FRAME_WIDTH), video.get(cv2.CAP_PROP_FRAME_HEIGHT)) == SIZE


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nowhere.mp4"], "nowhere.mp4"),
        (["FOLDER"], "no pictures in this folder"),
        (["CLIP", "--json", "no/such/folder/x"], "no/such/folder/x: cannot be written"),
        (["CLIP", "--video", "no/such/folder/x.mp4"], "no/such/folder/x.mp4: cannot be written"),
    ],
)
def test_what_cannot_be_read_or_written_is_one_line(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
) -> None:
    places = {"CLIP": str(clip), "FOLDER": str(tmp_path)}
    assert main(["detect", *[places.get(word, word) for word in arguments]]) == 1
    err = capsys.readouterr().err
    assert expected in err
    assert err.count("\n") == 1


def test_what_cannot_be_read_keeps_nobody_from_the_rest_and_ends_with_1(
    tmp_path: Path, scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("a.png", "c.png"):
        cv2.imwrite(str(folder / name), picture(scene, 4))
    for name in ("b.png", "._a.png"):
        (folder / name).write_bytes(b"hello")
    data = write_clip(tmp_path / "cut.mkv")
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) * 4 // 5])
    recording = write(tmp_path / "a.mcap", messages=4)
    assert main(["detect", str(folder), str(tmp_path / "none.mp4"), str(tmp_path / "cut.mkv"), str(recording)]) == 1
    out, err = capsys.readouterr()
    found = Counter(Path(line["source"]).name for line in lines(out))
    assert (found["a.png"], found["c.png"], found["a.mcap"]) == (1, 1, 4)
    assert 10 < found["cut.mkv"] < 30
    told = err.splitlines()
    assert len(told) == 4, err
    for line, words in zip(
        told,
        (
            "b.png: expected a picture",
            "1 of 3 pictures were left out",
            "none.mp4: no such",
            "cut.mkv: breaks off",
        ),
        strict=True,
    ):
        assert words in line

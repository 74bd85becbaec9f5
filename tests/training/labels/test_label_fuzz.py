"""Label files with anything wrong in them: one line says so, nothing hangs, and no box is lost in silence.

LABEL_FUZZ=10000 tries more of them.
"""

import json
import os
import random
import re
import time
from pathlib import Path

import pytest
from support.labels import draw, film, write

from handflow.errors import SetupError
from handflow.training.labels.data import read_labels

TRIES = int(os.environ.get("LABEL_FUZZ", "300"))
PARTS = 20  # of the tries, each a test by itself: none takes long
LONGEST_S = 10.0
JUNK = (
    "",
    "nan",
    "-1",
    "1e999",
    "-0",
    "99999999999999999999",
    "null",
    "[]",
    "{}",
    '"x"',
    "x",
    "0.5.5",
    "\0",
    "\ud7ff",
    "<",
    "&",
)

HANDS = [{"box": [10, 20, 30, 40], "kind": "open"}, {"box": [60, 20, 30, 40], "kind": "other", "id": 3, "coarse": True}]
LINES = [
    {"image": "images/a.png", "width": 200, "height": 100, "hands": HANDS, "source": "desk", "group": "anna"},
    {"image": "images\\b.png", "width": 200, "height": 100, "hands": HANDS, "people": [{"box": [1, 2, 30, 40]}]},
    {"frame": 1, "width": 200, "height": 100, "hands": HANDS, "labelled": True},
]
OUTLINES = [{"bbox": [10, 20, 30, 40.5]}, {"segmentation": [[60, 10, 90, 15, 80, 50]]}]
OUTLINES += [{"segmentation": {"size": [40, 60], "counts": "Zi0e0c00000000005@;0000000000000000000000000000000Q<"}}]
OUTLINES += [{"keypoints": [60, 20, 2, 90, 60, 1, 0, 0, 0], "bbox": [60, 20, 30, 40], "iscrowd": 0, "area": 1200}]
COCO = {
    "licenses": [{"name": "", "id": 0, "url": ""}],
    "info": {"contributor": "", "date_created": "", "year": ""},
    "categories": [
        {"id": 1, "name": "hand", "supercategory": ""},
        {"id": 2, "name": "fist", "keypoints": ["a", "b", "c"]},
    ],
    "images": [
        {"id": n, "width": 200, "height": 100, "file_name": name, "license": 0, "date_captured": 0}
        for n, name in enumerate(("images/a.png", "b.png"))
    ],
    "annotations": [
        {"id": n, "image_id": n % 2, "category_id": 1 + n % 2, **outline} for n, outline in enumerate(OUTLINES)
    ],
}
IMAGES = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><task><id>1</id><name>hands</name><size>2</size><mode>annotation</mode>
<start_frame>0</start_frame><stop_frame>1</stop_frame><frame_filter></frame_filter></task></meta>
<image id="0" name="a.png" width="200" height="100">
<box label="hand" source="manual" occluded="0" xtl="10.00" ytl="20.00" xbr="40.00" ybr="60.50" rotation="30.00">
<attribute name="kind">open</attribute></box>
<mask label="hand" source="manual" occluded="0" rle="3, 2, 3, 2, 2" left="10" top="20" width="4" height="3"/>
<ellipse label="fist" occluded="0" cx="100.00" cy="50.00" rx="30.00" ry="20.00" rotation="10.00"/></image>
<image id="1" name="b.png" width="200" height="100">
<skeleton label="hand"><points label="1" outside="0" points="10.00,20.00"/>
<points label="2" outside="0" points="50.00,60.00"/>
</skeleton><polygon label="hand" points="60.00,10.00;90.00,15.00;80.00,50.00"/></image></annotations>
"""
TRACK = """<track id="{0}" label="hand" source="manual" task_id="{0}" subset="default">
<box frame="{1}" keyframe="1" outside="0" xtl="10.00" ytl="20.00" xbr="40.00" ybr="60.00" rotation="30.00"/>
<box frame="{2}" keyframe="0" outside="0" occluded="0" xtl="30.00" ytl="20.00" xbr="60.00" ybr="60.00"/>
<box frame="{3}" keyframe="1" outside="1" occluded="0" xtl="30.00" ytl="20.00" xbr="60.00" ybr="60.00"/></track>
"""
TASK = """<task><id>{0}</id><name>{1}</name><size>3</size><start_frame>0</start_frame><stop_frame>2</stop_frame>
<frame_filter>step=1</frame_filter><subset></subset><original_size><width>200</width><height>100</height></original_size>
<source>{1}.mp4</source></task>
"""
TASKS = TASK.format(1, "l") + TASK.format(2, "m")
VIDEO = f"""<annotations><meta><project><tasks>{TASKS}</tasks></project></meta>
{TRACK.format(1, 0, 1, 2)}{TRACK.format(2, 3, 4, 5)}</annotations>"""
YOLO = "0 0.25 0.5 0.2 0.4\n1 0.7 0.5 0.1 0.2 0.91 3\n0 0.1 0.2 0.3 0.2 0.3 0.6 0.1 0.6\n"
POSE = "0 0.5 0.5 0.2 0.2 0.45 0.45 1 0.55 0.45 1 0.45 0.55 2 0 0 0\n"
DESCRIBED = "path: .\ntrain: images\nnames: {0: hand, 1: fist}\n"
# The file that is damaged -> what the folder holds, and what is read of it.
SEEDS: dict[str, tuple[dict[str, str], str]] = {
    "l.jsonl": ({"l.jsonl": "".join(json.dumps(line) + "\n" for line in LINES)}, "l.jsonl"),
    "l.json": ({"l.json": json.dumps(COCO, indent=1)}, "l.json"),
    "images.xml": ({"images.xml": IMAGES}, "images.xml"),
    "video.xml": ({"video.xml": VIDEO}, "video.xml"),
    "labels/a.txt": ({"labels/a.txt": YOLO, "labels/b.txt": YOLO, "data.yaml": DESCRIBED}, "."),
    "labels/b.txt": ({"labels/a.txt": POSE, "labels/b.txt": POSE, "data.yaml": DESCRIBED + "kpt_shape: [4, 3]\n"}, "."),
    "data.yaml": ({"labels/a.txt": YOLO, "labels/b.txt": YOLO, "data.yaml": DESCRIBED}, "data.yaml"),
    "clips/clips.jsonl": (
        {
            "clips/clips.jsonl": '{"clip": "l.mp4", "path": "../l.mp4", "labels": "clips/l.jsonl", "group": "ben"}\n',
            "clips/l.jsonl": json.dumps(LINES[2]) + "\n",
        },
        "clips/clips.jsonl",
    ),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.png", "b.png"):
        draw(tmp_path / "images" / name)
    film(tmp_path / "l.mp4", 3)
    film(tmp_path / "m.mp4", 3)
    return tmp_path


def damaged(rng: random.Random, data: bytes) -> bytes:
    """Bytes with one to four things wrong."""
    for _ in range(rng.randint(1, 4)):
        first, end = sorted(rng.randrange(len(data) + 1) for _ in range(2))
        match rng.randrange(8):
            case 0:
                data = data[:end]
            case 1:
                data = data[:first] + data[end:]
            case 2:
                data = data[:end] + data[first:end] + data[end:]
            case 3:
                data = data[:first] + bytes([rng.randrange(256)]) + data[first + 1 :]
            case 4:
                data = data[:first] + rng.choice(JUNK).encode() + data[first:]
            case 5:
                data = with_junk(rng, data, rb'[-\d.]+|"[^"]*"|\w+')
            case 6:
                data = data.replace(b"\n", rng.choice([b"\r\n", b"\r", b"\0\n", b"\x85\n"]))
            case 7:
                data = rng.choice([b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"]) + data
    return data


def with_junk(rng: random.Random, data: bytes, pattern: bytes) -> bytes:
    """Bytes in which one thing that looks like `pattern` is another."""
    places = list(re.finditer(pattern, data))
    if not places:
        return data
    place = rng.choice(places)
    return data[: place.start()] + rng.choice(JUNK).encode() + data[place.end() :]


def lay_out(folder: Path, seed: str) -> tuple[Path, bytes]:
    """The whole data set of a seed: what is read of it, and the file that is to be damaged."""
    for old in (*folder.glob("*.jsonl"), *folder.glob("*.json"), *folder.glob("*.xml"), *folder.glob("*.yaml")):
        old.unlink()
    for name, text in SEEDS[seed][0].items():
        write(folder / name, text)
    return folder / SEEDS[seed][1], (folder / seed).read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_damaged_labels_are_read_or_refused_in_one_line(
    folder: Path, part: int, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(part, TRIES, PARTS):
        rng = random.Random(number)
        seed = rng.choice(list(SEEDS))
        place, data = lay_out(folder, seed)
        (folder / seed).write_bytes(damaged(rng, data))
        began = time.monotonic()
        try:
            for picture in read_labels([place]):
                assert picture.boxes.shape == (len(picture.kinds), 4), number
        except SetupError:
            pass
        assert time.monotonic() - began < LONGEST_S, number
        told = capsys.readouterr().err
        assert "Traceback" not in told, number


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_no_box_is_lost_in_silence(folder: Path, part: int, capsys: pytest.CaptureFixture[str]) -> None:
    """A number or a word among the labels is another: all boxes are there, or one line says which is not."""
    for number in range(part, TRIES, PARTS):
        rng = random.Random(number)
        seed = rng.choice(["l.jsonl", "l.json", "images.xml", "video.xml", "labels/a.txt", "labels/b.txt"])
        place, data = lay_out(folder, seed)
        whole = sum(len(picture.boxes) for picture in read_labels([place]))
        capsys.readouterr()
        (folder / seed).write_bytes(with_junk(rng, data, rb"-?\d+(\.\d+)?"))
        try:
            found = sum(len(picture.boxes) for picture in read_labels([place]))
        except SetupError:
            continue
        assert found >= whole or capsys.readouterr().err, number

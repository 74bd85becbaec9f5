"""What cannot be used is told, counted and left out, and only that; or it is refused."""

import json

import pytest
from support.labels import boxes, draw, film, write

from handflow.errors import LabelError
from handflow.training.labels.data import read_labels
from handflow.training.labels.omissions import TOLD
from handflow.training.labels.pictures import images_of

HAND = {"box": [10, 20, 30, 40], "kind": "open"}
LINE = {"image": "a.png", "width": 200, "height": 100, "hands": [HAND]}


def jsonl(path, *lines):
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    return write(path, "\n".join(texts) + "\n")


@pytest.mark.parametrize(
    "bad",
    [
        {"box": [210, 20, 30, 40], "kind": "open"},
        {"box": [10, 20, 0, 40], "kind": "open"},
        {"box": [10, 20, -30, 40], "kind": "open"},
        {"box": [float("nan"), 20, 30, 40], "kind": "open"},
        {"box": [10**400, 20, 30, 40], "kind": "open"},
        {"box": ["ten", 20, 30, 40], "kind": "open"},
        {"box": [10, 20, 30], "kind": "open"},
        {"box": None, "kind": "open"},
        {"box": [10, 20, 30, 40], "kind": "fist"},
        {"box": [10, 20, 30, 40], "kind": ["open"]},
        {"box": [10, 20, 30, 40], "kind": "open", "landmarks": [[float("inf"), 1]] * 21},
    ],
)
def test_one_bad_hand_is_left_out_and_counted(tmp_path, bad, capsys):
    draw(tmp_path / "a.png")
    file = jsonl(tmp_path / "l.jsonl", LINE | {"hands": [HAND, bad]})
    assert boxes(read_labels([file])) == [[[10, 20, 30, 40]]]
    told = capsys.readouterr().err.splitlines()
    assert [line.endswith("; left out") for line in told] == [True, False]
    assert told[1] == "left out of the labels: 1 box; --strict refuses such labels"
    with pytest.raises(LabelError, match=r"l\.jsonl:1: "):
        read_labels([file], strict=True)


@pytest.mark.parametrize(
    "bad",
    [
        "{oops",
        "[1, 2]",
        "[" * 100_000,
        LINE | {"image": "gone.png"},
        LINE | {"image": "broken.png"},
        LINE | {"image": "x" * 5000},
        LINE | {"image": "nul\0.png"},
        LINE | {"image": "folder"},
        LINE | {"image": None},
        LINE | {"width": 0},
        LINE | {"width": "200"},
        LINE | {"width": 199},
        LINE | {"hands": None},
        LINE | {"hands": [7]},
        LINE | {"hands": [HAND | {"kind": "paw"}]},
        LINE | {"people": 7},
        {"image": "a.png"},
        {"frame": -1, "width": 200, "height": 100, "hands": []},
        {"frame": "one", "width": 200, "height": 100, "hands": []},
        {"frame": 1, "width": 200, "height": 99, "hands": []},
        {"clip": 7},
        {"clip": "l.mp4"},
        {"clip": "clips/gone.mp4"},
    ],
)
def test_one_bad_picture_is_left_out_and_counted(tmp_path, bad, capsys):
    draw(tmp_path / "a.png")
    film(tmp_path / "l.mp4", 2)
    write(tmp_path / "broken.png", b"nothing")
    (tmp_path / "folder").mkdir()
    file = jsonl(tmp_path / "l.jsonl", LINE, bad)
    assert boxes(read_labels([file])) == [[[10, 20, 30, 40]]]
    told = capsys.readouterr().err.splitlines()
    assert all("; left out" in line for line in told[:-1])
    assert told[-1].startswith("left out of the labels: 1 ")
    with pytest.raises(LabelError) as refused:
        read_labels([file], strict=True)
    assert "\n" not in str(refused.value)


def test_many_are_counted_and_some_listed(tmp_path, capsys):
    draw(tmp_path / "a.png")
    lines = [LINE | {"image": f"{number}.png"} for number in range(TOLD + 5)]
    assert len(read_labels([jsonl(tmp_path / "l.jsonl", LINE, *lines)])) == 1
    told = capsys.readouterr().err.splitlines()
    assert len(told) == TOLD + 1
    assert told[-1] == (
        f"left out of the labels: {TOLD + 5} pictures, 5 of them not listed; --strict refuses such labels"
    )


def test_a_picture_whose_only_box_is_bad_is_none_without_hands(tmp_path):
    draw(tmp_path / "a.png")
    draw(tmp_path / "b.png")
    bad = LINE | {"image": "b.png", "hands": [HAND | {"box": [10, 20, 0, 0]}]}
    assert [p.path.name for p in read_labels([jsonl(tmp_path / "l.jsonl", LINE, bad)])] == ["a.png"]


def test_labels_of_which_nothing_can_be_used_are_refused(tmp_path):
    draw(tmp_path / "a.png")
    good = jsonl(tmp_path / "good.jsonl", LINE)
    bad = jsonl(tmp_path / "bad.jsonl", LINE | {"hands": [HAND | {"box": [1, 2, 0, 0]}]}, LINE | {"hands": []})
    with pytest.raises(LabelError, match=r"bad\.jsonl: nothing in it can be used: .*bad\.jsonl:1: box .* is empty"):
        read_labels([good, bad])


def test_a_picture_that_breaks_off_is_left_out_where_it_is_read(tmp_path, capsys):
    draw(tmp_path / "a.png")
    film(tmp_path / "l.mp4", 2)
    frames = [{"frame": n, "width": 200, "height": 100, "hands": [HAND]} for n in (0, 7)]
    pictures = read_labels([jsonl(tmp_path / "l.jsonl", LINE, *frames)])
    assert len(pictures) == 3
    assert [(p.path.name, p.frame) for p, _ in images_of(pictures)] == [("a.png", None), ("l.mp4", 0)]
    assert "l.mp4: no frame 7; the clip has 2; left out" in capsys.readouterr().err
    with pytest.raises(LabelError, match="no frame 7"):
        list(images_of(pictures, strict=True))


def test_what_macos_puts_beside_label_files_is_no_label_file(tmp_path, capsys):
    draw(tmp_path / "a.png")
    jsonl(tmp_path / "l.jsonl", LINE)
    write(tmp_path / "._l.jsonl", b"\0\5\x16\7\0\2")
    write(tmp_path / "._instances.json", b"\0\5\x16\7\0\2")
    assert len(read_labels([tmp_path], strict=True)) == 1
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        *((encoding, "H\xe4nde.png") for encoding in ("utf-8", "utf-8-sig", "utf-16", "latin-1")),
        # Where `splitlines` would end a line.
        ("utf-8", "a\u2028b\x85.png"),
    ],
)
def test_json_lines_in_any_usual_encoding_are_read(tmp_path, encoding, name):
    draw(tmp_path / name)
    text = json.dumps(LINE | {"image": name}, ensure_ascii=False) + "\r\n\r\n"
    assert len(read_labels([write(tmp_path / "l.jsonl", text.encode(encoding))])) == 1


def test_slashes_of_windows_are_read(tmp_path):
    draw(tmp_path / "desk" / "a.png")
    assert len(read_labels([jsonl(tmp_path / "l.jsonl", LINE | {"image": "desk\\a.png"})])) == 1

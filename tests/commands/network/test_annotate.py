"""What annotate writes, refuses and serves."""

import json
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.annotating import FRAMES, begun, lines, write
from support.graphs import Run, until
from support.moving import box, place, scene
from support.pages import ask

from handflow import SetupError
from handflow.__main__ import main
from handflow.commands.network import annotate
from handflow.commands.network.annotate import serve
from handflow.training.annotation.session import Session
from handflow.training.labels.data import read_labels
from handflow.training.labels.images import Clip
from handflow.training.targets import OPEN, OTHER


@pytest.fixture
def clip(rendered: Path, tmp_path: Path) -> Path:
    """The same, to be moved about."""
    file = tmp_path / "square.mp4"
    file.write_bytes(rendered.read_bytes())
    return file


def hand(frame: int, id_: int = 1, kind: str = "open") -> dict[str, Any]:
    return {"id": id_, "box": box(*place(frame)), "kind": kind}


def label(session: Session, frame: int, *hands: dict[str, Any], clip: int = 0) -> dict[str, Any]:
    session.show({"clip": clip, "frame": frame})
    return session.edit({"clip": clip, "frame": frame, "hands": list(hands)})


# What is written


def test_training_reads_what_was_labelled_and_nothing_that_was_not_looked_at(clip: Path, folder: Path) -> None:
    session = begun([str(clip)], folder)
    label(session, 2, hand(2), hand(2, 2, "other") | {"box": [5, 5, 40, 40]})
    for frame in (3, 4, 9):
        session.show({"clip": 0, "frame": frame})
    label(session, 6)
    written = lines(folder / "clips" / "square.jsonl")
    assert [line["frame"] for line in written] == list(range(FRAMES))
    assert [line["frame"] for line in written if line["labelled"]] == [2, 3, 4, 6, 9]
    assert [line["frame"] for line in written if line["exact"]] == [2, 6]
    assert written[4]["hands"][0].keys() == {"box", "kind", "labelled_by", "id"}
    pictures = read_labels([folder])
    assert [picture.frame for picture in pictures] == [2, 3, 4, 6, 9]
    first, _, carried, empty, after = pictures
    assert first.kinds.tolist() == [OPEN, OTHER]
    assert first.ids == ["1", "2"]
    assert (first.source, first.group) == ("clips/square", "square")
    np.testing.assert_allclose(first.boxes[0], box(*place(2)), atol=0.1)
    np.testing.assert_allclose(carried.boxes[0, :2] + carried.boxes[0, 2:] / 2, place(4), atol=1)
    assert len(empty.boxes) == len(after.boxes) == 0
    assert (first.read() == Clip(clip)[2]).all(), "the clip itself is read where it lies"


def test_every_change_is_on_the_disk_at_once_and_gone_on_from(clip: Path, folder: Path) -> None:
    session = begun([str(clip)], folder)
    label(session, 0, hand(0))
    for frame in range(1, 6):
        session.show({"clip": 0, "frame": frame})
    before = (folder / "clips" / "square.jsonl").read_text()
    again = begun([str(clip)], folder)  # the first one was never closed: it might as well have been killed
    assert again.state()["clips"][0]["at"] == 5
    assert (folder / "clips" / "square.jsonl").read_text() == before
    told = again.show({"clip": 0, "frame": 6})
    assert told["states"] == "kcccccc" + "." * (FRAMES - 7)
    assert told["fresh"] == 2
    x, y, w, h = told["hands"][0]["box"]
    np.testing.assert_allclose((x + w / 2, y + h / 2), place(6), atol=1)
    assert not list(folder.rglob(".*.part*"))


def test_a_clip_that_was_moved_keeps_its_labels(clip: Path, folder: Path, tmp_path: Path) -> None:
    label(begun([str(clip)], folder), 0, hand(0))
    (tmp_path / "elsewhere").mkdir()
    moved = clip.rename(tmp_path / "elsewhere" / "square.mp4")
    assert begun([str(moved)], folder).show({"clip": 0, "frame": 0})["states"][0] == "k"
    assert read_labels([folder])[0].path.resolve() == moved.resolve()


def test_labels_and_clip_move_together(clip: Path, folder: Path, tmp_path: Path) -> None:
    label(begun([str(clip)], folder), 0, hand(0))
    (tmp_path / "there").mkdir()
    clip.rename(tmp_path / "there" / "square.mp4")
    folder.rename(tmp_path / "there" / "labels")
    assert len(read_labels([tmp_path / "there" / "labels"])) == 1


def test_two_clips_of_one_name_have_labels_of_their_own(clip: Path, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "square.mp4"
    other.parent.mkdir()
    write(other, [scene(200, 100)] * 3)
    session = begun([str(clip), str(other)], folder)
    label(session, 1, hand(1))
    label(session, 2, hand(2), clip=1)
    assert [(p.path.resolve(), p.frame) for p in read_labels([folder])] == [(clip, 1), (other, 2)]
    assert len(lines(folder / "clips" / "square-2.jsonl")) == 3
    again = begun([str(other), str(clip)], folder)
    assert [again.show({"clip": n, "frame": 0})["states"].count("k") for n in (0, 1)] == [1, 1]


def test_pictures_are_labelled_each_by_itself(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "square").mkdir()
    for n in (10, 9, 8):
        cv2.imwrite(str(tmp_path / "square" / f"{n}.png"), scene(*place(n), size=(640 + n, 360)))
    session = begun([str(tmp_path / "square")], folder)
    told = label(session, 1, hand(9))
    assert (told["title"], told["width"]) == ("9.png", 649)
    assert session.show({"clip": 0, "frame": 2})["hands"] == []
    (picture,) = read_labels([folder])
    assert (picture.path.name, picture.frame, picture.source) == ("9.png", None, "square")
    assert picture.read().shape[1] == 649
    again = begun([str(tmp_path / "square")], folder)
    assert again.show({"clip": 0, "frame": 1})["exact"]
    again.edit({"clip": 0, "frame": 0, "hands": []})  # nobody waves: that is a label too
    assert len(read_labels([folder])) == 2


def test_what_others_wrote_about_a_hand_stays_where_it_is_not_touched(folder: Path, tmp_path: Path) -> None:
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), scene(300, 180))
    known = {"box": [1, 2, 30, 40], "kind": "open", "kind_by": "landmarks", "labelled_by": "class"}
    line = {
        "image": "a.png",
        "width": 640,
        "height": 360,
        "hands": [known],
        "source": "s",
        "group": "g",
        "licence": "MIT",
    }
    (folder / "labels.jsonl").write_text(json.dumps(line))
    label(begun([str(folder)], folder), 0, {"id": 1, **known}, hand(0, 2))
    (told,) = lines(folder / "labels.jsonl")
    assert told["hands"][0] == known | {"id": 1}
    assert (told["group"], told["licence"], told["hands"][1]["labelled_by"]) == ("g", "MIT", "eye")


# What is refused


def test_labels_of_another_clip_are_not_written_over(clip: Path, folder: Path) -> None:
    label(begun([str(clip)], folder), 0, hand(0))
    before = (folder / "clips" / "square.jsonl").read_text()
    write(clip, [scene(200, 100)] * 5)
    with pytest.raises(SetupError, match=r"with 20 frames of 640x360, but .*square.mp4 has 5 of 640x360: another clip"):
        begun([str(clip)], folder)
    write(clip, [scene(200, 100, size=(320, 240))] * FRAMES)
    with pytest.raises(SetupError, match=r"640x360, but .* 320x240: another clip; give another folder .* -o"):
        begun([str(clip)], folder)
    assert (folder / "clips" / "square.jsonl").read_text() == before


FRAME = {"frame": 0, "width": 640, "height": 360, "hands": []}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", r"square\.jsonl:1: not JSON"),
        ("[]", r"square\.jsonl:1: expected an object"),
        (json.dumps({"image": "a.png"}), r"square\.jsonl:1: expected 'frame' in this line"),
        (json.dumps(FRAME | {"width": 320}), r"square\.jsonl:1: expected labels of a clip of 640x360 .* got 320x360"),
        (json.dumps(FRAME | {"frame": 20}), r"square\.jsonl:1: expected a frame of the 20 of .* got 20"),
        (json.dumps(FRAME), r"square\.jsonl: expected labels of the 20 frames of .* got 1"),
        (
            json.dumps(FRAME | {"hands": [{"box": [1, 1, 9, 9], "kind": "mano"}]}),
            r"square\.jsonl:1: expected a kind, .* got 'mano'",
        ),
        (json.dumps(FRAME | {"labelled": "no"}), r"square\.jsonl:1: expected labelled and exact to be true or false"),
    ],
)
def test_labels_that_cannot_be_ours_are_refused_with_their_line(clip: Path, folder: Path, text: str, said: str) -> None:
    begun([str(clip)], folder)
    (folder / "clips" / "square.jsonl").write_text(text)
    with pytest.raises(SetupError, match=said) as refused:
        begun([str(clip)], folder)
    assert "\n" not in str(refused.value)
    assert (folder / "clips" / "square.jsonl").read_text() == text


def test_labels_that_no_list_names_are_not_written_over(clip: Path, folder: Path) -> None:
    (folder / "clips").mkdir(parents=True)
    (folder / "clips" / "square.jsonl").write_text("")
    with pytest.raises(SetupError, match=r"square\.jsonl: labels that clips\.jsonl does not list; give another folder"):
        begun([str(clip)], folder)


def test_what_cannot_be_opened_or_written_is_one_line(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.mp4").write_text("no clip")
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    for arguments, said in {
        (str(tmp_path / "none.mp4"),): "none.mp4: no such file or folder",
        (str(tmp_path / "text.mp4"),): "text.mp4: expected a video that FFmpeg can decode",
        (str(tmp_path / "empty"),): "empty: no pictures in this folder",
        (str(clip), "-o", str(tmp_path / "file")): "cannot be written: ",
        (str(clip), "-o", str(tmp_path / "out"), "--model", "paws"): "there is no paws.onnx",
    }.items():
        assert main(["annotate", *arguments]) == 1
        told = capsys.readouterr().err
        assert said in told
        assert told.count("\n") == 1
    assert not (tmp_path / "labels").exists(), "nothing is made for what cannot be labelled"


def test_a_port_that_is_taken_is_one_line_before_anything_is_loaded(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(annotate, "finder", lambda *_: pytest.fail("the network is loaded"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["annotate", str(clip), "-o", str(tmp_path / "out"), "--port", str(port)]) == 1
    line = f"cannot listen on 127.0.0.1:{port}: Address already in use; choose another port or address\n"
    assert capsys.readouterr() == ("", line)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"hands": 3}, "expected hands to be a list"),
        ({"hands": [{"id": 1, "box": [0, 0, 9, 9], "kind": "paw"}]}, "expected a kind, .* got 'paw'"),
        ({"hands": [{"id": 1, "box": [0, 0, 9], "kind": "open"}]}, r"expected a box .* got \[0, 0, 9\]"),
        ({"hands": [{"id": 1, "box": [0, 0, 0.2, 9], "kind": "open"}]}, "expected a box in the picture of 640x360"),
        ({"hands": [{"id": 1, "box": [640, 0, 9, 9], "kind": "open"}]}, "expected a box in the picture of 640x360"),
        ({"hands": [{"id": 1, "box": [0, 0, 9, float("nan")], "kind": "open"}]}, "expected"),
        ({"hands": [{"id": 1, "box": [0, 0, 9, 9], "kind": "open"}] * 2}, "expected an id for each hand"),
        ({"frame": 20, "hands": []}, "expected a frame from 0 to 19, got 20"),
        ({"frame": "x", "hands": []}, "expected a frame as a whole number, got 'x'"),
        ({"clip": 1, "hands": []}, "expected a clip from 0 to 0, got 1"),
    ],
)
def test_what_a_page_may_not_send_is_refused_and_not_written(
    rendered: Path, folder: Path, given: dict[str, Any], said: str
) -> None:
    session = begun([str(rendered)], folder)
    with pytest.raises(ValueError, match=said):
        session.edit({"clip": 0, "frame": 0} | given)
    assert read_none(folder)


def read_none(folder: Path) -> bool:
    return not any(line["labelled"] for line in lines(folder / "clips" / "square.jsonl"))


def test_a_disk_that_takes_no_more_is_told_to_the_page(clip: Path, folder: Path) -> None:
    session = begun([str(clip)], folder)
    web = serve(session)
    web.start()
    try:
        (folder / "clips" / ".square.part.jsonl").mkdir()  # what root cannot write to either
        status, text, _ = ask(
            web, "POST", "/edit", json.dumps({"clip": 0, "frame": 0, "hands": []}), Content_Type="application/json"
        )
        assert (status, "cannot be written" in json.loads(text)["error"]) == (400, True)
        assert ask(web, "GET", "/picture/0/99")[0] == 400
    finally:
        web.close()


def test_the_command_serves_the_page_and_stops_with_everything_saved(
    run: Callable[..., Run], clip: Path, folder: Path
) -> None:
    started = run("annotate", clip, "-o", folder, "--port", 0, "--model", "none")
    until(lambda: any("the page is at" in line for line in started.out), "no page")
    assert "square: 20 frames of 640x360" in started.out[0]
    second = run("annotate", clip, "-o", folder, "--port", 0, "--model", "none")
    assert second.end() == 1
    assert [line.split("labels: ")[1] for line in second.err] == [
        "another `handflow annotate` is using this folder; give another folder for the labels with -o\n"
    ]
    assert started.stop(signal.SIGTERM) == 0
    assert started.err == []
    assert read_none(folder)


# The page


def test_the_page_is_served_from_the_package_alone(rendered: Path, folder: Path) -> None:
    web = serve(begun([str(rendered)], folder))
    web.start()
    try:
        for name in ("", "annotate.js", "annotate.css", "icon.svg"):
            status, text, _ = ask(web, "GET", f"/{name}")
            assert status == 200
            assert "http://" not in text.replace("http://www.w3.org", "")
            assert "https://" not in text
    finally:
        web.close()

"""Label files, good and bad."""

import json

import cv2
import numpy as np
import pytest

from handflow.training.labels.data import LabelError, read_labels
from handflow.training.labels.line import parse_line
from handflow.training.labels.people import person_of_keypoints
from handflow.training.labels.pictures import LabelledPicture, fingerprint, split
from handflow.training.targets import (
    COARSE,
    ELBOW,
    HEAD,
    IGNORE,
    OPEN,
    OTHER,
    PERSON,
    UNKNOWN,
    WRIST,
    PeopleLabelled,
)


def line(**changes):
    hand = {"box": [10, 20, 30, 40], "kind": "open", "kind_by": "eye", "labelled_by": "eye"}
    return {
        "image": "a.png",
        "width": 160,
        "height": 120,
        "hands": [hand],
        "source": "desk",
        "group": "anna",
        **changes,
    }


def write(folder, *lines, name="desk.jsonl", picture=True):
    if picture:
        cv2.imwrite(str(folder / "a.png"), np.full((120, 160, 3), 90, np.uint8))
    path = folder / name
    path.write_text("".join(json.dumps(entry) + "\n" for entry in lines))
    return path


def test_a_line_becomes_a_picture(tmp_path):
    (picture,) = read_labels([write(tmp_path, line())])
    assert picture.boxes.tolist() == [[10, 20, 30, 40]]
    assert picture.kinds.tolist() == [OPEN]
    assert (picture.source, picture.group, picture.width, picture.height) == ("desk", "anna", 160, 120)
    assert picture.read().shape == (120, 160, 3)


def test_every_kind_has_its_number(tmp_path):
    hands = [{"box": [1, 1, 5, 5], "kind": kind} for kind in ("open", "other", "unknown", "ignore")]
    (picture,) = read_labels([write(tmp_path, line(hands=hands))])
    assert picture.kinds.tolist() == [OPEN, OTHER, UNKNOWN, IGNORE]
    assert picture.hands.tolist() == [True, True, True, False]


@pytest.mark.parametrize("said", [{"coarse": True}, {"labelled_by": "derived"}, {"auto": "pose"}])
def test_a_box_that_is_only_about_right_is_coarse_where_the_kind_is_unknown(tmp_path, said):
    guesses = [{"kind": "unknown", **said}, {"kind": "open", **said}]
    sure = [{"kind": "unknown", "auto": "hands"}, {"kind": "unknown", "labelled_by": "eye", "coarse": False}]
    hands = [{"box": [1, 1, 5, 5], **hand} for hand in guesses + sure]
    (picture,) = read_labels([write(tmp_path, line(hands=hands))])
    assert picture.kinds.tolist() == [COARSE, OPEN, UNKNOWN, UNKNOWN]
    assert picture.hands.all()


def test_a_line_is_written_as_it_was_read():
    hand = {"box": [10, 20, 30, 40], "kind": "unknown", "coarse": True, "id": 0, "kind_by": "eye", "light": "dim"}
    values = line(hands=[hand], labelled=False, exact=False, licence="CC0")
    assert parse_line(values, "a.jsonl:1").json() == values


def test_a_folder_is_all_its_label_files(tmp_path):
    write(tmp_path, line(), name="one.jsonl")
    write(tmp_path, line(), line(), name="two.jsonl")
    assert len(read_labels([tmp_path])) == 3


def test_a_clip_is_its_labelled_frames(tmp_path):
    clips = tmp_path / "clips"
    clips.mkdir()
    writer = cv2.VideoWriter(str(clips / "wave.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 30, (160, 120))
    for brightness in (40, 120, 200):
        writer.write(np.full((120, 160, 3), brightness, np.uint8))
    writer.release()
    frame = {"width": 160, "height": 120, "hands": []}
    fast = {"box": [10, 20, 30, 40], "kind": "unknown", "fast_segment": True, "exact": False}
    frames = [{"frame": 0, **frame}, {"frame": 1, "labelled": False, **frame}, {"frame": 2, "labelled": True, **frame}]
    frames += [{"frame": 1, **frame, "hands": [fast]}]  # interpolated through a fast move: not to be relied on
    write(clips, *frames, name="wave.jsonl")
    write(clips, {"clip": "clips/wave.mp4", "labels": "clips/wave.jsonl", "group": "ben"}, name="clips.jsonl")
    write(tmp_path, line())
    still, first, last = read_labels([tmp_path])
    assert still.frame is None
    assert (first.frame, last.frame) == (0, 2)
    assert (first.group, first.source) == ("ben", "clips/wave")
    assert abs(first.read().mean() - 40) < 8
    assert abs(last.read().mean() - 200) < 8


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hands": [{"box": [170, 20, 30, 40], "kind": "open"}]}, r"desk\.jsonl:1: box .* lies outside .*160x120"),
        ({"hands": [{"box": [10, 20, 0, 40], "kind": "open"}]}, r"desk\.jsonl:1: box .* is empty"),
        (
            {"hands": [{"box": [10, 20, 30], "kind": "open"}]},
            r"desk\.jsonl:1: expected a box \[x, y, width, height\], got \[10",
        ),
        (
            {"hands": [{"box": [10, "x", 30, 4], "kind": "open"}]},
            r"desk\.jsonl:1: expected a box \[x, y, width, height\], got \[10",
        ),
        ({"hands": ["a hand"]}, r"desk\.jsonl:1: expected hands to be a list"),
        ({"hands": None}, r"desk\.jsonl:1: expected hands to be a list"),
        ({"width": 0}, r"desk\.jsonl:1: expected width and height in whole pixels, got 0 and 120"),
        (
            {"hands": [{"box": [10, 20, 30, 40], "kind": "open", "landmarks": [[1, 2]]}]},
            r"desk\.jsonl:1: expected landmarks to be 21 points",
        ),
        (
            {"hands": [{"box": [10, 20, 30, 40], "kind": "fist"}]},
            r"desk\.jsonl:1: expected a kind, one of open, other.* got 'fist'",
        ),
    ],
)
def test_a_bad_label_is_named_with_its_line(tmp_path, change, said):
    with pytest.raises(LabelError, match=said) as caught:
        read_labels([write(tmp_path, line(**change))])
    assert "\n" not in str(caught.value)


def test_a_missing_field_is_named(tmp_path):
    bad = line()
    del bad["width"]
    with pytest.raises(LabelError, match=r"desk\.jsonl:2: expected 'width' in this line, got image"):
        read_labels([write(tmp_path, line(), bad)], strict=True)


def test_what_is_not_json_is_named_with_its_line(tmp_path):
    path = write(tmp_path, line())
    path.write_text(path.read_text() + "{oops\n")
    with pytest.raises(LabelError, match=r"desk\.jsonl:2: not JSON"):
        read_labels([path], strict=True)


def test_a_hand_that_leaves_the_picture_is_fine(tmp_path):
    hands = [{"box": [-10, 100, 30, 40], "kind": "open"}]
    assert len(read_labels([write(tmp_path, line(hands=hands))])) == 1


def test_a_missing_picture_is_named_with_its_line(tmp_path):
    with pytest.raises(LabelError, match=r"desk\.jsonl:1: no such picture: .*a\.png"):
        read_labels([write(tmp_path, line(), picture=False)])
    clips = write(tmp_path, {"clip": "clips/wave.mp4"}, name="clips.jsonl")
    write(tmp_path, {"frame": 0, "width": 160, "height": 120, "hands": []}, name="wave.jsonl")
    with pytest.raises(LabelError, match=r"clips\.jsonl:1: no such clip: .*wave\.mp4"):
        read_labels([clips])


def test_a_picture_of_another_size_than_its_label_is_refused(tmp_path):
    with pytest.raises(LabelError, match="expected a picture of 320x240 as its label says, got 160x120"):
        read_labels([write(tmp_path, line(width=320, height=240))])


def test_no_labels_are_refused(tmp_path):
    with pytest.raises(LabelError, match="no labelled pictures in this folder"):
        read_labels([tmp_path])
    with pytest.raises(LabelError, match="no labelled pictures"):
        read_labels([write(tmp_path)])
    with pytest.raises(LabelError, match="no such file or folder"):
        read_labels([tmp_path / "elsewhere"])


def picture(group="anna", boxes=((40, 30, 30, 40),), kinds=(OPEN,), path="nowhere.png"):
    return LabelledPicture(
        path, 160, 120, np.array(boxes, np.float32).reshape(-1, 4), np.array(kinds, int), "desk", group
    )


def test_a_group_is_never_split():
    pictures = [picture(group=f"person {n % 50}") for n in range(500)]
    rest, held = split(pictures, 0.3)
    assert len(rest) + len(held) == 500
    assert not {p.group for p in rest} & {p.group for p in held}
    assert 50 < len(held) < 250


def test_every_group_is_held_by_one_of_the_folds():
    pictures = [picture(group=f"person {n % 50}") for n in range(200)]
    held = [{p.group for p in split(pictures, 0.25, fold)[1]} for fold in range(4)]
    assert set.union(*held) == {p.group for p in pictures}
    assert sum(map(len, held)) == 50


def test_a_changed_box_changes_the_fingerprint(tmp_path):
    pictures = read_labels([write(tmp_path, line())])
    before = fingerprint(pictures)
    pictures[0].boxes[0, 0] += 1
    assert fingerprint(pictures) != before


ANNA = {"box": [20, 10, 40, 100], "joints": {"head": [40, 20, 1], "left_elbow": [25, 50, 1], "left_wrist": [22, 70, 0]}}


def test_people_become_boxes_of_their_parts(tmp_path):
    (picture,) = read_labels([write(tmp_path, line(people=[ANNA]))])
    assert picture.parts[:, 4].tolist() == [PERSON, HEAD, ELBOW]  # the wrist is hidden
    assert picture.parts[2, :4].tolist() == [20, 45, 10, 10]  # a tenth of the person, about the joint
    assert picture.people is PeopleLabelled.SOME
    assert not picture.rendered


@pytest.mark.parametrize(
    ("said", "known"),
    [
        ({}, PeopleLabelled.NOBODY),
        ({"people": []}, PeopleLabelled.SOME),
        ({"people": [], "people_complete": True}, PeopleLabelled.EVERYBODY),
        ({"people": [], "people_told": "all"}, PeopleLabelled.EVERYBODY),  # the word before
    ],
)
def test_whose_parts_are_labelled(tmp_path, said, known):
    (picture,) = read_labels([write(tmp_path, line(**said))])
    assert picture.people is known


def test_the_first_words_for_rendered_people_are_read(tmp_path):
    old = {"box": ANNA["box"], "joints": {"elbowL": [25, 50, 1], "wristR": [22, 70, 1]}}
    file = write(tmp_path, line(people=[old], source="synth", background="hdri"))
    (picture,) = read_labels([file])
    assert picture.parts[:, 4].tolist() == [PERSON, ELBOW, WRIST]
    assert picture.rendered
    assert picture.people is PeopleLabelled.EVERYBODY


@pytest.mark.parametrize(
    ("people", "expected"),
    [
        ({}, "expected people to be a list"),
        ([{"joints": {}}], r"expected a person's box \[x, y, width, height\], got None"),
        ([{"box": [1, 2, 3, 0]}], "expected a person's box"),
        ([ANNA | {"joints": {"head": [1, 2]}}], r"expected joints to be \{name: \[x, y, seen\]\}"),
        ([ANNA | {"joints": {"knee": [1, 2, 1]}}], "expected joints among head, .*, got knee"),
    ],
)
def test_people_that_cannot_be_read_are_one_line(tmp_path, people, expected):
    with pytest.raises(LabelError, match=f"desk.jsonl:1: {expected}"):
        read_labels([write(tmp_path, line(people=people))])


def test_a_line_with_people_is_written_as_it_was_read():
    values = line(people=[ANNA], people_complete=True, rendered=True)
    assert parse_line(values, "a.jsonl:1").json() == values


def test_a_person_as_coco_labels_them():
    points = [[0, 0, 0]] * 17
    points[0], points[1], points[7], points[9] = [10, 20, 2], [12, 16, 1], [5, 50, 2], [4, 60, 1]
    person = person_of_keypoints([0, 10, 30, 90], points)
    assert person.joints == {"left_elbow": [5, 50, 1], "left_wrist": [4, 60, 0], "head": [11, 18, 1]}


def test_a_folder_without_labels_says_what_was_expected(tmp_path):
    with pytest.raises(LabelError, match=r"JSON lines .*, COCO .*, CVAT .* or YOLO"):
        read_labels([tmp_path])

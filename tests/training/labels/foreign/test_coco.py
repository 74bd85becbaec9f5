"""Labels of COCO, as `train` and `evaluate` read them, good and bad."""

import json

import numpy as np
import pytest
from support.labels import boxes, draw, kinds, write

from handflow.errors import LabelError
from handflow.training.labels.data import read_labels
from handflow.training.targets import COARSE, IGNORE, OPEN, OTHER, UNKNOWN

JOINTS = ["nose", "left_elbow", "right_elbow", "left_wrist", "right_wrist"]


def coco(*annotations, categories=({"id": 1, "name": "Open_Palm"}, {"id": 2, "name": "fist"}), names=("a.png",)):
    images = [{"id": n, "file_name": name, "width": 200, "height": 100} for n, name in enumerate(names)]
    return {"images": images, "categories": list(categories), "annotations": list(annotations)}


def test_coco_boxes_get_their_kinds_from_categories(tmp_path):
    draw(tmp_path / "images" / "a.png")
    draw(tmp_path / "images" / "b.png")
    annotations = [
        {"id": 1, "image_id": 0, "category_id": 1, "bbox": [10, 20, 30, 40]},
        {"id": 2, "image_id": 0, "category_id": 2, "bbox": [60, 20, 30, 40]},
        {"id": 3, "image_id": 0, "category_id": 2, "bbox": [100, 20, 60, 40], "iscrowd": 1},
    ]
    write(tmp_path / "annotations" / "instances_default.json", coco(*annotations, names=("a.png", "b.png")))
    hands, empty = read_labels([tmp_path])
    assert hands.kinds.tolist() == [OPEN, OTHER, IGNORE]
    assert hands.boxes.tolist() == [[10, 20, 30, 40], [60, 20, 30, 40], [100, 20, 60, 40]]
    assert not len(empty.boxes)
    assert hands.path == (tmp_path / "images" / "a.png").resolve()
    assert hands.source == tmp_path.name


def test_a_hands_keypoints_are_its_landmarks_and_its_box(tmp_path):
    draw(tmp_path / "a.png")
    points = [[50 + n, 40 + n, 2] for n in range(21)]
    category = {"id": 1, "name": "hand", "keypoints": [f"p{n}" for n in range(21)]}
    annotation = {"id": 1, "image_id": 0, "category_id": 1, "keypoints": np.ravel(points).tolist()}
    file = write(tmp_path / "hands.json", coco(annotation, categories=[category]))
    (picture,) = read_labels([file])
    assert kinds([picture]) == [[UNKNOWN]]
    assert boxes([picture]) == [[[48, 38, 24, 24]]]  # 20 pixels and a tenth around
    assert picture.polygons[0].tolist() == [[x, y] for x, y, _ in points]


def test_a_persons_joints_become_coarse_boxes_ahead_of_the_wrists(tmp_path):
    draw(tmp_path / "a.png")
    # left: seen, forearm of 40 pixels to the right; right: the wrist is hidden
    points = [[100, 10, 2], [60, 50, 2], [20, 50, 2], [100, 50, 2], [20, 80, 1]]
    category = {"id": 1, "name": "person", "keypoints": JOINTS}
    one = {"id": 1, "image_id": 0, "category_id": 1, "keypoints": np.ravel(points).tolist(), "bbox": [10, 10, 90, 80]}
    lost = {"id": 2, "image_id": 0, "category_id": 1, "keypoints": [0] * 15, "bbox": [150, 10, 20, 80]}
    (picture,) = read_labels([write(tmp_path / "people.json", coco(one, lost, categories=[category]))])
    assert kinds([picture]) == [[COARSE, IGNORE, IGNORE]]
    assert boxes([picture])[0] == [[100, 36, 28, 28], [6, 76.5, 28, 28], [150, 10, 20, 80]]  # middle: 100 + .35 x 40


def test_a_category_of_another_name_is_said_in_kinds_json(tmp_path):
    draw(tmp_path / "a.png")
    two = [{"id": n, "image_id": 0, "category_id": n, "bbox": [10 * n, 20, 30, 40]} for n in (1, 2)]
    file = write(tmp_path / "mani.json", coco(*two, categories=[{"id": 1, "name": "mano"}, {"id": 2, "name": "cara"}]))
    with pytest.raises(
        LabelError,
        match=r"mani\.json: image 0 \(a\.png\): .*: unknown kind 'mano'; say in a file kinds\.json",
    ):
        read_labels([file])
    write(tmp_path / "kinds.json", {"Mano": "unknown", "cara": "none"})
    assert kinds(read_labels([tmp_path])) == [[UNKNOWN]]
    write(tmp_path / "kinds.json", {"mano": "paw"})
    with pytest.raises(LabelError, match=r"kinds\.json: expected .*; kinds are open, other"):
        read_labels([file])


@pytest.mark.parametrize(
    ("annotation", "said"),
    [
        (
            {"image_id": 0, "category_id": 1, "bbox": [210, 20, 30, 40]},
            r"image 0 \(a\.png\): box .* lies outside .*200x100",
        ),
        ({"image_id": 0, "category_id": 7, "bbox": [10, 20, 30, 40]}, "category 7 is not among the categories"),
        ({"image_id": 5, "category_id": 1, "bbox": [10, 20, 30, 40]}, "annotations of image 5, which is not among"),
        ({"id": 3, "image_id": 0, "category_id": 1}, "annotation 3 has neither a box nor keypoints"),
        ({"category_id": 1, "bbox": [10, 20, 30, 40]}, "not as COCO has it: KeyError 'image_id'"),
    ],
)
def test_a_bad_coco_annotation_is_named(tmp_path, annotation, said):
    draw(tmp_path / "a.png")
    with pytest.raises(LabelError, match=said) as caught:
        read_labels([write(tmp_path / "bad.json", coco(annotation))])
    assert "\n" not in str(caught.value)


def test_a_picture_that_coco_names_and_nobody_has_is_named(tmp_path):
    with pytest.raises(LabelError, match=r"no such picture: .*a\.png"):
        read_labels([write(tmp_path / "bad.json", coco())])


def test_other_json_is_refused(tmp_path):
    with pytest.raises(LabelError, match=r"other\.json: expected JSON lines, or COCO"):
        read_labels([write(tmp_path / "other.json", {"shapes": []})])


def test_copies_of_a_picture_belong_to_one_group(tmp_path):
    names = ("train/x_jpg.rf.1.png", "train/x_jpg.rf.2.png", "train/y_jpg.rf.1.png")
    for name in names:
        draw(tmp_path / name)
    one, two, other = read_labels([write(tmp_path / "all.json", coco(names=names))])
    assert one.group == two.group != other.group


def test_boxes_are_those_that_pycocotools_reads(tmp_path):
    """Masks and what maskUtils.toBbox makes of them (pycocotools 2.0.11)."""
    draw(tmp_path / "a.png", 60, 40)
    packed = "Zi0e0c00000000005@;000000000000000000000000000000000000000000000Q<"
    runs = [810, *[21, 19] * 5, 21, 24, *[5, 35] * 23, 5, 420]
    outlines = [
        [[10, 5, 50, 8, 45, 33.5, 12, 30]],
        {"size": [40, 60], "counts": runs},
        [[10, 5, 20, 5, 20, 15], [30, 20, 40, 20, 40, 30]],
        {
            "size": [17, 23],
            "counts": "m0141>O;0\\O010H02070N0M0K0615OG0N040O0N04080C07020K1MO70N0M16OK0b00D0H0N0a00E0J09070H",
        },
        {"size": [40, 60], "counts": packed},
    ]
    annotations = [
        {"id": n, "image_id": 0, "category_id": 1 + (n == 4), "segmentation": each} for n, each in enumerate(outlines)
    ]
    labels = coco(*annotations)
    labels["images"][0] |= {"width": 60, "height": 40}
    (picture,) = read_labels([write(tmp_path / "masks.json", labels)])
    expected = [[10, 5, 40, 28.5], [20, 10, 30, 21], [10, 5, 30, 25], [1, 0, 22, 17], [20, 10, 30, 21]]
    assert boxes([picture]) == [expected]


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (("a\\p.png", "b\\p.png"), ["a/p.png", "b/p.png"]),
        (("./a/p.png", "/home/anna/hands/b/p.png"), ["a/p.png", "b/p.png"]),
        (("C:\\hands\\a\\p.png", "C:\\hands\\b\\p.png"), ["a/p.png", "b/p.png"]),
        (("x/only.png",), ["only.png"]),
        (("Ha\u0308nde.png",), ["H\xe4nde.png"]),
    ],
)
def test_pictures_are_found_under_names_of_other_systems(tmp_path, names, found):
    for name in found:
        draw(tmp_path / "images" / name)
    # Of the same name and not meant.
    draw(tmp_path / "p.png")
    pictures = read_labels([write(tmp_path / "annotations.json", coco(names=names))])
    assert [str(p.path.relative_to(tmp_path / "images")) for p in pictures] == found


def test_pictures_that_cannot_be_told_apart_are_left_out(tmp_path, capsys):
    draw(tmp_path / "p.png")
    draw(tmp_path / "q.png")
    (picture,) = read_labels([write(tmp_path / "all.json", coco(names=("a/p.png", "b/p.png", "q.png")))])
    assert picture.path.name == "q.png"
    told = capsys.readouterr().err
    assert "several pictures of all.json are called p.png: expected a/p.png; left out" in told
    assert "left out of the labels: 2 pictures; --strict refuses such labels" in told


def test_a_picture_of_a_folder_that_is_there_is_not_taken_from_elsewhere(tmp_path):
    draw(tmp_path / "p.png")
    draw(tmp_path / "a" / "other.png")
    with pytest.raises(LabelError, match=r"no such picture: .*a/p\.png"):
        read_labels([write(tmp_path / "all.json", coco(names=("a/p.png",)))])


@pytest.mark.parametrize("sizes", [{}, {"width": None, "height": None}, {"width": 0, "height": 0}])
def test_a_size_that_is_missing_is_the_pictures(tmp_path, sizes):
    draw(tmp_path / "a.png")
    labels = coco({"id": 1, "image_id": 0, "category_id": 1, "bbox": [10, 20, 30, 40]})
    labels["images"] = [{"id": 0, "file_name": "a.png", **sizes}]
    (picture,) = read_labels([write(tmp_path / "a.json", labels)])
    assert (picture.width, picture.height, boxes([picture])) == (200, 100, [[[10, 20, 30, 40]]])


def test_one_picture_labelled_in_several_files_is_read_once(tmp_path, capsys):
    """As COCO and datumaro lay them out: boxes, captions and lists of pictures side by side."""
    draw(tmp_path / "images" / "train" / "a.png")
    box = {"id": 1, "image_id": 0, "category_id": 1, "bbox": [10, 20, 30, 40]}
    write(tmp_path / "annotations" / "image_info_train.json", coco())
    write(tmp_path / "annotations" / "instances_train.json", coco(box))
    write(tmp_path / "annotations" / "captions_train.json", coco({"id": 1, "image_id": 0, "caption": "a hand"}))
    write(tmp_path / "annotations" / "test.json", {"images": coco()["images"]})
    assert boxes(read_labels([tmp_path])) == [[[10, 20, 30, 40]]]
    told = capsys.readouterr().err
    assert "label the same (1 picture): those with more hands count" in told
    assert told.count(": not read") == 2


def test_an_id_that_is_given_twice_is_nobodys(tmp_path, capsys):
    for name in ("a.png", "b.png", "c.png"):
        draw(tmp_path / name)
    labels = coco(
        {"id": 1, "image_id": 0, "category_id": 1, "bbox": [10, 20, 30, 40]}, names=("a.png", "b.png", "c.png")
    )
    labels["images"][1]["id"] = 0
    assert [p.path.name for p in read_labels([write(tmp_path / "a.json", labels)])] == ["c.png"]
    assert "image 0 (b.png): expected one picture with this id, got 2; left out" in capsys.readouterr().err


def test_what_pycocotools_ignores_is_a_region_to_ignore(tmp_path):
    draw(tmp_path / "a.png")
    box = {"image_id": 0, "category_id": 1, "bbox": [10, 20, 30, 40]}
    two = [{"id": 1, "iscrowd": 1, **box}, {"id": 2, "ignore": 1, **box, "bbox": [60, 20, 30, 40]}]
    assert kinds(read_labels([write(tmp_path / "a.json", coco(*two))])) == [[IGNORE, IGNORE]]


@pytest.mark.parametrize(
    "bad",
    [
        {"bbox": [10, 20, -30, 40]},
        {"bbox": [10, 20, 0, 40]},
        {"bbox": [float("nan"), 20, 30, 40]},
        {"bbox": [1e400, 20, 30, 40]},
        {"bbox": ["ten", 20, 30, 40]},
        {"bbox": [10, 20, 30]},
        {"bbox": 7},
        {"keypoints": [1, 2]},
        {"keypoints": "none"},
        {"segmentation": {"size": [1000000, 1000000], "counts": "0"}},
        {"segmentation": {"size": [40, 60], "counts": [1, 2, 3]}},
        {"segmentation": {"size": [40, 60], "counts": "\u20ac"}},
        {"segmentation": [[1, 2, 3]]},
        {"image_id": [0]},
        {"category_id": {}},
        {"bbox": [10, 20, 30, 40]},  # the same hand as the good one
    ],
)
def test_one_bad_annotation_is_left_out_and_counted(tmp_path, bad, capsys):
    draw(tmp_path / "a.png")
    good = {"id": 1, "image_id": 0, "category_id": 1, "bbox": [10, 20, 30, 40]}
    file = write(tmp_path / "a.json", coco(good, {"id": 2, "image_id": 0, "category_id": 1, **bad}))
    assert boxes(read_labels([file])) == [[[10, 20, 30, 40]]]
    told = capsys.readouterr().err.splitlines()
    assert [line.endswith("; left out") for line in told] == [True, False]
    assert told[1] == "left out of the labels: 1 box; --strict refuses such labels"
    with pytest.raises(LabelError):
        read_labels([file], strict=True)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1", "cp1252"])
def test_text_in_any_usual_encoding_is_read(tmp_path, encoding):
    draw(tmp_path / "H\xe4nde.png")
    text = json.dumps(coco(names=("H\xe4nde.png",)), ensure_ascii=False).replace("}, {", "},\r\n{")
    assert len(read_labels([write(tmp_path / "a.json", text.encode(encoding))])) == 1


def test_labels_without_a_class_of_hands_are_told(tmp_path, capsys):
    draw(tmp_path / "a.png")
    box = {"id": 1, "image_id": 0, "category_id": 1, "bbox": [10, 20, 30, 40]}
    file = write(tmp_path / "a.json", coco(box, categories=[{"id": 1, "name": "person"}]))
    assert boxes(read_labels([file])) == [[]]
    assert (
        "a.json: no class of it is a hand (person): its pictures are read as without hands" in capsys.readouterr().err
    )

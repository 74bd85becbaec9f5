"""Labels of YOLO, as `train` and `evaluate` read them, good and bad."""

import numpy as np
import pytest
from support.labels import boxes, draw, kinds, write

from handflow.errors import LabelError
from handflow.training.labels.data import read_labels
from handflow.training.targets import OPEN, OTHER


def yolo(folder, text, classes="names: {0: open palm, 1: fist}\n"):
    draw(folder / "images" / "train" / "a.png")
    write(folder / "labels" / "train" / "a.txt", text)
    write(folder / "data.yaml", "path: ../somewhere\ntrain: images/train\n" + classes)
    return folder


def test_yolo_boxes_are_parts_of_the_picture(tmp_path):
    draw(tmp_path / "images" / "train" / "b.png")  # no labels: nothing is there
    pictures = read_labels([yolo(tmp_path, "0 0.25 0.5 0.2 0.4\n1 0.75 0.5 0.1 0.2\n")])
    assert kinds(pictures) == [[OPEN, OTHER], []]
    assert boxes(pictures)[0] == [[30, 30, 40, 40], [140, 40, 20, 20]]


def test_yolo_polygons_and_poses_become_boxes(tmp_path):
    polygon = "1 0.1 0.2 0.3 0.2 0.3 0.6 0.1 0.6"
    pose = "0 0.5 0.5 0.2 0.4" + " 0.45 0.4 0.55 0.6 0.5 0.5" * 4
    (picture,) = read_labels([yolo(tmp_path, f"{polygon}\n{pose}\n")])
    assert boxes([picture])[0] == [[20, 20, 40, 40], [80, 30, 40, 40]]


def test_one_split_of_a_yolo_set_finds_the_classes_above_it(tmp_path):
    yolo(tmp_path / "set", "0 0.25 0.5 0.2 0.4\n")
    assert kinds(read_labels([tmp_path / "set" / "images" / "train"])) == [[OPEN]]


def test_darknets_names_stand_in_a_text_file(tmp_path):
    draw(tmp_path / "obj_train_data" / "a.png")
    write(tmp_path / "obj_train_data" / "a.txt", "1 0.25 0.5 0.2 0.4\n")
    write(tmp_path / "obj.names", "hand\nfist\n")
    write(tmp_path / "train.txt", "data/obj_train_data/a.png\n")
    assert kinds(read_labels([tmp_path])) == [[OTHER]]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0 0.25 0.5\n", r"a\.txt:1: expected class x y width height, .*got '0 0\.25 0\.5'"),
        ("fist 0.25 0.5 0.2 0.4\n", r"a\.txt:1: expected class x y .*got 'fist "),
        ("0 0.25 0.5 0.2 0.4\n3 0.25 0.5 0.2 0.4\n", r"a\.txt:2: class 3 has no name; there are 2: open palm, fist"),
        ("0 50 50 40 40\n", r"a\.txt:1: expected positions of 0\.\.1, got pixels"),
        ("0 1.4 0.5 0.2 0.4\n", r"a\.txt: box .* lies outside its picture of 200x100"),
        ("0 nan 0.5 0.2 0.4\n", r"a\.txt:1: expected class .*got '0 nan"),
    ],
)
def test_a_bad_yolo_line_is_named(tmp_path, text, said):
    with pytest.raises(LabelError, match=said):
        read_labels([yolo(tmp_path, text)], strict=True)


def test_yolo_labels_without_a_picture_are_named(tmp_path):
    write(tmp_path / "labels" / "train" / "gone.txt", "0 0.25 0.5 0.2 0.4\n")
    with pytest.raises(LabelError, match=r"gone\.txt: labels without a picture"):
        read_labels([yolo(tmp_path, "")], strict=True)


def test_a_yolo_class_that_is_no_kind_is_named(tmp_path):
    with pytest.raises(LabelError, match=r"a\.txt:1: unknown kind 'mano'"):
        read_labels([yolo(tmp_path, "0 0.25 0.5 0.2 0.4\n", "names: [mano]\n")])


def lines(folder, *texts, described="names: {0: open palm, 1: fist}\n"):
    """The boxes of one line in each of some pictures."""
    for number, text in enumerate(texts):
        draw(folder / "images" / f"{number}.png")
        write(folder / "labels" / f"{number}.txt", text + "\n")
    write(folder / "data.yaml", described)
    return [picture[0] if picture else None for picture in boxes(read_labels([folder]))]


POINTS = "0.45 0.4 0.55 0.6 0 0 0.5 0.5"
FLAGGED = "0.45 0.4 2 0.55 0.6 1 0.5 0.9 0 0 0 0"


@pytest.mark.parametrize(
    ("shape", "line"),
    [
        ("[4, 2]", f"0 0.5 0.5 0.2 0.4 {POINTS}"),
        ("[4, 2]", f"0 0.5 0.5 0.2 0.4 {POINTS} 0.91"),
        ("[4, 2]", f"0 0.5 0.5 0.2 0.4 {POINTS} 0.91 1"),
        ("[4, 2]", "0 0.5 0.5 0.2 0.4"),
        ("[4, 2]", "0 0.5 0.5 0.2 0.4 0.91 7"),
        ("[4, 3]", f"0 0.5 0.5 0.2 0.4 {FLAGGED}"),
        ("[4, 3]", f"0.0 0.5 0.5 0.2 0.4 {FLAGGED} 0.91"),
        ("[1, 2]", "0 0.5 0.5 0.2 0.4 0.5 0.5"),
    ],
)
def test_a_pose_is_its_box_whatever_follows(tmp_path, shape, line):
    described = f"names: {{0: open palm}}\nkpt_shape: {shape}\n"
    assert lines(tmp_path, line, described=described) == [[80, 30, 40, 40]]


def test_points_that_are_all_there_are_landmarks(tmp_path):
    points = [[0.4 + n / 100, 0.4 + n / 50] for n in range(21)]
    text = "0 0.5 0.6 0.2 0.4 " + " ".join(f"{value:.2f}" for point in points for value in point)
    lines(tmp_path, text, text.rsplit(" ", 2)[0] + " 0 0", described="names: [hand]\nkpt_shape: [21, 2]\n")
    all_there, one_hidden = read_labels([tmp_path])
    assert np.allclose(all_there.polygons[0], np.array(points) * [200, 100], atol=1e-3)
    assert one_hidden.polygons == [None]


@pytest.mark.parametrize(
    "text",
    [
        "0 0.1 0.2 0.3 0.2 0.3 0.6 0.1 0.6",  # also a box with corners that is turned (OBB)
        "0 0.1 0.2 0.3 0.2 0.3 0.6 0.2 0.7 0.1 0.6",
        "0 0.1 0.2 0.3 0.2 0.3 0.6 0.1 0.6 0.91",
        "0 0.1 0.2 0.3 0.6 0.2 0.7",
        # Around the picture's middle, where its first two corners look like a box with all others in it.
        "0 0.5 0.4 0.52 0.41 0.55 0.45 0.54 0.5 0.5 0.52 0.46 0.5 0.45 0.45 0.47 0.42",
    ],
)
def test_a_polygon_is_the_box_around_it(tmp_path, text):
    places = np.array(text.split()[1:], float)
    places = places[: len(places) // 2 * 2].reshape(-1, 2) * [200, 100]
    expected = [*places.min(axis=0), *np.ptp(places, axis=0)]
    # A second one, of another number of corners.
    other = "0 0.1 0.1 0.2 0.1 0.2 0.2 0.1 0.2"
    assert np.allclose(lines(tmp_path, text, other)[0], expected)


def test_numbers_of_tracks_are_no_corners(tmp_path):
    square = "0.1 0.2 0.3 0.2 0.3 0.6 0.1 0.6"
    assert lines(tmp_path, f"0 {square} 0.91 1", f"0 {square} 0.88 2") == [[20, 20, 40, 40]] * 2
    others = tmp_path / "others"
    assert lines(others, "0 0.2 0.4 0.2 0.4 0.91 1", "1 0.2 0.4 0.2 0.4 3") == [[20, 20, 40, 40]] * 2


def test_what_may_be_a_polygon_or_a_pose_is_asked(tmp_path):
    unclear = "0 0.5 0.5 0.5 0.6 " + "0.3 0.3 0.7 0.7 0.4 0.75 0.5 0.25 0.45 0.5"
    with pytest.raises(LabelError, match=r"0\.txt:1: may be a polygon or a box with keypoints; .* kpt_shape: \[5, 2\]"):
        lines(tmp_path / "few", unclear)
    assert lines(tmp_path / "many", unclear, unclear, unclear) == [[50, 20, 100, 60]] * 3
    assert lines(tmp_path / "told", unclear, described="names: [hand]\nkpt_shape: [5, 2]\n") == [[50, 20, 100, 60]]


@pytest.mark.parametrize("above", ["images", "labels", "images/images", "my images/labels/images"])
def test_a_data_set_may_lie_anywhere(tmp_path, above):
    for folder in (tmp_path / above / "beside", tmp_path / above / "apart"):
        write(folder / "classes.txt", "open palm\n")
    draw(tmp_path / above / "beside" / "p.png")
    write(tmp_path / above / "beside" / "p.txt", "0 0.25 0.5 0.2 0.4\n")
    draw(tmp_path / above / "apart" / "images" / "p.png")
    write(tmp_path / above / "apart" / "labels" / "p.txt", "0 0.25 0.5 0.2 0.4\n")
    for name in ("beside", "apart"):
        assert boxes(read_labels([tmp_path / above / name])) == [[[30, 30, 40, 40]]]


def test_texts_that_are_no_labels_are_none(tmp_path, capsys):
    yolo(tmp_path, "0 0.25 0.5 0.2 0.4\n")
    texts = {
        "LICENSE.txt": "CC BY 4.0, see https://example.org\n",
        "README.dataset.txt": "# Hands\n",
        "classes.txt": "open palm\nfist\n",
        "train.txt": "./images/train/a.png\n",
        "anchors.txt": "10,13, 16,30, 33,23\n",
        "labels/train/._a.txt": b"\0\5\x16\7",
        "__MACOSX/labels/a.txt": "0 0.5 0.5 0.1 0.1\n",
        ".ipynb_checkpoints/b.txt": "0 0.5 0.5 0.1 0.1\n",
    }
    for name, text in texts.items():
        write(tmp_path / name, text)
    write(tmp_path / "images" / "train" / "._a.png", b"\0\5\x16\7")
    assert boxes(read_labels([tmp_path], strict=True)) == [[[30, 30, 40, 40]]]
    assert capsys.readouterr().err == ""


def test_only_the_pictures_of_train_val_and_test_are_read(tmp_path, capsys):
    """As Ultralytics has it: folders, lists of pictures, several of each; Roboflow's ../ beside the description."""
    for name in ("images/a.png", "images/b.png", "images/c.png", "more/images/d.png", "valid/images/e.png"):
        draw(tmp_path / "set" / name)
    for name in ("labels/a", "labels/b", "labels/c", "more/labels/d", "valid/labels/e"):
        write(tmp_path / "set" / f"{name}.txt", "0 0.25 0.5 0.2 0.4\n")
    write(tmp_path / "set" / "train.txt", "./images/a.png\r\nC:\\data\\images\\b.png\r\n/gone/images/z.png\r\n")
    described = "names: [hand]\ntrain: [train.txt, more/images]\nval: ../valid/images\ntest: images/test\n"
    file = write(tmp_path / "set" / "data.yaml", described)
    for path in (tmp_path / "set", file):
        assert [p.path.name for p in read_labels([path])] == ["a.png", "b.png", "d.png", "e.png"]
        told = capsys.readouterr().err
        assert "train.txt:3: no such picture: /gone/images/z.png; left out" in told
        assert "1 picture in its folder, but in none of train, val and test: not read" in told


def test_a_blank_line_among_classes_counts(tmp_path):
    draw(tmp_path / "a.png")
    write(tmp_path / "a.txt", "2 0.25 0.5 0.2 0.4\r\n\r\n")
    write(tmp_path / "classes.txt", b"\xef\xbb\xbfhand\r\n\r\nfist\r\n\r\n")
    assert kinds(read_labels([tmp_path])) == [[OTHER]]


@pytest.mark.parametrize(
    "bad",
    [
        "0 0.25 0.5 0.2",
        "0 0.25 0.5 nan 0.4",
        "0 0.25 0.5 -0.2 0.4",
        "0 0.25 0.5 0 0.4",
        "0 1.4 0.5 0.2 0.4",
        "0 120 50 40 40",
        "0.5 0.25 0.5 0.2 0.4",
        "7 0.25 0.5 0.2 0.4",
        "hand 0.25 0.5 0.2 0.4",
        "0 0,25 0,5 0,2 0,4",
        "0 0.25 0.5 0.2 0.4 " + "0.1 " * 40,
        "1e30 0.25 0.5 0.2 0.4",
        "1 0.75 0.5 0.1 0.2",  # the same hand as the good one
    ],
)
def test_one_bad_line_is_left_out_and_counted(tmp_path, bad, capsys):
    folder = yolo(tmp_path, f"1 0.75 0.5 0.1 0.2\n{bad}\n", "names: {0: open palm, 1: fist}\nkpt_shape: [4, 2]\n")
    assert boxes(read_labels([folder])) == [[[140, 40, 20, 20]]]
    told = capsys.readouterr().err.splitlines()
    assert [line.endswith("; left out") for line in told] == [True, False]
    assert told[1] == "left out of the labels: 1 box; --strict refuses such labels"
    with pytest.raises(LabelError):
        read_labels([folder], strict=True)


def test_pictures_without_labels_are_told(tmp_path, capsys):
    draw(tmp_path / "images" / "train" / "b.png")
    read_labels([yolo(tmp_path, "0 0.25 0.5 0.2 0.4\n")])
    assert "1 of 2 pictures have no labels: read as without hands" in capsys.readouterr().err
    (tmp_path / "labels").rename(tmp_path / "lables")
    with pytest.raises(LabelError, match="no picture has labels: expected a text file beside it"):
        read_labels([tmp_path])


@pytest.mark.parametrize(
    ("split", "told"),
    [
        (r"images\train", ""),
        (r".\images\train", ""),
        (r"C:\Users\me\set\images\train", ""),
        ("/content/set/images/train", ""),
        (r"images\val", "data.yaml: no such pictures: images"),
    ],
)
def test_folders_of_a_set_may_have_paths_of_other_machines(tmp_path, split, told, capsys):
    for folder in ("train", "other"):
        draw(tmp_path / f"images/{folder}/p.jpg")
        write(tmp_path / f"labels/{folder}/p.txt", "0 0.5 0.5 0.2 0.4\n")
    write(tmp_path / "data.yaml", f"path: 'D:\\sets\\mine'\ntrain: '{split}'\nnames: [open palm]\n")
    assert len(read_labels([tmp_path])) == (2 if told else 1)
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("train: images\nnames: [palm]\nnames: [fist]\n", 'data.yaml:3:1: key "names" is given twice'),
        ("names:\n\t0: palm\n", "data.yaml:2:1: found character"),
        ("train: images\nnc: 1\n", "data.yaml: expected names, the classes, got none"),
        ("train: images\nnames: 5\n", "data.yaml: expected names, the classes, got 5"),
    ],
)
def test_a_set_without_classes_that_can_be_read_is_one_line(tmp_path, text, said):
    draw(tmp_path / "images/p.jpg")
    write(tmp_path / "data.yaml", text)
    with pytest.raises(LabelError) as error:
        read_labels([tmp_path])
    assert said in str(error.value)
    assert "\n" not in str(error.value)

"""Labels of COCO, YOLO and CVAT, as `train` and `evaluate` read them, good and bad."""

import json

import cv2
import numpy as np
import pytest

from handflow.training.labels.data import LabelError, read_labels
from handflow.training.targets import COARSE, IGNORE, OPEN, OTHER, UNKNOWN

JOINTS = ["nose", "left_elbow", "right_elbow", "left_wrist", "right_wrist"]


def draw(path, width=200, height=100):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((height, width, 3), 90, np.uint8))
    return path


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text if isinstance(text, str) else json.dumps(text))
    return path


def kinds(pictures):
    return [picture.kinds.tolist() for picture in pictures]


def boxes(pictures):
    return [np.round(picture.boxes, 3).tolist() for picture in pictures]


# COCO


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
        LabelError, match=r"mani\.json: image 0 \(a\.png\): unknown kind 'mano'; say in a file kinds\.json"
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


# YOLO


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
        read_labels([yolo(tmp_path, text)])


def test_yolo_labels_without_a_picture_are_named(tmp_path):
    write(tmp_path / "labels" / "train" / "gone.txt", "0 0.25 0.5 0.2 0.4\n")
    with pytest.raises(LabelError, match=r"gone\.txt: labels without a picture"):
        read_labels([yolo(tmp_path, "")])


def test_a_yolo_class_that_is_no_kind_is_named(tmp_path):
    with pytest.raises(LabelError, match=r"a\.txt:1: unknown kind 'mano'"):
        read_labels([yolo(tmp_path, "0 0.25 0.5 0.2 0.4\n", "names: [mano]\n")])


# CVAT

BOX = 'xtl="10" ytl="20" xbr="40" ybr="60"'


def cvat(path, inner, meta=""):
    return write(path, f'<?xml version="1.0" encoding="utf-8"?>\n<annotations><meta>{meta}</meta>{inner}</annotations>')


def test_cvats_pictures_are_read_with_their_shapes(tmp_path):
    draw(tmp_path / "images" / "a.png")
    shapes = f'<box label="open hand" {BOX}/><ellipse label="fist" cx="100" cy="50" rx="10" ry="20"/><tag label="x"/>'
    shapes += '<polygon label="hand" points="150,20;180,30;160,60"><attribute name="kind">open</attribute></polygon>'
    cvat(tmp_path / "annotations.xml", f'<image id="0" name="a.png" width="200" height="100">{shapes}</image>')
    pictures = read_labels([tmp_path])
    assert kinds(pictures) == [[OPEN, OTHER, OPEN]]
    assert boxes(pictures) == [[[10, 20, 30, 40], [90, 30, 20, 40], [150, 20, 30, 40]]]


META = """<task><name>wave</name><size>6</size><source>wave.mp4</source>
<start_frame>0</start_frame><stop_frame>5</stop_frame>
<original_size><width>200</width><height>100</height></original_size></task>"""
TRACK = """<track id="0" label="hand">
<box frame="1" outside="0" keyframe="1" xtl="10" ytl="20" xbr="40" ybr="60"/>
<box frame="3" outside="0" keyframe="1" xtl="30" ytl="20" xbr="60" ybr="60"/>
<box frame="4" outside="1" keyframe="1" xtl="30" ytl="20" xbr="60" ybr="60"/></track>"""


def test_cvats_tracks_move_evenly_between_key_frames(tmp_path):
    writer = cv2.VideoWriter(str(tmp_path / "wave.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 30, (200, 100))
    for brightness in range(6):
        writer.write(np.full((100, 200, 3), 40 * brightness, np.uint8))
    writer.release()
    frames = read_labels([cvat(tmp_path / "annotations.xml", TRACK, META)])
    assert [f.frame for f in frames] == [0, 1, 2, 3, 4, 5]
    assert boxes(frames) == [[], [[10, 20, 30, 40]], [[20, 20, 30, 40]], [[30, 20, 30, 40]], [], []]
    assert [f.ids for f in frames[1:4]] == [["track 0"]] * 3
    assert abs(frames[4].read().mean() - 160) < 8
    assert len({f.group for f in frames}) == 1


def test_cvats_clip_may_have_been_exported_as_pictures(tmp_path):
    for number in range(6):
        draw(tmp_path / "images" / f"frame_{number:06d}.png")
    frames = read_labels([cvat(tmp_path / "annotations.xml", TRACK, META)])
    assert [f.path.name for f in frames] == [f"frame_{n:06d}.png" for n in range(6)]
    assert kinds(frames) == [[], [UNKNOWN], [UNKNOWN], [UNKNOWN], [], []]


@pytest.mark.parametrize(
    ("inner", "meta", "said"),
    [
        ('<image id="0" name="a.png" width="200"></image>', "", "not as CVAT has it: KeyError 'height'"),
        (
            f'<image name="a.png" width="200" height="100"><box label="mano" {BOX}/></image>',
            "",
            r"a\.png: unknown kind 'mano'",
        ),
        (
            '<image name="a.png" width="200" height="100"><points label="hand" points="1,2"/></image>',
            "",
            "expected a box, an ellipse or a polygon, got points",
        ),
        ('<image name="b.png" width="200" height="100"></image>', "", r"no such picture: .*b\.png"),
        (
            f'<image name="a.png" width="20" height="10"><box label="hand" {BOX}/></image>',
            "",
            "lies outside its picture of 20x10",
        ),
        (TRACK, META, r"no such picture: .*wave\.mp4"),
    ],
)
def test_a_bad_cvat_file_is_named(tmp_path, inner, meta, said):
    draw(tmp_path / "a.png")
    with pytest.raises(LabelError, match=said):
        read_labels([cvat(tmp_path / "annotations.xml", inner, meta)])


def test_xml_that_is_not_whole_or_not_cvats_is_refused(tmp_path):
    with pytest.raises(LabelError, match="not whole XML"):
        read_labels([write(tmp_path / "a.xml", "<annotations>")])
    with pytest.raises(LabelError, match="expected CVAT's <annotations>, got <svg>"):
        read_labels([write(tmp_path / "a.xml", "<svg/>")])


def test_a_folder_without_labels_says_what_was_expected(tmp_path):
    with pytest.raises(LabelError, match=r"JSON lines .*, COCO .*, CVAT .* or YOLO"):
        read_labels([tmp_path])

"""Teachers: hands that larger networks see, labels that they make tight, and maps for a network to match."""

import json

import cv2
import numpy as np
import pytest
from support.models import FACTS, brightness_model, hand_landmarks, palm_detector, raw_palm_detector

from handflow import SetupError
from handflow.__main__ import main
from handflow.training.labels.data import read_labels
from handflow.training.labels.line import HandLabel, LabelLine
from handflow.training.labels.pictures import LabelledPicture
from handflow.training.samples import compose
from handflow.training.samples.batches import make_batch, resized, teachers_size
from handflow.training.samples.compose import TrainingSample
from handflow.training.samples.pool import Pool
from handflow.training.settings import Settings
from handflow.training.targets import IGNORE, OPEN
from handflow.training.teaching import relabel as relabelling
from handflow.training.teaching.hand_teacher import HandTeacher, TaughtHand
from handflow.training.teaching.matching import taught_maps, teachers_of
from handflow.training.teaching.palm_detector import PalmDetector, convolutional
from handflow.training.teaching.relabel import taught
from handflow.vision.model import open_session


@pytest.fixture
def bright():
    """A picture with a bright square of 8 pixels at (100, 60)."""
    image = np.zeros((192, 320, 3), np.uint8)
    image[56:64, 96:104] = 255
    return image


@pytest.fixture
def networks(tmp_path):
    return palm_detector(tmp_path / "palm.onnx"), hand_landmarks(tmp_path / "landmarks.onnx")


@pytest.mark.parametrize("zoom", [1.0, 2.0, 0.5])
def test_a_palm_lies_where_its_cell_is_at_every_size(bright, networks, zoom):
    palm = PalmDetector(networks[0]).detect(
        np.kron(bright, np.ones((2, 2, 1), np.uint8)) if zoom == 0.5 else bright, zoom
    )[0]
    scale = 2 if zoom == 0.5 else 1
    assert palm.score > 0.99
    assert palm.box[:2] + palm.box[2:] / 2 == pytest.approx(np.array([100, 60]) * scale, abs=4)
    assert palm.box[2] == pytest.approx(16 / zoom)
    centre, side, angle = palm.region  # the wrist lies below, so the hand is upright
    assert angle == pytest.approx(0)
    assert side == pytest.approx(2.6 * 16 / zoom)
    assert centre[1] < palm.box[1] + palm.box[3] / 2


def test_the_detector_as_tf2onnx_writes_it_takes_pictures_of_any_size(tmp_path):
    file = raw_palm_detector(tmp_path / "raw.onnx")
    session = open_session(convolutional(file), file)
    maps = session.run(["cls8", "reg8", "cls16", "reg16"], {"image": np.ones((2, 3, 128, 256), np.float32)})
    assert [m.shape for m in maps] == [(2, 2, 16, 32), (2, 36, 16, 32), (2, 6, 8, 16), (2, 108, 8, 16)]
    assert maps[0] == pytest.approx(1, abs=1e-5)


def test_another_network_is_no_palm_detector(tmp_path):
    with pytest.raises(SetupError, match=r"light\.onnx: expected MediaPipe's palm detector as tf2onnx writes it"):
        PalmDetector(brightness_model(tmp_path / "light.onnx", FACTS))


def test_a_hand_is_as_tight_as_its_landmarks(bright, networks):
    hand = HandTeacher(*networks).hands(bright)[0]
    assert hand.presence == pytest.approx(0.9)
    assert hand.box[3] > hand.box[2]  # of the landmarks; a guess from the palm is square
    assert hand.guess[2] == hand.guess[3]


def hand(x, y, side=20.0, score=0.9, presence=0.9):
    return TaughtHand(score, presence, np.array([x, y, side, side]), np.array([x + 1, y + 1, side, side]))


def line(*labels):
    return LabelLine(200, 100, list(labels), image="a.png")


def test_a_coarse_box_becomes_tight_where_the_teacher_sees_a_hand():
    label = HandLabel([50, 30, 28, 28], "unknown", coarse=True, labelled_by="class", rest={"auto": "pose"})
    changed, count = taught(line(label), [hand(55, 33)])
    assert changed.hands == [HandLabel([55, 33, 20, 20], "unknown", labelled_by="teacher")]
    assert count == {"made tight": 1}


def test_a_coarse_box_of_which_the_teacher_sees_nothing_becomes_as_small_as_hands_are():
    label = HandLabel([50, 30, 28, 28], "unknown", coarse=True)
    changed, count = taught(line(label), [hand(150, 33, presence=0.1, score=0.4)])
    assert changed.hands[0].box == [54, 34, 20, 20]
    assert changed.hands[0].coarse
    assert count == {"still coarse": 1}


def test_labels_by_eye_stay_and_are_not_labelled_twice():
    label = HandLabel([50, 30, 20, 24], "open", labelled_by="eye")
    changed, count = taught(line(label), [hand(51, 32)])
    assert changed.hands == [label]
    assert not count


@pytest.mark.parametrize(
    ("seen", "kinds"),
    [
        (hand(100, 50), ["unknown"]),
        (hand(100, 50, presence=0.5), ["ignore"]),
        (hand(100, 50, presence=0.1), ["ignore"]),  # a sure palm that the landmarks do not believe
        (hand(100, 50, presence=0.1, score=0.4), []),
        (hand(300, 50), []),  # outside
    ],
)
def test_what_nobody_had_labelled_is_added_or_ignored(seen, kinds):
    assert [label.kind for label in taught(line(), [seen])[0].hands] == kinds


@pytest.fixture
def labels(tmp_path, bright):
    """Three pictures with a coarse hand each, in a folder of their own."""
    folder = tmp_path / "street"
    folder.mkdir()
    coarse = {"box": [84, 44, 32, 32], "kind": "unknown", "coarse": True}
    lines = []
    for number in range(3):
        cv2.imwrite(str(folder / f"{number}.png"), bright)
        lines.append({"image": f"{number}.png", "width": 320, "height": 192, "hands": [coarse], "licence": "CC0"})
    (folder / "street.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in lines))
    return folder


def test_labels_are_taught_and_read_again(labels, networks, tmp_path, command):
    out = tmp_path / "taught.jsonl"
    palm, landmarks = networks
    (said,) = command("teach", labels, "-o", out, "--palm", palm, "--landmarks", landmarks)
    assert "3 made tight" in said
    pictures = read_labels([out])
    assert [picture.path for picture in pictures] == [labels / f"{number}.png" for number in range(3)]
    assert json.loads(out.read_text().splitlines()[0])["licence"] == "CC0"


def test_teaching_goes_on_where_it_was_stopped(labels, networks, tmp_path, monkeypatch):
    whole, again = tmp_path / "whole.jsonl", tmp_path / "again.jsonl"
    teacher = HandTeacher(*networks)
    relabelling.relabel([labels], whole, teacher)
    first, second, _ = whole.read_text().splitlines()
    (tmp_path / "again.jsonl.part").write_text(f"{first}\n{second[:20]}")  # killed while it wrote the second line
    looked = []
    monkeypatch.setattr(teacher, "hands", lambda image, see=teacher.hands: looked.append(image) or see(image))
    relabelling.relabel([labels], again, teacher)
    assert len(looked) == 2
    assert again.read_text() == whole.read_text()
    assert not (tmp_path / "again.jsonl.part").exists()


def test_what_cannot_be_taught_is_one_line(labels, networks, tmp_path, capsys):
    palm, landmarks = networks
    assert main(["teach", "nowhere", "-o", "x", "--palm", str(palm), "--landmarks", str(landmarks)]) == 1
    assert capsys.readouterr().err == "nowhere: no such file or folder\n"


def test_teachers_see_the_very_sample(bright, networks, tmp_path):
    image = bright.transpose(2, 0, 1)[None]
    light = brightness_model(tmp_path / "light.onnx", FACTS)
    heat, weight = taught_maps(image, str(light))
    assert heat.shape == weight.shape == (1, 2, 48, 80)
    assert heat[0, :, 14:16, 24:26] == pytest.approx(1)
    assert heat.sum() == pytest.approx(8)
    heat, weight = taught_maps(image, str(networks[0]))
    row, column = np.unravel_index(heat[0, 0].argmax(), (48, 80))
    assert (row, column) == pytest.approx((14, 24.5), abs=2)
    assert heat[0, 0].max() > 0.8
    assert weight[0, 0].min() == 1
    assert weight[0, 1].max() == 0  # it knows nothing of open palms
    both, shared = taught_maps(image, f"{light},{networks[0]}")
    assert both[0, 1] == pytest.approx(taught_maps(image, str(light))[0][0, 1])
    assert shared[0, 1] == pytest.approx(0.5)


def test_what_a_palm_detector_is_unsure_of_is_left_open(bright, networks):
    dim = bright.copy()
    dim[dim > 0] = 127  # its score is about a half
    heat, weight = taught_maps(dim.transpose(2, 0, 1)[None], str(networks[0]))
    assert heat.max() == 0
    assert weight[0, 0, 14, 24] == 0
    assert weight[0, 0, 40, 70] == 1


@pytest.mark.parametrize("zoom", [1.0, 2.0])
@pytest.mark.parametrize(("mixing", "counts"), [(0.0, True), (1.0, False)])
def test_labels_count_in_samples_that_are_not_mixed(bright, tmp_path, monkeypatch, mixing, counts, zoom):
    """And teachers see what the network sees, but for what light and camera have done to it."""
    # A camera that confuses red and blue: the scene's blue, which this teacher sees, is the network's red.
    monkeypatch.setattr(compose, "camera_effects", lambda rng, image: np.ascontiguousarray(image[..., ::-1]))
    monkeypatch.setattr(compose, "light_gains", lambda image: np.ones(3, np.float32))
    cv2.imwrite(str(tmp_path / "a.png"), bright)
    picture = LabelledPicture(
        tmp_path / "a.png", 320, 192, np.array([[90, 50, 20, 20]], np.float32), np.array([OPEN]), "desk", "anna"
    )
    light = brightness_model(tmp_path / "light.onnx", FACTS)
    settings = Settings(batch=2, large=0, teachers=str(light), teachers_zoom=zoom, mixing=mixing, parts=True)
    batch = make_batch(Pool([picture]), settings, 1)
    assert bool(batch["mask"].any()) is counts
    assert batch["taught"].shape == (2, 2, *batch["mask"].shape[2:])
    cells = batch["image"].float().reshape(2, 3, *batch["mask"].shape[2:][:1], 4, -1, 4).mean((3, 5)) / 255
    mean = cells[:, 2]
    assert (mean - cells[:, 0]).abs().max() > 0.3
    assert batch["taught"][:, 0].numpy() == pytest.approx(mean.numpy(), abs=1e-3 if zoom == 1 else 0.15)
    assert batch["taught"][:, 0].mean((1, 2)).numpy() == pytest.approx(mean.mean((1, 2)).numpy(), abs=0.01)


@pytest.mark.parametrize(("width", "height"), [(256, 192), (224, 224), (288, 160), (352, 448)])
@pytest.mark.parametrize("zoom", [1.41, 2.0])
def test_teachers_see_more_of_the_same_form(width, height, zoom):
    across, down = teachers_size(width, height, zoom)
    assert across % 32 == down % 32 == 0
    assert across / width == pytest.approx(zoom, rel=0.12)
    assert down / height == pytest.approx(across / width, rel=0.08)
    assert teachers_size(width, height, 1.0) == (width, height)


def test_a_sample_made_smaller_keeps_its_hands_where_they_are():
    image = np.zeros((256, 384, 3), np.uint8)
    image[100:140, 200:240] = 255
    boxes = np.array([[200, 100, 40, 40], [10, 10, 8, 8]], np.float32)
    small = resized(TrainingSample(image, image, boxes, np.array([OPEN, OPEN])), 288, 192)
    assert small.image.shape == (192, 288, 3)
    assert small.boxes[0] == pytest.approx([150, 75, 30, 30])
    assert small.image[75:105, 150:180].min() == 255
    assert list(small.kinds) == [OPEN, OPEN]
    tiny = resized(TrainingSample(image, image, boxes, np.array([OPEN, OPEN])), 192, 128)
    assert list(tiny.kinds) == [OPEN, IGNORE]  # 4 pixels


def test_a_teacher_that_is_not_there_is_one_line():
    with pytest.raises(SetupError, match=r"teachers: there is no file nowhere\.onnx"):
        teachers_of("nowhere.onnx")

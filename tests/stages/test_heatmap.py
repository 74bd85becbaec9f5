"""The stage with a network made by hand: it shows how bright each 4x4 block of the picture is."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from support.models import FACTS, brightness_model

from handflow import Frame, Hands, SetupError, State
from handflow.runtime.inline import InlineGraph, InlineNode, started
from handflow.stages.heatmap import HeatmapNode
from handflow.vision.model import model_path, open_model
from handflow.vision.model_choice import check_images
from handflow.vision.model_input import input_size, prepare
from handflow.vision.peaks import find_peaks
from handflow.vision.prior import expected_map


@pytest.fixture
def model(tmp_path):
    return str(brightness_model(tmp_path / "light.onnx", FACTS))


def spot(width, height, x, y):
    """A black picture with a soft blue spot around (x, y), a twelfth of the shorter side wide."""
    image = np.zeros((height, width, 3), np.uint8)
    dx, dy = np.arange(width) + 0.5 - x, np.arange(height)[:, None] + 0.5 - y
    image[..., 0] = 255 * np.exp(-(dx**2 + dy**2) / (2 * (min(width, height) / 24) ** 2))
    return image


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (640, 480), (480, 640), (333, 333), (1920, 400)])
def test_a_spot_is_found_where_it_is_whatever_the_pictures_shape(model, width, height):
    node = HeatmapNode(model=model)
    node.start()
    x, y = width * 0.7, height * 0.3
    heatmap = node.process(Frame(image=spot(width, height, x, y)), None)
    peaks = find_peaks(heatmap, 0.2)
    cell = heatmap.scale * [width, height]  # pixels
    assert len(peaks.xy) == 1
    assert (abs(peaks.xy[0] * [width, height] - [x, y]) < 0.2 * cell).all()


def test_the_size_of_the_picture_is_passed_on(model):
    node = HeatmapNode(model=model)
    node.start()
    heatmap = node.process(Frame(image=np.zeros((480, 640, 3), np.uint8)), None)
    assert (heatmap.width, heatmap.height) == (640, 480)


def test_blue_stays_blue(model):
    node = HeatmapNode(model=model)
    node.start()
    heatmap = node.process(Frame(image=spot(1280, 720, 640, 360)), None)
    assert heatmap.values.max() > 0.8
    assert heatmap.open.max() == 0


def test_a_finer_profile_gives_a_finer_map(model):
    shapes = []
    for profile in ("near", "mid", "far"):
        node = HeatmapNode(model=model, profile=profile)
        node.start()
        shapes.append(node.process(Frame(image=np.zeros((720, 1280, 3), np.uint8)), None).values.shape)
    assert shapes == [(45, 80), (60, 107), (72, 128)]


def test_profile_auto_takes_the_finest_when_there_is_time(model):
    node = HeatmapNode(model=model, profile="auto", fps=1)
    node.start()
    assert node.size == (512, 288)


def test_profile_auto_takes_near_when_nothing_else_keeps_up(model, monkeypatch):
    monkeypatch.setattr("handflow.vision.model.Model.seconds", lambda self, profile: 1.0)
    node = HeatmapNode(model=model, profile="auto", fps=30)
    node.start()
    assert node.size == (320, 180)


def test_precision_auto_takes_the_faster_file(model, monkeypatch):
    brightness_model(Path(model).with_name("light-int8.onnx"), FACTS)
    for slow, taken in (("light.onnx", "light-int8.onnx"), ("light-int8.onnx", "light.onnx")):
        monkeypatch.setattr(
            "handflow.vision.model.Model.seconds", lambda self, _, slow=slow: float(self.path.name == slow)
        )
        node = HeatmapNode(model=model)
        node.start()
        assert node.network.path.name == taken


def test_an_int8_file_that_is_wrong_on_this_processor_is_not_taken(model, monkeypatch, caplog):
    brightness_model(Path(model).with_name("light-int8.onnx"), FACTS, dim=0.8)
    monkeypatch.setattr("handflow.vision.model.Model.seconds", lambda self, _: float(self.path.name == "light.onnx"))
    node = HeatmapNode(model=model)
    node.start()
    assert node.network.path.name == "light.onnx"
    (said,) = [record.getMessage() for record in caplog.records]
    assert "light-int8.onnx differs from" in said
    assert "fp32 is used" in said


def test_where_results_may_not_depend_on_the_clock_precision_auto_is_fp32(model, monkeypatch):
    brightness_model(Path(model).with_name("light-int8.onnx"), FACTS)
    monkeypatch.setattr("handflow.vision.model.Model.seconds", lambda self, _: float(self.path.name == "light.onnx"))
    with started(HeatmapNode(model=model)) as node:
        assert node.network.path.name == "light.onnx"
    node = HeatmapNode(model=model)
    with InlineGraph({"heatmap": InlineNode(node, {"frame": ""})}):
        assert node.network.path.name == "light.onnx"


def test_the_check_pictures_show_the_packaged_model_hands_near_and_far():
    network = open_model(model_path("hands"))
    for picture in check_images():
        assert (network.run(picture[None])[0] > 0.4).sum() >= 3


def test_pictures_of_two_shapes_in_turn_open_the_model_twice(model, monkeypatch):
    sizes = []
    monkeypatch.setattr(
        "handflow.stages.heatmap.open_model", lambda *given: sizes.append(given[2:]) or open_model(*given)
    )
    node = HeatmapNode(model=model, precision="fp32")
    node.start()
    sizes.clear()
    for number in range(6):
        shape = (720, 1280, 3) if number % 2 else (640, 480, 3)
        node.process(Frame(image=np.zeros(shape, np.uint8)), None)
    assert len(sizes) == 1  # the wide one was opened at the start


def test_int8_without_such_a_file_is_refused(model):
    with pytest.raises(SetupError, match=r"there is no light-int8\.onnx in .*models there: light"):
        HeatmapNode(model=model, precision="int8").start()


def test_a_model_that_is_not_packaged_is_refused_with_those_that_are(monkeypatch, tmp_path):
    brightness_model(tmp_path / "fists.onnx", FACTS)
    monkeypatch.setattr("handflow.vision.model.models_folder", lambda: tmp_path)
    assert model_path("fists") == tmp_path / "fists.onnx"
    with pytest.raises(SetupError, match=r"there is no feet\.onnx in .*models there: fists") as caught:
        model_path("feet")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_onnx_is_refused_in_one_line(tmp_path):
    path = tmp_path / "bad.onnx"
    path.write_text("not a model")
    with pytest.raises(SetupError, match=r"bad\.onnx is not an ONNX file") as caught:
        open_model(path)
    assert "\n" not in str(caught.value)


def test_somebody_elses_onnx_is_refused_in_one_line(tmp_path):
    path = brightness_model(tmp_path / "alien.onnx", {"author": "somebody"})
    with pytest.raises(SetupError, match=r"alien\.onnx is an ONNX file but not a model of handflow") as caught:
        open_model(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("picture", "size"),
    [
        ((1280, 720), (320, 192)),  # a camera
        ((640, 480), (288, 224)),
        ((480, 640), (224, 288)),  # on end: as finely as lying
        ((500, 500), (256, 256)),
        ((1280, 800), (320, 192)),  # nearly as wide as the budget: no other size for it
    ],
)
def test_a_picture_is_looked_at_in_its_own_shape_at_about_the_same_cost(picture, size):
    assert input_size(*picture, (320, 192), 32) == size
    assert size[0] * size[1] <= 1.1 * 320 * 192


def test_a_picture_of_another_shape_is_seen_with_hardly_any_bars(model):
    node = HeatmapNode(model=model)
    node.start()
    heatmap = node.process(Frame(image=np.full((640, 480, 3), 200, np.uint8)), None)
    assert heatmap.values.shape[0] > heatmap.values.shape[1]
    assert (heatmap.values > 0.5).mean() > 0.9


def test_a_square_picture_gets_black_bars_left_and_right():
    tensor, scale, shift = prepare(np.full((360, 360, 3), 200, np.uint8), 320, 180)
    assert (tensor[0, :, :, :70] == 0).all()
    assert (tensor[0, :, :, 70:250] == 200).all()
    assert (tensor[0, :, :, 250:] == 0).all()
    assert scale == pytest.approx([1 / 180, 1 / 180])  # of the picture, per pixel of the tensor
    assert shift == pytest.approx([-70 / 180, 0])


def test_old_bars_do_not_stay_when_the_shape_changes():
    tensor = prepare(np.full((180, 320, 3), 200, np.uint8), 320, 180).tensor
    again = prepare(np.full((360, 360, 3), 100, np.uint8), 320, 180, tensor).tensor
    assert again is tensor
    assert set(np.unique(tensor)) == {0, 100}


def test_a_shape_off_by_a_pixel_is_stretched_and_not_barred():
    tensor, scale, shift = prepare(np.full((720, 1280, 3), 200, np.uint8), 428, 240)
    assert (tensor == 200).all()
    assert scale == pytest.approx([1 / 428, 1 / 240])
    assert (shift == 0).all()


def test_a_picture_is_averaged_before_it_is_shrunk_by_more_than_four():
    image = np.zeros((1440, 2560, 3), np.uint8)
    image[:, ::4] = 200  # one column in four is lit: the mean is 50; the two in the middle of eight have 100
    tensor = prepare(image, 320, 180).tensor
    assert abs(tensor.astype(int) - 50).max() <= 1


def prior(**changes):
    hand = {"id": [7], "state": [State.TRACKED], "xy": [[0.5, 0.5]], "velocity": [[0, 0]], "radius": [0.05]}
    return Hands(**{**hand, "score": [1], "open": [0], "is_open": [False], "age": [1.0], **changes})


def guessed(hands, elapsed_s=0.0):
    """Where those hands are expected on a map of 11x11 cells."""
    return expected_map(hands, elapsed_s, np.array([1 / 11, 1 / 11]), np.zeros(2), (11, 11))


def test_a_hand_is_expected_where_it_was_and_not_far_away():
    where = guessed(prior())
    assert where[5, 5] == pytest.approx(1)
    assert where[5, 6] == pytest.approx(np.exp(-0.5))  # sigma is one cell for so small a hand
    assert where[0, 0] == pytest.approx(0, abs=1e-5)


def test_a_hand_is_expected_where_its_velocity_takes_it():
    where = guessed(prior(velocity=[[2 / 11 / 0.1, 0]]), 0.1)  # two cells in 0.1 s
    assert np.unravel_index(where.argmax(), where.shape) == (5, 7)


def test_a_hand_that_is_leaving_is_not_expected():
    assert guessed(prior(state=[State.LEAVING])).max() == 0


def test_the_stage_uses_the_prior_only_when_told_to(model):
    frame = Frame(image=np.full((720, 1280, 3), 50, np.uint8))
    outcomes = []
    for gain in (0.0, 1.0):
        node = HeatmapNode(model=model, prior_gain=gain)
        node.start()
        outcomes.append(float(node.process(frame, prior()).values.max()))
    assert outcomes == pytest.approx([50 / 255, 100 / 255], rel=0.02)


def test_a_raised_map_does_not_pass_one(model):
    node = HeatmapNode(model=model, prior_gain=4)
    node.start()
    assert node.process(Frame(image=np.full((720, 1280, 3), 200, np.uint8)), prior()).values.max() == 1


def test_opencv_works_in_one_thread(model):
    node = HeatmapNode(model=model)
    node.start()
    assert cv2.getNumThreads() == 1


# Settled scenes


def frames(pictures, fps=30, first=0):
    """Frames of a clip."""
    return [
        Frame(image=picture, captured_ns=round(k / fps * 1e9) + 1, seq=k + 1, stream=1)
        for k, picture in enumerate(pictures, start=first)
    ]


def fresh(heatmaps):
    """Which of them the network was asked for."""
    return [not heatmap.seen_ns for heatmap in heatmaps]


def test_while_nothing_moves_only_some_pictures_are_looked_at_and_motion_is_in_the_same_frame(model):
    still, moved = spot(640, 360, 320, 180), spot(640, 360, 340, 180)
    node = HeatmapNode(model=model, idle_fps=5)
    node.start()
    looked = fresh([node.process(frame, None) for frame in frames([still] * 90)])
    assert all(looked[:30])
    assert sum(looked[30:]) == 10
    gaps = np.diff(np.flatnonzero(looked[29:]))
    assert gaps.max() <= 6
    (woken,) = [node.process(frame, None) for frame in frames([moved], first=90)]
    assert not woken.seen_ns
    assert find_peaks(woken, 0.2).xy[0, 0] == pytest.approx(340 / 640, abs=0.01)
    # It goes on for a while.
    assert all(fresh([node.process(frame, None) for frame in frames([moved] * 25, first=91)]))


def test_maps_that_are_sent_again_say_from_when_they_are(model):
    node = HeatmapNode(model=model, idle_fps=5)
    node.start()
    said = [node.process(frame, None) for frame in frames([spot(640, 360, 320, 180)] * 60)]
    looked_ns = 0
    for number, heatmap in enumerate(said):
        captured_ns = round(number / 30 * 1e9) + 1
        looked_ns = looked_ns if heatmap.seen_ns else captured_ns
        assert heatmap.seen_ns in (0, looked_ns)
        np.testing.assert_array_equal(heatmap.values, said[0].values)


def test_a_tracker_in_doubt_has_every_picture_looked_at(model):
    node = HeatmapNode(model=model, idle_fps=5)
    node.start()
    doubts = Hands(stream=1, doubtful=1)
    said = [node.process(frame, doubts) for frame in frames([spot(640, 360, 320, 180)] * 60)]
    assert all(fresh(said))
    later = [node.process(frame, Hands()) for frame in frames([spot(640, 360, 320, 180)] * 60, first=60)]
    assert sum(fresh(later[30:])) == 5


def test_of_several_cameras_each_settles_by_itself(model):
    still = spot(640, 360, 320, 180)
    node = HeatmapNode(model=model, idle_fps=5)
    node.start()
    said: dict[int, list[bool]] = {1: [], 2: [], 3: []}
    for number in range(75):
        # The third one's hand moves, and its tracker doubts.
        for stream, picture in ((1, still), (2, still[:, ::-1]), (3, spot(640, 360, 320 + 4 * (number % 9), 180))):
            (frame,) = frames([picture], first=number)
            frame.stream = stream
            heatmap = node.process(frame, Hands(stream=3, doubtful=1))
            said[stream] += fresh([heatmap])
            assert find_peaks(heatmap, 0.2).xy[0, 0] == pytest.approx(0.5, abs=0.06)
    assert [sum(said[stream][30:]) for stream in (1, 2)] == pytest.approx([8, 8], abs=1)
    assert all(said[3])


def test_every_picture_is_looked_at_if_that_is_wanted_or_after_a_new_start_of_the_source(model):
    still = spot(640, 360, 320, 180)
    node = HeatmapNode(model=model, idle_fps=30)
    node.start()
    assert all(fresh([node.process(frame, None) for frame in frames([still] * 60)]))
    node = HeatmapNode(model=model, idle_fps=5)
    node.start()
    for frame in frames([still] * 60):
        node.process(frame, None)
    (again,) = frames([still])
    again.stream = 2
    assert not node.process(again, None).seen_ns

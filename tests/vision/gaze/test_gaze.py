"""The heatmap stage in its profile `gaze`, with a network made by hand: it shows how bright each 4x4 block is."""

import numpy as np
import pytest
from support.models import FACTS, brightness_model

from handflow import Flow, Frame, Hands, State
from handflow.runtime.inline import started
from handflow.stages.heatmap import HeatmapNode
from handflow.vision.gaze import budget
from handflow.vision.gaze.budget import Budget
from handflow.vision.gaze.scan import Scan
from handflow.vision.model import Model, model_path, open_model
from handflow.vision.peaks import find_peaks

FPS = 30


@pytest.fixture
def model(tmp_path):
    return str(brightness_model(tmp_path / "light.onnx", FACTS))


def frame(number=0, spots=(), size=(1280, 720)):
    """A black frame with soft spots (x, y, sigma; pixels)."""
    image = np.zeros((size[1], size[0], 3), np.uint8)
    for x, y, sigma in spots:
        dx, dy = np.arange(size[0]) + 0.5 - x, np.arange(size[1])[:, None] + 0.5 - y
        image[..., 0] = np.maximum(image[..., 0], 255 * np.exp(-(dx**2 + dy**2) / (2 * sigma**2)))
    return Frame(image=image, captured_ns=round(number / FPS * 1e9) + 1, seq=number + 1)


def hands(*positions, number=0):
    """Hands of 2 % of the width that are followed, at rest."""
    n = len(positions)
    return Hands(
        id=np.arange(n) + 1,
        state=np.full(n, State.TRACKED),
        xy=np.array(positions).reshape(-1, 2),
        velocity=np.zeros((n, 2)),
        radius=np.full(n, 0.01),
        score=np.full(n, 0.6),
        open=np.zeros(n),
        is_open=np.zeros(n, bool),
        age=np.ones(n),
        captured_ns=round(number / FPS * 1e9) + 1,
    )


def windows_at(heatmap, x, y):
    """How many windows of a heatmap show a position (0..1)."""
    high = heatmap.window_shift + heatmap.window_scale * heatmap.window_values.shape[1:]
    return int(((heatmap.window_shift <= [x, y]) & (high >= [x, y])).all(axis=1).sum())


def test_a_far_spot_is_found_more_surely_and_more_exactly_than_at_near(model):
    seen = {}
    for profile in ("near", "gaze"):
        with started(HeatmapNode(model=model, profile=profile, effort=3)) as node:
            peaks = find_peaks(node.process(frame(spots=[(901, 203, 5)]), None), 0.05)
            seen[profile] = (float(peaks.score[0]), float(abs(peaks.xy[0] * [1280, 720] - [901, 203]).max()))
            assert len(peaks.xy) == 1
    assert seen["gaze"][0] > seen["near"][0]
    assert seen["gaze"][1] <= 1.5


def test_the_whole_is_looked_at_each_so_many_frames(model):
    with started(HeatmapNode(model=model, profile="gaze", effort=2, every=4)) as node:
        assert [node.process(frame(n), None).whole for n in range(9)] == [n % 4 == 0 for n in range(9)]


def test_where_much_moves_the_whole_is_looked_at_sooner(model):
    with started(HeatmapNode(model=model, profile="gaze", effort=2, every=4)) as node:
        looks = []
        for n in range(9):
            vectors = np.zeros((45, 80, 2))
            vectors[:, :20] = 0.01  # 0.3 widths/s
            flow = Flow(vectors=vectors, since_ns=round((n - 1) / FPS * 1e9) + 1, captured_ns=round(n / FPS * 1e9) + 1)
            looks.append(node.process(frame(n), None, flow).whole)
        assert looks == [n % 2 == 0 for n in range(9)]


def test_each_followed_hand_has_a_window_in_every_frame(model):
    places = [(0.2, 0.3), (0.8, 0.6)]
    with started(HeatmapNode(model=model, profile="gaze", effort=1)) as node:
        for n in range(12):
            heatmap = node.process(frame(n), hands(*places, number=n - 1) if n else None)
            assert n == 0 or heatmap.whole or all(windows_at(heatmap, *place) for place in places)


def test_a_scan_comes_to_every_part(model):
    with started(HeatmapNode(model=model, profile="gaze", effort=2)) as node:
        seen = np.zeros((9, 16), bool)
        for n in range(60):
            heatmap = node.process(frame(n), None)
            seen |= [[windows_at(heatmap, (x + 0.5) / 16, (y + 0.5) / 9) > 0 for x in range(16)] for y in range(9)]
        assert seen.all()


def test_what_moves_is_scanned_first():
    scan = Scan(1280, 720, 128)
    vectors = np.zeros((45, 80, 2), np.float32)
    vectors[20:23, 60:64] = 0.01
    scan.see(Flow(vectors=vectors, since_ns=0, captured_ns=round(1e9 / FPS)))
    x, y = scan.next(1)[0].centre
    assert abs(x - 62 / 80 * 1280) < 128
    assert abs(y - 21.5 / 45 * 720) < 128


def test_what_moves_with_a_known_hand_is_nothing_new(model):
    with started(HeatmapNode(model=model, profile="gaze", effort=2, every=4)) as node:
        looks = []
        for n in range(9):
            vectors = np.zeros((45, 80, 2))
            vectors[15:30, 32:48] = 0.01
            flow = Flow(vectors=vectors, since_ns=round((n - 1) / FPS * 1e9) + 1, captured_ns=round(n / FPS * 1e9) + 1)
            held = hands((0.5, 0.5), number=n - 1)
            held.radius[:] = 0.04
            looks.append(node.process(frame(n), held, flow).whole)
        assert looks == [n % 4 == 0 for n in range(9)]


def test_each_camera_has_a_gaze_of_its_own(model):
    with started(HeatmapNode(model=model, profile="gaze", effort=2, every=4)) as node:
        looks = []
        for n in range(8):
            each = frame(n // 2)
            each.stream = n % 2
            held = hands((0.5, 0.5), number=n // 2 - 1)
            heatmap = node.process(each, held)
            looks.append(heatmap.whole)
            assert heatmap.whole or n % 2 or windows_at(heatmap, 0.5, 0.5)
        assert looks == [True, True, *[False] * 6]


def spent(node, frames, followed):
    """Looks a frame that windows and wholes cost, by their pixels."""
    window = 96 * 96 / np.prod(node.size) * budget.OVERHEAD
    total = 0.0
    for n in range(frames):
        heatmap = node.process(frame(n), hands(*followed, number=n - 1))
        total += heatmap.whole + window * len(heatmap.window_values)
    return total / frames


@pytest.mark.parametrize("effort", [0.3, 1, 2])
@pytest.mark.parametrize("followed", [0, 2, 12])
def test_no_more_is_done_than_the_effort_says(model, effort, followed):
    places = [(0.07 * (n + 1), 0.5) for n in range(followed)]
    with started(HeatmapNode(model=model, profile="gaze", effort=effort)) as node:
        assert spent(node, 60, places) < 1.15 * effort + 1 / 30


def test_the_same_frames_give_the_same_maps_whatever_the_clock_says(model, monkeypatch):
    monkeypatch.setattr(budget.time, "process_time", lambda: pytest.fail("an exact run reads no clock"))
    runs = []
    # What a look takes as the stage starts, seconds: multiplied and divided by these, .18 becomes three numbers.
    for took in (0.006551136029553815, 0.007430217329347984, 0.0033472629601051553):
        monkeypatch.setattr(Model, "seconds_of", lambda self, size, took=took: took)
        with started(HeatmapNode(model=model, profile="gaze", budget_ms=0.001)) as node:
            frames = [frame(n, [(300 + 9 * n, 400, 6)]) for n in range(12)]
            runs.append([node.process(each, None) for each in frames])
    for run in runs[1:]:
        for one, other in zip(runs[0], run, strict=True):
            assert one.window_shift.tobytes() == other.window_shift.tobytes()
            assert one.window_values.tobytes() == other.window_values.tobytes()


def test_a_budget_in_milliseconds_is_kept_by_what_was_measured(monkeypatch):
    now = iter(np.arange(0, 100, 0.004).tolist())
    monkeypatch.setattr(budget.time, "process_time", lambda: next(now))
    one = Budget(whole_s=0.003, pixels=0.15, exact=False)
    for _ in range(200):  # each look takes 4 ms here
        with one.measured():
            pass
        with one.measured(4):
            pass
    assert one.whole_s == pytest.approx(0.004, rel=0.01)
    assert one.window_s == pytest.approx(0.001, rel=0.01)
    assert one.income(2.0, 0) == 2.0
    assert one.income(2.0, 2.0) == pytest.approx(0.5, rel=0.01)


def test_a_frame_in_which_nothing_was_looked_at_has_no_peaks(model):
    with started(HeatmapNode(model=model, profile="gaze", effort=0.1)) as node:
        frames = [node.process(frame(n, [(640, 360, 30)]), None) for n in range(10)]
    blank = [heatmap for heatmap in frames if not heatmap.whole and not len(heatmap.window_values)]
    assert blank
    assert all(not len(find_peaks(heatmap, 0.1).xy) for heatmap in blank)


def test_pictures_without_times_are_each_looked_at_anew(model):
    with started(HeatmapNode(model=model, profile="gaze", effort=2)) as node:
        first = node.process(Frame(image=frame(spots=[(901, 203, 5)]).image), None)
        node.process(Frame(image=frame(spots=[(200, 500, 5)]).image), None)
        again = node.process(Frame(image=frame(spots=[(901, 203, 5)]).image), None)
    assert first.whole
    assert first.window_shift.tolist() == again.window_shift.tolist()


def test_a_picture_that_near_shows_whole_has_no_windows(model):
    with started(HeatmapNode(model=model, profile="gaze", effort=2)) as node:
        for n in range(3):
            heatmap = node.process(frame(n, [(100, 60, 9)], size=(320, 180)), None)
            assert heatmap.whole
            assert not len(heatmap.window_values)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_the_packaged_models_take_batches_and_give_the_same_maps(precision):
    network = open_model(model_path("hands", precision))
    pictures = np.random.default_rng(0).integers(0, 256, (3, 3, 64, 64), np.uint8)
    assert network.takes_batch
    for together, alone in zip(
        network.run_batch(pictures), zip(*(network.run(p[None]) for p in pictures), strict=True), strict=True
    ):
        assert (together == np.stack(alone)).all()

"""Hands followed through clips: which are found, when an id changes, how calm and how late they are."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.models import FACTS, brightness_model

from handflow.runtime.inline import started
from handflow.stages.heatmap import HeatmapNode
from handflow.training.evaluation import tracking as clips
from handflow.training.evaluation.track_scores import FollowedClip, identities
from handflow.training.evaluation.tracking import follow_clips, follow_demo, follow_lines
from handflow.training.labels.data import LabelError, read_labels
from handflow.training.labels.pictures import LabelledPicture
from handflow.training.targets import OPEN, OTHER

FPS = 30


def frame(number, *centres, ids=None):
    """A labelled frame of 200x100 with hands of 20 pixels around the centres."""
    boxes = np.array([(x - 10, y - 10, 20, 20) for x, y in centres], np.float32).reshape(-1, 4)
    kinds = np.full(len(boxes), OTHER)
    return LabelledPicture(
        Path("clip.mp4"), 200, 100, boxes, kinds, "clip", "anna", number, ids=list(ids or [None] * len(boxes))
    )


def line(number, *hands):
    """A line of what is told: hands (id, x, y in pixels)."""
    told = [{"id": i, "x": x / 200, "y": y / 100, "radius": 0.05, "score": 0.9, "open": 0.5} for i, x, y in hands]
    return {"source": "clip.mp4", "frame": number, "t": number / FPS, "width": 200, "height": 100, "hands": told}


def figures(frames, lines):
    return FollowedClip(frames, lines).figures()


def test_a_hand_is_found_in_the_frames_in_which_a_told_hand_lies_on_it():
    frames = [frame(n, (50, 50)) for n in range(4)]
    lines = [line(0, (1, 50, 50)), line(1, (1, 52, 50)), line(2, (1, 90, 50)), line(3)]
    row = figures(frames, lines)
    assert (row["frames"], row["hands"], row["found"]) == (4, 4, 0.5)
    assert row["precision"] == pytest.approx(2 / 3)


def test_a_hand_found_again_under_another_id_is_a_switch():
    frames = [frame(n, (50, 50), ids="a") for n in range(5)]
    same = [line(0, (1, 50, 50)), line(1), line(2, (1, 50, 50)), line(3, (1, 50, 50)), line(4, (1, 50, 50))]
    other = [*same[:2], *(line(n, (2, 50, 50)) for n in (2, 3, 4))]
    assert figures(frames, same)["switches"] == 0
    assert figures(frames, other)["switches"] == 1
    assert figures(frames, other)["switches_per_100_frames"] == 20


def test_a_hand_that_was_out_of_sight_comes_back_under_another_id_and_that_is_no_switch():
    there = [*range(10), *range(30, 40)]
    frames = [frame(n, (50, 50), ids="a") if n in there else frame(n) for n in range(40)]
    lines = [line(n, (1 if n < 20 else 2, 50, 50)) if n in there else line(n) for n in range(40)]
    assert figures(frames, lines)["switches"] == 0


def test_two_hands_that_swap_their_ids_are_two_switches():
    frames = [frame(n, (50, 50), (120, 50), ids="ab") for n in range(2)]
    assert figures(frames, [line(0, (1, 50, 50), (2, 120, 50)), line(1, (2, 50, 50), (1, 120, 50))])["switches"] == 2


def test_while_hands_lie_on_each_other_nobody_says_that_they_swapped():
    frames = [frame(0, (50, 50), (80, 50), ids="ab"), frame(1, (60, 50), (64, 50), ids="ab")]
    lines = [line(0, (1, 50, 50), (2, 80, 50)), line(1, (1, 63, 50), (2, 61, 50))]  # each is nearer to the other hand
    assert figures(frames, lines)["switches"] == 0


def test_boxes_without_names_belong_to_the_hand_that_was_nearest():
    frames = [frame(0, (50, 50), (120, 50)), frame(1, (118, 50), (55, 50)), frame(2, (190, 20), (57, 50))]
    (a, b), (b_again, a_again), (fresh, a_last) = identities(frames)
    assert (a, b) == (a_again, b_again) == (a_last, b)
    assert fresh not in (a, b)


def test_names_in_the_labels_hold():
    assert identities([frame(0, (50, 50), ids="a"), frame(1, (50, 50), ids="b")]) == [["a"], ["b"]]


def test_it_is_told_how_many_palms_and_other_hands_are_taken_for_open_palms():
    hands = replace(frame(0, (50, 50), (150, 50)), kinds=np.array([OPEN, OTHER]))
    told = line(0, (1, 50, 50), (2, 150, 50))
    told["hands"][0]["open"], told["hands"][1]["open"] = 0.9, 0.1
    both = figures([hands], [told])
    assert (both["palms_open"], both["others_open"]) == (1.0, 0.0)
    assert figures([frame(0, (50, 50))], [line(0, (1, 50, 50))])["palms_open"] is None


def test_predicted_hands_where_none_is_are_ghosts():
    told = line(0, (1, 50, 50), (2, 120, 50), (3, 180, 50))
    told["hands"][0]["predicted"] = told["hands"][1]["predicted"] = True
    assert figures([frame(0, (50, 50))], [told])["ghosts"] == pytest.approx(1 / 3)


def test_jitter_is_how_far_a_resting_hand_wanders_in_half_a_second():
    frames = [frame(n, (50, 50)) for n in range(31)]
    lines = [line(n, (1, 50 + (n % 2), 50)) for n in range(31)]  # to and fro by one of 200 pixels
    assert figures(frames, lines)["jitter"] == pytest.approx(0.5)


def test_a_moving_hand_has_no_jitter():
    frames = [frame(n, (50 + 2 * n, 50)) for n in range(31)]
    assert figures(frames, [line(n, (1, 50 + 2 * n, 50)) for n in range(31)])["jitter"] is None


def test_lag_is_how_late_moving_hands_are_told_wherever_their_middle_is():
    def x(t):
        return 100 + 40 * np.sin(4 * t)

    frames = [frame(n, (x(n / FPS), 50)) for n in range(60)]
    for late in (0.0, 0.04):
        lines = [line(n, (1, x(n / FPS - late) + 2, 51)) for n in range(60)]
        assert figures(frames, lines)["lag_ms"] == pytest.approx(1000 * late, abs=2)


@pytest.mark.parametrize("step", [0, 2])
def test_hands_at_rest_and_of_one_even_speed_tell_no_lag(step):
    frames = [frame(n, (50 + step * n, 50)) for n in range(30)]
    assert figures(frames, [line(n, (1, 48 + step * n, 50)) for n in range(30)])["lag_ms"] is None


def test_found_at_precision_95_drops_the_weak_hands_that_are_none():
    frames = [frame(n, (50, 50)) for n in range(10)]
    lines = [line(n, (1, 50, 50), (2, 150, 50)) for n in range(10)]
    for told in lines:
        told["hands"][1]["score"] = 0.4
    row = figures(frames, lines)
    assert (row["precision"], row["found_at_p95"]) == (0.5, 1.0)


def test_a_labelled_frame_that_the_clip_lacks_is_named():
    with pytest.raises(LabelError, match="labelled frame 3 is not among the 1 that were read"):
        figures([frame(3, (50, 50))], [line(0)])


def test_hands_without_ids_were_not_followed():
    assert follow_lines([frame(0, (50, 50))], [line(0, (None, 50, 50))]) == {}


def test_hands_that_were_followed_elsewhere_are_told_like_our_own():
    frames = [frame(n, (50, 50), ids="a") for n in range(3)]
    lines = [line(n, (n, 50, 50)) for n in range(3)]
    assert follow_lines(frames, lines)["clip"]["switches"] == 2
    elsewhere = [{**told, "source": "another.mp4"} for told in lines]
    assert follow_lines(frames, [*lines, *elsewhere])["total"]["frames"] == 3


@pytest.fixture
def clip(tmp_path):
    """A labelled clip in which a light moves to and fro, and a model that sees light."""
    writer = cv2.VideoWriter(str(tmp_path / "wave.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), FPS, (320, 180))
    lines = []
    for number in range(30):
        x = round(160 + 40 * np.sin(6 * number / FPS))
        image = np.zeros((180, 320, 3), np.uint8)
        cv2.circle(image, (x, 90), 14, (255, 0, 0), -1)
        writer.write(cv2.GaussianBlur(image, (0, 0), 5))
        hand = {"box": [x - 18, 72, 36, 36], "kind": "other", "id": "right"}
        lines.append({"frame": number, "width": 320, "height": 180, "hands": [hand]})
    writer.release()
    (tmp_path / "wave.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    brightness_model(tmp_path / "light.onnx", FACTS)
    return tmp_path


def test_a_clip_goes_through_the_whole_chain(clip):
    stage = HeatmapNode(model=str(clip / "light.onnx"), precision="fp32")
    with started(stage):
        rows = follow_clips(read_labels([clip / "wave.jsonl"]), stage)
    assert set(rows) == {"wave", "total"}
    assert rows["wave"]["frames"] == 30
    assert rows["wave"]["found"] > 0.8  # all but the frames in which it is not believed yet
    assert rows["wave"]["switches"] == 0
    assert abs(rows["wave"]["lag_ms"]) < 40


def test_the_demo_is_followed_against_its_own_truth(clip, monkeypatch):
    scene = clips.Scene(0, 2)
    truth = [clips.true_hands(scene, t / FPS, t, "demo") for t in range(20)]
    assert max(len(p.boxes) for p in truth) == 2
    assert all((p.boxes[:, 2] == p.boxes[:, 3]).all() for p in truth)
    stage = HeatmapNode(model=str(clip / "light.onnx"), precision="fp32")
    with started(stage):
        rows = follow_demo(2, 0.3, stage, picture=clip / "worst.png")
    sheet = cv2.imread(str(clip / "worst.png"))  # the stage lights up at what is bright: the demo is full of that
    assert sheet is not None
    assert sheet.std() > 5
    assert rows["demo of 2 hands"]["frames"] == 9
    assert rows["demo of 2 hands"]["hands"] == sum(int(p.hands.sum()) for p in truth[:9])

"""The counting, on pictures with few hands and detections, worked out by hand."""

import argparse
import json
import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
from support.labels import film
from support.models import FACTS, brightness_model

from handflow import SetupError
from handflow.commands.network import evaluate, export, train
from handflow.training.conditions import CONDITIONS
from handflow.training.evaluation.figures import alarms
from handflow.training.evaluation.matching import Detections, Matches, best_threshold, match, score, separation
from handflow.training.evaluation.report_images import worst_pictures
from handflow.training.evaluation.thresholds import open_at, start_score
from handflow.training.labels.data import LabelError
from handflow.training.labels.pictures import LabelledPicture, split
from handflow.training.targets import COARSE, IGNORE, OPEN, OTHER, UNKNOWN
from handflow.vision.peaks import Peaks


def picture(*hands):
    """A picture of 200x100 with hands (x, y, width, height, kind)."""
    boxes = np.array([hand[:4] for hand in hands], np.float32).reshape(-1, 4)
    return LabelledPicture("nowhere.png", 200, 100, boxes, np.array([hand[4] for hand in hands], int), "desk", "anna")


def peaks(*found):
    """Detections (x, y in pixels, score, open)."""
    table = np.array(found, np.float32).reshape(-1, 4)
    return Peaks(table[:, :2] / [200, 100], table[:, 2], table[:, 3], np.full(len(table), 0.05, np.float32))


def hits(*arguments):
    return match(*arguments).hit.tolist()


def test_a_detection_within_half_of_the_longer_side_hits():
    hand = picture((60, 30, 40, 40, OTHER))  # centre (80, 50), half of the longer side 20
    assert hits(hand, peaks((99, 50, 0.9, 0)), "all") == [0]
    assert hits(hand, peaks((101, 50, 0.9, 0)), "all") == [-1]


def test_a_detection_must_lie_inside_the_box_grown_by_a_quarter():
    hand = picture((60, 40, 40, 20, OTHER))  # centre (80, 50); grown: x 55..105, y 37.5..62.5
    assert hits(hand, peaks((80, 62, 0.9, 0)), "all") == [0]
    assert hits(hand, peaks((80, 63, 0.9, 0)), "all") == [-1]  # 13 away, under 20, but outside


def test_one_detection_per_hand_and_the_best_score_comes_first():
    found = match(picture((60, 30, 40, 40, OTHER)), peaks((82, 50, 0.5, 0), (80, 50, 0.9, 0)), "all")
    assert found.score.tolist() == pytest.approx([0.9, 0.5])
    assert found.hit.tolist() == [0, -1]


def test_two_detections_between_two_hands_take_one_each():
    hands = picture((60, 30, 40, 40, OTHER), (75, 30, 40, 40, OTHER))  # centres 80 and 95
    assert hits(hands, peaks((82, 50, 0.9, 0), (84, 50, 0.8, 0)), "all") == [0, 1]


def test_a_detection_in_an_ignored_region_counts_neither_way():
    assert hits(picture((60, 30, 40, 40, IGNORE)), peaks((62, 32, 0.9, 0), (120, 50, 0.8, 0)), "all") == [-1]


def test_a_box_guessed_from_joints_is_hit_within_one_hand_width():
    coarse, sure = picture((60, 30, 40, 40, COARSE)), picture((60, 30, 40, 40, UNKNOWN))
    assert hits(coarse, peaks((119, 50, 0.9, 0)), "all") == [0]
    assert hits(coarse, peaks((121, 50, 0.9, 0)), "all") == [-1]
    assert hits(sure, peaks((119, 50, 0.9, 0)), "all") == [-1]


def test_native_requires_open_palms_and_ranks_by_the_open_map():
    hands = picture((10, 30, 40, 40, OPEN), (100, 30, 40, 40, OTHER))
    found = match(hands, peaks((30, 50, 0.5, 0.8), (120, 50, 0.9, 0.3), (180, 90, 0.4, 0.6)), "native")
    assert found.score.tolist() == pytest.approx([0.8, 0.6])  # the fist was hit: neither required nor false
    assert found.hit.tolist() == [0, -1]
    assert len(found.size) == 1


def test_the_centre_error_is_a_part_of_the_hands_size():
    assert match(picture((60, 30, 40, 20, OTHER)), peaks((84, 40, 0.9, 0)), "all").error == pytest.approx([0.1])


def test_the_radius_is_told_of_the_true_one():
    one = match(picture((60, 30, 40, 20, OTHER)), peaks((80, 40, 0.9, 0)), "all")  # found 10 pixels, half of 40 is true
    assert one.radius == pytest.approx([0.5])
    assert score([one], 0.5).radius == pytest.approx(0.5)


def found(score, hit, hands, size=0.15):
    scores = np.array(score, float)
    hit = np.array(hit, int)
    right = np.where(hit >= 0, 1.0, math.nan)
    return Matches(scores, hit, right / 10, np.full(hands, size), right)


def test_average_precision_is_the_area_under_the_curve():
    # Hit, false, hit, with 4 hands: precision 1, 1/2, 2/3 at recall 1/4, 1/4, 2/4.
    one = found([0.9, 0.8, 0.7], [0, -1, 1], 4)
    assert score([one], 0.0).ap == pytest.approx(1 / 4 * 1 + 1 / 4 * 2 / 3)


def test_precision_recall_and_f1_are_those_at_the_threshold():
    one = found([0.9, 0.8, 0.7], [0, -1, 1], 4)
    at = score([one], 0.75)
    assert (at.precision, at.recall) == (0.5, 0.25)
    assert at.f1 == pytest.approx(2 * 0.5 * 0.25 / 0.75)


def test_the_best_threshold_is_where_f1_is_highest():
    assert best_threshold([found([0.9, 0.8, 0.7, 0.2], [0, -1, 1, -1], 2)]) == pytest.approx(0.7)


def test_recall_at_precision_nine_tenths():
    # Nine hits, a false alarm (precision 9/10), a tenth hit (10/11), another false alarm (10/12).
    one = found(np.linspace(0.9, 0.5, 12), [*range(9), -1, 9, -1], 20)
    assert score([one], 0.0).recall_at_p90 == pytest.approx(10 / 20)


def test_recall_is_told_by_size():
    small = found([0.9], [0], 2, size=0.02)
    large = found([0.9, 0.1], [0, 1], 2, size=0.3)
    by_size = score([small, large], 0.5).recall_by_size
    assert by_size == {"<3%": 0.5, "3-5%": None, "5-10%": None, "10-20%": None, ">20%": 0.5}


def test_false_alarms_are_counted_on_pictures_without_hands():
    empty = [found([0.9, 0.6, 0.3], [-1, -1, -1], 0), found([], [], 0)]
    at = score(empty, 0.5)
    assert at.false_alarms == 1.0
    assert at.ap is None


def test_alarms_are_the_peaks_that_reach_the_threshold_where_nothing_is():
    told = alarms([peaks((10, 10, 0.45, 0), (50, 50, 0.39, 0)), peaks()], 0.4)
    assert told == {
        "threshold": 0.4,
        "pictures": 2,
        "false_alarms": 1,
        "per_picture": 0.5,
        "highest": pytest.approx(0.45),
    }


def test_the_worst_pictures_are_those_with_low_hands_and_high_false_alarms():
    hand = (60, 30, 40, 40, OTHER)
    fine = Detections(picture(hand), peaks((80, 50, 0.9, 0)))
    missed = Detections(picture(hand), peaks())
    both = Detections(picture(hand), peaks((150, 50, 0.8, 0)))
    bad = worst_pictures([fine, missed, both], 0.5, 6)
    assert [(b.seen, b.missed, b.false) for b in bad] == [(both, 1, 1), (missed, 1, 0)]
    assert len(worst_pictures([missed] * 9, 0.5, 6)) == 2  # one source fills no more than a third


@pytest.fixture
def desk(tmp_path):
    """A folder with a picture of one lit hand and an empty one, and a model that sees light."""
    image = np.zeros((180, 320, 3), np.uint8)
    image[60:100, 100:140, 0] = 255
    cv2.imwrite(str(tmp_path / "a.png"), cv2.GaussianBlur(image, (0, 0), 8))
    cv2.imwrite(str(tmp_path / "b.png"), np.zeros((180, 320, 3), np.uint8))
    common = {"width": 320, "height": 180, "source": "desk"}
    hand = {"box": [100, 60, 40, 40], "kind": "other"}
    lines = [{"image": "a.png", "hands": [hand], "group": "anna"}, {"image": "b.png", "hands": [], "group": "ben"}]
    (tmp_path / "desk.jsonl").write_text("".join(json.dumps(line | common) + "\n" for line in lines))
    brightness_model(tmp_path / "light.onnx", FACTS)
    return tmp_path


def told(folder, *options, labels=("desk.jsonl",)):
    """Runs the command on a folder's labels with its model."""
    parser = argparse.ArgumentParser()
    evaluate.add_arguments(parser)
    named = [str(folder / name) for name in labels or ()]
    return evaluate.run(parser.parse_args([*named, "--model", str(folder / "light.onnx"), *map(str, options)]))


def test_the_command_finds_a_lit_hand_in_a_file(desk, capsys):
    assert told(desk, "--draw", desk / "drawn", "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert result["all"]["sources"]["desk"]["ap"] == 1.0
    assert result["all"]["total"]["centre_error"] < 3
    assert result["native"]["total"]["ap"] is None
    assert (result["empty"]["pictures"], result["empty"]["false_alarms"]) == (1, 0)
    assert result["ms"] > 0
    assert len(list((desk / "drawn").glob("*.png"))) == 2
    assert told(desk) == 0
    assert "desk" in capsys.readouterr().out


def test_detections_go_out_as_json_lines_and_come_in_again(desk, capsys):
    told(desk, "--json", "--json-lines", desk / "found.jsonl")
    first = json.loads(capsys.readouterr().out)
    lines = [json.loads(line) for line in (desk / "found.jsonl").read_text().splitlines()]
    assert [(line["source"], line["frame"], len(line["hands"])) for line in lines] == [
        (str(desk / "a.png"), 0, 1),
        (str(desk / "b.png"), 0, 0),
    ]
    assert set(lines[0]["hands"][0]) == {"id", "x", "y", "radius", "score", "open"}
    told(desk, "--json", "--detections", desk / "found.jsonl")
    again = json.loads(capsys.readouterr().out)
    assert again["all"]["total"]["centre_error"] == pytest.approx(first["all"]["total"]["centre_error"], abs=0.1)
    for figure in ("ap", "precision", "recall", "hands", "pictures"):
        assert again["all"]["total"][figure] == first["all"]["total"][figure]


def test_somebody_elses_detections_need_only_places_and_scores(desk, capsys):
    hand = {"x": 0.375, "y": 0.44, "score": 0.5}
    lines = [
        {"source": "elsewhere/a.png", "frame": 0, "hands": [hand]},
        {"source": "b.png", "frame": 0, "hands": [hand]},
    ]
    (desk / "theirs.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    told(desk, "--json", "--detections", desk / "theirs.jsonl")
    total = json.loads(capsys.readouterr().out)["all"]["total"]
    assert (total["recall"], total["precision"], total["false_alarms"]) == (1, 0.5, 1)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('{"source": "a.png", "frame": 0, "hands": []}\n', r"theirs\.jsonl: has no line for .*b\.png"),
        ("not json\n", r"theirs\.jsonl:1: expected .*, got 'not json' \(JSONDecodeError "),
        (
            '{"source": "a.png", "frame": 0, "hands": [{"x": 0.5, "y": 0.5}]}\n',
            r"theirs\.jsonl:1: expected .* \(KeyError 'score'\)",
        ),
    ],
)
def test_bad_detections_are_named(desk, lines, said):
    (desk / "theirs.jsonl").write_text(lines)
    with pytest.raises(LabelError, match=said):
        told(desk, "--detections", desk / "theirs.jsonl")


def test_pictures_of_the_same_name_are_told_apart_by_their_folders(desk, capsys):
    (desk / "other").mkdir()
    cv2.imwrite(str(desk / "other" / "a.png"), np.zeros((180, 320, 3), np.uint8))
    line = {"image": "other/a.png", "width": 320, "height": 180, "hands": [], "source": "desk", "group": "carl"}
    with (desk / "desk.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    told(desk, "--json", "--json-lines", desk / "found.jsonl")
    told(desk, "--json", "--detections", desk / "found.jsonl")
    first, again = (json.loads(text) for text in capsys.readouterr().out.splitlines())
    assert again["all"]["total"]["ap"] == first["all"]["total"]["ap"] == 1


def test_profiles_stand_side_by_side(desk, capsys):
    told(desk, "--profile", "near", "far")
    last = capsys.readouterr().out.split("\n\n")[-1].splitlines()
    assert last[0].split() == ["near", "far"]
    assert [line.split() for line in last if line.startswith("AP all")] == [
        ["AP", "all,", "desk", "1.000", "1.000"],
        ["AP", "all", "1.000", "1.000"],
    ]
    told(desk, "--profile", "near", "far", "--json")
    assert [result["profile"] for result in json.loads(capsys.readouterr().out)] == ["near", "far"]
    with pytest.raises(SetupError, match="one model at one profile"):
        told(desk, "--profile", "near", "far", "--json-lines", "-")


def test_sources_are_counted_as_one_where_asked(desk, capsys):
    (desk / "dark.jsonl").write_text((desk / "desk.jsonl").read_text().replace('"desk"', '"dark"'))
    assert told(desk, "--join", "both=desk,dark", "--json", labels=("desk.jsonl", "dark.jsonl")) == 0
    result = json.loads(capsys.readouterr().out)["all"]
    assert (result["joined"]["both"]["hands"], result["sources"]["desk"]["hands"]) == (2, 1)
    assert result["joined"]["both"]["recall_at_p70"] == 1.0
    assert told(desk, "--join", "one=desk") == 0
    assert "one " in capsys.readouterr().out
    with pytest.raises(LabelError, match="both: expected sources among desk; got dark"):
        told(desk, "--join", "both=desk,dark")
    with pytest.raises(SystemExit):
        told(desk, "--join", "both")
    assert "expected NAME=SOURCE,SOURCE, got both" in capsys.readouterr().err


def test_only_hands_of_a_size_count_where_asked(desk, capsys):
    for size, hands in ((("0.1", "0.2"), 1), (("0.2", "0.3"), 0)):  # the hand is 40 of 320 pixels wide
        assert told(desk, "--size", *size, "--json") == 0
        total = json.loads(capsys.readouterr().out)["all"]["total"]
        assert (total["hands"], total["precision"] == 0) == (hands, False)


def test_thresholds_are_told_with_their_curves(desk, capsys):
    assert told(desk, "--thresholds") == 0
    assert "best start_score 0.10, open_at -" in capsys.readouterr().out


def test_the_start_score_leaves_two_alarms_on_a_hundred_pictures():
    empty = [peaks((10, 10, 0.61, 0)), peaks((10, 10, 0.52, 0)), peaks((10, 10, 0.43, 0)), *[peaks()] * 97]
    assert start_score(empty) == pytest.approx(0.44)
    assert start_score([]) is None


def test_palms_are_told_from_others_where_the_two_are_farthest_apart():
    palms = [(True, value) for value in (0.9, 0.7, 0.7, 0.3)] + [(False, value) for value in (0.1, 0.2, 0.4, 0.75)]
    # From .41 to .70: three of four palms, and one of four others. From .21 to .3 all and two: as far, but less strict.
    assert open_at(palms) == pytest.approx(0.555, abs=0.006)
    assert open_at(palms[:4]) is None


@pytest.mark.parametrize(("beside", "said"), [(True, "name .*clip.jsonl"), (False, "annotate clip.mp4")])
def test_a_clip_in_place_of_its_labels_is_one_line(desk, beside, said):
    (desk / "clip.mp4").write_bytes(b"\0")
    if beside:
        (desk / "clip.jsonl").touch()
    with pytest.raises(LabelError, match=f"expected a file of labels, or a folder .* got a clip; .*{said}"):
        told(desk, labels=("clip.mp4",))
    with pytest.raises(LabelError, match="got a picture; `handflow detect` finds hands without labels"):
        told(desk, labels=("a.png",))


def test_the_report_is_curves_and_the_worst_pictures(desk):
    lines = (desk / "desk.jsonl").read_text().replace("[100, 60, 40, 40]", "[10, 60, 40, 40]")
    (desk / "desk.jsonl").write_text(lines)  # nothing is lit there: missed
    told(desk, "--report", desk / "report", "--json")
    for name in ("light-near-curves.png", "light-near-worst.png"):
        image = cv2.imread(str(desk / "report" / name))
        assert image.std() > 5
        assert min(image.shape[:2]) > 200


def test_the_maps_of_several_models_are_drawn_where_they_light_up(desk):
    brightness_model(desk / "other.onnx", FACTS)
    models = ["--model", desk / "light.onnx", desk / "other.onnx"]
    told(desk, *models, "--report", desk / "report", "--maps", desk / "a.png", "--json")
    sheet = cv2.imread(str(desk / "report" / "maps.png"))
    assert sheet.shape == (2 * 180, 2 * 320, 3)
    lit = sheet[20:180, :320, 2] > 200  # the map of any hand, in red, below the words
    place = np.argwhere(lit).mean(axis=0)[::-1]
    assert place == pytest.approx([120, 60], abs=4)  # the middle of the box [100, 60, 40, 40]
    with pytest.raises(SetupError, match="--maps draws"):
        told(desk, "--maps", desk / "a.png")


def test_only_groups_that_training_held_back_are_scored(desk, capsys):
    share = next(share for share in np.linspace(0.05, 0.95, 19) if len(held(share, 0)) == 1)
    for fold in range(4):
        facts = FACTS | {"settings": json.dumps({"holdout": share, "fold": fold})}
        brightness_model(desk / "light.onnx", facts)
        if groups := held(share, fold):
            told(desk, "--held-out", "--json")
            assert json.loads(capsys.readouterr().out)["all"]["total"]["pictures"] == len(groups)
        else:
            with pytest.raises(LabelError, match="held back no group"):
                told(desk, "--held-out")


def held(share, fold):
    return split([replace(picture(), group=group) for group in ("anna", "ben")], share, fold)[1]


def test_several_models_are_told_with_their_mean_and_half_their_range(desk, capsys):
    brightness_model(desk / "other.onnx", FACTS)
    told(desk, "--model", desk / "light.onnx", desk / "other.onnx")
    last = capsys.readouterr().out.split("\n\n")[-1].splitlines()
    assert last[0].split() == ["light", "near", "other", "near", "near", "mean"]
    assert ["AP", "all", "1.000", "1.000", "1.000", "±0.000"] in [line.split() for line in last]
    (desk / "second").mkdir()
    brightness_model(desk / "second" / "light.onnx", FACTS)
    told(desk, "--model", desk / "light.onnx", desk / "second" / "light.onnx", "--json")
    names = [result["model"] for result in json.loads(capsys.readouterr().out)]
    assert names == [str(desk / "light.onnx"), str(desk / "second" / "light.onnx")]


def test_nothing_to_evaluate_on_is_one_line(desk, capsys):
    with pytest.raises(SetupError, match="nothing to evaluate on"):
        told(desk, labels=False)
    with pytest.raises(SetupError, match="--draw is about labelled pictures"):
        told(desk, "--draw", desk / "drawn", "--demo", 2, labels=False)
    for option in (["--demo", 0], ["--demo", 2, "--seconds", 0], ["--demo", 2, "--seconds", "long"]):
        with pytest.raises(SystemExit):
            told(desk, *option, labels=False)
        assert "expected" in capsys.readouterr().err


def test_a_report_that_cannot_be_written_is_one_line(desk):
    (desk / "report").write_text("a file")
    with pytest.raises(SetupError, match="report: cannot be made a folder"):
        told(desk, "--report", desk / "report")


def test_a_model_that_is_missing_is_one_line(tmp_path):
    parser = argparse.ArgumentParser()
    evaluate.add_arguments(parser)
    with pytest.raises(SetupError, match=r"no gone\.onnx"):
        evaluate.run(parser.parse_args([str(tmp_path), "--model", str(tmp_path / "gone.onnx")]))


@pytest.mark.parametrize("verb", [evaluate, train, export])
def test_every_command_that_reads_labels_can_be_strict(verb):
    parser = argparse.ArgumentParser()
    verb.add_arguments(parser)
    assert parser.parse_args(["labels", "--strict"]).strict
    assert not parser.parse_args(["labels"]).strict


def test_the_command_leaves_out_what_it_cannot_use_or_refuses_it(desk, capsys):
    file = desk / "desk.jsonl"
    file.write_text(file.read_text() + '{"image": "gone.png", "width": 320, "height": 180, "hands": []}\n')
    assert told(desk, "--json") == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["all"]["total"]["pictures"] == 2
    assert "desk.jsonl:3: no such picture:" in err
    with pytest.raises(LabelError, match=r"desk\.jsonl:3: no such picture: .*gone\.png"):
        told(desk, "--strict")


def test_frames_that_a_clip_lacks_are_left_out(desk, capsys):
    film(desk / "desk.mp4", 2, 320, 180)
    frame = {"width": 320, "height": 180, "hands": []}
    (desk / "desk.jsonl").write_text("".join(json.dumps({"frame": n, **frame}) + "\n" for n in (0, 1, 7)))
    assert told(desk, "--json") == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["tracking"]["total"]["frames"] == 2
    assert "desk.mp4: no frame 7; the clip has 2" in err


def test_a_gaze_is_scored_on_pictures_and_along_clips(desk, capsys):
    film(desk / "desk.mp4", 3, 640, 360)
    frame = {"width": 640, "height": 360, "hands": []}
    lines = [json.dumps({"frame": n, **frame}) for n in (0, 2)]
    (desk / "desk.jsonl").write_text("\n".join(lines))
    assert told(desk, "--json", "--profile", "gaze", "--effort", "2") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["profile"] == "gaze"
    assert found["all"]["total"]["pictures"] == 2
    assert found["ms"] > 0


def test_palms_are_told_from_other_hands_by_the_area_under_the_roc_curve() -> None:
    told = separation([(True, 0.9), (True, 0.5), (False, 0.5), (False, 0.1)], threshold=0.4)
    assert told["area"] == (1 + 1 + 0.5 + 1) / 4  # a tie counts half
    assert told["open"] == {"hands": 2, "median": 0.7, "above": 1.0}
    assert told["other"] == {"hands": 2, "median": 0.3, "above": 0.5}
    assert separation([(True, 0.9)])["area"] is None


def test_pictures_are_shown_as_other_cameras_would_and_their_labels_turn_with_them(desk, capsys):
    assert told(desk, "--as-seen-by", "turned-90", "magenta", "green", "--draw", desk / "drawn", "--json") == 0
    turned, magenta, green = json.loads(capsys.readouterr().out)
    assert [r["seen_by"] for r in (turned, magenta, green)] == ["turned-90", "magenta", "green"]
    assert turned["all"]["total"]["ap"] == magenta["all"]["total"]["ap"] == 1.0
    assert green["all"]["total"]["recall"] < 1 or green["all"]["threshold"] < magenta["all"]["threshold"]
    drawn = cv2.imread(str(next((desk / "drawn" / "light-near-turned-90").glob("*_0000.png"))))
    assert drawn.shape == (320, 180, 3)


def test_all_conditions_are_a_row_each(desk, capsys):
    assert told(desk, "--as-seen-by", "all") == 0
    rows = capsys.readouterr().out.splitlines()[1:]
    assert [row.split()[0] for row in rows] == ["plain", *CONDITIONS]


@pytest.mark.parametrize("also", [("--demo", "2"), ("--json-lines", "-")])
def test_conditions_are_for_models_on_labelled_pictures(desk, also):
    with pytest.raises(SetupError, match="--as-seen-by"):
        told(desk, "--as-seen-by", "grey", *also)

"""The evaluate command, on a folder with one lit hand and a model that sees light."""

import argparse
import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from support.detections import picture
from support.labels import film
from support.models import FACTS, brightness_model

from handflow import SetupError
from handflow.commands.network import evaluate, export, train
from handflow.training.conditions import CONDITIONS
from handflow.training.labels.data import LabelError
from handflow.training.labels.pictures import split


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

"""Recipes: what is wrong is said with its line; people are joined; and what was killed goes on to the same weights."""

import json
import os
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest
from support.models import hand_landmarks, palm_detector

from handflow.__main__ import main
from handflow.errors import RecipeError
from handflow.training.labels.data import read_labels
from handflow.training.recipe.parse import is_recipe, read_recipe
from handflow.training.recipe.recipe import DataSet
from handflow.training.recipe.run import read_sets, run_recipe, with_people
from handflow.training.targets import ELBOW, PERSON, PeopleLabelled

SMALL = 'widths: "8,8,8,8,8", blocks: "1,1,1,1,1", neck: 8, batch: 2, large: 0, sizes: 64x64, holdout: 0'


def pictures(folder, count=4):
    """Labelled pictures of a bright square, a coarse hand."""
    folder.mkdir()
    lines = []
    for number in range(count):
        image = np.full((96, 128, 3), 40, np.uint8)
        image[40:48, 40 + 8 * number : 48 + 8 * number] = 255
        cv2.imwrite(str(folder / f"{number}.png"), image)
        hand = {"box": [34 + 8 * number, 34, 20, 20], "kind": "unknown", "coarse": True}
        lines.append({"image": f"{number}.png", "width": 128, "height": 96, "hands": [hand], "group": str(number)})
    (folder / "labels.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


@pytest.fixture
def root(tmp_path):
    pictures(tmp_path / "street")
    pictures(tmp_path / "desk", 2)
    palm_detector(tmp_path / "palm.onnx")
    hand_landmarks(tmp_path / "landmarks.onnx")
    return tmp_path


def written(root, text):
    file = root / "recipe.yaml"
    file.write_text(text)
    return str(file)


GOOD = f"""\
data:
  street: {{labels: [street], teach: true}}
  desk: {{labels: [desk/labels.jsonl]}}
teach: {{palm: palm.onnx, landmarks: landmarks.onnx}}
settings: {{{SMALL}, lr: 1.0e-3}}
stages:
  - {{name: first, steps: 6, shares: {{desk: 1}}}}
  - {{name: second, steps: 6, blocks: "1,1,1,2,2", parts: true, teachers: [first], shares: {{street: 0.7, desk: 0.3}}}}
export: {{name: small}}
evaluate: {{labels: [desk], profiles: [near], as_seen_by: [grey]}}
"""


def test_a_recipe_is_read(root):
    recipe = read_recipe(written(root, GOOD))
    assert [each.name for each in recipe.data] == ["street", "desk"]
    assert recipe.data[0].labels == [root / "street"]
    first, second = recipe.stages
    assert (first.begin, second.begin) == ("", "first")
    assert (first.settings.lr, first.settings.steps, first.settings.seed) == (1e-3, 6, 1)
    assert (second.settings.seed, second.settings.blocks, second.teachers) == (2, "1,1,1,2,2", ["first"])
    assert second.shares == {"street": 0.7, "desk": 0.3}
    assert recipe.name == "small"


@pytest.mark.parametrize(
    ("change", "at", "expected"),  # `at`: the text at which the fault is
    [
        (("steps: 6, shares: {desk: 1}", "stpes: 12"), "stpes", "no setting 'stpes' (did you mean 'steps'?)"),
        (("1.0e-3", "fast"), "fast", "settings: lr: expected a number, got 'fast'"),
        (("lr: 1.0e-3", "threads: 2"), "threads", "settings: threads is of the machine; give --threads to handflow"),
        (("lr: 1.0e-3", "loss: cosine"), "cosine", "loss: expected one of quality, focal, bce, mse, mse255"),
        (("64x64", "64x60"), "64x60", "sizes: expected one to 4 sizes as 320x192,288x224 in multiples of 32 pixels"),
        (("{desk: 1}", "{dsek: 1}"), "dsek", "stage first: shares: no key 'dsek' (did you mean 'desk'?)"),
        (("{desk: 1}", "{desk: 0}"), "{desk: 0}", "shares: expected numbers from 0, not all 0"),
        (("name: second", "name: first"), "first, steps: 6, blocks", "stage first: expected a name of its own"),
        (("[first]", "[third]"), "[third]", "teachers: no earlier stage and no such file"),
        (("teachers: [first]", "begin: third"), "third", "begin: expected none or an earlier stage, got 'third'"),
        (("labels: [street]", "labels: [steert]"), "[steert]", "data street: labels: no such file or folder"),
        (("[street]", "street"), "street, teach", "labels: expected a list of files and folders, got 'street'"),
        (("[grey]", "[gray]"), "[gray]", "as_seen_by: expected a list of grey, infra-red"),
        (("export:", "exprot:"), "exprot", "the recipe: no key 'exprot' (did you mean 'export'?)"),
        (
            ("steps: 6, shares: {desk: 1}", "lr: 1"),
            "{name: first",
            "expected steps or minutes, got neither",
        ),
        (("{name: first, ", "{"), "{steps", "a stage: expected 'name' in it"),
    ],
)
def test_what_is_wrong_with_a_recipe_is_said_with_its_line(root, change, at, expected):
    text = GOOD.replace(*change, 1)
    lines = text[: text.index(at)].split("\n")
    position = f"{root}/recipe.yaml:{len(lines)}:{len(lines[-1]) + 1}: "
    with pytest.raises(RecipeError) as caught:
        read_recipe(written(root, text))
    assert any(line.startswith(position) and expected in line for line in caught.value.lines), caught.value.lines


def test_all_faults_are_said_at_once(root):
    with pytest.raises(RecipeError) as caught:
        read_recipe(
            written(root, GOOD.replace("lr: 1.0e-3", "lr: x").replace("[grey]", "[x]").replace("street]", "x]"))
        )
    assert len(caught.value.lines) == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "expected 'data:' and 'stages:', got an empty file"),
        ("- a", "1:1: expected 'data:' and 'stages:', got a list"),
        ("data: {}", "data: expected a map of at least one data set, got a map"),
        ("a: b: c", "1:5: mapping values are not allowed here"),
    ],
)
def test_what_is_no_recipe_is_one_line(root, text, expected):
    with pytest.raises(RecipeError) as caught:
        read_recipe(written(root, text))
    assert expected in caught.value.lines[0]


def test_the_command_takes_from_the_machine_only_what_is_of_the_machine(root, capsys):
    assert main(["train", written(root, GOOD), "--lr=1e-4"]) == 1
    assert "--lr: expected in the recipe" in capsys.readouterr().err
    assert main(["train", str(root / "desk"), "--root", "x"]) == 1
    assert main(["train", str(root / "none.yaml")]) == 2
    assert "none.yaml: cannot be read: No such file" in capsys.readouterr().err


def test_the_packaged_recipe_is_whole_but_for_its_data(tmp_path):
    with pytest.raises(RecipeError) as caught:
        read_recipe("hands.yaml", str(tmp_path))
    assert all("no such file" in line for line in caught.value.lines), caught.value.lines
    assert is_recipe(["hands.yaml"])
    assert not is_recipe(["labels"])


def test_people_are_joined_by_the_ends_of_paths(root):
    points = [[0, 0, 0]] * 17
    points[7] = [10, 20, 2]
    people = [{"image": "street/1.png", "people": [{"box": [0, 0, 50, 90], "keypoints": points}]}]
    (root / "people.json").write_text(json.dumps(people))
    known = {p.path.name: p for p in with_people(read_labels([root / "street"]), root / "people.json")}
    assert known["1.png"].parts[:, 4].tolist() == [PERSON, ELBOW]
    assert known["1.png"].people is PeopleLabelled.SOME
    assert known["0.png"].people is PeopleLabelled.NOBODY


def test_only_sets_with_a_share_are_read(root):
    data = [DataSet("street", [root / "street"]), DataSet("desk", [root / "desk"])]
    assert {p.dataset for p in read_sets(data, {"desk": 1.0})} == {"desk"}
    assert len(read_sets(data, None)) == 6


def test_another_recipe_needs_another_folder(root, monkeypatch):
    monkeypatch.setattr("handflow.training.recipe.run.train", lambda *_: pytest.fail("it must not begin"))
    out = root / "out"
    out.mkdir()
    (out / "recipe.yaml").write_text("of yesterday")
    with pytest.raises(Exception, match=r"expected the recipe that it was begun with, .*; choose another --out"):
        run_recipe(read_recipe(written(root, GOOD)), {"out": str(out)})


def start(root, out):
    arguments = ["train", "recipe.yaml", "--init=none", f"--out={out}", "--save_minutes=0", "--workers=0"]
    return subprocess.Popen([sys.executable, "-m", "handflow", *arguments], cwd=root, stdout=subprocess.DEVNULL)


@pytest.mark.slow
@pytest.mark.timeout(1800)  # eight processes, each of which loads torch
def test_a_training_that_is_killed_in_every_stage_gives_the_same_weights(root):
    """Each process is killed outright as soon as the part of the work that it is to be killed in is under way."""
    written(root, GOOD)
    assert start(root, "whole").wait() == 0
    out = root / "killed"
    under_way = {
        "labels taught": lambda: (out / "taught" / "street.jsonl.part").exists(),
        "first stage": lambda: (out / "1-first" / "previous.pt").exists(),
        "second stage": lambda: (out / "2-second" / "previous.pt").exists(),
        "export": lambda: (out / "models").exists(),
        "evaluation": lambda: (out / "models" / "done").exists(),
    }
    killed = []
    for part, is_under_way in under_way.items():
        process = start(root, "killed")
        while process.poll() is None and not is_under_way():
            time.sleep(0.01)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            killed.append(part)
        process.wait()
    assert killed == list(under_way)
    assert not (out / "report.json").exists()
    assert start(root, "killed").wait() == 0
    whole, again = (json.loads((root / name / "report.json").read_text()) for name in ("whole", "killed"))
    assert again["weights"] == whole["weights"]
    assert [score["all"] for score in again["scores"]] == [score["all"] for score in whole["scores"]]
    assert (out / "models" / "small.onnx").exists()

"""Runs a recipe, each part where it was stopped: labels taught, stages trained, the model exported and scored.

OUT/recipe.yaml    what is run; another recipe needs another folder
OUT/taught/        labels that the teaching networks made
OUT/1-first/ …     a stage's checkpoint, log and curves
OUT/models/        the exported model
OUT/report.json    how it was made, the hash of its weights, and its scores; when it is there, all is done
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from handflow.errors import SetupError
from handflow.runtime.files import replacing
from handflow.training.checkpoint import newest, read_checkpoint, weights_hash
from handflow.training.evaluation.as_seen_by import as_seen_by, conditions_table
from handflow.training.evaluation.evaluate import evaluate
from handflow.training.evaluation.report import table
from handflow.training.export import deployed, export, write
from handflow.training.labels.data import label_files, read_labels
from handflow.training.labels.people import parts_of, read_keypoints
from handflow.training.labels.pictures import LabelledPicture
from handflow.training.progress import wait_while_paused
from handflow.training.settings import Settings
from handflow.training.targets import PeopleLabelled
from handflow.training.teaching.hand_teacher import HandTeacher
from handflow.training.teaching.relabel import relabel
from handflow.training.train import train
from handflow.vision.model import open_model

from .recipe import DataSet, Evaluation, Recipe, TrainingStage

TEACHER = "teacher.onnx"  # in the folder of a stage that teaches later ones


def run_recipe(recipe: Recipe, machine: Mapping[str, Any]) -> None:
    """Runs what is left to do of a recipe. `machine`: settings that belong to this machine. Raises SetupError."""
    out = Path(machine.get("out", Settings.out))
    out.mkdir(parents=True, exist_ok=True)
    keep(recipe, out / "recipe.yaml")
    if (out / "report.json").exists():
        print(f"{out}: this recipe is done; {out / 'report.json'} says how well")
        return
    folders = {stage.name: out / f"{number}-{stage.name}" for number, stage in enumerate(recipe.stages, start=1)}
    taught = [teach_set(recipe, each, out / "taught", machine) if each.teach else each for each in recipe.data]
    for stage in recipe.stages:
        run_stage(recipe, stage, taught, folders, machine)
    final = folders[recipe.stages[-1].name] / "checkpoint.pt"
    models = out / "models"
    if not (models / "done").exists():
        print(f"exports {final} to {models}")
        export(final, models, recipe.name)
        (models / "done").touch()
    report = {
        "weights": weights_hash(read_checkpoint(final)["mean"]),
        "stages": [told(folders[stage.name]) for stage in recipe.stages],
        "scores": scored(recipe.evaluate, models / f"{recipe.name}.onnx", machine) if recipe.evaluate else [],
    }
    with replacing(out / "report.json") as part:
        part.write_text(json.dumps(report, indent=1), "utf-8")
    print(f"{out / 'report.json'}: weights {report['weights'][:16]}")


def keep(recipe: Recipe, copy: Path) -> None:
    """Leaves the recipe beside what it makes. Raises SetupError if that was made with another one."""
    if copy.exists() and copy.read_text("utf-8") != recipe.text:
        raise SetupError(
            f"{copy.parent}: expected the recipe that it was begun with, {copy}, got another one; choose another "
            "--out, or delete that file to go on from what is there"
        )
    with replacing(copy) as part:
        part.write_text(recipe.text, "utf-8")


def teach_set(recipe: Recipe, data: DataSet, out: Path, machine: Mapping[str, Any]) -> DataSet:
    """The set with the labels that the teaching networks made of it; its clips stay as they are. Raises SetupError."""
    assert recipe.teach is not None
    out.mkdir(exist_ok=True)
    made = out / f"{data.name}.jsonl"
    if not made.exists():
        print(f"teaches {data.name}: {made}")
        teacher = HandTeacher(recipe.teach.palm, recipe.teach.landmarks)
        changes = relabel(data.labels, made, teacher, lambda: wait_while_paused(machine.get("pause", "")))
        print(f"{made}: {', '.join(f'{count} {how}' for how, count in changes.items()) or 'nothing changed'}")
    clips = [file for path in data.labels for file in label_files(path) if file.name == "clips.jsonl"]
    return replace(data, labels=[made, *clips])


def run_stage(
    recipe: Recipe, stage: TrainingStage, data: list[DataSet], folders: dict[str, Path], machine: Mapping[str, Any]
) -> None:
    """Trains a stage to its end, if it is not there yet."""
    out = folders[stage.name]
    settings = replace(stage.settings, **{**machine, "out": str(out), "init": weights_of(stage, folders, machine)})
    if not is_done(out, settings):
        print(f"stage {stage.name}: in {out}")
        teachers = [str(folders[t] / TEACHER) if isinstance(t, str) else str(t) for t in stage.teachers]
        settings = replace(settings, teachers=",".join(teachers))
        train(read_sets(data, stage.shares), settings, stage.shares)
    if any(stage.name in later.teachers for later in recipe.stages) and not (out / TEACHER).exists():
        network, facts, _ = deployed(out / "checkpoint.pt")
        with replacing(out / TEACHER) as part:
            write(network, part, facts | {"precision": "fp32"})


def weights_of(stage: TrainingStage, folders: dict[str, Path], machine: Mapping[str, Any]) -> str:
    """What a stage begins from: an earlier one's checkpoint, or nothing, or what the command says."""
    if stage.begin in folders:
        return str(folders[stage.begin] / "checkpoint.pt")
    return "none" if stage.begin else str(machine.get("init", "none"))


def is_done(folder: Path, settings: Settings) -> bool:
    """Whether a stage's checkpoint is of its end."""
    if not (folder / "checkpoint.pt").exists():
        return False
    saved = newest(folder / "checkpoint.pt")
    if saved is None:
        return False
    return saved["step"] >= settings.steps if settings.steps else saved["spent"] >= 60 * settings.minutes


def read_sets(data: list[DataSet], shares: Mapping[str, float] | None) -> list[LabelledPicture]:
    """The pictures of all sets that have a share, each knowing its set; with people where those are told apart."""
    pictures: list[LabelledPicture] = []
    for each in data:
        if shares is not None and not shares.get(each.name):
            continue
        own = [replace(picture, dataset=each.name) for picture in read_labels(each.labels)]
        pictures += with_people(own, each.people) if each.people else own
    return pictures


def with_people(pictures: list[LabelledPicture], file: Path) -> list[LabelledPicture]:
    """The pictures with the people that a file of keypoints tells of, by the ends of their paths. Raises LabelError."""
    parts = {Path(name).parts: parts_of(people) for name, people in read_keypoints(file).items()}
    longest = max(map(len, parts), default=0)

    def known(picture: LabelledPicture) -> LabelledPicture:
        tails = (picture.path.resolve().parts[-length:] for length in range(longest, 0, -1))
        found = next((parts[tail] for tail in tails if tail in parts), None)
        if found is None or picture.frame is not None or picture.people != PeopleLabelled.NOBODY:
            return picture
        return replace(picture, parts=found, people=PeopleLabelled.SOME)

    return [known(picture) for picture in pictures]


def told(folder: Path) -> dict[str, Any]:
    """How a stage was trained."""
    saved = read_checkpoint(folder / "checkpoint.pt")
    of_stage = {name: saved[name] for name in ("network", "data", "pictures", "settings")}
    of_stage["settings"] = {name: v for name, v in saved["settings"].items() if name not in ("out", "init", "pause")}
    minutes = round(saved["spent"] / 60, 1)
    return {"stage": folder.name, "steps": saved["step"], "minutes": minutes, "log": saved["log"][-1:], **of_stage}


def scored(wanted: Evaluation, path: Path, machine: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The model's figures at each profile, as it is and under each condition; printed too."""
    model, pictures = open_model(path), read_labels(wanted.labels)
    results = []
    for profile in wanted.profiles:
        for condition in ["", *wanted.as_seen_by]:
            wait_while_paused(machine.get("pause", ""))
            seen = [as_seen_by(picture, condition) for picture in pictures] if condition else pictures
            results.append(evaluate(model, profile, seen) | {"seen_by": condition or "plain"})
        print(table(next(r for r in results if r["profile"] == profile), "all"), end="\n\n")
    print(conditions_table(results))
    return results

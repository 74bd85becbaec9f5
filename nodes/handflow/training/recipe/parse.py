"""A recipe's text -> a Recipe. All that is wrong with it is said at once, each fault with its line."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from handflow.errors import RecipeError, SetupError
from handflow.runtime.files import packaged
from handflow.runtime.graph.stage import hint
from handflow.runtime.graph.yaml_text import YamlText, found, plain
from handflow.training.conditions import CONDITIONS
from handflow.training.samples.batches import parse_sizes
from handflow.training.settings import OF_THE_MACHINE, Settings
from handflow.vision.model import PROFILES

from .recipe import DataSet, Evaluation, Recipe, TeachingFiles, TrainingStage

RECIPE_KEYS = ("data", "teach", "settings", "stages", "export", "evaluate")
DATA_KEYS = ("labels", "people", "teach")
STAGE_KEYS = ("name", "begin", "shares", "teachers")
SETTINGS = tuple(f.name for f in fields(Settings) if f.name not in (*OF_THE_MACHINE, "teachers"))
TYPES = {name: get_type_hints(Settings)[name] for name in SETTINGS}
WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def is_recipe(data: list[str]) -> bool:
    """Whether `handflow train` is given a recipe: one file of YAML, or the name of a packaged one."""
    return len(data) == 1 and Path(data[0]).suffix in (".yaml", ".yml")


def read_recipe(name: str, root: str = "") -> Recipe:
    """The recipe in a file, or packaged under this name; its files lie in `root`, or beside it. Raises RecipeError."""
    file = Path(name)
    inside = packaged(f"training/recipe/{name}")
    if not file.exists() and inside.exists():
        file, beside = inside, Path.cwd()
    else:
        beside = file.parent
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError([f"{file}: cannot be read: {getattr(error, 'strerror', None) or error}"]) from error
    return _RecipeText(str(file), (Path(root) if root else beside).absolute()).recipe(text)


class _RecipeText(YamlText):
    """One recipe's text; its paths are relative to `root`."""

    error = RecipeError

    def __init__(self, file: str, root: Path) -> None:
        super().__init__(file)
        self.root = root

    def recipe(self, text: str) -> Recipe:
        """RecipeError with all that is wrong."""
        whole = self.whole(text, "'data:' and 'stages:'")
        self.known(whole, RECIPE_KEYS, "the recipe")
        data = self.data(whole)
        teach = self.teaching(whole, data)
        common = self.settings(self.map(whole, "settings"), SETTINGS, "settings")
        stages = self.stages(whole, [each.name for each in data], common)
        export = self.map(whole, "export")
        self.known(export, ("name",), "export")
        name = self.value(export, "name", str, "export", "hands")
        evaluation = self.evaluation(whole)
        if self.faults:
            raise RecipeError(self.faults)
        return Recipe(text, data, teach, stages, name, evaluation)

    # Data

    def data(self, whole: CommentedMap) -> list[DataSet]:
        given = self.map(whole, "data", needed="a map of at least one data set")
        return [each for name in given if (each := self.data_set(given, str(name))) is not None]

    def data_set(self, given: CommentedMap, name: str) -> DataSet | None:
        body = self.map(given, name, of=f"data {name}")
        self.known(body, DATA_KEYS, f"data {name}")
        labels = self.paths(body, "labels", f"data {name}")
        people = self.path(body, "people", f"data {name}") if "people" in body else None
        return DataSet(name, labels, people, self.value(body, "teach", bool, f"data {name}", False))

    def teaching(self, whole: CommentedMap, data: list[DataSet]) -> TeachingFiles | None:
        if "teach" not in whole:
            for each in data:
                if each.teach:
                    position = self.key(whole["data"], each.name)
                    self.fault(
                        position, f"data {each.name}: teach: expected 'teach:' with palm and landmarks in the recipe"
                    )
            return None
        body = self.map(whole, "teach")
        self.known(body, ("palm", "landmarks"), "teach")
        palm, landmarks = (self.path(body, key, "teach") for key in ("palm", "landmarks"))
        return TeachingFiles(palm, landmarks) if palm and landmarks else None

    # Stages

    def stages(self, whole: CommentedMap, data: list[str], common: dict[str, Any]) -> list[TrainingStage]:
        given = whole.get("stages")
        if not isinstance(given, CommentedSeq) or not given:
            position = self.key(whole, "stages") if "stages" in whole else f"{self.file}:1:1"
            self.fault(position, f"stages: expected a list of at least one stage, got {found(given)}")
            return []
        stages: list[TrainingStage] = []
        for number, body in enumerate(given):
            line, column = given.lc.item(number)
            position = f"{self.file}:{line + 1}:{column + 1}"
            if not isinstance(body, CommentedMap):
                self.fault(position, f"stages: expected a map with a name and steps or minutes, got {found(body)}")
            elif (stage := self.stage(body, position, data, common, stages)) is not None:
                stages.append(stage)
        return stages

    def stage(
        self, body: CommentedMap, position: str, data: list[str], common: dict[str, Any], before: list[TrainingStage]
    ) -> TrainingStage | None:
        earlier = [stage.name for stage in before]
        name = self.value(body, "name", str, "a stage", "", needed=position)
        of = f"stage {name}"
        if not name:
            return None
        if name in earlier or not name.replace("-", "").replace("_", "").isalnum():
            self.fault(self.at(body, "name"), f"{of}: expected a name of its own, of letters, digits, - and _")
        begin = self.value(body, "begin", str, of, before[-1].name if before else "")
        if "begin" in body and begin not in ("none", *earlier):
            self.fault(self.at(body, "begin"), f"{of}: begin: expected none or an earlier stage, got {begin!r}")
        own = self.settings(body, (*STAGE_KEYS, *SETTINGS), of)
        if not ({"steps", "minutes"} & own.keys()):
            self.fault(position, f"{of}: expected steps or minutes, got neither")
        merged = common | own
        # Each stage shows samples of its own, unless it says otherwise.
        seed = merged.get("seed", 1) + (0 if "seed" in own else len(before))
        settings = replace(Settings(), **merged | {"seed": seed, "steps": own.get("steps", 0)})
        return TrainingStage(name, begin, settings, self.shares(body, of, data), self.teachers(body, of, earlier))

    def shares(self, body: CommentedMap, of: str, data: list[str]) -> dict[str, float] | None:
        if "shares" not in body:
            return None
        given = self.map(body, "shares", of=f"{of}: shares")
        self.known(given, data, f"{of}: shares")
        shares = {name: self.value(given, name, float, f"{of}: shares", 0.0) for name in given if name in data}
        if shares and (min(shares.values()) < 0 or not any(shares.values())):
            self.fault(self.at(body, "shares"), f"{of}: shares: expected numbers from 0, not all 0, got {plain(given)}")
        return shares

    def teachers(self, body: CommentedMap, of: str, earlier: list[str]) -> list[str | Path]:
        given = body.get("teachers", CommentedSeq())
        if not isinstance(given, CommentedSeq) or not all(isinstance(each, str) for each in given):
            expected = "a list of earlier stages and model files"
            self.fault(self.at(body, "teachers"), f"{of}: teachers: expected {expected}, got {found(given)}")
            return []
        teachers = [str(each) if each in earlier else self.root / each for each in given]
        for teacher in teachers:
            if isinstance(teacher, Path) and not teacher.is_file():
                self.fault(self.at(body, "teachers"), f"{of}: teachers: no earlier stage and no such file: {teacher}")
        return teachers

    def settings(self, body: CommentedMap, allowed: tuple[str, ...], of: str) -> dict[str, Any]:
        """Those of `handflow train`, checked."""
        for name in body:
            if name in OF_THE_MACHINE:
                self.fault(self.key(body, name), f"{of}: {name} is of the machine; give --{name} to handflow train")
            elif name not in allowed:
                self.fault(
                    self.key(body, name), f"{of}: no setting {name!r}{hint(name, allowed)}; see handflow train --help"
                )
        values = {name: self.value(body, name, TYPES[name], of, None) for name in SETTINGS if name in body}
        for name in ("sizes", "large_sizes"):
            if values.get(name) is not None:
                try:
                    parse_sizes(values[name])
                except SetupError as error:
                    self.fault(self.at(body, name), f"{of}: {error}")
        return {name: value for name, value in values.items() if value is not None}

    # What is made of it

    def evaluation(self, whole: CommentedMap) -> Evaluation | None:
        if "evaluate" not in whole:
            return None
        body = self.map(whole, "evaluate")
        self.known(body, ("labels", "profiles", "as_seen_by"), "evaluate")
        labels = self.paths(body, "labels", "evaluate")
        profiles = self.words(body, "profiles", tuple(PROFILES), "evaluate", ["near"])
        return Evaluation(labels, profiles, self.words(body, "as_seen_by", CONDITIONS, "evaluate", []))

    # Values

    def map(self, given: CommentedMap, key: str, of: str = "", needed: str = "") -> CommentedMap:
        """The map under a key; an empty one, with a fault, where there is none but must be."""
        body = given.get(key)
        if isinstance(body, CommentedMap) and (body or not needed):
            return body
        if key in given or needed:
            position = self.key(given, key) if key in given else f"{self.file}:1:1"
            self.fault(position, f"{of or key}: expected {needed or 'a map'}, got {found(body)}")
        return CommentedMap()

    def value(self, body: CommentedMap, key: str, kind: Any, of: str, default: Any, needed: str = "") -> Any:
        """A value of a type, or the default, with a fault where it is of another one."""
        if key not in body:
            if needed:
                self.fault(needed, f"{of}: expected {key!r} in it")
            return default
        try:
            return msgspec.convert(plain(body[key]), kind)
        except msgspec.ValidationError:
            choices = ", ".join(get_args(kind)) if get_origin(kind) is Literal else ""
            expected = f"one of {choices}" if choices else WORDS[kind]
            self.fault(self.at(body, key), f"{of}: {key}: expected {expected}, got {found(body[key])}")
            return default

    def words(self, body: CommentedMap, key: str, allowed: tuple[str, ...], of: str, default: list[str]) -> list[str]:
        given = plain(body.get(key, default))
        if isinstance(given, list) and all(word in allowed for word in given):
            return given
        self.fault(self.at(body, key), f"{of}: {key}: expected a list of {', '.join(allowed)}, got {given!r}")
        return default

    def paths(self, body: CommentedMap, key: str, of: str) -> list[Path]:
        given = plain(body.get(key))
        if not isinstance(given, list) or not given or not all(isinstance(each, str) for each in given):
            position = self.at(body, key) if key in body else f"{self.file}:1:1"
            self.fault(position, f"{of}: {key}: expected a list of files and folders, got {found(given)}")
            return []
        return [path for each in given if (path := self.existing(self.at(body, key), each, f"{of}: {key}"))]

    def path(self, body: CommentedMap, key: str, of: str) -> Path | None:
        given = plain(body.get(key))
        position = self.at(body, key) if key in body else f"{self.file}:1:1"
        if not isinstance(given, str):
            self.fault(position, f"{of}: {key}: expected the name of a file, got {found(given)}")
            return None
        return self.existing(position, given, f"{of}: {key}")

    def existing(self, position: str, name: str, of: str) -> Path | None:
        path = self.root / name
        if not path.exists():
            self.fault(position, f"{of}: no such file or folder: {path}; --root says where the recipe's files are")
            return None
        return path

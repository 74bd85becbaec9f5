"""A recipe as data: what is learned from, in which stages, and what is made of it.

    data:                                   # label files and folders, named; beside the recipe, or below --root
      real: {labels: [hands-train], people: people.json, teach: true}
      rendered: {labels: [rendered]}
    teach: {palm: palm.onnx, landmarks: landmarks.onnx}   # labels the sets with `teach: true` anew, as `handflow teach`
    settings: {seed: 1, batch: 10, bf16: true}            # any of `handflow train`, for all stages
    stages:                                 # one after another
      - {name: first, steps: 4000, lr: 1.0e-3, shares: {rendered: 1}}
      - {name: large, begin: none, widths: "64,128,256,256", steps: 9000}
      - {name: last, begin: first, steps: 9000, teachers: [large, palm.onnx], shares: {real: 0.7, rendered: 0.3}}
    export: {name: hands}
    evaluate: {labels: [hands-validation], profiles: [near, far], as_seen_by: [grey]}

`people` is a file [{"image", "people": [{"box", "keypoints"}]}] with COCO's keypoints, for pictures by the ends of
their paths. A stage begins from the weights of the one before it unless `begin` names another one, or none; its
`teachers` are model files or earlier stages. `shares` say how often each set is drawn; without them all pictures are
drawn by their own weights. The last stage is exported.
"""

from dataclasses import dataclass, field
from pathlib import Path

from handflow.training.settings import Settings


@dataclass(frozen=True)
class DataSet:
    """Labels that are drawn together."""

    name: str
    labels: list[Path]
    people: Path | None = None
    teach: bool = False


@dataclass(frozen=True)
class TeachingFiles:
    """The two networks that label anew."""

    palm: Path
    landmarks: Path


@dataclass(frozen=True)
class TrainingStage:
    """One training; `settings` say for how long, and of what network."""

    name: str
    begin: str  # the stage whose weights it begins from; "": as the whole recipe
    settings: Settings
    shares: dict[str, float] | None
    teachers: list[str | Path]  # earlier stages by name, and model files


@dataclass(frozen=True)
class Evaluation:
    """What the exported model is scored on."""

    labels: list[Path]
    profiles: list[str] = field(default_factory=lambda: ["near"])
    as_seen_by: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Recipe:
    """A whole training."""

    text: str
    data: list[DataSet]
    teach: TeachingFiles | None
    stages: list[TrainingStage]
    name: str  # of the exported model
    evaluate: Evaluation | None

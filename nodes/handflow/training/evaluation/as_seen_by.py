"""Labelled pictures as another camera would show them, or another light."""

from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np

from handflow.training.conditions import APPEARANCES, VIEWS
from handflow.training.labels.pictures import LabelledPicture

from .report import columns, text


@dataclass(frozen=True, eq=False)
class PictureAsSeen(LabelledPicture):
    """A picture under one of CONDITIONS; its boxes are where its hands are then."""

    plain: LabelledPicture | None = None
    condition: str = ""

    def read(self) -> np.ndarray:
        assert self.plain is not None
        image = self.plain.read()
        if self.condition in VIEWS:
            return VIEWS[self.condition](image, self.plain.boxes).image
        return APPEARANCES[self.condition](image)


def as_seen_by(picture: LabelledPicture, condition: str) -> LabelledPicture:
    """The picture under a condition."""
    own = {field.name: getattr(picture, field.name) for field in fields(LabelledPicture)}
    if condition in VIEWS:
        # The boxes of a picture move alike whatever is in it, so it need not be read yet.
        blank = np.zeros((picture.height, picture.width, 3), np.uint8)
        image, own["boxes"] = VIEWS[condition](blank, picture.boxes)
        own |= {"height": image.shape[0], "width": image.shape[1], "polygons": []}
    return PictureAsSeen(**own, plain=picture, condition=condition)


def conditions_table(results: Iterable[dict]) -> str:
    """A row for each condition, model and profile."""
    lines = [["seen by", "model", "profile", "pictures", "hands", "AP", "R@P.9", "AP open", "false alarms"]]
    for result in results:
        total, alarms = result["all"]["total"], result["empty"]["per_picture"]
        cells = [text(total[key], 3) for key in ("ap", "recall_at_p90")]
        cells += [text(result["native"]["total"]["ap"], 3), text(alarms, 3)]
        counts = [str(total["pictures"]), str(total["hands"])]
        lines.append([result["seen_by"], result["model"], result["profile"], *counts, *cells])
    return columns(lines)

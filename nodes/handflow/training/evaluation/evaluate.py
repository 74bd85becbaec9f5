"""`handflow evaluate LABELS…`: how well a model finds labelled hands, through the stage's own functions.

A detection hits a hand when its centre lies within half of the longer side of the hand's box from that box's centre and
inside the box grown by 25 %; one detection per hand, best score first.
`all`: every labelled hand is required, scored with the map of any hand. `native`: only open palms are required, scored
with the map of open palms; hands of another or an unknown kind are neither required nor false alarms when hit.
Regions to ignore count neither way. Boxes guessed from a person's joints are hit within one hand width (+150 %).
Sources that belong together are counted as one by `--join crowds=coco_nc,coco_cc`.
`--thresholds` tells from which score on a peak should be a hand, and from which a hand an open palm, with the curves
that say so. For a clip, recall is the share of its labelled frames in which each hand was found; the last table is what
the whole chain makes of it, tracker and all.
"""

import time
from collections.abc import Iterable, Iterator
from typing import Literal

from handflow.training.labels.pictures import LabelledPicture, images_of
from handflow.vision.model import Model
from handflow.vision.peaks import Subpixel, find_peaks

from .figures import figures
from .matching import WEAKEST, Detections

Profile = Literal["near", "mid", "far", "gaze"]


def detections_of(
    model: Model, profile: str, pictures: Iterable[LabelledPicture], subpixel: Subpixel = "log", strict: bool = False
) -> Iterator[Detections]:
    """What the model detects in each picture that can be read, and how long that took. LabelError, if `strict`."""
    for picture, image in images_of(pictures, strict):
        began = time.perf_counter()
        peaks = find_peaks(model.infer(image, profile), WEAKEST, subpixel)
        yield Detections(picture, peaks, 1000 * (time.perf_counter() - began))


def evaluate(
    model: Model, profile: str, pictures: Iterable[LabelledPicture], subpixel: Subpixel = "log", strict: bool = False
) -> dict:
    """Figures of a model at a profile, by mode and source; `total` is all pictures together."""
    return heading(model, profile) | figures(detections_of(model, profile, pictures, subpixel, strict))


def heading(model: Model, profile: str) -> dict:
    """Which model at which profile, and the size of its input in pixels."""
    return {
        "model": model.path.name,
        "profile": profile,
        "size": list(model.sizes["near" if profile == "gaze" else profile]),
    }

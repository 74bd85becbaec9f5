"""MediaPipe's palm detector on labelled pictures, counted as our own models are: what there is to beat."""

import time
from collections.abc import Iterable, Iterator

import numpy as np

from handflow.training.labels.pictures import LabelledPicture, images_of
from handflow.training.teaching.hand_teacher import is_same
from handflow.training.teaching.palm_detector import SMALLEST_INPUT, Palm, PalmDetector
from handflow.vision.peaks import Peaks

from .matching import Detections

WEAKEST = 0.05  # weaker palms would only lengthen the curve's tail
NAME = "MediaPipe's palms"
# The whole picture, as MediaPipe itself looks; and also twice as large, which is what tiles of 2x2 show.
ZOOMS = {"whole": (1.0,), "tiles": (1.0, 2.0)}


def detections_of_palms(
    detector: PalmDetector, looks: str, pictures: Iterable[LabelledPicture], strict: bool = False
) -> Iterator[Detections]:
    """What the detector sees in each picture, `whole` or on `tiles`, and how long that took. LabelError, if `strict`.

    It knows nothing of open palms: every palm counts as one.
    """
    for picture, image in images_of(pictures, strict):
        began = time.perf_counter()
        fitting = SMALLEST_INPUT / max(image.shape[:2])
        palms = [palm for zoom in ZOOMS[looks] for palm in detector.detect(image, zoom * fitting, WEAKEST)]
        kept: list[Palm] = []
        for palm in sorted(palms, key=lambda palm: -palm.score):
            if not any(is_same(palm.hand, other.hand) for other in kept):
                kept.append(palm)
        yield Detections(picture, peaks_of(kept, *image.shape[1::-1]), 1000 * (time.perf_counter() - began))


def peaks_of(palms: list[Palm], width: int, height: int) -> Peaks:
    """Palms, surest first, in a picture of so many pixels, as peaks: each in the middle of its whole hand."""
    boxes = np.array([palm.hand for palm in palms], np.float32).reshape(-1, 4)
    score = np.array([palm.score for palm in palms], np.float32)
    xy = (boxes[:, :2] + boxes[:, 2:] / 2) / np.array([width, height], np.float32)
    return Peaks(xy=xy, score=score, open=score, radius=boxes[:, 2] / 2 / width)

"""Tells from a thumbnail a second whether a camera's pictures are of use: black, overexposed, out of focus, or moved
against the picture that it was calibrated with. 2 ms a look at 720p.
"""

from collections import deque

import cv2
import numpy as np

LOOK_S = 1.0
LOOKS = 5  # in a row that must agree: lights are switched, people stand before the lens for a moment
WIDTH = 320  # of the thumbnail

BLACK = 6.0  # mean, of 255; a guess: a covered lens gives 0 to 3, a room lit by one screen 15
WHITE, WHITE_SHARE = 250, 0.4  # what is burnt out, and how much of a picture of use may be
# How much of its detail has the smallest scale that a thumbnail shows, against four times that. Of 67 photographs the
# first hundredth had 0.11; blurred by 0.4 % of the width, which hides a far hand, 95 % had less than 0.06.
SHARPNESS = 0.07
# Variance of a Laplacian below which there is nothing to be seen sharply.
DETAIL = 30.0

EDGES = (160, 90)  # of the picture that is compared with the calibrated one
MOVED = 0.015  # of the picture's width: corners that lie so far off are seen in a game
# What cv2.phaseCorrelate gives for the same place with a third of it hidden is above this, for other places below.
ALIKE = 0.15
ELSEWHERE_LOOKS = 60  # in which nothing was alike


class PictureWatch:
    """Looks at one picture a second. `kind` and `advice` say what is wrong; both "": nothing."""

    def __init__(self, reference: np.ndarray | None = None, tells_black: bool = True) -> None:
        self.kind = self.advice = ""
        self._tells_black = tells_black  # not, where a CameraReader tells it sooner
        self._due_s = 0.0
        self._seen: deque[str] = deque(maxlen=LOOKS)
        self._reference = None if reference is None else _edges(_thumbnail(reference))
        self._window = cv2.createHanningWindow(EDGES, cv2.CV_32F)
        self._shifts: deque[tuple[float, float]] = deque(maxlen=LOOKS)
        self._unlike = 0  # looks in a row
        self._share = 0.0  # that is white

    @property
    def fault(self) -> str:
        """As Node.fault."""
        return f"{self.kind}: {self.advice}" if self.kind else ""

    def look(self, image: np.ndarray, now_s: float) -> bool:
        """Looks if it is time to; whether what is wrong has changed."""
        if now_s < self._due_s:
            return False
        self._due_s = now_s + LOOK_S
        self._seen.append(self._judge(image))
        if len(set(self._seen)) > 1 or len(self._seen) < LOOKS or self._seen[0] == self.kind:
            return False
        self.kind = self._seen[0]
        self.advice = self._advice()
        return True

    def _judge(self, image: np.ndarray) -> str:
        thumbnail = _thumbnail(image)
        self._share = float(np.count_nonzero(thumbnail >= WHITE) / thumbnail.size)
        if thumbnail.mean() <= BLACK:
            return "black" if self._tells_black else ""
        if self._share > WHITE_SHARE:
            return "overexposed"
        if sharpness(thumbnail) < SHARPNESS:
            return "out of focus"
        return "moved" if self._has_moved(thumbnail) else ""

    def _has_moved(self, thumbnail: np.ndarray) -> bool:
        if self._reference is None:
            return False
        (x, y), alike = cv2.phaseCorrelate(self._reference, _edges(thumbnail), self._window)
        self._unlike = 0 if alike >= ALIKE else self._unlike + 1
        if self._unlike >= ELSEWHERE_LOOKS:
            return True
        if not self._unlike:
            self._shifts.append((x / EDGES[0], y / EDGES[1] * thumbnail.shape[0] / thumbnail.shape[1]))
        # Where too much is hidden, what was seen last holds.
        return bool(self._shifts) and self._shift() > MOVED

    def _shift(self) -> float:
        """Of the picture's width."""
        return float(np.hypot(*np.median(self._shifts, axis=0)))

    def _advice(self) -> str:
        if self.kind == "overexposed":
            return f"{self._share:.0%} of the picture is white; lower its exposure or gain, or turn it from the light"
        if self.kind == "moved":
            far = "to where it shows another place"
            if self._unlike < ELSEWHERE_LOOKS:
                far = f"by {self._shift():.1%} of the picture's width"
            return f"{far} since it was calibrated; put it back, or run handflow calibrate again"
        return ADVICE.get(self.kind, "")


ADVICE = {
    "black": "is the lens covered, or the light off?",
    "out of focus": "focus the lens, or clean it; `focus` in the graph holds it where it is sharp",
}


def sharpness(thumbnail: np.ndarray) -> float:
    """Detail at the smallest scale against that at four times it: about 0.3, below SHARPNESS where all is blurred.

    At two scales, for noise is detail too and hides a strong blur at the smallest one. Infinite where there is nothing.
    """
    scales = [thumbnail]
    while len(scales) < 4:
        height, width = (max(1, side // 2) for side in scales[-1].shape)
        scales.append(cv2.resize(scales[-1], (width, height), interpolation=cv2.INTER_AREA))
    details = [float(cv2.Laplacian(each, cv2.CV_32F).var()) for each in scales]
    pairs = [(fine, coarse) for fine, coarse in zip(details, details[2:], strict=False) if coarse >= DETAIL]
    return min((fine / coarse for fine, coarse in pairs), default=float("inf"))


def _thumbnail(image: np.ndarray) -> np.ndarray:
    size = WIDTH, max(1, round(WIDTH * image.shape[0] / image.shape[1]))
    return cv2.cvtColor(cv2.resize(image, size, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)


def _edges(thumbnail: np.ndarray) -> np.ndarray:
    """Where there are edges, whatever the light: EDGES in size."""
    grey = cv2.resize(thumbnail, EDGES, interpolation=cv2.INTER_AREA).astype(np.float32)
    strength = cv2.magnitude(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    strength = np.minimum(strength / (strength.mean() + 4), 4)
    return strength - strength.mean()

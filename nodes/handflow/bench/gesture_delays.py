"""How late gestures are told behind the tracker's filter and its prediction, against hands as they were seen.

People far away (hands of 24 pixels, off by three) make one gesture again and again; their places go to the tracker as
peaks, and from there to the stage `gestures`.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from handflow.messages import Hands, Phase
from handflow.stages.tracker import Tracker
from handflow.synthetic.patterns import Crowd
from handflow.vision.gestures.recogniser import Recogniser
from handflow.vision.peaks import Peaks

GESTURES = ("wave", "raise", "swipe_left", "swipe_up", "circle_clockwise", "hold", "push", "grab")
PEOPLE, FPS, SECONDS, NOISE_PX = 4, 30.0, 44.0, 3.0
SAME_S = 1.0  # of two beginnings that belong together
# What the tracker does with places: nearly nothing; its 1-euro filter; and predicts them, which the stage knows or not.
VARIANTS: dict[str, dict[str, float]] = {
    "unfiltered": {"rest_hz": 60.0, "rise": 200.0},
    "1-euro": {},
    "ahead": {"ahead_s": 0.1},
    "unknown": {"ahead_s": 0.1, "known_s": 0.0},
}


def measure(say: Callable[[str], None]) -> Iterator[list[dict[str, Any]]]:
    """A row for each gesture: how often it was told, and how many ms later than of the unfiltered places (median).

    `ahead`: predicted by 100 ms, and the stage's `ahead_s` says so; `unknown`: it does not.
    """
    rows = []
    for name in GESTURES:
        say(f"gestures: {name} behind the tracker's filter")
        begun = {variant: beginnings(name, settings) for variant, settings in VARIANTS.items()}
        row: dict[str, Any] = {"gesture": name}
        first = begun["unfiltered"]
        for variant, times in begun.items():
            row[variant] = len(times)
            if variant != "unfiltered":
                row[f"{variant} ms"] = _later_ms(first, times)
        rows.append(row)
        yield rows


def _later_ms(first: list[tuple[int, float]], times: list[tuple[int, float]]) -> float | None:
    """The median of how much later people were told than at `first`: both are who and when."""
    later = []
    for person, at_s in first:
        near = [time_s - at_s for who, time_s in times if who == person and abs(time_s - at_s) < SAME_S]
        later += sorted(near, key=abs)[:1]
    return round(float(np.median(later)) * 1e3, 1) if later else None


def beginnings(name: str, settings: dict[str, float]) -> list[tuple[int, float]]:
    """Which people are told to begin the gesture, and when."""
    known_s = settings.get("known_s", settings.get("ahead_s", 0.0))
    rng, crowd, recogniser = np.random.default_rng(0), Crowd(name, PEOPLE), Recogniser(ahead_s=known_s)
    tracker = Tracker(**{key: value for key, value in settings.items() if key != "known_s"})  # type: ignore[arg-type]
    tracker.start()
    found = []
    for number in range(round(SECONDS * FPS)):
        hands = crowd.at(number / FPS)
        size = hands.width, hands.height
        places = hands.xy + rng.normal(0, NOISE_PX, hands.xy.shape) / size
        peaks = Peaks(places.astype(np.float32), np.full(len(places), 0.9, np.float32), hands.open, hands.radius)
        tracked: Hands = tracker.update(peaks, round(number / FPS * 1e9) + 1, None, size)
        tracked.stream, tracked.captured_ns = 1, round(number / FPS * 1e9) + 1
        gestures = recogniser.step(tracked)
        for told, phase, xy in zip(gestures.name, gestures.phase.tolist(), gestures.xy, strict=True):
            if told == name and phase == Phase.START:
                person = int(np.hypot(*((hands.xy - xy) * [1, size[1] / size[0]]).T).argmin())
                found.append((person, number / FPS))
    return found

"""Gestures: each is told in what invented people do, and hardly ever in what they do besides.

`ALSO` says what else is true of a gesture's path: whoever raises both hands raises one.
"""

from collections import Counter

import numpy as np
import pytest
from support.crowds import CLIP_S, Crowd, frames, person_of, together
from support.everyday_paths import NONE
from support.gesture_paths import GESTURES

from handflow import Hands, Phase
from handflow.vision.gestures.recogniser import NAMES, Recogniser

ALSO = {
    "wave": {"hold"},
    "push": {"hold"},
    "pull": {"hold"},
    "grab": {"hold", "release"},
    "release": {"hold", "grab"},
    "hold": {"grab", "release"},
    "both_up": {"raise"},
}
# False starts in an hour where they are more than one so far: of six hundred swipes at 10 frames a second a few are not
# told, for frames are missing just then; a hand that stays up there, or comes back up, has risen.
KNOWN = {("swipe_up", "raise"): 3, ("swipe_down", "raise"): 3}
RECALL, LATE_S = 0.95, {"wave": 0.8, **dict.fromkeys([n for n in NAMES if n.startswith("swipe")], 0.15)}
EARLY_S = 0.1  # what begins before a gesture is not that gesture


class Outcome:
    """What was told of a crowd: when each person was first seen to begin a gesture, and all beginnings by name."""

    def __init__(self, crowd: Crowd, fps: float) -> None:
        self.crowd, self.begun, self.first_s = crowd, Counter[str](), dict[tuple[str, int], float]()
        self.all: list[tuple[str, int]] = []
        recogniser = Recogniser()
        for hands in frames(crowd, seed=7, fps=fps):
            gestures, now_s = recogniser.step(hands), (hands.captured_ns - 1_000_000_000) / 1e9
            for name, phase, (id_, _) in zip(gestures.name, gestures.phase, gestures.hand, strict=True):
                if phase == Phase.START:
                    self.begun[name] += 1
                    person = person_of(int(id_), crowd)
                    self.all.append((name, person))
                    if now_s > crowd.begins_s[person] - EARLY_S:
                        self.first_s.setdefault((name, person), now_s)

    def count(self, name: str, number: int, people: int) -> int:
        """How many of the people of crowd `number` made the gesture `name`."""
        return sum(told == name and person // people == number for told, person in self.first_s)

    def late_s(self, name: str) -> np.ndarray:
        since_s = self.crowd.ends_s if self.crowd.turn_s is None else self.crowd.turn_s
        return np.array([at_s - since_s[person] for (told, person), at_s in self.first_s.items() if told == name])


def made(name: str, people: int, seconds: float) -> Crowd:
    rng = np.random.default_rng(sum(name.encode()))
    return GESTURES[name](rng, people) if name in GESTURES else NONE[name](rng, people, seconds)


def false_starts(name: str, begun: Counter[str]) -> Counter[str]:
    return Counter({other: count for other, count in begun.items() if other not in {name, *ALSO.get(name, ())}})


def test_each_gesture_is_told_and_no_other_is_whatever_the_people_do() -> None:
    """The bars, over a minute in all; the hour below is the measure."""
    names, people = [*GESTURES, *NONE], 4
    crowd = together([made(name, people, CLIP_S) for name in names])
    told = Outcome(crowd, 15)
    missed = [name for number, name in enumerate(GESTURES) if told.count(name, number, people) < people - 1]
    assert missed == []
    wrong = Counter(
        (names[person // people], name)
        for name, person in told.all
        if name not in {names[person // people], *ALSO.get(names[person // people], ())}
    )
    assert wrong.total() <= 2, wrong


@pytest.mark.slow
@pytest.mark.parametrize("fps", [10, 30])
@pytest.mark.parametrize("name", [*GESTURES, *NONE])
def test_an_hour_of_each_has_at_most_one_false_start_of_every_other(name: str, fps: float) -> None:
    people = round(3600 / CLIP_S) if name in GESTURES else 120
    told = Outcome(made(name, people, 30.0), fps)
    if name in GESTURES:
        assert told.count(name, 0, people) >= RECALL * people
        if name in LATE_S:
            assert np.quantile(told.late_s(name), 0.9) <= LATE_S[name]
    wrong = false_starts(name, told.begun)
    assert {other: count for other, count in wrong.items() if count > KNOWN.get((name, other), 1)} == {}


def told(seen: list[Hands]) -> list[tuple]:
    recogniser = Recogniser()
    return [
        (*gestures.name, *(getattr(gestures, field).tobytes() for field in ("hand", "phase", "progress", "rate", "xy")))
        for gestures in map(recogniser.step, seen)
    ]


def test_the_same_hands_give_the_same_gestures_to_the_bit() -> None:
    seen, later = ([*frames(GESTURES["clap"](np.random.default_rng(3), 2), 3, 15)] for _ in range(2))
    for hands in later:
        hands.captured_ns += 86_400_000_000_000
    assert told(seen) == told(later)


def test_every_gesture_begins_goes_on_and_ends() -> None:
    open_now: set[tuple[str, int]] = set()
    recogniser = Recogniser()
    crowd = GESTURES["wave"](np.random.default_rng(5), 4)
    for hands in frames(crowd, 5, 15):
        gestures = recogniser.step(hands)
        for name, phase, (id_, _) in zip(gestures.name, gestures.phase.tolist(), gestures.hand, strict=True):
            key = name, person_of(int(id_), crowd)
            assert (key in open_now) == (phase != Phase.START)
            open_now = open_now - {key} if phase == Phase.END else open_now | {key}
    assert not {key for key in open_now if key[0] == "wave"}

"""Invented people make the gestures that the stage tells."""

import numpy as np
import pytest

from handflow import Phase
from handflow.synthetic.gestures import GESTURES, TURN_S
from handflow.synthetic.patterns import Crowd
from handflow.vision.gestures.recogniser import NAMES, Recogniser

FPS = 15


def begun(pattern: str, hands: int, seconds: float) -> list[str]:
    crowd, recogniser, names = Crowd(pattern, hands), Recogniser(), []
    for number in range(round(seconds * FPS)):
        seen = crowd.at(number / FPS)
        seen.stream, seen.captured_ns = 1, round(number / FPS * 1e9)
        gestures = recogniser.step(seen)
        names += np.array(gestures.name)[gestures.phase == Phase.START].tolist()
    return names


def test_there_is_a_pattern_of_every_gesture() -> None:
    assert set(GESTURES) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_simulated_hands_make_the_gesture_once_in_each_turn(name: str) -> None:
    people = 2
    told = begun(name, people * GESTURES[name].hands, TURN_S)
    assert told.count(name) >= people
    if name.startswith(("swipe", "circle", "pu")):
        assert told.count(name) == people

"""Hands -> Gestures: wave, raise, swipe, circle, hold, push, grab and what two hands do, as people make them from far.

Needs no picture: only places, sizes and open or closed over time, so hands of ten pixels will do. Everything counts in
seconds and hand sizes; distance, frame rate and camera do not matter. Survives missing frames,
hands unseen for a moment and hands that come back with another id.
"""

import re
from pathlib import Path
from typing import Annotated

from handflow import Gestures, Hands, Node, Phase, Range
from handflow.vision.gestures.attention import AttentionSettings
from handflow.vision.gestures.circle import CircleSettings
from handflow.vision.gestures.grab import GrabSettings
from handflow.vision.gestures.hold import HoldSettings
from handflow.vision.gestures.lesson import Lesson
from handflow.vision.gestures.lift import RaiseSettings
from handflow.vision.gestures.pairs import PairSettings
from handflow.vision.gestures.push import PushSettings
from handflow.vision.gestures.recogniser import NAMES, PLAYER, GestureSettings, Recogniser
from handflow.vision.gestures.swipe import SwipeSettings
from handflow.vision.gestures.templates import NAME, load_own, save_own
from handflow.vision.gestures.two_hands import TwoHandSettings
from handflow.vision.gestures.wave import WaveSettings


class GestureStage(Node):
    """Tells gestures from hands, of a tracker or a surface."""

    attention: Annotated[AttentionSettings, "whose gestures count: everybody's, or a few players' who waved"] = (
        AttentionSettings()
    )
    wave: Annotated[WaveSettings, "when a hand waves"] = WaveSettings()
    raised: Annotated[RaiseSettings, "when a hand is raised"] = RaiseSettings()
    swipe: Annotated[SwipeSettings, "when a hand swipes"] = SwipeSettings()
    circle: Annotated[CircleSettings, "when a hand draws a circle"] = CircleSettings()
    hold: Annotated[HoldSettings, "when an open palm holds still"] = HoldSettings()
    push: Annotated[PushSettings, "when a palm is pushed to the camera or pulled away"] = PushSettings()
    grab: Annotated[GrabSettings, "when a hand grabs and lets go"] = GrabSettings()
    pairs: Annotated[PairSettings, "which two hands are one person's"] = PairSettings()
    two_hands: Annotated[TwoHandSettings, "when two hands clap, spread and pinch"] = TwoHandSettings()

    ahead_s: Annotated[
        float, Range(0, 0.2), "what `ahead_s` of the tracker is: gestures are told from places of now"
    ] = 0.0

    own: Annotated[str, "a file of your own gestures, written by handflow gestures teach"] = ""
    teach: Annotated[str, "a gesture to learn into that file: make it five times, with a rest between"] = ""

    def __post_init__(self) -> None:
        if self.teach and (not re.fullmatch(NAME, self.teach) or self.teach in (*NAMES, PLAYER)):
            raise ValueError(f"teach: expected small letters, digits and _, and no gesture of ours, got {self.teach!r}")
        if self.teach and not self.own:
            raise ValueError("teach: expected a file for it in own, got none")

    def changed(self, name: str) -> bool:
        if name != "teach":
            return True
        self._learn()
        # Paths are followed on.
        return False

    def _learn(self) -> None:
        self.recogniser.lesson = Lesson(self.teach) if self.teach else None

    def start(self) -> None:
        self.recogniser = Recogniser(
            GestureSettings(
                wave=self.wave,
                raised=self.raised,
                swipe=self.swipe,
                circle=self.circle,
                hold=self.hold,
                push=self.push,
                grab=self.grab,
                pairs=self.pairs,
                two_hands=self.two_hands,
                attention=self.attention,
            ),
            load_own(Path(self.own)) if self.own and Path(self.own).exists() else None,
            self.ahead_s,
        )
        self.note = "none"
        missing = self.own and not Path(self.own).exists()
        self.fault = f"no file {self.own}: teach a gesture into it, or mend its name in own" if missing else ""
        # After a crash, what was learnt is known.
        if self.teach not in self.recogniser.own.gestures:
            self._learn()

    def process(self, hands: Hands) -> Gestures:
        lesson = self.recogniser.lesson
        gestures = self.recogniser.step(hands)
        if lesson is not None:
            self.note = lesson.said
            if self.recogniser.lesson is None:
                save_own(Path(self.own), self.recogniser.own.gestures)
                self.fault = ""
        begun = [name for name, phase in zip(gestures.name, gestures.phase, strict=True) if phase == Phase.START]
        if begun:
            self.note = ", ".join(begun)
        return gestures

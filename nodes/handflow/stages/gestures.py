"""Hands -> Gestures: wave, raise, swipe, circle, hold, push, grab and what two hands do, as people make them from far.

Needs no picture: only places, sizes and open or closed over time, so hands of ten pixels will do. Everything counts in
seconds and hand sizes; distance, frame rate and camera do not matter. Survives missing frames,
hands unseen for a moment and hands that come back with another id.
"""

from pathlib import Path
from typing import Annotated

from handflow import Gestures, Hands, Node, Phase, Range
from handflow.vision.gestures.attention import AttentionSettings
from handflow.vision.gestures.circle import CircleSettings
from handflow.vision.gestures.grab import GrabSettings
from handflow.vision.gestures.hold import HoldSettings
from handflow.vision.gestures.lift import RaiseSettings
from handflow.vision.gestures.pairs import PairSettings
from handflow.vision.gestures.push import PushSettings
from handflow.vision.gestures.recogniser import GestureSettings, Recogniser
from handflow.vision.gestures.swipe import SwipeSettings
from handflow.vision.gestures.templates import load_own
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
            load_own(Path(self.own)) if self.own else None,
            self.ahead_s,
        )
        self.note = "none"

    def process(self, hands: Hands) -> Gestures:
        gestures = self.recogniser.step(hands)
        begun = [name for name, phase in zip(gestures.name, gestures.phase, strict=True) if phase == Phase.START]
        if begun:
            self.note = ", ".join(begun)
        return gestures

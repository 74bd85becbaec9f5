"""Hands, frame by frame -> what gestures begin, go on and end."""

from typing import NamedTuple

import numpy as np

from handflow.messages import Gestures, Hands, Phase

from .attention import Attention, AttentionSettings
from .circle import NAMES as CIRCLES
from .circle import CircleDetector, CircleSettings
from .grab import GrabDetector, GrabSettings
from .hold import HoldDetector, HoldSettings
from .lesson import Lesson
from .lift import RaiseDetector, RaiseSettings
from .motion import Motion
from .own import OwnDetector
from .pairs import Pairs, PairSettings
from .paths import Paths
from .push import NAMES as PUSHES
from .push import PushDetector, PushSettings
from .swipe import NAMES as SWIPES
from .swipe import SwipeDetector, SwipeSettings
from .templates import OwnGesture
from .told import Told
from .two_hands import TwoHandDetector, TwoHandSettings, moving_together
from .wave import WaveDetector, WaveSettings

PLAYER = "player"  # told of a hand for as long as it may play
LOOK_S = 0.05
NAMES = (
    "wave", "raise", *SWIPES, *CIRCLES, "hold", *PUSHES, "grab", "release", "clap", "spread", "pinch", "both_up",
)  # fmt: skip


class GestureSettings(NamedTuple):
    """When each gesture is one."""

    wave: WaveSettings = WaveSettings()
    raised: RaiseSettings = RaiseSettings()
    swipe: SwipeSettings = SwipeSettings()
    circle: CircleSettings = CircleSettings()
    hold: HoldSettings = HoldSettings()
    push: PushSettings = PushSettings()
    grab: GrabSettings = GrabSettings()
    pairs: PairSettings = PairSettings()
    two_hands: TwoHandSettings = TwoHandSettings()
    attention: AttentionSettings = AttentionSettings()


class GestureRow(NamedTuple):
    """One gesture as a line of the message."""

    name: str
    hands: tuple[int, int]  # ids; -1: no second one
    phase: Phase
    progress: float
    confidence: float
    rate: float
    strength: float
    xy: tuple[float, float]


class Recogniser:
    """Tells gestures. The same hands give the same gestures, to the bit.

    `ahead_s`: so far places are predicted, by their velocity. It is taken back: what is guessed shakes hands at rest.
    """

    def __init__(
        self,
        settings: GestureSettings = GestureSettings(),  # noqa: B008 (immutable)
        own: dict[str, OwnGesture] | None = None,
        ahead_s: float = 0.0,
    ) -> None:
        self.own = OwnDetector(own or {})
        self.lesson: Lesson | None = None  # what is being learnt
        self.settings = settings
        self.paths = Paths(ahead_s=ahead_s)
        self.wave, self.raised = WaveDetector(settings.wave), RaiseDetector(settings.raised)
        self.swipe, self.circle = SwipeDetector(settings.swipe), CircleDetector(settings.circle)
        self.hold, self.push = HoldDetector(settings.hold), PushDetector(settings.push)
        self.grab, self.pairs = GrabDetector(settings.grab), Pairs(settings.pairs)
        self.two_hands, self.attention = TwoHandDetector(settings.two_hands), Attention(settings.attention)
        self.told: dict[tuple[str, int], GestureRow] = {}  # by name and slot: what goes on
        self._looked_s = -9.0
        self._began = np.zeros(0, bool)  # slots that are another hand's since the last step

    def step(self, hands: Hands) -> Gestures:
        """One frame. Nothing is told between two ticks of 1/30 s."""
        passed = self.paths.add(hands)
        began = self.paths.began
        if not passed and not began.any() and not self._began.any():
            return _message([row._replace(phase=Phase.PROGRESS) for row in self.told.values()])
        began[: len(self._began)] |= self._began
        self._began = np.zeros(self.paths.capacity, bool)
        aspect = hands.height / hands.width if hands.width and hands.height else 1.0
        looks = not 0 <= self.paths.now_s - self._looked_s < LOOK_S
        if looks:
            self._looked_s = self.paths.now_s
        motion = Motion(self.paths, max(passed, 1), looks)
        if self.lesson is not None and (learnt := self.lesson.step(motion)):
            self.own = OwnDetector({**self.own.gestures, self.lesson.name: learnt})
            self.lesson = None
        return _message(self._rows(self.detect(motion), motion, aspect))

    def detect(self, motion: Motion) -> list[Told]:
        """What every detector says."""
        self.pairs.step(motion)
        other = self.pairs.other
        told = self.wave.step(motion)
        told += self.swipe.step(motion, lambda slot: other[slot] >= 0 and moving_together(motion, slot, other[slot]))
        told += self.circle.step(motion)
        raised = self.raised.step(motion, lambda slot: max(self.swipe.busy_until(slot), self.circle.busy_until(slot)))
        told += raised
        told += self.hold.step(motion)
        told += self.push.step(motion)
        told += self.grab.step(motion)
        told += self.own.step(motion)
        return told + self.two_hands.step(motion, other, {each.slot for each in raised})

    def _rows(self, told: list[Told], motion: Motion, aspect: float) -> list[GestureRow]:
        if not told and not self.told and self.settings.attention.after == "nothing":
            return []
        began = set(motion.began)
        rows = [self.told.pop(key)._replace(phase=Phase.END) for key in [key for key in self.told if key[1] in began]]
        going = {
            (each.name, each.slot): _row(each, motion, aspect, (each.name, each.slot) in self.told) for each in told
        }
        if self.settings.attention.after == "wave":
            going = self._of_players(going, motion, aspect)
        rows += [row._replace(phase=Phase.END) for key, row in self.told.items() if key not in going]
        self.told = going
        return rows + list(going.values())

    def _of_players(
        self, going: dict[tuple[str, int], GestureRow], motion: Motion, aspect: float
    ) -> dict[tuple[str, int], GestureRow]:
        """Only waves and what players do; and a row for each player."""
        attention, now_s = self.attention, motion.now_s
        waved = [slot for (name, slot), row in going.items() if name == "wave" and row.phase == Phase.START]
        attention.restart(motion.began)
        attention.step(now_s, set(motion.slots), waved)
        playing = set(attention.since_s)
        kept = {
            (name, slot): row
            for (name, slot), row in going.items()
            if name == "wave" or slot in playing or (row.hands[1] >= 0 and self.pairs.other[slot] in playing)
        }
        kept = {key: row if key in self.told else row._replace(phase=Phase.START) for key, row in kept.items()}
        for slot in sorted(playing):
            player = Told(PLAYER, slot, attention.progress(slot, now_s))
            kept[PLAYER, slot] = _row(player, motion, aspect, (PLAYER, slot) in self.told)
        return kept


def _row(told: Told, motion: Motion, aspect: float, goes_on: bool) -> GestureRow:
    place, second = motion.place[told.slot], -1
    if told.other >= 0:
        place, second = (place + motion.place[told.other]) / 2, motion.id[told.other]
    return GestureRow(
        told.name,
        (motion.id[told.slot], second),
        Phase.PROGRESS if goes_on else Phase.START,
        told.progress,
        told.confidence,
        told.rate,
        told.strength,
        (place.real, place.imag / aspect),
    )


def _message(rows: list[GestureRow]) -> Gestures:
    if not rows:
        return Gestures()
    names, hands, phases, *numbers, xy = zip(*rows, strict=True)
    # Of the declared types, or casts are checked one by one.
    progress, confidence, rate, strength = np.array(numbers, np.float32)
    return Gestures(
        name=list(names),
        hand=np.array(hands, np.int32),
        phase=np.array([int(phase) for phase in phases], np.int32),
        progress=progress,
        confidence=confidence,
        rate=rate,
        strength=strength,
        xy=np.array(xy, np.float32),
    )

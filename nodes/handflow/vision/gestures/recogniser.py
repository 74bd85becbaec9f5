"""Hands, frame by frame -> what gestures begin, go on and end."""

from typing import NamedTuple

import numpy as np

from handflow.messages import Gestures, Hands, Phase

from .attention import Attention, AttentionSettings
from .circle import NAMES as CIRCLES
from .circle import CircleDetector, CircleSettings
from .grab import GrabDetector, GrabSettings
from .hold import HoldDetector, HoldSettings
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
from .two_hands import TwoHandDetector, TwoHandSettings
from .wave import WaveDetector, WaveSettings

PLAYER = "player"  # told of a hand for as long as it may play
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
    """Tells gestures. The same hands give the same gestures, to the bit."""

    def __init__(
        self,
        settings: GestureSettings = GestureSettings(),  # noqa: B008 (immutable)
        own: dict[str, OwnGesture] | None = None,
    ) -> None:
        self.own = OwnDetector(own or {})
        self.settings = settings
        self.paths = Paths()
        self.wave, self.raised = WaveDetector(settings.wave), RaiseDetector(settings.raised)
        self.swipe, self.circle = SwipeDetector(settings.swipe), CircleDetector(settings.circle)
        self.hold, self.push = HoldDetector(settings.hold), PushDetector(settings.push)
        self.grab, self.pairs = GrabDetector(settings.grab), Pairs(settings.pairs)
        self.two_hands, self.attention = TwoHandDetector(settings.two_hands), Attention(settings.attention)
        self.told: dict[tuple[str, int], GestureRow] = {}  # by name and slot: what goes on
        self._began = np.zeros(0, bool)  # slots that are another hand's since the last step

    def step(self, hands: Hands) -> Gestures:
        """One frame. Nothing is told between two ticks of 1/30 s."""
        passed = self.paths.add(hands)
        missing = self.paths.capacity - len(self._began)
        self._began = np.concatenate([self._began, np.zeros(missing, bool)]) | self.paths.began
        aspect = hands.height / hands.width if hands.width and hands.height else 1.0
        if not passed and not self._began.any():
            return _message([row._replace(phase=Phase.PROGRESS) for row in self.told.values()])
        self.paths.began[:] = self._began
        motion = Motion(self.paths, max(passed, 1))
        told = self.detect(motion)
        rows = self._rows(told, motion, aspect)
        self._began = np.zeros(self.paths.capacity, bool)
        return _message(rows)

    def detect(self, motion: Motion) -> list[Told]:
        """What every detector says."""
        self.pairs.step(motion)
        other = self.pairs.other
        told = self.wave.step(motion)
        self.two_hands.line.follow(motion)
        swipes = self.swipe.step(motion, self.two_hands.mirrored(motion, other))
        circles = self.circle.step(motion)
        busy = self.swipe.upright(motion.now_s) | self.circle.lately(motion.now_s)
        told += self.raised.step(motion, busy)
        raised = told[-1].active
        told += swipes + circles
        told += self.hold.step(motion)
        told += self.push.step(motion)
        told += self.grab.step(motion)
        told += self.own.step(motion)
        return told + self.two_hands.step(motion, other, raised)

    def _rows(self, told: list[Told], motion: Motion, aspect: float) -> list[GestureRow]:
        rows: list[GestureRow] = []
        began = set(np.flatnonzero(motion.began).tolist())
        for key in [key for key in self.told if key[1] in began]:
            rows.append(self.told.pop(key)._replace(phase=Phase.END))
        going: dict[tuple[str, int], GestureRow] = {}
        waved = []
        for each in told:
            if not each.active.any():
                continue
            for slot in np.flatnonzero(each.active).tolist():
                going[each.name, slot] = row = _row(each, slot, motion, aspect, (each.name, slot) in self.told)
                if each.name == "wave" and row.phase == Phase.START:
                    waved.append(slot)
        if self.settings.attention.after == "wave":
            going = self._of_players(going, motion, aspect, waved, sorted(began))
        rows += [row._replace(phase=Phase.END) for key, row in self.told.items() if key not in going]
        self.told = going
        return rows + list(going.values())

    def _of_players(
        self,
        going: dict[tuple[str, int], GestureRow],
        motion: Motion,
        aspect: float,
        waved: list[int],
        began: list[int],
    ) -> dict[tuple[str, int], GestureRow]:
        """Only waves and what players do; and a row for each player."""
        attention, now_s = self.attention, motion.now_s
        attention.restart(began)
        attention.step(now_s, set(np.flatnonzero(motion.there).tolist()), waved)
        playing = set(attention.since_s)
        other = self.pairs.other
        kept = {
            (name, slot): row
            for (name, slot), row in going.items()
            if name == "wave" or slot in playing or (row.hands[1] >= 0 and int(other[slot]) in playing)
        }
        kept = {key: row if key in self.told else row._replace(phase=Phase.START) for key, row in kept.items()}
        one = np.ones(motion.capacity)
        player = Told(PLAYER, motion.there, one, one)
        for slot in sorted(playing):
            row = _row(player, slot, motion, aspect, (PLAYER, slot) in self.told)
            kept[PLAYER, slot] = row._replace(progress=attention.progress(slot, now_s))
        return kept


def _row(told: Told, slot: int, motion: Motion, aspect: float, goes_on: bool) -> GestureRow:
    second = -1 if told.with_ is None else int(told.with_[slot])
    slots = [slot] if second < 0 else [slot, second]
    x, y = motion.history[slots, -1, :2].mean(axis=0).tolist()
    return GestureRow(
        told.name,
        (int(motion.id[slot]), int(motion.id[second]) if second >= 0 else -1),
        Phase.PROGRESS if goes_on else Phase.START,
        float(told.progress[slot]),
        float(told.confidence[slot]),
        0.0 if told.rate is None else float(told.rate[slot]),
        0.0 if told.strength is None else float(told.strength[slot]),
        (x, y / aspect),
    )


def _message(rows: list[GestureRow]) -> Gestures:
    if not rows:
        return Gestures()
    columns = list(zip(*rows, strict=True))
    return Gestures(
        name=list(columns[0]),
        hand=np.array(columns[1]),
        phase=np.array(columns[2]),
        progress=np.array(columns[3]),
        confidence=np.array(columns[4]),
        rate=np.array(columns[5]),
        strength=np.array(columns[6]),
        xy=np.array(columns[7]),
    )

"""How sure it is, over time, that a track is a hand: weak peaks that persist and move like a hand add up.

Track-before-detect: peaks far below what a single frame would believe are followed, and a hand is told when the log of
the likelihood ratio, hand against clutter, has grown enough. That is Wald's sequential test (Annals of Mathematical
Statistics 16, 1945) as the track score of Blackman and Popoli (Design and Analysis of Modern Tracking Systems, 1999,
chapter 6): each look adds ln p(look | hand) / p(look | clutter), of a peak's score and of its motion; a look without a
peak adds ln (1 - P_D) / (1 - P_FA). The ratios are measured, not guessed: `Calibration`.

Frames are not independent looks: a lamp that scored .4 scores .4 in the next frame too. The sum is therefore a leaky
one whose limit is the effective number of looks among correlated ones, n / (1 + (n - 1) r) (Kish, Survey Sampling,
1965, 8.2), of what moves and changes more than of what rests or stays as it is. All of it counts in seconds: frame rate
does not matter.
"""

import math
from typing import NamedTuple

import numpy as np

from .clutter import USUAL
from .kalman import share

# After so long a look is forgotten, and so many in that time are news: of 1 to 2 s and 4 to 12 looks tried on rendered
# clips these found most at equal false alarms.
MEMORY_S, LOOKS = 1.5, 6.0
# The looks at a thing at rest that are news, as a share: with as many as of a moving one, three times the false hands.
STILL_SHARE = 0.33
# Motion is how far a hand is from where it was in the mean of so long, in its radii.
MOTION_S = 0.25
# Radii: what moves by less may be at rest, with the network's noise.
STILL = 0.3
# What moves little and scores the same all the time is no news either: by how much a score differs from its mean of
# SCORE_S. A lamp's does by less than .02, whether it swings or not, a waving palm's by more than .04.
STEADY, RESTLESS, SCORE_S = 0.015, 0.035, 0.5
# Radii: of what is no hand, drawn lamps that swing and all, 5 % moves by more than .4.
LIVELY = 0.5
# Radii from where it was first seen: what got so far came from elsewhere, and what is nearer has stayed. Of what is no
# hand a half has strayed by less than .5 half a second later, of waving palms 1 %.
ARRIVED, STAYED = 2.0, 1.0
# Radii, in widths, of hands whose motion speaks for them in full and of those of which it says nothing: of signers'
# hands, 8 % of the width, it had a log ratio of -.4 to .3, for their elbows and heads move as well.
FAR_RADIUS, NEAR_RADIUS = 0.02, 0.04
# Log of the odds by which what is told is likelier a hand than what is not: of those told, nine in ten are.
TOLD = 3.0
# At which scores and motions (radii) the curves are known.
SCORES = tuple(step / 20 for step in range(21))
MOTIONS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.5, 4.0)


class Calibration(NamedTuple):
    """How much a look speaks for a hand: natural logarithms of likelihood ratios, hand against clutter."""

    base: float  # of the odds that what one frame shows is a hand, whatever its score
    miss: float  # of a look in which a track had no peak
    score: tuple[float, ...]  # of a peak of each of SCORES
    motion: tuple[float, ...]  # of each of MOTIONS

    def of_peak(self, score: float) -> float:
        # numpy's own takes five times as long for one number.
        place = min(max(score, 0.0), 1.0) * (len(SCORES) - 1)
        low = min(int(place), len(SCORES) - 2)
        return self.score[low] + (self.score[low + 1] - self.score[low]) * (place - low)

    def of_motion(self, motion: float) -> float:
        return float(np.interp(motion, MOTIONS, self.motion))

    def numbers(self) -> list[float]:
        """As a model's metadata and a heatmap have it."""
        return [round(number, 3) for number in (self.base, self.miss, *self.score, *self.motion)]


def calibration_of(numbers: np.ndarray) -> Calibration:
    """The calibration that a heatmap brings; that of the shipped weights where it brings none."""
    if len(numbers) != 2 + len(SCORES) + len(MOTIONS):
        return SHIPPED
    base, miss, *curves = numbers.tolist()
    return Calibration(base, miss, tuple(curves[: len(SCORES)]), tuple(curves[len(SCORES) :]))


# Rounded by hand from histograms as `handflow evaluate CLIPS --profile far --calibrate` makes them, of five rendered
# clips of waving people, and that of the score moved to what the shipped weights say in streets: see bench/README.md.
SHIPPED = Calibration(
    base=-3.0,
    miss=-1.3,
    score=(-4, -3.5, -3, -2.5, -2, -1, 0.2, 0.9, 1.7, 2.7, 3.9, 5.2, 6, 6, 6, 6, 6, 6, 6, 6, 6),
    motion=(-1.2, -1.2, -0.3, 0.5, 1.5, 2, 2.6, 2.8, 2.6, 2),
)


class Look(NamedTuple):
    """What one look at a track showed. Positions and radii in widths."""

    position: complex
    radius: float
    score: float | None  # of its peak; None: there was none
    age_s: float  # of the track
    is_told: bool  # whether it is told as a hand
    is_open: bool
    habit: float  # how usual it is that something fires there, 0..1 (clutter.py)


class Evidence:
    """The evidence for one track, from its first look on."""

    def __init__(self, first: Look, calibration: Calibration) -> None:
        self.mean = self.born = first.position
        self.motion = self.strayed = 0.0
        self.sum = calibration.miss if first.score is None else calibration.of_peak(first.score) * (1 - first.habit)
        self.base, self.habit, self.told = calibration.base, first.habit, first.is_told
        # Nobody knows yet how steady it is.
        self.score, self.change = first.score or 0.0, RESTLESS

    def look(self, look: Look, dt: float, calibration: Calibration) -> None:
        """Takes a look `dt` seconds after the last."""
        radius = max(look.radius, 1e-3)
        self.mean += (look.position - self.mean) * share(dt, MOTION_S)
        self.motion = abs(look.position - self.mean) / radius
        self.strayed = max(self.strayed, abs(look.position - self.born) / radius)
        self.told = look.is_told
        # A hand that came from elsewhere may rest where there is usually something; what is not told must be open, too.
        self.habit = 0.0 if self.has_come and (look.is_told or look.is_open) else look.habit
        ratio = calibration.miss
        if look.score is not None:
            moves = calibration.of_motion(self.motion)
            moves *= min(max((NEAR_RADIUS - radius) / (NEAR_RADIUS - FAR_RADIUS), 0.0), 1.0)
            # Nobody knows yet how a new one moves, and one that is told may rest.
            if (look.is_told and not self.habit) or look.age_s < MOTION_S:
                moves = max(moves, 0.0)
            # Where something always fires a high score is no news.
            ratio = calibration.of_peak(look.score) * (1 - self.habit) + moves
            self.change += (abs(look.score - self.score) - self.change) * share(dt, SCORE_S)
            self.score += (look.score - self.score) * share(dt, SCORE_S)
        changes = max((self.change - STEADY) / (RESTLESS - STEADY), 0.0)
        news = min(self.motion / STILL, max(changes, self.motion / LIVELY - 1), 1.0)
        looks = LOOKS * (STILL_SHARE + (1 - STILL_SHARE) * news)
        self.sum += (ratio * looks - self.sum) * share(dt, MEMORY_S)

    @property
    def has_come(self) -> bool:
        """Whether it came to where it is from elsewhere."""
        return self.strayed >= ARRIVED

    @property
    def rests(self) -> bool:
        return self.motion < STILL

    @property
    def has_stayed(self) -> bool:
        """Whether it has been at rest where it was first seen all the time."""
        return self.rests and self.strayed < STAYED

    @property
    def probability(self) -> float:
        """That it is a hand, 0..1."""
        odds = self.base + self.sum + (TOLD if self.told else 0.0) - math.log1p(self.habit / USUAL)
        return 1 / (1 + math.exp(-min(max(odds, -30.0), 30.0)))

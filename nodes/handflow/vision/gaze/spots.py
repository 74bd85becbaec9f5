"""What a gaze remembers of the frames before: the spots where a hand is or may be."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from handflow.messages import Hands, State
from handflow.vision.looks import Frames, Peaks
from handflow.vision.thresholds import START_SCORE

# Weaker peaks are no doubts: there are hundreds of them in a picture.
DOUBT = 0.04
REMEMBERED = 40  # spots
KEEP_FRAMES = 60  # that a spot is remembered after its last peak
# A peak within so many radii of a spot is of it, or within this many widths.
SAME, SAME_LEAST = 1.5, 0.015
# How much of the score of a spot the next window there changes; and what is left of it where that finds nothing.
RENEW, NOTHING = 0.5, 0.4
# A spot is worth twice as much when nobody has looked at it for so many frames.
PATIENCE = 6


# Two spots may be alike and are two.
@dataclass(eq=False)
class Spot:
    """Where a hand may be. Lengths in widths of the frame."""

    x: float
    y: float
    radius: float
    score: float
    seen: int  # frame of its last peak
    looked: int = -PATIENCE  # frame of the last window on it
    close: bool = False  # `score` is what windows say; else the whole, to which small hands are doubtful
    followed: bool = False  # by the tracker

    @property
    def strong(self) -> bool:
        """Whether it is to be looked at in every frame: a hand that is followed, or that will be."""
        return self.followed or self.score >= START_SCORE

    def worth(self, now: int) -> float:
        """How much a window there is worth: the more the surer it is and the longer nobody has looked."""
        chance = 10.0 if self.strong else self.score if self.close else min(2 * self.score, 1)
        return chance * (1 + (now - self.looked) / PATIENCE)


def followed_by(hands: Hands | None, captured_ns: int, aspect: float, now: int) -> list[Spot]:
    """Where the tracker's hands should be by now."""
    if hands is None:
        return []
    alive = hands.state != State.LEAVING
    ahead_s = max(captured_ns - hands.captured_ns, 0) / 1e9
    xy = hands.xy[alive] + hands.velocity[alive] * np.float32(ahead_s)
    columns = zip(xy.tolist(), hands.radius[alive].tolist(), hands.score[alive].tolist(), strict=True)
    return [Spot(x, y * aspect, radius, score, now, followed=True) for (x, y), radius, score in columns]


def nearest(spot: Spot, others: Iterable[Spot]) -> Spot | None:
    """The closest of `others` that may be the same."""
    reach = max(SAME * spot.radius, SAME_LEAST)
    near = [other for other in others if abs(other.x - spot.x) < reach and abs(other.y - spot.y) < reach]
    return min(near, key=lambda other: abs(other.x - spot.x) + abs(other.y - spot.y), default=None)


class SpotMemory:
    """What was seen in the frames before."""

    def __init__(self) -> None:
        self.spots: list[Spot] = []

    def follow(self, hands: Sequence[Spot]) -> None:
        """Takes over the tracker's hands in place of what was remembered there, and of the hands of before."""
        for hand in hands:
            same = nearest(hand, self.spots)
            if same is not None:
                hand.looked, hand.close = same.looked, same.close
                self.spots.remove(same)
        for spot in self.spots:
            spot.followed = False
        self.spots = [*hands, *self.spots]

    def seen(self, peaks: Peaks, now: int, aspect: float) -> None:
        """What a look at the whole has found. Of spots that windows have judged it tells nothing new."""
        for found in spots_of(peaks, now, aspect):
            same = nearest(found, self.spots)
            if same is None:
                self.spots.append(found)
            elif not same.close and not same.followed:
                same.x, same.y, same.radius, same.score, same.seen = found.x, found.y, found.radius, found.score, now

    def judged(self, peaks: Peaks, windows: Frames, now: int, aspect: float) -> None:
        """What `windows` have found: the joined `peaks`, and nothing in the rest of what they show."""
        inside = windows.cover(peaks.xy)
        found = spots_of(Peaks(*(column[inside] for column in peaks)), now, aspect)
        shown = windows.cover(np.array([(spot.x, spot.y / aspect) for spot in self.spots]).reshape(-1, 2))
        old = [spot for spot, is_shown in zip(self.spots, shown.tolist(), strict=True) if is_shown]
        for one in found:
            one.close, one.looked = True, now
            same = nearest(one, old)
            if same is None:
                self.spots.append(one)
                continue
            old.remove(same)
            if not same.followed:
                one.score = max(one.score, same.score + RENEW * (one.score - same.score)) if same.close else one.score
                same.x, same.y, same.radius, same.score = one.x, one.y, one.radius, one.score
            same.seen, same.looked, same.close = now, now, True
        for spot in old:
            spot.score *= 1 if spot.followed else NOTHING
            spot.looked, spot.close = now, True

    def forget(self, now: int) -> None:
        """Leaves out what has not been seen for long, and the weakest of too many."""
        kept = [spot for spot in self.spots if now - spot.seen <= KEEP_FRAMES]
        self.spots = sorted(kept, key=lambda spot: (not spot.followed, -spot.score))[:REMEMBERED]

    def due(self, now: int) -> list[Spot]:
        """The spots, those first that a window is worth most at."""
        return sorted(self.spots, key=lambda spot: -spot.worth(now))


def spots_of(peaks: Peaks, now: int, aspect: float) -> list[Spot]:
    """The best peaks as spots that nobody has looked at closely."""
    columns = (column[:REMEMBERED].tolist() for column in (peaks.xy, peaks.radius, peaks.score))
    return [Spot(x, y * aspect, radius, score, now) for (x, y), radius, score in zip(*columns, strict=True)]

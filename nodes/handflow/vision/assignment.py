"""Which peak is whose: pairs of tracks and peaks with the largest sum of gains."""

import math

from .tracks import Peak, Track

TOUCH = 1.5  # sums of two hands' radii: nearer than this, the flow at one may be the other's


# Radii/s that a hand goes at most (2 m/s), and radii from where it was expected that it is looked for.
FAST, FARTHEST = 20.0, 4.0
# The share of what a hand scored that a peak must score to be that hand where it was not expected: an elbow scores
# less. Of .5 to .9, and none, tried on the drawn demo; signers and far palms are found alike with each of them.
ALIKE = 0.7
BID = 0.05  # least step of the auction: small beside the gain of a good pair, 5 to 15


def pair(tracks: list[Track], peaks: list[Peak]) -> list[tuple[Track, Peak]]:
    """Which peak is whose, so that the sum of the gains is largest.

    Nearest first would let a hand in passing take its neighbour's peak: of 200 crossings it kept 197, this all.
    """
    gains = [[track.gain(peak) for peak in peaks] for track in tracks]
    return [(tracks[t], peaks[p]) for t, p in best_pairs(gains)]


def best_pairs(gains: list[list[float]]) -> list[tuple[int, int]]:
    """Row and column of the pairs with the largest sum of gains, none below 0: an auction (Bertsekas 1988).

    Rows bid for columns.
    """
    columns = len(gains[0]) if gains else 0
    prices, owner = [0.0] * columns, dict[int, int]()
    bidding = list(range(len(gains)))
    while bidding and columns:
        t = bidding.pop()
        values = [gain - price for gain, price in zip(gains[t], prices, strict=True)]
        best = max(range(columns), key=values.__getitem__)
        if values[best] <= 0:
            continue  # rather unseen than this
        second = max((value for p, value in enumerate(values) if p != best), default=0.0)
        prices[best] += values[best] - max(second, 0.0) + BID
        if best in owner:
            bidding.append(owner[best])
        owner[best] = t
    return [(t, p) for p, t in owner.items()]


def widen(peak: Peak, track: Track, others: list[Track]) -> Peak:
    """`peak` as it counts for `track` if one of the unseen `others` may lie under it too.

    The map shows two hands that touch as one blob somewhere between them, so its position is that uncertain.
    """
    gaps = [
        abs(other.path.position - track.path.position)
        for other in others
        if abs(other.path.position - peak.position) < other.radius
    ]
    return peak._replace(noise=math.hypot(peak.noise, max(gaps))) if gaps else peak


def is_touching(track: Track, others: list[Track]) -> bool:
    """Whether `track` may be in front of or behind one of `others`: what the picture shows there may be either's."""
    return any(
        abs(track.path.position - o.path.position) < TOUCH * (track.radius + o.radius) for o in others if o is not track
    )


def is_within(track: Track, peak: Peak, dt: float) -> bool:
    """Whether a hand may have gone to `peak` in `dt` seconds, or in those that it is out of sight."""
    reach = min(1.5 + FAST * max(dt, track.unseen_s), FARTHEST) * track.radius
    return abs(peak.position - track.path.position) < reach


def nearest(tracks: list[Track], peaks: list[Peak], dt: float) -> list[tuple[Track, Peak]]:
    """Pairs of tracks and peaks that score alike and that a hand's top speed may bring together, nearest first."""
    possible = sorted(
        (abs(peak.position - track.path.position), t, p)
        for t, track in enumerate(tracks)
        for p, peak in enumerate(peaks)
        if peak.score >= ALIKE * track.score and is_within(track, peak, dt)
    )
    found: list[tuple[Track, Peak]] = []
    given: set[int] = set()
    taken: set[int] = set()
    for _, t, p in possible:
        if t not in given and p not in taken:
            given.add(t)
            taken.add(p)
            found.append((tracks[t], peaks[p]))
    return found


def unclaimed(peaks: list[Peak], pairs: list[tuple[Track, Peak]]) -> list[Peak]:
    """The peaks that are in none of `pairs`."""
    taken = {id(peak) for _, peak in pairs}
    return [peak for peak in peaks if id(peak) not in taken]


def lies_on(position: complex, tracks: list[Track], share: float) -> bool:
    """Whether `position` is closer to one of `tracks` than `share` of its radius."""
    return any(abs(position - track.path.position) < share * track.radius for track in tracks)

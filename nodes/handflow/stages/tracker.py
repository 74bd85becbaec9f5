"""Heatmap (and Flow, if wired) -> Hands: gives each hand an identity and a smooth path. Needs no picture.

Everything counts in seconds and picture widths, so frame rate and picture size do not matter. Survives missing, late
and doubled frames, gaps in time, a restarted source and a missing flow. With `evidence` (vision/evidence.py) weak peaks
add up over time until a hand is told; without, each frame is for itself. 0.2 ms for six
hands, before there was evidence.
"""

from dataclasses import field
from typing import Annotated, Literal

import numpy as np

from handflow import Flow, Hands, Heatmap, Node, Range, State
from handflow.vision.assignment import is_touching, is_within, lies_on, nearest, pair, unclaimed, widen
from handflow.vision.clutter import ClutterMap
from handflow.vision.evidence import SHIPPED, Evidence, calibration_of
from handflow.vision.looks import Frames, frames_of
from handflow.vision.peaks import Peaks, find_peaks
from handflow.vision.polygons import Polygon, allowed, polygon_fault
from handflow.vision.thresholds import KEEP_SCORE, OPEN_AT, START_SCORE, STRONG_SCORE
from handflow.vision.tracks import Peak, Track, flow_at, peak_list

GAP_S = 1.0  # after this long without any frame, nobody knows which hand is which
# Tracks that may become hands, strongest peaks first: each costs time, and of more none did.
MOST_DOUBTFUL = 32
# One of them that is out of sight for longer is not looked for: what lies there now is another.
LOST_S = 0.1
# What may become a hand and is less likely one than this is forgotten.
HOPELESS = 0.005
# What is likelier a hand than this and not told yet, and moves or is as new as this, is worth every look.
DOUBTFUL, NEW_S = 0.2, 2.0


class Tracker(Node):
    """Follows hands from frame to frame."""

    evidence: Annotated[bool, "weak peaks that persist and move like a hand add up; else each frame is for itself"] = (
        True
    )
    # Of .5 to .98, tried on rendered clips of people waving far away: the most found at under one false hand a minute.
    start_probability: Annotated[float, Range(0.5, 1), "evidence: what is a hand by this probability is told"] = 0.8
    end_probability: Annotated[float, Range(0, 0.5), "evidence: a hand that is one by less than this is gone"] = 0.1
    # Of the peaks on far palms 1 % are lower, of the others 60 %.
    weak_score: Annotated[float, Range(0.02, 1), "evidence: a peak this low counts"] = 0.16
    quiet_s: Annotated[
        float, Range(0, 3600), "evidence: a place that fires this long and nothing moves is quietened; 0: none is"
    ] = 20.0
    # The model card's curves: at far two of a hundred pictures without hands have a peak this high, most of them on a
    # statue's or a dummy's hand.
    start_score: Annotated[float, Range(0, 1), "without evidence: a peak this high may start a hand"] = START_SCORE
    keep_score: Annotated[float, Range(0, 1), "a hand that is followed goes on with a peak this low"] = KEEP_SCORE
    sure_score: Annotated[float, Range(0, 1), "without evidence: a peak this high is a hand at once"] = 0.8  # a guess
    # Two frames at 30 fps.
    confirm_s: Annotated[float, Range(0, 1), "without evidence: a weaker peak must last this long"] = 0.025
    keep_s: Annotated[float, Range(0, 5), "a hand unseen for longer than this is gone"] = 0.3  # two cross in 0.2 s
    merge: Annotated[float, Range(0, 2), "of a hand's radius: peaks closer than this are one hand"] = (
        0.5  # 1 cost crossings
    )
    # 12 follows sharp turns as well, but hands that cross behind each other then lose their way twice as often.
    acceleration: Annotated[float, Range(0.1, 100), "how sharply hands turn, widths/s²"] = 4.0
    # With these two a hand at rest wanders 0.2 % of the width, and one at 1 width/s lags 5 ms.
    rest_hz: Annotated[float, Range(0.1, 60), "1-euro: cutoff for a hand at rest; lower is calmer"] = 0.5
    rise: Annotated[float, Range(0, 200), "1-euro: Hz more for each width/s; higher is prompter"] = 30.0
    # The model card's curves: here palms and other hands are farthest apart (98 and 7 %); from .45 on, 99 and 10 %.
    open_at: Annotated[float, Range(0, 1), "`is_open` becomes true here"] = OPEN_AT
    close_at: Annotated[float, Range(0, 1), "and false below this; between the two it stays"] = 0.45
    ahead_s: Annotated[float, Range(0, 0.2), "sends positions this much later: the time until they are shown"] = 0.0
    subpixel: Annotated[Literal["log", "offset", "mean"], "how peaks are refined within a cell"] = "log"
    # Here and not later: what is not followed costs no work, takes no id and is no prior to the network. Nor earlier: a
    # blob that is cut off in the map has its peak at the cut.
    region: Annotated[Polygon | None, "of the frame, 0..1: hands outside it are left out; none: all of it"] = None
    ignore: Annotated[list[Polygon], "parts of the frame, 0..1, whose hands are left out: posters, screens"] = field(
        default_factory=list
    )

    def __post_init__(self) -> None:
        for what, polygon in [("region", self.region), *(("ignore", polygon) for polygon in self.ignore)]:
            if polygon is not None and (wrong := polygon_fault(polygon)):
                raise ValueError(f"{what}: {wrong}")

    def start(self) -> None:
        self.tracks: list[Track] = []
        self.calibration, self.clutter = SHIPPED, ClutterMap(9 / 16)
        self.looked_ns: int | None = None
        self.last_ns: int | None = None
        # What a gaze has looked at in this frame; None: all of it.
        self.shown: Frames | None = None
        self._set_areas()

    def _set_areas(self) -> None:
        self.inside = None if self.region is None else np.array(self.region)
        self.ignored = [np.array(polygon) for polygon in self.ignore]

    def changed(self, name: str) -> bool:
        self._set_areas()
        # Hands are followed on.
        return False

    def process(self, heatmap: Heatmap, flow: Flow | None) -> Hands:
        if heatmap.seen_ns and self.is_waiting():
            # Nothing has moved and nobody is told: the next look goes on from the last one.
            return Hands(width=heatmap.width, height=heatmap.height, doubtful=self.doubtful())
        least = min(self.weak_score, self.keep_score) if self.evidence else self.keep_score
        peaks = find_peaks(heatmap, least, self.subpixel, self.merge)
        self.calibration = calibration_of(heatmap.calibration)
        if self.inside is not None or self.ignored:
            inside = allowed(peaks.xy, self.inside, self.ignored)
            peaks = Peaks(*(column[inside] for column in peaks))
        self.shown = None if heatmap.whole else frames_of(heatmap)
        size = (heatmap.width, heatmap.height)
        cell, is_new = float(heatmap.scale[0]), not heatmap.seen_ns
        hands = self.update(peaks, heatmap.captured_ns, flow, size, cell, is_new)
        there = np.count_nonzero(hands.state != State.LEAVING)
        self.note = f"{there} hand{'' if there == 1 else 's'}"
        return hands

    def is_waiting(self) -> bool:
        """Whether no hand is told, nor one that is to be told as leaving."""
        return not any(track.id for track in self.tracks)

    def update(
        self,
        peaks: Peaks,
        captured_ns: int,
        flow: Flow | None,
        size: tuple[int, int],
        cell: float = 1 / 80,
        is_new: bool = True,
    ) -> Hands:
        """The hands at `captured_ns`. `size` of the picture in pixels, `cell` of the map in widths.

        `is_new`: the peaks are of this picture, and not those of an earlier one since which nothing moved.
        """
        aspect = size[1] / size[0]
        dt = 0.0 if self.last_ns is None else max(captured_ns - self.last_ns, 0) / 1e9
        self.last_ns = captured_ns
        lost = self.forget(self.tracks if dt > max(GAP_S, self.keep_s) else [])
        # Of the many that are only doubtful neither would tell much, and both cost time.
        hands = [track for track in self.tracks if track.id or not self.evidence]
        close = {id(track) for track in hands if is_touching(track, hands)}
        followed = {id(track) for track in hands}
        for track in self.tracks:
            touches = id(track) in close
            moved = None if flow is None or touches or id(track) not in followed else flow_at(flow, track, aspect)
            track.predict(dt, self.acceleration, moved, touches)
        spare = self.assign(peak_list(peaks, aspect, cell), dt)
        if self.evidence and is_new:
            self.look(captured_ns, aspect)
        lost += self.forget([track for track in self.tracks if self.is_lost(track, aspect)])
        self.tracks += [self.new_track(peak) for peak in spare]
        for track in self.tracks:
            self.confirm(track)
            track.finish(dt, self.open_at, self.close_at)
        return self.to_hands(self.tracks, lost, aspect, size)

    def assign(self, peaks: list[Peak], dt: float) -> list[Peak]:
        """Gives each track its peak; returns those that are nobody's and may be a new hand's."""
        if not self.evidence:
            left = self.share_out(self.tracks, peaks, dt)
            return [peak for peak in left if peak.score >= self.start_score]
        # Those that are told choose first: what is doubtful must not take their peaks.
        told = [track for track in self.tracks if track.id]
        left = self.share_out(told, peaks, dt)
        doubtful = [track for track in self.tracks if not track.id]
        looked_for = [track for track in doubtful if track.unseen_s < LOST_S]
        pairs = [(track, peak) for track, peak in pair(looked_for, left) if is_within(track, peak, dt)]
        # A hand turns more sharply than any filter expects: a peak that nobody else claims is the hand's that was there
        # just now. An elbow claims its own.
        again = nearest([track for track in told if not track.seen], unclaimed(left, pairs), dt)
        for track, peak in pairs + again:
            track.update(peak, dt)
        seen = {id(track) for track, _ in pairs}
        for track in doubtful:
            if id(track) not in seen:
                track.miss(dt, self.keep_s)
        left = unclaimed(left, pairs + again)
        # What lies on a hand that is told is part of it.
        self.tracks = [track for track in self.tracks if track.id or not lies_on(track.path.position, told, self.merge)]
        left = [peak for peak in left if not lies_on(peak.position, told, self.merge)]
        return left[: max(MOST_DOUBTFUL - len(doubtful), 0)]

    def share_out(self, tracks: list[Track], peaks: list[Peak], dt: float) -> list[Peak]:
        """Gives each of `tracks` its peak, strong peaks first; returns those that are nobody's."""
        enough = min(self.start_score, STRONG_SCORE)
        strong = [peak for peak in peaks if peak.score >= enough]
        weak = [peak for peak in peaks if peak.score < enough]
        pairs = pair(tracks, strong)
        seen = {id(track) for track, _ in pairs}
        pairs += pair([track for track in tracks if track.seen and id(track) not in seen], weak)
        # A hand out of sight goes on with a weak peak only if that lies on it: beside it there is often an elbow.
        seen, taken = {id(track) for track, _ in pairs}, {id(peak) for _, peak in pairs}
        lost = [track for track in tracks if id(track) not in seen]
        left = [peak for peak in weak if id(peak) not in taken]
        pairs += [
            (track, peak) for track, peak in pair(lost, left) if abs(peak.position - track.path.position) < track.radius
        ]
        seen = {id(track) for track, _ in pairs}
        unseen = [track for track in tracks if id(track) not in seen]
        for track, peak in pairs:
            track.update(widen(peak, track, unseen), dt)
        for track in unseen:
            track.miss(dt, self.keep_s)
        taken = {id(peak) for _, peak in pairs}
        return [peak for peak in peaks if id(peak) not in taken]

    def new_track(self, peak: Peak) -> Track:
        track = Track(peak, self.rest_hz, self.rise)
        if self.evidence:
            track.evidence = Evidence(track.as_look(self.habit(track)), self.calibration)
        return track

    def look(self, captured_ns: int, aspect: float) -> None:
        """Takes what was seen of each track, or was not, as evidence; and learns what is usual where."""
        dt = 0.0 if self.looked_ns is None else max(captured_ns - self.looked_ns, 0) / 1e9
        self.looked_ns = captured_ns
        if self.clutter.aspect != aspect:
            self.clutter = ClutterMap(aspect)
        still = []
        for track in self.tracks:
            if track.evidence is None:
                # Evidence was switched on while it was followed.
                track.evidence = Evidence(track.as_look(0.0), self.calibration)
            # Where a gaze has not looked, that nothing is there says nothing.
            x, y = track.path.position.real, track.path.position.imag / aspect
            if self.shown is not None and not track.seen and not self.shown.cover(np.array([[x, y]])).any():
                continue
            track.evidence.look(track.as_look(self.habit(track)), dt, self.calibration)
            if track.seen and track.evidence.has_stayed:
                still.append(track.path.position)
        if self.quiet_s:
            self.clutter.learn(still, dt, self.quiet_s)

    def habit(self, track: Track) -> float:
        """How usual it is that something fires where a track is, 0..1."""
        return self.clutter.at(track.path.position) if self.quiet_s else 0.0

    def doubtful(self) -> int:
        """How many tracks are worth every look."""
        count = 0
        for track in self.tracks:
            evidence = track.evidence if self.evidence else None
            if track.id:
                count += not track.seen
            elif evidence is None:
                count += 1
            elif evidence.probability >= DOUBTFUL:
                count += track.age_s < NEW_S or not evidence.rests
        return count

    def is_lost(self, track: Track, aspect: float) -> bool:
        """Whether an unseen track has gone: for too long, out of the picture, or before it was confirmed."""
        least = self.end_probability if track.id else HOPELESS
        if self.evidence and track.evidence is not None and track.evidence.probability < least:
            return True
        if track.seen:
            return False
        x, y, r = track.path.position.real, track.path.position.imag, track.radius
        return (
            not (track.id or self.evidence)
            or track.unseen_s > self.keep_s
            or not (-r < x < 1 + r and -r < y < aspect + r)
        )

    def confirm(self, track: Track) -> None:
        """Gives an id to a track that has lasted; ids go on after a crash, so that none is used twice."""
        if track.id:
            track.state = State.TRACKED if track.seen else State.PREDICTED
        elif self.is_sure(track):
            track.id = self.persistent["last_id"] = self.persistent.get("last_id", 0) + 1
            if track.evidence is not None:
                track.evidence.told = True

    def is_sure(self, track: Track) -> bool:
        """Whether a track may be told."""
        if self.evidence and track.evidence is not None:
            return track.seen and track.evidence.probability >= self.start_probability
        return track.score >= self.sure_score or track.age_s >= self.confirm_s

    def forget(self, tracks: list[Track]) -> list[Track]:
        """Follows `tracks` no longer; they are sent once more, as leaving."""
        for track in tracks:
            track.state = State.LEAVING
        self.tracks = [track for track in self.tracks if track.state != State.LEAVING]
        return tracks

    def to_hands(self, tracks: list[Track], lost: list[Track], aspect: float, size: tuple[int, int]) -> Hands:
        """The message about those that have an id."""
        hands = [track for track in (*tracks, *lost) if track.id]
        positions = [track.position.value + track.velocity.value * self.ahead_s for track in hands]
        return Hands(
            id=np.array([track.id for track in hands]),
            state=np.array([track.state for track in hands]),
            xy=rows(positions, aspect),
            velocity=rows([track.velocity.value for track in hands], aspect),
            radius=np.array([track.radius for track in hands]),
            score=np.array([self.score(track) for track in hands]),
            open=np.array([track.open for track in hands]),
            is_open=np.array([track.is_open for track in hands]),
            age=np.array([track.age_s for track in hands]),
            width=size[0],
            height=size[1],
            doubtful=self.doubtful(),
        )

    def score(self, track: Track) -> float:
        """That it is a hand, 0..1."""
        return track.evidence.probability if self.evidence and track.evidence is not None else track.score


def rows(positions: list[complex], aspect: float) -> np.ndarray:
    """Positions in widths -> (n, 2) in 0..1 of width and height."""
    return np.array([(position.real, position.imag / aspect) for position in positions])

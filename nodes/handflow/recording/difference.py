"""`handflow diff`: the hands of two recordings of the same input, compared in time, place and identity.

Also takes the JSON lines that `detect --json` and `replay --json` write. Frames that carry the same stream and number
are paired, else those nearest in time; in a paired frame, hands are paired by their places, closest first.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from handflow.errors import RecordingError
from handflow.messages import Hands, State

from .mcap_scan import MAGIC
from .reader import Recording

REACH = 0.1  # of the width: hands farther apart than this are two hands


class FrameHands(NamedTuple):
    """The hands of one frame."""

    frame: tuple[int | str, int]  # stream (or source) and number
    t: float  # seconds since the first frame
    id: np.ndarray  # (n,) int64; -1: none
    xy: np.ndarray  # (n, 2) in picture widths
    more: np.ndarray  # (n, 3) radius, score, open


class Difference(NamedTuple):
    """One line of the table."""

    what: str
    found: float
    allowed: float

    @property
    def past(self) -> bool:
        return self.found > self.allowed


class Allowed(NamedTuple):
    """What two recordings may differ by."""

    time_s: float = 0.02
    frames: float = 0.02  # share of the frames that only one of them has
    hands: float = 0.0  # share of the hands that only one of them has
    place: float = 0.005  # of the width
    value: float = 0.05  # of radius in widths, score and open
    identity: int = 0  # hands that go on under another identity


def load(file: Path, output: str | None = None) -> list[FrameHands]:
    """The hands of a recording, or of JSON lines, frame by frame. RecordingError."""
    try:
        with open(file, "rb") as opened:
            first = opened.read(len(MAGIC))
    except OSError as error:
        raise RecordingError(f"{file}: cannot be read: {error.strerror}") from error
    return list(_lines(file) if first[:1] == b"{" else _recorded(Recording(file), output))


def hands_output(recording: Recording, output: str | None = None) -> str:
    """The output that has the hands: the one named, or the only one. RecordingError."""
    names = recording.names(Hands)
    if output is None and len(names) != 1:
        has = ", ".join(names) or f"none (it has {', '.join(recording.names()) or 'nothing'})"
        raise RecordingError(f"{recording.file}: expected one output with hands, got {has}; say which with --output")
    return recording.output(output or names[0]).name


def _recorded(recording: Recording, output: str | None) -> Iterator[FrameHands]:
    first_ns = None
    for hands in recording.messages(hands_output(recording, output)):
        if not isinstance(hands, Hands):
            raise RecordingError(f"{recording.file}: expected Hands of output {output}, got {type(hands).__name__}")
        first_ns = hands.captured_ns if first_ns is None else first_ns
        there = hands.state != State.LEAVING
        aspect = hands.height / hands.width if hands.width else 1.0
        more = np.column_stack([hands.radius, hands.score, hands.open])
        t = (hands.captured_ns - first_ns) / 1e9
        yield FrameHands((hands.stream, hands.seq), t, hands.id[there], (hands.xy * [1, aspect])[there], more[there])


def _lines(file: Path) -> Iterator[FrameHands]:
    with open(file, encoding="utf-8") as opened:
        for number, text in enumerate(opened, 1):
            try:
                line: dict[str, Any] = json.loads(text)
                hands, aspect = line["hands"], line["height"] / line["width"]
                ids = [-1 if hand["id"] is None else hand["id"] for hand in hands]
                xy = [[hand["x"], hand["y"] * aspect] for hand in hands]
                more = [[hand[key] for key in ("radius", "score", "open")] for hand in hands]
                arrays = np.array(ids, np.int64), np.reshape(xy, (-1, 2)), np.reshape(more, (-1, 3))
                yield FrameHands((Path(line["source"]).name, line["frame"]), line["t"], *arrays)
            except (ValueError, KeyError, TypeError) as error:
                raise RecordingError(f"{file}:{number}: expected a line of `detect --json`: {error!r}") from error


def compare(a: list[FrameHands], b: list[FrameHands], allowed: Allowed = Allowed()) -> list[Difference]:  # noqa: B008 (immutable)
    """What differs, a line each, with what is allowed."""
    pairs = list(_paired(a, b))
    times, places = [0.0], [0.0]
    values = [np.zeros(3)]
    only = total = changes = 0
    partner: dict[tuple[str, int], int] = {}
    for one, other in pairs:
        times.append(abs(one.t - other.t))
        matched = list(_matched(one.xy, other.xy))
        only += len(one.id) + len(other.id) - 2 * len(matched)
        total += len(one.id) + len(other.id) - len(matched)
        for i, j in matched:
            places.append(float(np.hypot(*(one.xy[i] - other.xy[j]))))
            values.append(np.abs(one.more[i] - other.more[j]))
            changes += _changes(partner, int(one.id[i]), int(other.id[j]))
    alone = len(a) + len(b) - 2 * len(pairs)
    radius, score, open_ = np.max(values, axis=0)
    return [
        Difference("frames that only one has, share", alone / max(1, len(a) + len(b) - len(pairs)), allowed.frames),
        Difference("time of paired frames, s", max(times), allowed.time_s),
        Difference("hands that only one has, share", only / max(1, total), allowed.hands),
        Difference("place, largest, widths", max(places), allowed.place),
        Difference("place, 99 of 100, widths", float(np.percentile(places, 99)), allowed.place),
        Difference("radius, largest, widths", float(radius), allowed.value),
        Difference("score, largest", float(score), allowed.value),
        Difference("open, largest", float(open_), allowed.value),
        Difference("hands that change identity", changes, allowed.identity),
    ]


def _changes(partner: dict[tuple[str, int], int], a: int, b: int) -> int:
    """Whether either of a pair had another partner before; identities need not be equal, they must go on."""
    if a < 0 or b < 0:
        return 0
    before = partner.get(("a", a)), partner.get(("b", b))
    partner["a", a], partner["b", b] = b, a
    return int(before not in ((None, None), (b, a)))


def _paired(a: list[FrameHands], b: list[FrameHands]) -> Iterator[tuple[FrameHands, FrameHands]]:
    """Frames by stream and number where the two share them, else the nearest in time, each once, in order."""
    by_frame = {seen.frame: seen for seen in b}
    shared = [(seen, by_frame[seen.frame]) for seen in a if seen.frame in by_frame]
    if 2 * len(shared) >= min(len(a), len(b)):
        yield from shared
        return
    times = np.array([seen.t for seen in b])
    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    last = -1
    for seen in a:
        nearest = int(np.abs(times - seen.t).argmin()) if len(times) else -1
        if nearest > last and abs(times[nearest] - seen.t) <= max(step / 2, 0.001):
            last = nearest
            yield seen, b[nearest]


def _matched(a: np.ndarray, b: np.ndarray) -> Iterator[tuple[int, int]]:
    """Pairs of places (n, 2) and (m, 2), closest first, none farther apart than REACH."""
    if not len(a) or not len(b):
        return
    apart = np.linalg.norm(a[:, None] - b[None], axis=2)  # (n, m)
    while apart.min() <= REACH:
        i, j = map(int, np.unravel_index(apart.argmin(), apart.shape))
        yield i, j
        apart[i], apart[:, j] = np.inf, np.inf

"""What each layout's messages say: the other way round from the layouts' own files."""

import math
import re
from collections import Counter
from collections.abc import Callable

from handflow.messages import Phase

from .decoding import MessageKind, ReceivedMessage
from .layout import Protocol
from .received_stream import ReceivedStream

# Different things of one kind that are remembered: whatever comes, memory does not grow.
MAX_DIFFERENT = 200
# Numbers of what belongs to no frame: the state once more, or out of its turn.
REPEATED_TUIO11, REPEATED_TUIO2 = -1, 0
# What stands in each message, after the id.
BLOB = ("a", "w", "h", "f", "vx", "vy", "A", "m", "r")
POINTER = ("tu_id", "slot", "x", "y", "angle", "shear", "radius", "press", "vx", "vy", "p_vel", "m", "p_acc")
OBJECT = ("slot", "age", "x", "y", "vx", "vy", "orientation", "bx", "by", "w", "h", "rotation", "height")
HAND = ("slot", "state", "zone", "x", "y", "w", "h", "vx", "vy", "score", "age", "open")


def interpret(stream: ReceivedStream, kind: MessageKind, message: ReceivedMessage, now_s: float) -> None:
    """Adds one message of the stream's layout to the stream, its types right or wrong."""
    found = message.tags
    if not all(math.isfinite(value) for value in message.values if isinstance(value, float)):
        found += " with a number that is none"
    if not re.fullmatch(kind.expected, found):
        tally(stream.wrong, (message.address, kind.expected, found))
        return
    INTERPRETERS[stream.protocol](stream, kind, message.values, now_s)


def tally(counter: Counter, what: object) -> None:
    """Counts one more of it, unless too many different things have been counted."""
    if what in counter or len(counter) < MAX_DIFFERENT:
        counter[what] += 1


def _tuio11(stream: ReceivedStream, kind: MessageKind, values: list, now_s: float) -> None:
    profile, _, part = kind.name.partition(" ")
    if part == "alive":
        stream.listed, stream.pending = values[1:], {}
    elif part == "set":
        names = ("x", "y", "vx", "vy", "m") if profile == "2Dcur" else tuple("xy") + BLOB
        stream.pending[values[1]] = dict(zip(names, values[2:], strict=True))
    elif part == "fseq":
        stream.events[profile] += 1
        if values[1] == REPEATED_TUIO11:
            stream.repeat(stream.listed, stream.pending, now_s)
        else:
            stream.frame(values[1], stream.listed, stream.pending, now_s)


def _tuio2(stream: ReceivedStream, kind: MessageKind, values: list, now_s: float) -> None:
    if kind.name == "frm":
        stream.next_number, stream.pending, stream.frame_time = values[0], {}, values[1]
    elif kind.name == "ptr":
        stream.pending[values[0]] = dict(zip(POINTER, values[1:], strict=True))
    elif stream.next_number == REPEATED_TUIO2:
        stream.repeat(values, stream.pending, now_s)
    elif stream.next_number is not None:
        stream.frame(stream.next_number, values, stream.pending, now_s, single=not values, mark=stream.frame_time)


def _hands(stream: ReceivedStream, kind: MessageKind, values: list, now_s: float) -> None:
    if kind.name == "frame":
        stream.next_number, stream.pending, stream.listed = values[0], {}, [values[1]]
    elif kind.name == "hand":
        if values[2] != 3:  # leaving: shown once more, no longer there
            stream.pending[values[0]] = dict(zip(HAND, values[1:], strict=True))
    elif kind.name == "alive":
        if stream.next_number is None or stream.listed != [len(values)]:
            stream.faults["a list of who is there that does not fit its frame's count"] += 1
        stream.frame(stream.next_number, values, stream.pending, now_s, single=not values)
    elif kind.name == "status":
        stream.status = dict(zip(("ok", "fps", "latency_ms", "dropped", "uptime"), values, strict=True))
    else:
        stream.events[kind.name] += 1
        if kind.name == "gesture" and values[3] == Phase.START:
            tally(stream.gestures, values[0])


def _augmenta2(stream: ReceivedStream, kind: MessageKind, values: list, now_s: float) -> None:
    if kind.name == "scene":
        if len(stream.reported) != values[1]:
            stream.faults["hands missing in a frame"] += abs(values[1] - len(stream.reported))
        stream.reported = set()
        stream.hand_frames += values[1]
        stream.step(values[0], now_s)
        return
    stream.events[kind.name.removeprefix("object/")] += 1
    if kind.name == "object/leave":
        stream.leave(values[1])
        return
    stream.reported.add(values[1])
    stream.update(values[1], dict(zip(OBJECT, values[2:], strict=True)), now_s)


def _hands_split(stream: ReceivedStream, kind: MessageKind, values: list, now_s: float) -> None:
    (value,) = values
    if kind.name == "count":
        stream.step(None, now_s)
        stream.hand_frames += value
        return
    if kind.name == "gesture":
        stream.events["gesture"] += 1
        return
    seated = stream.ids_by_slot.get(kind.slot)
    if kind.name == "id" or (kind.name == "active" and not value):
        if seated is not None and (kind.name == "active" or seated != value):
            stream.leave(stream.ids_by_slot.pop(kind.slot))
        if kind.name == "id":
            stream.ids_by_slot[kind.slot] = value
            stream.update(value, {"slot": kind.slot}, now_s)
    elif kind.name != "active" and seated is not None:
        stream.update(
            seated, {"score" if kind.name == "conf" else "w" if kind.name == "size" else kind.name: value}, now_s
        )


def _wekinator(stream: ReceivedStream, kind: MessageKind, values: list, now_s: float) -> None:
    by_id = {
        slot: dict(zip(("x", "y", "open"), values[3 * slot : 3 * slot + 3], strict=True))
        for slot in range(len(values) // 3)
        if any(values[3 * slot : 3 * slot + 3])
    }
    stream.frame(None, list(by_id), by_id, now_s, single=True)


INTERPRETERS: dict[Protocol, Callable[[ReceivedStream, MessageKind, list, float], None]] = {
    "tuio11": _tuio11,
    "tuio2": _tuio2,
    "augmenta2": _augmenta2,
    "hands": _hands,
    "hands-split": _hands_split,
    "wekinator": _wekinator,
}

"""How hands look in OSC: one function per layout, from a Sheet (the hands of a frame) to datagrams ready to be sent.

A new layout is one function here and its line in LAYOUTS. Numbers are int32 and float32 only, text is a string, time
tags are "immediately", no datagram is larger than 1432 bytes. python-osc forms the constant heads, struct adds the
numbers: 20 hands as a bundle of python-osc's own take 0.73 ms, as one of these 0.03 ms.
"""

import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

from pythonosc.osc_message_builder import OscMessageBuilder

LARGEST = 1432  # bytes in a datagram that no network on the way splits
MOST = 200  # hands in a frame: their alive list takes 1 kB in every part and leaves room for some hands
BUNDLE = b"#bundle\0" + struct.pack(">Q", 1)  # 1: immediately

Protocol = Literal["tuio11", "hands"]


class Row(NamedTuple):
    """One hand as it is sent; every number is finite and fits its tag."""

    id: int
    slot: int  # the lowest free number when it came
    state: int
    x: float  # 0..1
    y: float
    vx: float  # per second
    vy: float
    m: float  # change of speed per second
    w: float  # of its box, 0..1 of the picture's width
    h: float  # 0..1 of its height
    score: float
    age_s: float
    open: float
    is_open: bool


class Sheet(NamedTuple):
    """The hands of one frame. `Sheet()` says that there are none."""

    fseq: int = 0  # one number for all TUIO profiles of the frame
    seq: int = 0
    captured_ns: int = 0
    latency_ms: float = 0.0
    alive: Sequence[Row] = ()
    left: Sequence[Row] = ()  # gone since the last sheet, as they were last
    entered: Sequence[Row] = ()  # the part of `alive` that is new
    turned: Sequence[Row] = ()  # the part of `alive` that has opened or closed


class Status(NamedTuple):
    """How the stage is, once a second."""

    ok: bool
    fps: float
    latency_ms: float
    dropped: int
    uptime_s: int


class Style(NamedTuple):
    """What a target chooses of its layout."""

    source: str = "handflow"  # TUIO: who sends
    base: str = "/hands"
    blobs: bool = False


@lru_cache(1024)
def head(address: str, tags: str, *texts: str) -> bytes:
    """A message up to its numbers: address, type tags and the texts that come first."""
    builder = OscMessageBuilder(address)
    for number, tag in enumerate(tags):
        builder.add_arg(texts[number] if tag == "s" else 0, tag)
    numbers = len(tags) - len(texts)
    return builder.build().dgram[: -4 * numbers or None]


@lru_cache(1024)
def numbers(tags: str) -> struct.Struct:
    return struct.Struct(">" + tags.replace("s", ""))


def message(address: str, tags: str, *values: str | float) -> bytes:
    """A message of texts (first), int32 and float32; `tags` as in OSC, without the comma."""
    texts = tags.count("s")
    return head(address, tags, *map(str, values[:texts])) + numbers(tags).pack(*values[texts:])


def bundles(first: Sequence[bytes], middle: Sequence[bytes], last: Sequence[bytes]) -> list[bytes]:
    """Messages as one bundle, or as several that each carry all of `first` and `last` and a part of `middle`."""
    before, after = b"".join(map(sized, first)), b"".join(map(sized, last))
    room = LARGEST - len(BUNDLE) - len(before) - len(after)
    parts: list[bytes] = []
    part: list[bytes] = []
    taken = 0
    for element in map(sized, middle):
        if part and taken + len(element) > room:
            parts.append(b"".join(part))
            part, taken = [], 0
        part.append(element)
        taken += len(element)
    parts.append(b"".join(part))
    return [BUNDLE + before + content + after for content in parts]


def sized(content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + content


def tuio11(sheet: Sheet, style: Style) -> list[bytes]:
    """TUIO 1.1, tuio.org/?specification: a bundle for the cursors and, if wished, one for the blobs."""
    ids = [row.id for row in sheet.alive]
    cursor = head("/tuio/2Dcur", "sifffff", "set")
    pack = numbers("ifffff").pack
    cursors = [cursor + pack(r.id, r.x, r.y, r.vx, r.vy, r.m) for r in sheet.alive]
    datagrams = _profile("/tuio/2Dcur", sheet.fseq, ids, cursors, style)
    if style.blobs:
        tags = "sifffffffffff"  # id x y a w h f X Y A m r; a blob's angle is not known: 0, and it does not turn
        blobs = [
            message("/tuio/2Dblb", tags, "set", r.id, r.x, r.y, 0, r.w, r.h, r.w * r.h, r.vx, r.vy, 0, r.m, 0)
            for r in sheet.alive
        ]
        datagrams += _profile("/tuio/2Dblb", sheet.fseq, ids, blobs, style)
    return datagrams


def _profile(address: str, fseq: int, ids: list[int], sets: list[bytes], style: Style) -> list[bytes]:
    source = message(address, "ss", "source", style.source)
    alive = message(address, "s" + "i" * len(ids), "alive", *ids)
    return bundles([source, alive], sets, [message(address, "si", "fseq", fseq)])


def hands(sheet: Sheet, style: Style) -> list[bytes]:
    """Our own layout. Leaving hands are shown once more, but not among the alive; events follow as messages."""
    base = style.base
    sec, nsec = divmod(sheet.captured_ns, 10**9)
    moment = (sec & 0x7FFFFFFF, nsec // 1000)
    frame = message(f"{base}/frame", "iiiiif", sheet.seq, len(sheet.alive), 0, *moment, sheet.latency_ms)
    hand = head(f"{base}/hand", "iiiifffffffff")
    pack = numbers("iiiifffffffff").pack
    each = [
        hand + pack(r.id, r.slot, r.state, -1, r.x, r.y, r.w, r.h, r.vx, r.vy, r.score, r.age_s, r.open)
        for r in (*sheet.alive, *sheet.left)
    ]
    alive = message(f"{base}/alive", "i" * len(sheet.alive), *[row.id for row in sheet.alive])
    return [
        *bundles([frame], each, [alive]),
        *(message(f"{base}/enter", "iiff", r.id, r.slot, r.x, r.y) for r in sheet.entered),
        *(message(f"{base}/open", "ii", r.id, int(r.is_open)) for r in sheet.turned),
        *(message(f"{base}/leave", "iiff", r.id, r.slot, r.x, r.y) for r in sheet.left),
    ]


def hands_status(status: Status, style: Style) -> list[bytes]:
    return [message(f"{style.base}/status", "ifffi", int(status.ok), *status[1:])]


class Layout(NamedTuple):
    port: int
    frame: Callable[[Sheet, Style], list[bytes]]
    status: Callable[[Status, Style], list[bytes]] = lambda status, style: []


LAYOUTS: dict[Protocol, Layout] = {
    "tuio11": Layout(3333, tuio11),
    "hands": Layout(9000, hands, hands_status),
}

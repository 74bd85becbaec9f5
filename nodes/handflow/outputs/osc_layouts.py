"""How hands look in OSC: one function per layout, from a Sheet and its News to packets ready to be sent.

A message that stands beside the packets goes in a datagram of its own. A new layout is one function and its line in
LAYOUTS.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np

from handflow.messages import now_ns

from .frame_state import AGE, ID, NONE, OPEN, SCORE, SLOT, VX, VY, H, News, Sheet, View, W, X, Y
from .osc_encoding import Packet, Rows, built, head, joined, message, numbers, parts, room_beside, rows, sized, text

Protocol = Literal["tuio11", "tuio2", "augmenta2", "hands", "hands-split", "wekinator"]
NTP_S = 2_208_988_800  # from 1900 to 1970
LONGEST_NAME = 60  # bytes of a zone's name


class Status(NamedTuple):
    """How the stage is, once a second."""

    ok: bool
    fps: float
    latency_ms: float
    dropped: int
    uptime_s: int


class Style(NamedTuple):
    """What a target chooses of its layout."""

    address: str = "127.0.0.1"  # of this machine, as the target sees it
    base: str = "/hands"
    blobs: bool = False
    slots: int = 8
    size_m: tuple[float, float] | None = None
    view: View = View()


class Told(NamedTuple):
    """A frame as one target is told of it. `number` counts what this target was told."""

    sheet: Sheet
    number: int
    news: News = NONE
    again: Sheet = Sheet()  # who left in the frame before: the layouts without a list of ids say it twice


def tuio11(told: Told, style: Style) -> list[Packet | bytes]:
    """TUIO 1.1, tuio.org/?specification: a bundle for the cursors and, if wished, one for the blobs."""
    sheet, floats = told.sheet, told.sheet.seen(style.view)
    ids, m = sheet.integers[:, : ID + 1], sheet.speeding(style.view)
    cursors = rows(head("/tuio/2Dcur", "sifffff", "set"), ids, floats[:, : Y + 1], floats[:, VX : VY + 1], m)
    packets: list[Packet | bytes] = [_profile("/tuio/2Dcur", told, cursors, style)]
    if style.blobs:  # id x y a w h f X Y A m r; a blob's angle is not known: 0, and it does not turn
        zero, area = np.zeros((len(floats), 1)), floats[:, W : W + 1] * floats[:, H : H + 1]
        start = head("/tuio/2Dblb", "sifffffffffff", "set")
        size, velocity = floats[:, W : H + 1], floats[:, VX : VY + 1]
        blobs = rows(start, ids, floats[:, : Y + 1], zero, size, area, velocity, zero, m, zero)
        packets.append(_profile("/tuio/2Dblb", told, blobs, style))
    return packets


def _profile(address: str, told: Told, sets: Rows, style: Style) -> Packet:
    source = head(address, "ss", "source", f"handflow@{style.address}")
    alive = message(address, "s" + "i" * len(told.sheet), "alive", *told.sheet.ids)
    return Packet([source, alive], sets, [message(address, "si", "fseq", told.number)])


def tuio2(told: Told, style: Style) -> list[Packet | bytes]:
    """TUIO 2.0, tuio.org/?tuio20: a pointer per hand, of unknown user and kind, without angle, shear and pressure."""
    sheet, floats = told.sheet, told.sheet.seen(style.view)
    pointers = np.zeros((len(sheet), 3), np.int32)  # s_id tu_id c_id
    pointers[:, 0], pointers[:, 2] = sheet.integers[:, ID], sheet.integers[:, SLOT]
    measures = np.zeros((len(sheet), 11), np.float32)  # x y angle shear radius press X Y pVel m pAcc
    measures[:, :2], measures[:, 4] = floats[:, : Y + 1], floats[:, W] / 2
    measures[:, 6:8], measures[:, 9:10] = floats[:, VX : VY + 1], sheet.speeding(style.view)
    second, rest = divmod(sheet.captured_ns or now_ns(), 10**9)
    size = min(max(sheet.width, 0), 0x7FFF) << 16 | min(max(sheet.height, 0), 0xFFFF)
    # python-osc packs no time tag among the arguments.
    start, source = b"/tuio2/frm\0\0,itis\0\0\0", text(f"handflow:cam@{style.address}")
    rest_of_it = numbers("IIi").pack((second + NTP_S) & 0xFFFFFFFF, (rest << 32) // 10**9, size) + source
    alive = message("/tuio2/alv", "i" * len(sheet), *sheet.ids)
    pointing = rows(head("/tuio2/ptr", "iii" + "f" * 11), pointers, measures)
    room = room_beside(sized(start + bytes(4) + rest_of_it) + sized(alive))
    # Clients take the first bundle with a number for the whole frame: each part has one of its own, and they add up.
    return [
        Packet([start + numbers("i").pack(told.number + part) + rest_of_it], Rows(data, [len(data)]), [alive])
        for part, data in enumerate(parts(pointing, room))
    ]


def augmenta2(told: Told, style: Style) -> list[Packet | bytes]:
    """Augmenta OSC v2, github.com/Augmenta-tech/Augmenta/wiki/Data: what happened to each hand, then the scene."""
    sheet, news = told.sheet, told.news
    size = style.size_m or (1.0, sheet.height / sheet.width if sheet.width > 0 else 1.0)
    if news is NONE:
        objects = _objects("update", sheet, told.number, style, size)
    else:
        entered = set(news.entered)
        objects = joined(
            _objects("enter", sheet.pick(news.entered), told.number, style, size),
            _objects(
                "update", sheet.pick([i for i in range(len(sheet)) if i not in entered]), told.number, style, size
            ),
            _objects("leave", news.left, told.number, style, size),
        )
    if len(told.again):
        objects = joined(objects, _objects("leave", told.again, told.number, style, size))
    return [Packet(rows=objects, last=[message("/scene", "iiff", told.number, len(sheet), *size)])]


def _objects(what: str, sheet: Sheet, number: int, style: Style, size: tuple[float, float]) -> Rows:
    floats = sheet.seen(style.view)
    integers = np.empty((len(sheet), 3), np.int32)  # frame id slot
    integers[:, 0], integers[:, 1:] = number, sheet.integers[:, : SLOT + 1]
    # age cx cy vx vy orientation bx by bw bh rotation height; counter-clockwise from the right, where it moves
    measures = np.zeros((len(sheet), 12), np.float32)
    measures[:, 0], measures[:, 1:3], measures[:, 3:5] = floats[:, AGE], floats[:, : Y + 1], floats[:, VX : VY + 1]
    across, down = floats[:, VX] * size[0], floats[:, VY] * size[1]  # in one unit: the scene is no square
    measures[:, 5] = np.degrees(np.arctan2(-down, across)) % 360
    measures[:, 6:8], measures[:, 8:10] = floats[:, : Y + 1], floats[:, W : H + 1]
    return rows(head(f"/object/{what}", "iii" + "f" * 12), integers, measures)


def hands(told: Told, style: Style) -> list[Packet | bytes]:
    """Our own layout. Leaving hands are shown once more, but not among the alive; events follow as messages."""
    sheet, news, base, view = told.sheet, told.news, style.base, style.view
    second, rest = divmod(sheet.captured_ns, 10**9)
    moment = (second & 0x7FFFFFFF, rest // 1000)
    frame = message(f"{base}/frame", "iiiiif", sheet.seq, len(sheet), 0, *moment, sheet.latency_ms)
    start = head(f"{base}/hand", "iiiifffffffff")
    each = rows(start, sheet.integers, sheet.seen(view))
    if len(news.left):
        each = joined(each, rows(start, news.left.integers, news.left.seen(view)))
    whole = Packet([frame], each, [message(f"{base}/alive", "i" * len(sheet), *sheet.ids)])
    return [whole] if news is NONE else [whole, *_events(told, style)]


def _events(told: Told, style: Style) -> list[bytes]:
    """What happened since the frame before, in an order in which a game can follow it: first what ends."""
    sheet, news, base = told.sheet, told.news, style.base

    def place(name: str, of: Sheet, row: int) -> bytes:
        x, y = of.seen(style.view)[row, : Y + 1].tolist()
        return message(f"{base}/{name}", "iiff", of.ids[row], int(of.integers[row, SLOT]), x, y)

    return [
        *(built(f"{base}/zone", "iisi", z.id, z.slot, _name(z.zone), 0) for z in news.out),
        *(place("leave", news.left, row) for row in range(len(news.left))),
        *(place("enter", sheet, row) for row in news.entered),
        *(message(f"{base}/open", "ii", sheet.ids[row], int(sheet.is_open[row])) for row in news.turned),
        *(built(f"{base}/zone", "iisi", z.id, z.slot, _name(z.zone), 1) for z in news.into),
        *(built(f"{base}/dwell", "iis", z.id, z.slot, _name(z.zone)) for z in news.dwelt),
    ]


def _name(zone: str) -> str:
    return zone.replace("\0", "").encode(errors="replace")[:LONGEST_NAME].decode(errors="ignore")


def hands_status(status: Status, style: Style) -> list[Packet | bytes]:
    return [message(f"{style.base}/status", "ifffi", int(status.ok), *status[1:])]


def hands_split(told: Told, style: Style) -> list[Packet | bytes]:
    """A message per number and slot, for tools that make a channel of each address. A slot's messages stay together."""
    sheet, floats = told.sheet, told.sheet.seen(style.view)
    taken = sheet.integers[:, SLOT]
    order = np.argsort(taken)
    order = order[taken[order] < style.slots]
    seats = _seats(style.base, style.slots, tuple(taken[order].tolist()))
    words = seats.words.copy()
    words[seats.total] = len(sheet)
    words[seats.ids] = sheet.integers[order, ID]
    words.view(">f4")[seats.floats] = floats[order[:, None], SPLIT]
    return [Packet(rows=Rows(words.tobytes(), seats.ends))]


SPLIT = [X, Y, W, VX, VY, SCORE, OPEN]  # x y size vx vy conf open


class Seats(NamedTuple):
    """The messages of all slots, of which some are taken; and where the numbers go, in words of four bytes."""

    words: np.ndarray
    total: int
    ids: np.ndarray  # (taken,)
    floats: np.ndarray  # (taken, 7)
    ends: list[int]  # of the slots' messages, in bytes


@lru_cache(256)
def _seats(base: str, slots: int, taken: tuple[int, ...]) -> Seats:
    data = sized(message(f"{base}/count", "i", 0))
    ends, places = [len(data)], []
    for slot in range(slots):
        data += sized(message(f"{base}/{slot}/active", "i", int(slot in taken)))
        if slot in taken:
            for name in ("id", "x", "y", "size", "vx", "vy", "conf", "open"):
                data += sized(message(f"{base}/{slot}/{name}", "i" if name == "id" else "f", 0))
                places.append(len(data) // 4 - 1)
        ends.append(len(data))
    table = np.array(places, np.intp).reshape(-1, 8)
    return Seats(np.frombuffer(data, ">i4"), ends[0] // 4 - 1, table[:, 0], table[:, 1:], ends)


def wekinator(told: Told, style: Style) -> list[Packet | bytes]:
    """Three numbers per slot (x, y, open), always as many, zero where nobody is: what a learner takes as its input."""
    inputs = np.zeros((style.slots, 3), np.float32)
    floats, slots = told.sheet.seen(style.view), told.sheet.integers[:, SLOT]
    fits = slots < style.slots
    inputs[slots[fits]] = floats[fits][:, [X, Y, OPEN]]
    return [Packet(last=[message(style.base, "f" * inputs.size, *inputs.ravel().tolist())])]


class Layout(NamedTuple):
    port: int
    frame: Callable[[Told, Style], list[Packet | bytes]]
    bundled: bool = True  # unless the target says otherwise
    numbered: bool = False  # each packet of a frame has a number of its own
    base: str = ""  # the default of the addresses that may be chosen
    status: Callable[[Status, Style], list[Packet | bytes]] = lambda status, style: []


LAYOUTS: dict[Protocol, Layout] = {
    "tuio11": Layout(3333, tuio11),
    "tuio2": Layout(3333, tuio2, numbered=True),
    "augmenta2": Layout(12000, augmenta2, bundled=False),
    "hands": Layout(9000, hands, base="/hands", status=hands_status),
    "hands-split": Layout(9000, hands_split, base="/hands"),
    "wekinator": Layout(6448, wekinator, bundled=False, base="/wek/inputs"),
}

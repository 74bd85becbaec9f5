"""Our own layout: a message a hand, a list of who is there, and events."""

from .coordinates import SLOT, Y
from .delta import NO_CHANGE
from .encoding import Packet, built, head, joined, message, rows
from .frame_state import FrameState
from .layout import FrameUpdate, LayoutOptions, OscStatus

LONGEST_NAME, LONGEST_FAULT = 60, 400  # bytes of a zone's name, and of what is wrong
MAX_FAULTS = 8  # told of at a time


def hands(update: FrameUpdate, options: LayoutOptions) -> list[Packet | bytes]:
    """Our own layout. Leaving hands are shown once more, but not among the alive; events follow as messages."""
    state, changes, base, transform = update.state, update.delta, options.base, options.transform
    second, rest = divmod(state.captured_ns, 10**9)
    moment = (second & 0x7FFFFFFF, rest // 1000)
    frame = message(f"{base}/frame", "iiiiif", state.seq, len(state), 0, *moment, state.latency_ms)
    start = head(f"{base}/hand", "iiiifffffffff")
    each = rows(start, state.integers, state.floats_in(transform))
    if len(changes.left):
        each = joined(each, rows(start, changes.left.integers, changes.left.floats_in(transform)))
    whole = Packet([frame], each, [message(f"{base}/alive", "i" * len(state), *state.ids)])
    return [whole] if changes is NO_CHANGE else [whole, *_events(update, options)]


def _events(update: FrameUpdate, options: LayoutOptions) -> list[bytes]:
    """What happened since the frame before, in an order in which a game can follow it: first what ends."""
    state, changes, base = update.state, update.delta, options.base

    def position(name: str, of: FrameState, row: int) -> bytes:
        x, y = of.floats_in(options.transform)[row, : Y + 1].tolist()
        return message(f"{base}/{name}", "iiff", of.ids[row], int(of.integers[row, SLOT]), x, y)

    return [
        *(built(f"{base}/zone", "iisi", z.id, z.slot, _name(z.zone), 0) for z in changes.zones_left),
        *(position("leave", changes.left, row) for row in range(len(changes.left))),
        *(position("enter", state, row) for row in changes.entered),
        *(message(f"{base}/open", "ii", state.ids[row], int(state.is_open[row])) for row in changes.toggled),
        *(built(f"{base}/zone", "iisi", z.id, z.slot, _name(z.zone), 1) for z in changes.zones_entered),
        *(built(f"{base}/dwell", "iis", z.id, z.slot, _name(z.zone)) for z in changes.zones_dwelt),
    ]


def _name(zone: str) -> str:
    return zone.replace("\0", "").encode(errors="replace")[:LONGEST_NAME].decode(errors="ignore")


def hands_status(status: OscStatus, options: LayoutOptions) -> list[Packet | bytes]:
    """How it goes, and what is wrong with which node."""
    base, measures = options.base, (status.fps, status.latency_ms, status.dropped, status.uptime_s)
    faults = [built(f"{base}/fault", "ss", _name(node), _text(fault)) for node, fault in status.faults[:MAX_FAULTS]]
    return [message(f"{base}/status", "ifffi", int(status.ok), *measures), *faults]


def _text(fault: str) -> str:
    return fault.replace("\0", "").encode(errors="replace")[:LONGEST_FAULT].decode(errors="ignore")

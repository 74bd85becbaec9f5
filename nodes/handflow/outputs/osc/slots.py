"""A fixed number of slots: a message per number and slot for tools with channels, a row of inputs for learners."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from .coordinates import ID, OPEN, SCORE, SLOT, VX, VY, W, X, Y
from .encoding import Packet, Rows, message, sized
from .layout import FrameUpdate, LayoutOptions

# x y size vx vy conf open
SPLIT = [X, Y, W, VX, VY, SCORE, OPEN]


def hands_split(update: FrameUpdate, options: LayoutOptions) -> list[Packet | bytes]:
    """A message per number and slot, for tools that make a channel of each address. A slot's messages stay together."""
    state, floats = update.state, update.state.floats_in(options.transform)
    taken = state.integers[:, SLOT]
    order = np.argsort(taken)
    order = order[taken[order] < options.slots]
    messages = _slot_messages(options.base, options.slots, tuple(taken[order].tolist()))
    words = messages.words.copy()
    words[messages.total] = len(state)
    words[messages.ids] = state.integers[order, ID]
    words.view(">f4")[messages.floats] = floats[order[:, None], SPLIT]
    return [Packet(rows=Rows(words.tobytes(), messages.ends))]


class SlotMessages(NamedTuple):
    """The messages of all slots, of which some are taken; and where the numbers go, in words of four bytes."""

    words: np.ndarray
    total: int
    ids: np.ndarray  # (taken,)
    floats: np.ndarray  # (taken, 7)
    ends: list[int]  # of the slots' messages, in bytes


@lru_cache(256)
def _slot_messages(base: str, slots: int, taken: tuple[int, ...]) -> SlotMessages:
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
    return SlotMessages(np.frombuffer(data, ">i4"), ends[0] // 4 - 1, table[:, 0], table[:, 1:], ends)


def wekinator(update: FrameUpdate, options: LayoutOptions) -> list[Packet | bytes]:
    """Three numbers per slot (x, y, open), always as many, zero where nobody is: what a learner takes as its input."""
    inputs = np.zeros((options.slots, 3), np.float32)
    floats, slots = update.state.floats_in(options.transform), update.state.integers[:, SLOT]
    fits = slots < options.slots
    inputs[slots[fits]] = floats[fits][:, [X, Y, OPEN]]
    return [Packet(last=[message(options.base, "f" * inputs.size, *inputs.ravel().tolist())])]

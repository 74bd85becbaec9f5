"""Augmenta OSC v2: objects of a scene."""

import numpy as np

from .coordinates import AGE, SLOT, VX, VY, H, W, Y
from .delta import NO_CHANGE
from .encoding import Packet, Rows, head, joined, message, rows
from .frame_state import FrameState
from .layout import FrameUpdate, LayoutOptions


def augmenta2(update: FrameUpdate, options: LayoutOptions) -> list[Packet | bytes]:
    """Augmenta OSC v2, github.com/Augmenta-tech/Augmenta/wiki/Data: what happened to each hand, then the scene."""
    state, changes = update.state, update.delta
    size = options.size_m or (1.0, state.height / state.width if state.width > 0 else 1.0)
    if changes is NO_CHANGE:
        objects = _objects("update", state, update.number, options, size)
    else:
        entered = set(changes.entered)
        objects = joined(
            _objects("enter", state.pick(changes.entered), update.number, options, size),
            _objects(
                "update", state.pick([i for i in range(len(state)) if i not in entered]), update.number, options, size
            ),
            _objects("leave", changes.left, update.number, options, size),
        )
    if len(update.again):
        objects = joined(objects, _objects("leave", update.again, update.number, options, size))
    return [Packet(rows=objects, last=[message("/scene", "iiff", update.number, len(state), *size)])]


def _objects(what: str, state: FrameState, number: int, options: LayoutOptions, size: tuple[float, float]) -> Rows:
    floats = state.floats_in(options.transform)
    integers = np.empty((len(state), 3), np.int32)  # frame id slot
    integers[:, 0], integers[:, 1:] = number, state.integers[:, : SLOT + 1]
    # age cx cy vx vy orientation bx by bw bh rotation height; counter-clockwise from the right, where it moves
    measures = np.zeros((len(state), 12), np.float32)
    measures[:, 0], measures[:, 1:3], measures[:, 3:5] = floats[:, AGE], floats[:, : Y + 1], floats[:, VX : VY + 1]
    across, down = floats[:, VX] * size[0], floats[:, VY] * size[1]  # in one unit: the scene is no square
    measures[:, 5] = np.degrees(np.arctan2(-down, across)) % 360
    measures[:, 6:8], measures[:, 8:10] = floats[:, : Y + 1], floats[:, W : H + 1]
    return rows(head(f"/object/{what}", "iii" + "f" * 12), integers, measures)

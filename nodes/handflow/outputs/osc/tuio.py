"""TUIO 1.1 and 2.0: cursors, blobs and pointers."""

import numpy as np

from handflow.messages import now_ns

from .coordinates import ID, SLOT, VX, VY, H, W, Y
from .encoding import Packet, Rows, head, message, numbers, parts, room_beside, rows, sized, text
from .layout import FrameUpdate, LayoutOptions

NTP_S = 2_208_988_800  # from 1900 to 1970


def tuio11(update: FrameUpdate, options: LayoutOptions) -> list[Packet | bytes]:
    """TUIO 1.1, tuio.org/?specification: a bundle for the cursors and, if wanted, one for the blobs."""
    state, floats = update.state, update.state.floats_in(options.transform)
    ids, m = state.integers[:, : ID + 1], state.acceleration(options.transform)
    cursors = rows(head("/tuio/2Dcur", "sifffff", "set"), ids, floats[:, : Y + 1], floats[:, VX : VY + 1], m)
    packets: list[Packet | bytes] = [_profile("/tuio/2Dcur", update, cursors, options)]
    if options.blobs:  # id x y a w h f X Y A m r; a blob's angle is not known: 0, and it does not turn
        zero, area = np.zeros((len(floats), 1)), floats[:, W : W + 1] * floats[:, H : H + 1]
        start = head("/tuio/2Dblb", "sifffffffffff", "set")
        size, velocity = floats[:, W : H + 1], floats[:, VX : VY + 1]
        blobs = rows(start, ids, floats[:, : Y + 1], zero, size, area, velocity, zero, m, zero)
        packets.append(_profile("/tuio/2Dblb", update, blobs, options))
    return packets


def _profile(address: str, update: FrameUpdate, sets: Rows, options: LayoutOptions) -> Packet:
    source = head(address, "ss", "source", f"handflow@{options.address}")
    alive = message(address, "s" + "i" * len(update.state), "alive", *update.state.ids)
    return Packet([source, alive], sets, [message(address, "si", "fseq", update.number)])


def tuio2(update: FrameUpdate, options: LayoutOptions) -> list[Packet | bytes]:
    """TUIO 2.0, tuio.org/?tuio20: a pointer per hand, of unknown user and kind, without angle, shear and pressure."""
    state, floats = update.state, update.state.floats_in(options.transform)
    pointers = np.zeros((len(state), 3), np.int32)  # s_id tu_id c_id
    pointers[:, 0], pointers[:, 2] = state.integers[:, ID], state.integers[:, SLOT]
    measures = np.zeros((len(state), 11), np.float32)  # x y angle shear radius press X Y pVel m pAcc
    measures[:, :2], measures[:, 4] = floats[:, : Y + 1], floats[:, W] / 2
    measures[:, 6:8], measures[:, 9:10] = floats[:, VX : VY + 1], state.acceleration(options.transform)
    second, rest = divmod(state.captured_ns or now_ns(), 10**9)
    size = min(max(state.width, 0), 0x7FFF) << 16 | min(max(state.height, 0), 0xFFFF)
    # python-osc packs no time tag among the arguments.
    start, source = b"/tuio2/frm\0\0,itis\0\0\0", text(f"handflow:cam@{options.address}")
    rest_of_head = numbers("IIi").pack((second + NTP_S) & 0xFFFFFFFF, (rest << 32) // 10**9, size) + source
    alive = message("/tuio2/alv", "i" * len(state), *state.ids)
    pointing = rows(head("/tuio2/ptr", "iii" + "f" * 11), pointers, measures)
    room = room_beside(sized(start + bytes(4) + rest_of_head) + sized(alive))
    # Clients take the first bundle with a number for the whole frame: each part has one of its own, and they add up.
    return [
        Packet([start + numbers("i").pack(update.number + part) + rest_of_head], Rows(data, [len(data)]), [alive])
        for part, data in enumerate(parts(pointing, room))
    ]

"""Gestures as OSC, beside the frames: nothing that begins or ends is lost where a target wants few frames a second."""

import numpy as np

from handflow.messages import Gestures, Phase

from .coordinates import SLOT, X, Y
from .encoding import Packet, built
from .frame_state import FrameState, no_floats
from .layout import LayoutOptions
from .sent_gesture import SentGesture


class GestureChanges:
    """What of the gestures goes on. A message that was skipped may have held a beginning or an end."""

    def __init__(self) -> None:
        self.going: dict[tuple[str, int], SentGesture] = {}

    def step(self, gestures: Gestures, state: FrameState) -> list[SentGesture]:
        """The gestures of a frame, each with a beginning and an end; ends first."""
        slots = dict(zip(state.ids, state.integers[:, SLOT].tolist(), strict=True))
        columns = [
            getattr(gestures, name).tolist()
            for name in ("hand", "phase", "progress", "confidence", "xy", "rate", "strength")
        ]
        going: dict[tuple[str, int], SentGesture] = {}
        for name, hands, phase, *rest in zip(gestures.name, *columns, strict=True):
            progress, confidence, (x, y), rate, strength = rest
            if phase == Phase.END:
                continue
            phase = Phase.PROGRESS if (name, hands[0]) in self.going else Phase.START
            first, second = (slots.get(id_, -1) for id_ in hands)
            going[name, hands[0]] = SentGesture(
                name, (hands[0], hands[1]), (first, second), phase, progress, confidence, (x, y), rate, strength
            )
        ended = [each._replace(phase=Phase.END) for key, each in self.going.items() if key not in going]
        self.going = going
        return [*ended, *going.values()]


def hands_gestures(gestures: list[SentGesture], options: LayoutOptions) -> list[Packet | bytes]:
    """`/hands/gesture ,siiiffffff name id id2 phase progress confidence x y rate strength`."""
    floats = no_floats(len(gestures))
    floats[:, X : Y + 1] = np.array([each.xy for each in gestures]).reshape(-1, 2)
    places = options.transform.apply(floats, np.zeros((len(gestures), 2), np.float32))[0][:, : Y + 1].tolist()
    return [
        built(
            f"{options.base}/gesture", "siiiffffff", each.name, *each.hands, int(each.phase), each.progress,
            each.confidence, *place, each.rate, each.strength,
        )
        for each, place in zip(gestures, places, strict=True)
    ]  # fmt: skip


def split_gestures(gestures: list[SentGesture], options: LayoutOptions) -> list[Packet | bytes]:
    """`/hands/<slot>/gesture/<name> ,i 1|0` as it begins and ends, for each of its hands that has a slot."""
    return [
        built(f"{options.base}/{slot}/gesture/{each.name}", "i", int(each.phase == Phase.START))
        for each in gestures
        if each.phase != Phase.PROGRESS
        for slot in each.slots
        if 0 <= slot < options.slots
    ]

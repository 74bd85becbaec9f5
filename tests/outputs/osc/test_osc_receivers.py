"""Every layout read by receivers that nobody here wrote: what they hear is what the hands say it must be.

`Expected` says it anew, straight from the hands and the layouts' descriptions, without a line of the stage's own.
"""

import math
from pathlib import Path
from typing import Any, get_args
from unittest.mock import ANY

import numpy as np
import pytest
from support.osc_receivers import Heard, Liblo, NpmOsc, Oscdump, Oscpack, PureData

from handflow import Hands, State
from handflow.outputs.osc.layout import Protocol
from handflow.stages.osc import Osc, Target
from handflow.synthetic.patterns import Crowd

pytestmark = pytest.mark.usefixtures("osc_in_no_time")


PROTOCOLS = get_args(Protocol)
SLOTS = 12
RECEIVERS = (Liblo, NpmOsc, Oscdump, Oscpack, PureData)
F = np.float32


class Expected:
    """What a target of each protocol must hear, frame by frame."""

    def __init__(self, first: int, protocols: list[Protocol]) -> None:
        self.number, self.protocols = first - 1, protocols
        self.size, self.moment = (0, 0), (0, 0)  # of the last picture
        self.slots: dict[int, int] = {}
        self.before: dict[int, dict[str, Any]] = {}  # the hands of the frame before
        self.left: dict[int, dict[str, Any]] = {}  # who went in the frame before
        self.at_s = 0.0

    def frame(self, hands: Hands | None) -> list[Heard]:
        """The messages of a frame on all protocols, in their order; None: nobody is there."""
        self.number += 1
        now = self.read(hands)
        seconds = 0.0 if hands is None else hands.captured_ns / 1e9 - self.at_s
        for id_, hand in now.items():
            was = self.before.get(id_)
            change = hand["speed"] - was["speed"] if was else 0.0
            hand["m"] = change / seconds if seconds > 0 else 0.0
        gone = {id_: hand for id_, hand in self.before.items() if id_ not in now}
        heard = []
        for protocol in self.protocols:
            heard += getattr(self, protocol.replace("-", "_"))(hands, now, gone)
        if hands is not None:
            self.at_s, self.size = hands.captured_ns / 1e9, (hands.width, hands.height)
        self.before, self.left = now, gone
        return heard

    def read(self, hands: Hands | None) -> dict[int, dict[str, Any]]:
        there = {} if hands is None else {
            int(id_): row for row, id_ in enumerate(hands.id) if hands.state[row] != State.LEAVING
        }  # fmt: skip
        taken = set(self.slots.values())
        free = (slot for slot in range(1000) if slot not in taken)
        self.slots = {id_: self.slots[id_] if id_ in self.slots else next(free) for id_ in there}
        found = {}
        for id_, row in there.items():
            (x, y), (vx, vy) = np.clip(hands.xy[row], 0, 1).tolist(), hands.velocity[row].tolist()
            w = 2 * float(hands.radius[row])
            found[id_] = {
                "slot": self.slots[id_], "state": int(hands.state[row]), "zone": int(hands.zone[row]),
                "zone_name": hands.zones[hands.zone[row]], "dwelt": bool(hands.dwelt[row]),
                "x": x, "y": y, "vx": vx, "vy": vy, "w": w, "h": w * hands.width / hands.height,
                "score": float(hands.score[row]), "age": float(hands.age[row]), "open": float(hands.open[row]),
                "is_open": bool(hands.is_open[row]), "speed": math.hypot(vx, vy),
            }  # fmt: skip
        return found

    def tuio11(self, hands: Hands | None, now: dict, gone: dict) -> list[Heard]:
        heard = []
        for profile in ("/tuio/2Dcur", "/tuio/2Dblb"):
            heard += [
                Heard(profile, "ss", ["source", "handflow@127.0.0.1"]),
                Heard(profile, "s" + "i" * len(now), ["alive", *now]),
            ]
            for id_, h in now.items():
                if profile == "/tuio/2Dcur":
                    values = [h["x"], h["y"], h["vx"], h["vy"], h["m"]]
                else:
                    shape = [0, h["w"], h["h"], h["w"] * h["h"]]
                    values = [h["x"], h["y"], *shape, h["vx"], h["vy"], 0, h["m"], 0]
                heard.append(Heard(profile, "si" + "f" * len(values), ["set", id_, *values]))
            heard.append(Heard(profile, "si", ["fseq", self.number]))
        return heard

    def tuio2(self, hands: Hands | None, now: dict, gone: dict) -> list[Heard]:
        width, height = self.picture(hands)
        dim = width << 16 | height
        heard = [Heard("/tuio2/frm", "itis", [self.number, ANY, dim, "handflow:cam@127.0.0.1"])]
        for id_, h in now.items():
            values = [h["x"], h["y"], 0, 0, h["w"] / 2, 0, h["vx"], h["vy"], 0, h["m"], 0]
            heard.append(Heard("/tuio2/ptr", "iii" + "f" * 11, [id_, 0, h["slot"], *values]))
        return [*heard, Heard("/tuio2/alv", "i" * len(now), [*now])]

    def picture(self, hands: Hands | None) -> tuple[int, int]:
        return self.size if hands is None else (hands.width, hands.height)

    def augmenta2(self, hands: Hands | None, now: dict, gone: dict) -> list[Heard]:
        width, height = self.picture(hands)
        aspect = height / width if width else 1

        def direction(h: dict) -> float:
            return math.degrees(math.atan2(-h["vy"] * aspect, h["vx"])) % 360

        def objects(what: str, of: dict) -> list[Heard]:
            return [
                Heard(f"/object/{what}", "iii" + "f" * 12, [
                    self.number, id_, h["slot"], h["age"], h["x"], h["y"], h["vx"], h["vy"],
                    direction(h), h["x"], h["y"], h["w"], h["h"], 0, 0,
                ]) for id_, h in of.items()
            ]  # fmt: skip

        new = {id_: h for id_, h in now.items() if id_ not in self.before}
        old = {id_: h for id_, h in now.items() if id_ in self.before}
        scene = Heard("/scene", "iiff", [self.number, len(now), 1, aspect])
        left = [*objects("leave", gone), *objects("leave", self.left)]
        return [*objects("enter", new), *objects("update", old), *left, scene]

    def hands(self, hands: Hands | None, now: dict, gone: dict) -> list[Heard]:
        seq, at_ns = (hands.seq, hands.captured_ns) if hands else self.moment
        self.moment = seq, at_ns
        values = [seq, len(now), 0, at_ns // 10**9, at_ns % 10**9 // 1000, ANY]
        heard = [Heard("/hands/frame", "iiiiif", values)]
        for of, state in ((now, None), (gone, 3)):
            for id_, h in of.items():
                whole = [id_, h["slot"], h["state"] if state is None else state, h["zone"]]
                measures = [h[name] for name in ("x", "y", "w", "h", "vx", "vy", "score", "age", "open")]
                heard.append(Heard("/hands/hand", "iiii" + "f" * 9, [*whole, *measures]))
        heard.append(Heard("/hands/alive", "i" * len(now), [*now]))

        def zone(id_: int, h: dict, inside: int) -> Heard:
            return Heard("/hands/zone", "iisi", [id_, h["slot"], h["zone_name"], inside])

        def place(name: str, id_: int, h: dict) -> Heard:
            return Heard(f"/hands/{name}", "iiff", [id_, h["slot"], h["x"], h["y"]])

        moved = {i for i, h in now.items() if i in self.before and self.before[i]["zone"] != h["zone"]}
        new = [id_ for id_ in now if id_ not in self.before]
        heard += [zone(id_, self.before[id_], 0) for id_ in now if id_ in moved]
        heard += [zone(id_, h, 0) for id_, h in gone.items()]
        heard += [place("leave", id_, h) for id_, h in gone.items()]
        heard += [place("enter", id_, now[id_]) for id_ in new]
        heard += [
            Heard("/hands/open", "ii", [id_, int(h["is_open"])])
            for id_, h in now.items() if h["is_open"] != self.before.get(id_, {"is_open": False})["is_open"]
        ]  # fmt: skip
        heard += [zone(id_, h, 1) for id_, h in now.items() if id_ in moved or id_ in new]
        return heard + [
            Heard("/hands/dwell", "iis", [id_, h["slot"], h["zone_name"]])
            for id_, h in now.items()
            if h["dwelt"] and not (id_ in self.before and self.before[id_]["dwelt"] and id_ not in moved)
        ]

    def hands_split(self, hands: Hands | None, now: dict, gone: dict) -> list[Heard]:
        heard = [Heard("/hands/count", "i", [len(now)])]
        seated = {h["slot"]: (id_, h) for id_, h in now.items()}
        for slot in range(SLOTS):
            base = f"/hands/{slot}"
            heard.append(Heard(f"{base}/active", "i", [int(slot in seated)]))
            if slot in seated:
                id_, h = seated[slot]
                heard.append(Heard(f"{base}/id", "i", [id_]))
                names = {"x": "x", "y": "y", "size": "w", "vx": "vx", "vy": "vy", "conf": "score", "open": "open"}
                heard += [Heard(f"{base}/{name}", "f", [h[key]]) for name, key in names.items()]
        return heard

    def wekinator(self, hands: Hands | None, now: dict, gone: dict) -> list[Heard]:
        values = [0.0] * (3 * SLOTS)
        for h in now.values():
            values[3 * h["slot"] : 3 * h["slot"] + 3] = [h["x"], h["y"], h["open"]]
        return [Heard("/wek/inputs", "f" * len(values), values)]


def same(expected: object, found: object) -> bool:
    if isinstance(expected, str) or expected is ANY:
        return expected == found
    return math.isclose(float(found), expected, rel_tol=1e-5, abs_tol=1e-5)  # type: ignore[arg-type]


def compare(expected: list[Heard], found: list[Heard]) -> None:
    assert len(found) == len(expected)
    for want, got in zip(expected, found, strict=True):
        if got.tags is None:  # Pure Data: one list of words
            want = Heard("", None, [*want.address[1:].split("/"), *want.values])
        assert (got.address, got.tags, len(got.values)) == (want.address, want.tags, len(want.values)), (want, got)
        assert all(map(same, want.values, got.values)), (want, got)


def hear_everything(kind: type, folder: Path, frames: int) -> None:
    """Sends frames on all layouts to one receiver, and compares message by message."""
    receiver = kind(folder)
    # Pure Data's oscparse knows no time tag among the arguments.
    protocols = [protocol for protocol in PROTOCOLS if (kind, protocol) != (PureData, "tuio2")]
    targets = [Target(protocol=protocol, port=receiver.port, slots=SLOTS, blobs=True) for protocol in protocols]
    node, crowd = Osc(targets=targets), Crowd("storm", SLOTS, zones=True)
    node.start()
    try:
        expected = Expected(node.first, protocols)
        wanted = expected.frame(None)
        for seq in range(1, frames + 1):
            hands = crowd.at(seq / 30)
            hands.stream, hands.seq, hands.captured_ns = 1, seq, 10**18 + seq * 10**9 // 30
            node.process(hands)
            wanted += expected.frame(hands)
            if seq % 4 == 0:  # no receiver's buffer overflows
                receiver.wait(len(wanted))
        assert hands.id.max() > frames / 4  # they came and went
    finally:
        node.stop()
    wanted += expected.frame(None) + expected.frame(None)
    receiver.wait(len(wanted))
    heard = receiver.heard()
    receiver.close()
    compare(wanted, heard)


@pytest.mark.parametrize("kind", RECEIVERS, ids=lambda kind: kind.__name__)
def test_receivers_hear_what_the_hands_say(kind: type, tmp_path: Path) -> None:
    hear_everything(kind, tmp_path, 40)


@pytest.mark.slow
@pytest.mark.parametrize("kind", RECEIVERS, ids=lambda kind: kind.__name__)
def test_receivers_hear_a_thousand_frames(kind: type, tmp_path: Path) -> None:
    hear_everything(kind, tmp_path, 1000)

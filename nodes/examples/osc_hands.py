"""Prints the hands that `osc` sends in the layout `hands`. Needs `pip install python-osc`.

python osc_hands.py [9000]
"""

import sys

from pythonosc.dispatcher import Dispatcher
from pythonosc.osc_server import BlockingOSCUDPServer

NAMES = ("id", "slot", "state", "zone", "x", "y", "w", "h", "vx", "vy", "confidence", "age", "open")
hands: dict[float, dict[str, float]] = {}


def hand(address: str, *values: float) -> None:
    named = dict(zip(NAMES, values, strict=True))
    if named["state"] != 3:  # 3: leaving
        hands[named["id"]] = named


def alive(address: str, *ids: int) -> None:  # ends a frame, or a part of a large one: whoever is not in it has left
    for id_ in hands.keys() - set(ids):
        del hands[id_]
    there = [f"{h['id']} at {h['x']:.2f} {h['y']:.2f}{' open' if h['open'] >= 0.5 else ''}" for h in hands.values()]
    print(", ".join(there) or "no hands", flush=True)


def event(address: str, *values: object) -> None:  # enter, leave: id slot x y; open: id 0|1; zone: id slot name inside
    print(address.removeprefix("/hands/"), *values, flush=True)


def gesture(address: str, name: str, id_: int, second: int, phase: int, *values: float) -> None:
    if name == "wave" and phase == 0:  # 0: it begins; 1: it goes on; 2: it ends
        print(f"{id_} waves: hello!", flush=True)


dispatcher = Dispatcher()
dispatcher.map("/hands/hand", hand)
dispatcher.map("/hands/alive", alive)
dispatcher.map("/hands/gesture", gesture)
for name in ("enter", "leave", "open", "zone"):
    dispatcher.map(f"/hands/{name}", event)

port = int(sys.argv[1]) if len(sys.argv) > 1 else 9000
BlockingOSCUDPServer(("0.0.0.0", port), dispatcher).serve_forever()

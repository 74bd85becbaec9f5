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


dispatcher = Dispatcher()
dispatcher.map("/hands/hand", hand)
dispatcher.map("/hands/alive", alive)
for name in ("enter", "leave", "open", "zone"):
    dispatcher.map(f"/hands/{name}", event)

port = int(sys.argv[1]) if len(sys.argv) > 1 else 9000
BlockingOSCUDPServer(("0.0.0.0", port), dispatcher).serve_forever()

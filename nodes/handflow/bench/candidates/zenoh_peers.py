"""zenoh with shared memory: a session a process, joined directly. `zenoh_peers.py CASE` starts a process a ROLE."""

import json
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import measure
import numpy as np

STAMP = struct.Struct("<Qq")  # number, when it was sent


def session(case: measure.Case, hop: int, listens: bool = True) -> Any:
    """Hop 0 is the source; each hop listens on a socket of its own and connects to the one before."""
    import zenoh

    while hop and not Path(f"{case.folder}/hop{hop - 1}").exists():  # who connects too early is not joined at all
        time.sleep(0.05)
    config = zenoh.Config()
    settings = {
        "mode": "peer",
        "scouting/multicast/enabled": False,
        "scouting/gossip/enabled": False,
        "transport/shared_memory/enabled": True,
        "listen/endpoints": [f"unixsock-stream/{case.folder}/hop{hop}"] if listens else [],
        "connect/endpoints": [f"unixsock-stream/{case.folder}/hop{hop - 1}"] if hop else [],
    }
    for key, value in settings.items():
        config.insert_json5(key, json.dumps(value))
    return zenoh.open(config)


class ZenohSender:
    """Puts pictures into zenoh's shared memory and publishes them."""

    def __init__(self, opened: Any, key: str, nbytes: int) -> None:
        import zenoh

        self.shm = zenoh.shm
        self.provider = zenoh.shm.ShmProvider.default_backend(16 * nbytes + (1 << 20))
        self.publisher = opened.declare_publisher(key, congestion_control=zenoh.CongestionControl.BLOCK)

    def send(self, image: np.ndarray, stamp: bytes) -> None:
        slot = self.provider.alloc(image.nbytes, policy=self.shm.BlockOn(self.shm.GarbageCollect()))
        slot[:] = image.tobytes()
        self.publisher.put(slot, attachment=stamp)


def source(case: measure.Case) -> None:
    with session(case, 0) as opened:
        feed = measure.PictureFeed(case)
        image = np.empty(case.shape, np.uint8)
        sender = ZenohSender(opened, "hop/0", image.nbytes)
        time.sleep(2)  # the others connect
        for number, wait_s in feed.due():
            time.sleep(wait_s)
            feed.draw(number, image)
            sender.send(image, STAMP.pack(number, time.monotonic_ns()))
        time.sleep(600)


def relay(case: measure.Case, hop: int) -> None:
    with session(case, hop) as opened:
        sender = ZenohSender(opened, f"hop/{hop}", int(np.prod(case.shape)))
        samples = opened.declare_subscriber(f"hop/{hop - 1}")  # held by a name: else it ends at once
        for sample in samples:
            image = np.frombuffer(sample.payload.to_bytes(), np.uint8)
            sender.send(image, sample.attachment.to_bytes())


def sink(case: measure.Case, name: str) -> None:
    taken = measure.ReaderNotes(case, name)
    with session(case, case.hops, listens=False) as opened:
        samples = opened.declare_subscriber(f"hop/{case.hops - 1}")
        for sample in samples:
            number, sent_ns = STAMP.unpack(sample.attachment.to_bytes())
            image = np.frombuffer(sample.payload.to_bytes(), np.uint8)
            taken.take(number, time.monotonic_ns() - sent_ns, image)


if __name__ == "__main__":
    case = measure.read(sys.argv[1])
    if len(sys.argv) == 2:
        roles = ["source", *(f"relay{hop}" for hop in range(1, case.hops)), *(f"sink{n}" for n in range(case.readers))]
        for process in [subprocess.Popen([sys.executable, __file__, sys.argv[1], role]) for role in roles]:
            process.wait()
    elif sys.argv[2] == "source":
        source(case)
    elif sys.argv[2].startswith("relay"):
        relay(case, int(sys.argv[2].removeprefix("relay")))
    else:
        sink(case, sys.argv[2])

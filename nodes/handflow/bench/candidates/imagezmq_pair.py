"""imagezmq, asking and answering (its default), one reader. `imagezmq_pair.py CASE` starts the reader itself."""

import subprocess
import sys
import time

import imagezmq
import measure
import numpy as np


def source(case: measure.Case, place: str) -> None:
    sender, feed = imagezmq.ImageSender(connect_to=place), measure.PictureFeed(case)
    image = np.empty(case.shape, np.uint8)
    for number, wait_s in feed.due():
        time.sleep(wait_s)
        feed.draw(number, image)
        sender.send_image(f"{number} {time.monotonic_ns()}", image)
    time.sleep(600)


def sink(case: measure.Case, place: str) -> None:
    hub, taken = imagezmq.ImageHub(open_port=place), measure.ReaderNotes(case, "sink0")
    while True:
        text, image = hub.recv_image()
        late_ns = time.monotonic_ns() - int(text.split()[1])
        hub.send_reply(b"OK")
        taken.take(int(text.split()[0]), late_ns, image)


if __name__ == "__main__":
    case = measure.read(sys.argv[1])
    place = f"ipc://{case.folder}/imagezmq"
    if len(sys.argv) == 2:
        with subprocess.Popen([sys.executable, __file__, sys.argv[1], "sink"]):
            source(case, place)
    else:
        sink(case, place)

"""Ours: the end that sends."""

import time
from collections.abc import Iterator
from typing import Annotated

import numpy as np

from handflow.messages import Frame, now_ns
from handflow.runtime.node import Node

from . import measure


class BenchSource(Node):
    """Sends drawn pictures at their times."""

    case: Annotated[str, "file of the case"]
    in_place: Annotated[bool, "draw into the slot that is sent"] = True

    def process(self) -> Iterator[Frame | None]:
        feed = measure.PictureFeed(measure.read(self.case))
        image = np.empty(feed.case.shape, np.uint8)
        for number, wait_s in feed.due():
            time.sleep(wait_s)
            if self.in_place:
                image = self.empty(feed.case.shape, "uint8")
            feed.draw(number, image)
            yield Frame(image=image, captured_ns=now_ns(), seq=number + 1)
        while True:  # the readers' processor time is asked for before they end
            time.sleep(0.5)
            yield None

"""Ours: a process in between, which passes the picture on."""

from handflow.messages import Frame
from handflow.runtime.node import Node


class BenchRelay(Node):
    """Sends on what it reads."""

    def process(self, frame: Frame) -> Frame:
        return Frame(image=frame.image)

"""A graph of two machines."""

NODES = {
    "ticker.py": """
from collections.abc import Iterator
from handflow import Frame, Node, ticks

class Ticker(Node):
    fps: float = 20
    frames: int = 0

    def process(self) -> Iterator[Frame]:
        for number, _ in enumerate(ticks(self.fps)):
            if self.frames and number >= self.frames:
                return
            image = self.empty((180, 320, 3), "uint8")
            image[:] = number % 250
            yield Frame(image=image)
""",
    "passer.py": """
from handflow import Frame, Node

class Passer(Node):
    def process(self, frame: Frame) -> Frame:
        return Frame(image=frame.image)
""",
    "tap.py": """
from handflow import Frame, Node, now_ns

class Tap(Node):
    file: str

    def start(self):
        self.out = open(self.file, "a", buffering=1)

    def process(self, frame: Frame, other: Frame | None) -> None:
        age = (now_ns() - frame.captured_ns) / 1e6
        off = abs(float(frame.image.mean()) - (frame.seq - 1) % 250)
        hops = [(h.node, h.received_ns, h.sent_ns) for h in frame.hops]
        print(repr((frame.seq, age, off, frame.image.shape, other is not None, hops)), file=self.out)
""",
}

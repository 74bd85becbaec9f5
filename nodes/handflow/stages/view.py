"""Frame (and Heatmap and Hands, if wired) -> a page with the live picture: what the pipeline sees, as it sees it.

What is drawn lies on its own frame: the last of the wired inputs drives, the others are looked up by frame. The page is
sent a picture only when it has drawn the one before; while none is open, nothing is encoded (4 ms of a core a picture).
"""

import time
from typing import Annotated

import cv2

from handflow import Frame, Hands, Heatmap, Message, Node, Range
from handflow.outputs.json_line import frame_line, hand_lines, present_rows
from handflow.outputs.page import RateMeter, maps, pack, page_jpeg
from handflow.runtime.address import refuse_outside
from handflow.web.health import HealthPages
from handflow.web.server import STATIC, WebServer

PAGE = STATIC / "view"
Side = Annotated[int, Range(16, 8192)]


class View(Node):
    """Shows the picture with the heatmap and the hands on a page, to any number of viewers."""

    port: Annotated[int, Range(0, 65535), "the page is at http://127.0.0.1:PORT; 0: any free one, said in the log"] = (
        8088
    )
    address: Annotated[str, "where it listens; 0.0.0.0: a phone may see it, which needs insecure: true"] = "127.0.0.1"
    insecure: Annotated[bool, "whoever reaches the address may see the page"] = False
    size: Annotated[tuple[Side, Side], "largest width and height of the pictures sent; aspect kept"] = (960, 540)
    quality: Annotated[int, Range(1, 100), "of their JPEGs"] = 75

    def __post_init__(self) -> None:
        refuse_outside(self.address, self.insecure)

    def start(self) -> None:
        cv2.setNumThreads(1)
        self.meter = RateMeter()
        self.web = WebServer(PAGE, self.address, self.port)
        self.stream = self.web.stream("/live")
        HealthPages(self.graph.get("file", ""), self.graph.get("on", "")).add_to(self.web)
        self.web.start()
        self.log.info("the page is at %s", self.web.url)

    def process(self, hands: Hands | None, heatmap: Heatmap | None, frame: Frame) -> None:
        driving = hands or heatmap or frame
        self.meter.count(driving, time.monotonic())
        self.note = f"{self.web.url}, {self.stream.viewers} viewers" if self.stream.viewers else self.web.url
        if self.stream.wanted:
            self.stream.send(self._message(driving, hands, heatmap, frame))

    def stop(self) -> None:
        self.web.close()

    def _message(self, driving: Message, hands: Hands | None, heatmap: Heatmap | None, frame: Frame) -> bytes:
        height, width = frame.image.shape[:2]
        lines = []
        if hands is not None:
            opens = hands.is_open[present_rows(hands)].tolist()
            lines = [{**line, "is_open": is_open} for line, is_open in zip(hand_lines(hands), opens, strict=True)]
        t = (frame.captured_ns - frame.stream) / 1e9
        head = frame_line("", frame.seq - 1, t, width, height, lines) | {
            # As text: JavaScript's numbers cannot hold it.
            "stream": str(frame.stream),
            "fps": round(self.meter.fps, 1),
            "age_ms": round(self.meter.age_ms, 1),
            "stages": [[hop.node, round((hop.sent_ns - hop.received_ns) / 1e6, 1)] for hop in driving.hops],
            "map": heatmap
            and {
                "shape": heatmap.values.shape,
                "scale": heatmap.scale.tolist(),
                "shift": heatmap.shift.tolist(),
            },
        }
        return pack(
            head, maps(heatmap) if heatmap is not None else b"", page_jpeg(frame.image, self.size, self.quality)
        )

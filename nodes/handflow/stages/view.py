"""Frame (and Heatmap, Hands and Flow, if wired) -> a page with the live picture: what the pipeline sees, as it sees it,
and the graph's table, settings and log.

What is drawn lies on its own frame: the last of the wired inputs drives, the others are looked up by frame. The page is
sent a picture only when it has drawn the one before; while none is open, nothing is encoded (4 ms of a core a picture).
"""

import time
from typing import Annotated

import cv2

from handflow import Flow, Frame, Hands, Heatmap, Node, Range, now_ns
from handflow.outputs.json_line import frame_line
from handflow.outputs.page import RateMeter, maps, pack, page_hands, page_jpeg, passage, vectors
from handflow.runtime.address import refuse_outside
from handflow.web.cockpit import Cockpit
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
        for pages in (HealthPages, Cockpit):
            pages(self.graph.get("file", ""), self.graph.get("on", "")).add_to(self.web)
        self.web.start()
        self.log.info("the page is at %s", self.web.url)

    def changed(self, name: str) -> bool:
        # The next picture is made as they say.
        return name not in ("size", "quality")

    def process(self, hands: Hands | None, heatmap: Heatmap | None, frame: Frame, flow: Flow | None = None) -> None:
        received_ns = now_ns()
        self.meter.count(hands or heatmap or frame, time.monotonic())
        self.note = f"{self.web.url}, {self.stream.viewers} viewers" if self.stream.viewers else self.web.url
        if self.stream.wanted:
            self.stream.send(self._message(hands, heatmap, frame, flow, received_ns))

    def stop(self) -> None:
        self.web.close()

    def _message(
        self, hands: Hands | None, heatmap: Heatmap | None, frame: Frame, flow: Flow | None, received_ns: int
    ) -> bytes:
        height, width = frame.image.shape[:2]
        jpeg = page_jpeg(frame.image, self.size, self.quality)
        arrows = vectors(flow) if flow is not None else None
        inputs = [message for message in (frame, flow, heatmap, hands) if message is not None]
        own = (self.log.name, *((ns - frame.captured_ns) / 1e6 for ns in (received_ns, now_ns())))
        t = (frame.captured_ns - frame.stream) / 1e9
        head = frame_line("", frame.seq - 1, t, width, height, [] if hands is None else page_hands(hands)) | {
            # As text: JavaScript's numbers cannot hold it.
            "stream": str(frame.stream),
            "fps": round(self.meter.fps, 1),
            "age_ms": round(self.meter.age_ms, 1),
            "stages": [*passage(inputs), own],
            "map": heatmap
            and {
                "shape": heatmap.values.shape,
                "scale": heatmap.scale.tolist(),
                "shift": heatmap.shift.tolist(),
            },
            "flow": None
            if flow is None or arrows is None
            else {"shape": arrows.shape[:2], "span_s": (flow.captured_ns - flow.since_ns) / 1e9},
        }
        return pack(
            head,
            maps(heatmap) if heatmap is not None else b"",
            b"" if arrows is None else arrows.tobytes(),
            jpeg,
        )

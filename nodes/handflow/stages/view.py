"""Frame, Heatmap, Hands, Flow and Gestures, what of them is wired -> a page with the live picture, the graph's table,
settings and log; and hands and pictures for the pages of others.

What is drawn lies on its own frame: the last of the wired inputs drives, the others are looked up by frame. Every
frame's hands are read; pictures are made when somebody is ready for one (4 ms of a core each). While nobody looks,
nothing is read at all.
"""

import math
import re
import time
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np

from handflow import Flow, Frame, Gestures, Hands, Heatmap, Node, Range, SetupError, now_ns
from handflow.capture.transform import transform
from handflow.outputs.drawing import draw
from handflow.outputs.json_line import frame_line, gesture_lines, hand_lines
from handflow.outputs.live_lines import LiveLines
from handflow.outputs.page import RateMeter, maps, pack, page_hands, page_jpeg, passage, vectors, window_boxes
from handflow.runtime.address import outside
from handflow.runtime.transport.jpeg import encode
from handflow.web.cockpit import PORT, Cockpit
from handflow.web.feeds import FrameFeed, LineFeed
from handflow.web.health import HealthPages
from handflow.web.security import Access, page_token, tls
from handflow.web.server import STATIC, WebServer

PAGES = STATIC / "view"
OTHER_PORTS = 20  # that are tried if the port is taken: another graph's page may have it
LOST_S = 1.0  # no hands message for this long: nobody is there any more
LATE_S = 0.1  # whoever is further behind makes no picture
REST_S = 2.0  # nobody has looked for this long
ORIGIN = re.compile(r"https?://[^/\s?#@]+")
Side = Annotated[int, Range(16, 8192)]


class View(Node):
    """Shows the frames with the heatmap and the hands on a page, to any number of viewers."""

    keep = {"hands": "all"}
    gives_way = True

    port: Annotated[
        int, Range(0, 65535), "the page is at http://127.0.0.1:PORT, or at the next port that is free; 0: any"
    ] = 8088
    address: Annotated[
        str, "where it listens; 0.0.0.0: phones and other machines too, with the token of the printed address"
    ] = "127.0.0.1"
    insecure: Annotated[bool, "no token: whoever reaches the address may see the page"] = False
    cors: Annotated[tuple[str, ...], "sites whose pages may read hands and images: https://game.example, null, *"] = ()
    certificate: Annotated[str, "PEM file, for https; beside the graph"] = ""
    certificate_key: Annotated[str, "its key, if that is in a file of its own"] = ""
    size: Annotated[tuple[Side, Side], "largest width and height of the images sent; aspect kept"] = (960, 540)
    quality: Annotated[int, Range(1, 100), "of their JPEGs"] = 75
    name: Annotated[str, "what stands as `source` in each line"] = "live"

    def __post_init__(self) -> None:
        for origin in self.cors:
            if origin not in ("*", "null") and not ORIGIN.fullmatch(origin):
                raise SetupError(f"cors: expected https://HOST or http://HOST:PORT, null or *, got {origin!r}")
        if self.certificate_key and not self.certificate:
            raise SetupError("certificate_key needs a certificate; got none")

    def first_line(self) -> str:
        if not self.port:
            return ""  # the log says it
        try:
            web = self._server()
            web.listen()
        except SetupError:
            return ""  # as `start` will say
        web.close()
        return f"the page is at {web.url}{f'?token={web.access.token}' if web.access.token else ''}"

    def start(self) -> None:
        cv2.setNumThreads(1)
        self.meter = RateMeter()
        self.web = self._server()
        self.stream = self.web.stream("/live")
        self.lines = LiveLines(self.name, LOST_S, self.persistent)
        self.line_feed, self.pictures = LineFeed(), FrameFeed()
        self.web.route("/hands", self.line_feed.serve, self.line_feed.close, shared=True)
        self.web.route("/hands.json", self.line_feed.line, shared=True)
        self.web.route("/frame.jpg", self.pictures.picture, shared=True)
        self.web.route("/frames.mjpg", self.pictures.film, self.pictures.close, shared=True)
        for pages in (HealthPages, Cockpit):
            pages(self.graph.get("file", ""), self.graph.get("on", "")).add_to(self.web)
        self.web.start()
        self.note, self.persistent[PORT] = self.web.url, self.web.port
        if self.port != self.web.port:
            taken = f"port {self.port} is taken; " if self.port else ""
            self.log.info("%sthe page is at %s", taken, self.web.url)
        # Not before the first message: at the start those that feed it wait for all who listen.
        self.wanted_s = math.inf

    def changed(self, name: str) -> bool:
        # The next picture is made as they say.
        return name not in ("size", "quality")

    def process(
        self,
        hands: Hands | None,
        heatmap: Heatmap | None,
        frame: Frame | None,
        flow: Flow | None = None,
        gestures: Gestures | None = None,
    ) -> None:
        received_ns = now_ns()
        driving = hands or heatmap or frame or flow or gestures
        assert driving is not None
        self.meter.count(driving, time.monotonic())
        self.wanted_s = min(self.wanted_s, time.monotonic())
        self._note()
        for line in self.lines.of(hands, gestures) if hands is not None else ():
            self.line_feed.send(line)
        # Lines are for everybody who counts on them; whoever only looks must not hold them up.
        late = bool(driving.hops) and received_ns - driving.hops[-1].sent_ns > LATE_S * 1e9
        if frame is None or late:
            return
        if self.stream.wanted:
            self.stream.send(self._message(hands, heatmap, frame, flow, gestures, received_ns))
        self._send_pictures(hands, frame)

    def idle(self) -> None:
        self._note()
        for line in self.lines.overdue():
            self.line_feed.send(line)

    def resting(self) -> bool:
        now = time.monotonic()
        if self.stream.wanted or self.line_feed.wanted or self.pictures.wanted:
            self.wanted_s = now
            return False
        if now - self.wanted_s < REST_S:
            return False
        self.lines.pause()
        return True

    def stop(self) -> None:
        for line in self.lines.last():
            self.line_feed.send(line)
        self.web.close()

    def _server(self) -> WebServer:
        token = page_token() if outside(self.address) and not self.insecure else ""
        folder = Path(self.graph.get("file", "")).parent
        key = folder / self.certificate_key if self.certificate_key else None
        context = tls(folder / self.certificate, key) if self.certificate else None
        return WebServer(PAGES, self.address, self.port, Access(token, self.cors), context, OTHER_PORTS)

    def _note(self) -> None:
        viewers = self.stream.viewers + self.line_feed.viewers + self.pictures.viewers
        self.note = f"{self.web.url}, {viewers} viewer{'' if viewers == 1 else 's'}" if viewers else self.web.url

    def _send_pictures(self, hands: Hands | None, frame: Frame) -> None:
        """To those who take them as engines do."""
        if self.pictures.plain.wanted:
            self.pictures.plain.send(page_jpeg(frame.image, self.size, self.quality))
        if self.pictures.overlaid.wanted:
            image = transform(frame.image, np.empty, size=self.size)
            drawn = draw(image, {"hands": hand_lines(hands) if hands is not None else []})
            self.pictures.overlaid.send(encode(drawn, self.quality))

    def _message(
        self,
        hands: Hands | None,
        heatmap: Heatmap | None,
        frame: Frame,
        flow: Flow | None,
        gestures: Gestures | None,
        received_ns: int,
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
                "windows": window_boxes(heatmap),
            },
            "gestures": []
            if gestures is None
            else [
                line | {"x": x, "y": y}
                for line, (x, y) in zip(gesture_lines(gestures), gestures.xy.tolist(), strict=True)
            ],
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

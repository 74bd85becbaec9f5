"""Camera, stream, video file, folder of pictures or demo -> Frame: always the newest picture, never an old one as new.

A camera is opened again for ever; lost, frozen and black ones are told apart. Files are played as a camera would, or as
fast as they are read. The last step of turning and scaling writes into the shared slot that is sent: 0.2 ms at 720p.
"""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Literal

import cv2
import msgspec

from handflow.capture.devices import Capture, Control, Wish, cameras, open_camera
from handflow.capture.files import Picture, looped, pictures, quiet
from handflow.capture.network import SCHEMES, open_stream
from handflow.capture.player import Player
from handflow.capture.reader import Health, Reader
from handflow.capture.transform import place
from handflow.errors import SetupError
from handflow.messages import Frame, now_ns
from handflow.runtime.address import masked
from handflow.runtime.node import OLD_S, Node, Range, ticks

Side = Annotated[int, Range(16, 8192)]
Share = Annotated[float, Range(0, 1)]
Code = Annotated[str, msgspec.Meta(pattern="^[ -~]{4}$")]


class Camera(Node):
    """Sends the newest picture of a camera, a video file, a folder of pictures, or the demo's."""

    source: Annotated[
        str | int,
        "auto (the first camera that opens, else the demo), index or device path, file, folder, rtsp://, http://, demo",
    ] = "auto"
    size: Annotated[
        tuple[Side, Side], "largest width and height sent; asked of a camera; aspect kept, never enlarged"
    ] = (1280, 720)
    fps: Annotated[float, Range(1, 240), "asked of a camera; pictures a second of a folder and the demo"] = 30.0
    format: Annotated[Code, "four characters: MJPG where the camera has it, else what it has"] = "MJPG"
    mirror: Annotated[bool, "left to right, for a camera that looks out from the screen"] = False
    rotate: Annotated[Literal[0, 90, 180, 270], "degrees clockwise"] = 0
    crop: Annotated[
        tuple[Share, Share, Share, Share], "left, top, width, height that is kept of the camera's picture, 0..1"
    ] = (0.0, 0.0, 1.0, 1.0)
    exposure: Annotated[Control, "auto, or fixed in the driver's units (V4L2: 0.1 ms)"] = "auto"
    gain: Annotated[Control, "auto (as the exposure has it), or fixed in the driver's units"] = "auto"
    white_balance: Annotated[Control, "auto, or fixed (kelvin)"] = "auto"
    focus: Annotated[Control, "auto, or fixed in the driver's units"] = "auto"
    frozen_s: Annotated[float, Range(0, 60), "the same picture for so long: the camera is opened anew; 0: never"] = 2.0
    pace: Annotated[Literal["real", "max"], "of files: as a camera would give them, or every picture at once"] = "real"
    loop: Annotated[bool, "files start again at their end"] = False

    def __post_init__(self) -> None:
        scheme, mark, _ = str(self.source).partition("://")
        if mark and scheme.lower() not in SCHEMES:
            raise SetupError(f"source {masked(str(self.source))}: {' or '.join(f'{s}://' for s in SCHEMES)} expected")
        left, top, width, height = self.crop
        if left + width > 1 or top + height > 1 or width * height == 0:
            raise SetupError(f"crop {list(self.crop)} leaves the picture: left, top, width, height in 0..1 expected")

    def start(self) -> None:
        cv2.setNumThreads(1)
        quiet()
        self.feed: Iterable[Picture | None] = ()
        self.max_age_s = OLD_S  # a process that was held up must not show what was
        self.reader: Reader | None = None
        self.player: Player | None = None
        source = str(self.source)
        if source == "demo":
            self.log.info("the demo is drawn: no camera")
        elif self.exact and not (Path(source).is_file() or Path(source).is_dir()):
            raise SetupError(f"source {source}: an exact run needs a file, a folder or demo: no camera repeats itself")
        elif "://" in source:
            self.reader = Reader(lambda: open_stream(source), self.log, Health(self.frozen_s))
            self.feed = (picture and self._placed(picture) for picture in self.reader)
        elif source == "auto" or source.isdigit() or source.startswith(("/dev/", "\\\\.\\")):
            self._start_camera(source)
        else:
            self._start_file(source)

    def changed(self, name: str) -> bool:
        return name not in ("mirror", "rotate", "crop")

    def process(self) -> Iterator[Frame | None]:
        for picture in self.feed:
            if self.reader is not None:
                self.note = "" if self.reader.state == "fine" else self.reader.state
            yield Frame(image=picture.image, captured_ns=picture.captured_ns) if picture is not None else None
        if self.source == "auto":
            self.log.warning("no camera opens: the demo is drawn in its place")
        if self.source in ("auto", "demo"):
            yield from self._draw()

    def stop(self) -> None:
        for thread in (self.reader, self.player):
            if thread is not None:
                thread.close()

    def _start_camera(self, source: str) -> None:
        wish = Wish(self.size, self.fps, self.format, self.exposure, self.gain, self.white_balance, self.focus)
        told = ""

        def connect() -> Capture | None:
            nonlocal told
            devices = cameras() if source == "auto" else [int(source) if source.isdigit() else source]
            tried = (open_camera(device, wish) for device in devices)
            # Some devices open and give nothing; with others to choose from, the camera must show a picture.
            opened = next((found for found in tried if found and (source != "auto" or found[0].grab())), None)
            if opened is None:
                return None
            if opened[1] != told:
                told = opened[1]
                self.log.info("%s", told)
            self.persistent["camera"] = True
            return opened[0]

        # A camera that was there once is waited for: nobody wants the demo in the middle of a show.
        give_up = source == "auto" and not self.persistent.get("camera")
        self.reader = Reader(connect, self.log, Health(self.frozen_s), give_up)
        self.feed = (picture and self._placed(picture) for picture in self.reader)

    def _start_file(self, source: str) -> None:
        # A played file's pictures are placed ahead, by the player's thread: when one is due, it has only to be sent.
        found = map(self._placed, (looped if self.loop else pictures)(source, self.fps))
        if self.pace == "max" or self.exact:
            self.max_age_s = math.inf
            # The clip's own steps in time, however fast it is read: speeds stay what they were.
            start_ns = now_ns()
            self.feed = (picture._replace(captured_ns=start_ns + picture.captured_ns) for picture in found)
        else:
            self.feed = self.player = Player(found)

    def _placed(self, picture: Picture) -> Picture:
        image = place(picture.image, self.empty, self.crop, self.size, self.rotate, self.mirror)
        return picture._replace(image=image)

    def _draw(self) -> Iterator[Frame]:
        """The demo, drawn as it is to be seen: not mirrored, turned or cut."""
        from handflow.synthetic.scene import (  # drawing takes modules and memory that a camera does not need
            Grain,
            Scene,
        )

        self.note = "demo"
        scene, grain = Scene(size=self.size), Grain(2.5, self.size)
        scene.paint()
        start_ns = now_ns()
        self.max_age_s = math.inf if self.exact else OLD_S
        for t in ticks(self.fps, self.exact):
            image = self.empty((self.size[1], self.size[0], 3), "uint8")
            captured_ns = start_ns + round(t * 1e9) if self.exact else now_ns()
            scene.draw(t, image)
            grain.add(t, image)
            yield Frame(image=image, captured_ns=captured_ns)

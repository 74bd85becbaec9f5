"""Camera, stream, clip, recording, pictures or demo -> Frame: always the newest frame, never an old one as new.

A camera is opened again for ever; lost, frozen and black ones are told apart. Files are played as a camera would, or as
fast as they are read. The last step of turning and scaling writes into the shared slot that is sent: 0.2 ms at 720p.
"""

import math
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Literal

import cv2
import msgspec

from handflow import Frame, Node, Range, SetupError, now_ns, ticks
from handflow.capture.devices import CameraControl, CameraRequest, Capture, is_device, open_source
from handflow.capture.frames import CapturedFrame
from handflow.capture.images import read_image, silence_opencv
from handflow.capture.network import SCHEMES, is_stream, open_stream
from handflow.capture.picture_watch import PictureWatch
from handflow.capture.player import Player
from handflow.capture.reader import CameraReader, Health
from handflow.capture.transform import transform
from handflow.runtime.address import checked_url, masked
from handflow.runtime.names import meant
from handflow.runtime.node import MAX_AGE_S

Side = Annotated[int, Range(16, 8192)]
Share = Annotated[float, Range(0, 1)]
Code = Annotated[str, msgspec.Meta(pattern="^[ -~]{4}$")]


class Camera(Node):
    """Sends the newest frame of a camera, a clip, a recording, a folder of pictures, or the demo."""

    source: Annotated[
        str | int,
        "auto (the first camera that opens, else the demo), index or device path, "
        "clip, recording, picture, folder of pictures, rtsp://, http://, demo",
    ] = "auto"
    size: Annotated[
        tuple[Side, Side], "largest width and height sent; asked of a camera; aspect kept, never enlarged"
    ] = (1280, 720)
    fps: Annotated[float, Range(1, 240), "asked of a camera; of a folder, the demo and a snapshot's address"] = 30.0
    format: Annotated[Code, "four characters: MJPG where the camera has it, else what it has"] = "MJPG"
    mirror: Annotated[bool, "left to right, for a camera that looks out from the screen"] = False
    rotate: Annotated[Literal[0, 90, 180, 270], "degrees clockwise"] = 0
    crop: Annotated[
        tuple[Share, Share, Share, Share], "left, top, width, height that is kept of the camera's frame, 0..1"
    ] = (0.0, 0.0, 1.0, 1.0)
    exposure: Annotated[CameraControl, "auto, or fixed in the driver's units (V4L2: 0.1 ms)"] = "auto"
    gain: Annotated[CameraControl, "auto (as the exposure has it), or fixed in the driver's units"] = "auto"
    white_balance: Annotated[CameraControl, "auto, or fixed (kelvin)"] = "auto"
    focus: Annotated[CameraControl, "auto, or fixed in the driver's units"] = "auto"
    frozen_s: Annotated[float, Range(0, 60), "the same image for this long: the camera is reopened; 0: never"] = 2.0
    pace: Annotated[Literal["real", "max"], "of files: as a camera would give them, or every frame at once"] = "real"
    loop: Annotated[bool, "files start again at their end"] = False
    reference: Annotated[
        str, "a picture of this camera, beside the graph, of when it was calibrated: that it was moved is said; '': not"
    ] = ""

    def __post_init__(self) -> None:
        source = str(self.source)
        if is_stream(source):
            if source.partition("://")[0].lower() not in SCHEMES:
                known = ", ".join(f"{scheme}://" for scheme in SCHEMES)
                raise SetupError(f"source: expected one of {known}, got {masked(source)}")
            checked_url(source)
        left, top, width, height = self.crop
        if left + width > 1 or top + height > 1 or width * height == 0:
            raise SetupError(f"crop: expected left, top, width, height within 0..1, got {list(self.crop)}")

    def start(self) -> None:
        cv2.setNumThreads(1)
        silence_opencv()
        self.feed: Iterable[CapturedFrame | None] = ()
        self.description = ""  # of the camera, as last reported
        # A process that was held up must not show what was.
        self.max_age_s = MAX_AGE_S
        self.reader: CameraReader | None = None
        self.player: Player | None = None
        source = str(self.source)
        live = source != "demo" and not self.exact and self.pace == "real"
        self.watch = self._picture_watch() if live else None
        if source == "demo":
            self.log.info("drawing the demo: no camera is used")
        elif self.exact and not (os.path.isfile(source) or os.path.isdir(source)):
            raise SetupError(
                f"source: expected a file, a folder or demo in an exact run, got {source}; no camera repeats itself"
            )
        elif is_stream(source):
            self._start_reader(CameraReader(lambda: open_stream(source, self.fps), self.log, Health(self.frozen_s)))
        elif is_device(source):
            # A camera that was there once is waited for: nobody wants the demo in the middle of a show.
            give_up = source == "auto" and not self.persistent.get("camera")
            self._start_reader(CameraReader(self._connect, self.log, Health(self.frozen_s), give_up))
        else:
            self._start_file(meant(source))

    def changed(self, name: str) -> bool:
        if name == "reference" and self.watch is not None:
            self.watch = self._picture_watch()
        return name not in ("mirror", "rotate", "crop", "reference")

    def process(self) -> Iterator[Frame | None]:
        for captured in self.feed:
            yield Frame(image=captured.image, captured_ns=captured.captured_ns) if captured is not None else None
            # Once the frame is on its way.
            self._watch(captured)
        if self.source == "auto":
            self.log.warning("no camera opens: the demo is drawn in its place")
        if self.source in ("auto", "demo"):
            yield from self._draw()

    def _watch(self, captured: CapturedFrame | None) -> None:
        """Says how the camera is: whether it gives pictures, and whether they are of use."""
        if captured is not None and self.watch is not None and self.watch.look(captured.image, time.monotonic()):
            if self.watch.fault:
                self.log.warning("camera %s", self.watch.fault)
            else:
                self.log.info("camera fine again")
        state, fault = ("", "") if self.reader is None else (self.reader.state, self.reader.fault)
        if state in ("", "fine") and self.watch is not None:
            state, fault = self.watch.kind, self.watch.fault
        self.note, self.fault = "" if state == "fine" else state, fault

    def _picture_watch(self) -> PictureWatch:
        reference = None
        if self.reference:
            try:
                reference = read_image(Path(self.graph.get("file", "")).parent / self.reference)
            except SetupError as error:
                self.log.warning("%s; whether the camera was moved is not looked at", error)
        source = str(self.source)
        return PictureWatch(reference, tells_black=not (is_stream(source) or is_device(source)))

    def stop(self) -> None:
        for thread in (self.reader, self.player):
            if thread is not None:
                thread.close()

    def _start_reader(self, reader: CameraReader) -> None:
        self.reader = reader
        self.feed = (captured and self._transformed(captured) for captured in reader)

    def _connect(self) -> Capture | None:
        request = CameraRequest(
            self.size, self.fps, self.format, self.exposure, self.gain, self.white_balance, self.focus
        )
        opened = open_source(str(self.source), request)
        if opened is None:
            return None
        capture, description = opened
        if description != self.description:
            self.description = description
            self.log.info("%s", description)
        self.persistent["camera"] = True
        return capture

    def _start_file(self, source: str) -> None:
        # A camera does without what reads clips and recordings.
        from handflow.recording.sources import loop_source, read_source

        # A played file's frames are transformed ahead, by the player's thread: when one is due, it has only to be sent.
        read = loop_source if self.loop else read_source
        frames = map(self._transformed, read(source, self.fps, self.log.warning, self.log.warning))
        if self.pace == "max" or self.exact:
            self.max_age_s = math.inf
            # The clip's own steps in time, however fast it is read: speeds stay what they were.
            start_ns = self.began_ns() if self.exact else now_ns()
            self.feed = (captured._replace(captured_ns=start_ns + captured.captured_ns) for captured in frames)
        else:
            self.feed = self.player = Player(frames)

    def _transformed(self, captured: CapturedFrame) -> CapturedFrame:
        image = transform(captured.image, self.empty, self.crop, self.size, self.rotate, self.mirror)
        return captured._replace(image=image)

    def _draw(self) -> Iterator[Frame]:
        """The demo, drawn as it is to be seen: not mirrored, turned or cut."""
        # Drawing takes modules and memory that a camera does not need.
        from handflow.synthetic.camera_noise import CameraNoise
        from handflow.synthetic.frames import drawn_frames
        from handflow.synthetic.scene import Scene

        self.note = "demo"
        self.max_age_s = math.inf if self.exact else MAX_AGE_S
        scene, noise = Scene(size=self.size), CameraNoise(2.5, self.size)
        scene.paint()
        begin_ns = self.began_ns() if self.exact else None
        yield from drawn_frames(scene, noise, ticks(self.fps, self.exact), self.empty, begin_ns)

"""`handflow convert`: a recording -> a video browsers play, a table, or a file that Foxglove and Rerun show as
pictures; and a video -> a recording.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import msgpack
import numpy as np
import numpy.typing as npt

from handflow.capture.files import Report
from handflow.capture.media import writable
from handflow.errors import RecordingError
from handflow.messages import Frame, Hands, Hop
from handflow.outputs.drawing import draw
from handflow.outputs.json_line import hand_lines
from handflow.outputs.result_files import TableRows, TableWriter
from handflow.runtime.files import result_file
from handflow.runtime.names import written

from .animation import ENCODERS, write_animation
from .channels import output_of
from .difference import hands_output
from .message_format import pack, unpack
from .metadata import PictureFormat, metadata_of
from .reader import Recording
from .recorded_frames import RecordedFrames
from .sources import is_recording, read_source
from .writer import Recorder

FPS = 30.0  # of a folder of pictures
TICKS = 90_000  # a second, of an MP4's clock


def convert(file: Path, out: Path, output: str | None, drawn: bool, form: PictureFormat, report: Report) -> int:
    """Converts by the names; how many pictures or lines were written. RecordingError, OutputError.

    `report` is told of what is left out of a clip or a folder that is damaged.
    """
    ending = out.suffix.lower()
    recording = Recording(file) if not file.is_dir() and is_recording(file) else None
    if recording is not None and (recording.is_ours or ending != ".mcap"):
        ways: dict[str, Callable[[Path], int]] = {
            ".mp4": lambda part: to_video(recording, part, output, drawn),
            ".csv": lambda part: to_table(recording, part, output),
            ".mcap": lambda part: to_foxglove(recording, part),
        }
        for moving in ENCODERS:
            ways[moving] = lambda part: write_animation(frames_of(recording, output, drawn), part, ending)
        if ending not in ways:
            raise RecordingError(f"{out}: expected a name that ends in {', '.join(ways)}")
    else:
        ways = {".mcap": lambda part: from_video(file, part, output or "camera", form, report)}
        if ending not in ways:
            raise RecordingError(f"{out}: expected a name that ends in .mcap, as a video becomes a recording")
    with result_file(out) as part:
        count = ways[ending](part)
    if recording is not None and (fault := recording.fault()):
        report(fault)
    return count


def from_video(file: Path, out: Path, name: str, form: PictureFormat, report: Report) -> int:
    """A clip, a folder of pictures or another tool's recording, as the output `name` of a camera that saw it."""
    base_ns = file.stat().st_mtime_ns  # a recording needs a time of day, and the same one at every conversion
    count = 0
    source = read_source(file, FPS, report)
    recorder = Recorder(out, metadata_of({}, form), [output_of(name, Frame, "camera")])
    for picture in source:
        at_ns = base_ns + picture.captured_ns
        header: dict[str, Any] = {"stream": base_ns, "seq": picture.number + 1, "captured_ns": at_ns}
        count += 1
        frame = Frame(image=picture.image, sent=count, hops=[Hop(name, at_ns, at_ns)], **header)
        recorder.add(name, pack(frame, form), at_ns, at_ns, count)
    recorder.close()
    return count


def frames_output(recording: Recording, output: str | None = None) -> str:
    """The output that has the pictures: the one named, or the first. RecordingError."""
    names = recording.names(Frame)
    if not names:
        raise RecordingError(f"{recording.file}: expected pictures, got {', '.join(recording.names()) or 'nothing'}")
    if output is not None and output not in names:
        raise RecordingError(f"{recording.file}: expected pictures of {output!r}, got those of {', '.join(names)}")
    return output or names[0]


def frames_of(recording: Recording, output: str | None, drawn: bool) -> Iterator[tuple[int, np.ndarray]]:
    """When each frame was captured (ns), and its image; `drawn`: with a ring on every hand. RecordingError."""
    if not recording.is_ours:
        frames = RecordedFrames(recording.file, output)
        yield from ((round(1e9 * (stored.t or 0)), stored.decode()) for stored in frames.frames())
        return
    camera = frames_output(recording, output)
    hands = {(each.stream, each.seq): each for each in _hands(recording)} if drawn else {}
    for frame in recording.messages(camera):
        assert isinstance(frame, Frame)
        found = hands.get((frame.stream, frame.seq))
        yield (
            frame.captured_ns,
            draw(frame.image, {"hands": hand_lines(found) if found else []}) if drawn else frame.image,
        )


def to_video(recording: Recording, out: Path, output: str | None, drawn: bool) -> int:
    """MP4 with H.264, each picture at its own time; `drawn`: with a ring on every hand."""
    import av

    with writable(out) as name, av.open(name, "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = None
        count, first_ns, last = 0, 0, -1
        for captured_ns, image in frames_of(recording, output, drawn):
            image = _even(image)
            if stream is None:
                stream = container.add_stream("libx264", rate=30, options={"crf": "20", "preset": "veryfast"})
                stream.height, stream.width, stream.pix_fmt = *image.shape[:2], "yuv420p"
                stream.codec_context.time_base = Fraction(1, TICKS)
                first_ns = captured_ns
            if image.shape[:2] != (stream.height, stream.width):
                image = _even(cv2.resize(image, (stream.width, stream.height), interpolation=cv2.INTER_AREA))
            picture = av.VideoFrame.from_ndarray(image, format="bgr24")
            last = max(last + 1, (captured_ns - first_ns) * TICKS // 10**9)
            picture.pts, picture.time_base = last, Fraction(1, TICKS)
            container.mux(stream.encode(picture))
            count += 1
        if stream is not None:
            container.mux(stream.encode())
    return count


def _even(image: np.ndarray) -> npt.NDArray[np.uint8]:
    """Without its last row and column where their number is odd: H.264 knows no odd sizes."""
    return np.ascontiguousarray(image[: image.shape[0] & ~1, : image.shape[1] & ~1], np.uint8)


def to_table(recording: Recording, out: Path, output: str | None) -> int:
    """A CSV line per hand, as `detect --csv` has it."""
    count, first_ns = 0, None
    tracker = hands_output(recording, output)
    with open(out, "w", encoding="utf-8", newline="") as opened:
        rows = TableRows(opened)
        rows.writerow(TableWriter.COLUMNS)
        for hands in _hands(recording, tracker):
            first_ns = hands.captured_ns if first_ns is None else first_ns
            t = round((hands.captured_ns - first_ns) / 1e9, 4)
            head = {"source": written(recording.file), "frame": hands.seq - 1, "t": t, "predicted": False}
            for hand in hand_lines(hands):
                rows.writerow([(head | hand)[column] for column in TableWriter.COLUMNS])
                count += 1
    return count


def to_foxglove(recording: Recording, out: Path) -> int:
    """Pictures as foxglove.CompressedImage, hands as foxglove.ImageAnnotations over them, by their capture times."""
    from foxglove_schemas_protobuf.CompressedImage_pb2 import CompressedImage
    from foxglove_schemas_protobuf.ImageAnnotations_pb2 import ImageAnnotations
    from mcap_protobuf.writer import Writer

    frames_output(recording)  # says so where there are none
    cameras, trackers = recording.names(Frame), recording.names(Hands)
    count = 0
    with open(out, "wb") as opened, Writer(opened) as writer:
        for entry in recording.entries([*cameras, *trackers]):
            if entry.output in cameras:
                packed = msgpack.unpackb(entry.data)
                made = CompressedImage(frame_id=entry.output, data=packed["image"][2], format=packed["image"][3])
                made.timestamp.FromNanoseconds(packed["captured_ns"])
                at_ns, topic = packed["captured_ns"], f"/{entry.output}"
                count += 1
            else:
                hands = unpack(entry.data, Hands)
                assert isinstance(hands, Hands)
                at_ns, topic = hands.captured_ns, f"/{entry.output}"
                made = ImageAnnotations()
                _annotate(made, hands)
            writer.write_message(topic, made, log_time=at_ns, publish_time=at_ns, sequence=entry.sequence)
    return count


def _annotate(made: Any, hands: Hands) -> None:
    """A circle on every hand, green an open palm, and its identity beside it."""
    for hand in hand_lines(hands):
        circle = made.circles.add(diameter=2 * hand["radius"] * hands.width, thickness=2)
        circle.timestamp.FromNanoseconds(hands.captured_ns)
        circle.position.x, circle.position.y = hand["x"] * hands.width, hand["y"] * hands.height
        green = hand["open"] >= 0.5
        for channel, value in zip("rgba", (0.3, 0.9, 0.3, 1) if green else (1, 1, 1, 1), strict=True):
            setattr(circle.outline_color, channel, value)
        text = made.texts.add(text=str(hand["id"]), font_size=max(12, hands.width / 60))
        text.timestamp.FromNanoseconds(hands.captured_ns)
        text.position.x, text.position.y = circle.position.x, circle.position.y
        text.text_color.r = text.text_color.g = text.text_color.b = text.text_color.a = 1


def _hands(recording: Recording, output: str | None = None) -> Iterator[Hands]:
    for message in recording.messages(hands_output(recording, output)):
        assert isinstance(message, Hands)
        yield message

"""Recordings as sources: ours and those of other tools, whole or not, are read where the pictures are in them."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mcap.writer import CompressionType
from support.foreign_recordings import BEGIN_NS, COUNT, MESSAGES, STEP_NS, compressed, foreign, jpeg, plain, rewritten
from support.recorded import write

from handflow.__main__ import main
from handflow.errors import RecordingError, SetupError
from handflow.recording.reader import Recording
from handflow.recording.recorded_frames import RecordedFrames
from handflow.recording.sources import loop_source, read_source


def numbers(path: Path, lines: list[str] | None = None) -> list[int]:
    report: Callable[[str], None] = pytest.fail if lines is None else lines.append  # type: ignore[assignment]
    return [round(float(captured.image.mean()) / 20) for captured in read_source(path, report=report)]


def test_our_recording_is_read_like_a_clip(tmp_path: Path) -> None:
    file = write(tmp_path / "a.mcap")
    found = list(read_source(file))
    assert [captured.number for captured in found] == list(range(30))
    assert np.diff([captured.t for captured in found]) == pytest.approx(np.full(29, 0.033), abs=0.001)
    reader = RecordedFrames(file)
    again = [stored.t for stored in reader.frames(from_s=20 * 0.033)]
    assert again == pytest.approx([n * 0.033 for n in range(20, 30)])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"use_chunking": False},
        {"use_chunking": False, "use_summary_offsets": False, "use_statistics": False, "repeat_channels": False},
        {"compression": CompressionType.LZ4},
        {"compression": CompressionType.NONE, "enable_crcs": False},
        {"chunk_size": 600},
    ],
    ids=str,
)
def test_a_recording_of_another_tool_is_read_however_it_is_laid_out(tmp_path: Path, options: dict[str, Any]) -> None:
    file = foreign(tmp_path / "a.mcap", MESSAGES, **options)
    assert numbers(file) == list(range(COUNT))
    found = list(read_source(file))
    assert [captured.t for captured in found] == pytest.approx([number * 0.05 for number in range(COUNT)])


@pytest.mark.parametrize("chunk_size", [300, 100_000])
@pytest.mark.parametrize("chunking", [True, False])
def test_messages_out_of_order_come_in_the_order_of_their_times(
    tmp_path: Path, chunk_size: int, chunking: bool
) -> None:
    shuffled = random.Random(1).sample(MESSAGES, COUNT)
    file = foreign(tmp_path / "a.mcap", shuffled, chunk_size=chunk_size, use_chunking=chunking)
    assert numbers(file) == list(range(COUNT))


def test_messages_without_a_time_come_in_the_order_of_the_file_at_an_even_rate(tmp_path: Path) -> None:
    file = foreign(tmp_path / "a.mcap", [(0, data) for _, data in MESSAGES])
    assert numbers(file) == list(range(COUNT))
    assert np.diff([captured.t for captured in read_source(file)]) == pytest.approx(1 / 30)


@pytest.mark.parametrize("chunking", [True, False])
def test_a_recording_that_was_cut_is_read_up_to_there_and_said(tmp_path: Path, chunking: bool) -> None:
    file = foreign(tmp_path / "a.mcap", MESSAGES, use_chunking=chunking, chunk_size=600)
    data = file.read_bytes()
    file.write_bytes(data[: len(data) * 2 // 5])
    lines: list[str] = []
    found = numbers(file, lines)
    assert found == list(range(len(found)))
    assert len(found) >= 2
    assert len(lines) == 1
    assert "breaks off at byte" in lines[0]


@pytest.mark.parametrize("chunking", [True, False])
def test_behind_a_hole_in_a_recording_it_goes_on(tmp_path: Path, chunking: bool) -> None:
    file = foreign(tmp_path / "a.mcap", MESSAGES, use_chunking=chunking, chunk_size=600)
    data = bytearray(file.read_bytes())
    data[len(data) // 3 : len(data) // 3 + 300] = bytes(300)
    file.write_bytes(data)
    lines: list[str] = []
    found = numbers(file, lines)
    assert found == sorted(found)
    assert 0 in found
    assert COUNT - 1 in found
    assert COUNT - 6 <= len(found) < COUNT
    assert len(lines) == 1


@pytest.mark.parametrize(
    ("schema", "data"),
    [
        ("foxglove.CompressedImage", lambda n: compressed(n, ".png")),
        ("sensor_msgs/msg/CompressedImage", lambda n: compressed(n, ".webp")),
        ("foxglove.RawImage", lambda n: plain(np.full((48, 64, 3), 20 * n, np.uint8), "rgb8")),
        ("foxglove.RawImage", lambda n: plain(np.full((48, 64, 4), 20 * n, np.uint8), "bgra8")),
        ("sensor_msgs/Image", lambda n: plain(np.full((48, 64), 20 * n, np.uint8), "mono8")),
        ("sensor_msgs/msg/Image", lambda n: plain(np.full((48, 64), 20 * n, np.uint8), "bayer_rggb8")),
    ],
)
def test_pictures_of_all_kinds_are_read(tmp_path: Path, schema: str, data: Callable[[int], bytes]) -> None:
    messages = [(BEGIN_NS + number * STEP_NS, data(number)) for number in range(4)]
    assert numbers(foreign(tmp_path / "a.mcap", messages, schema)) == [0, 1, 2, 3]


@pytest.mark.parametrize(("bits", "big"), [(16, False), (12, False), (12, True)])
def test_pixels_of_16_bits_are_scaled_by_what_they_hold(tmp_path: Path, bits: int, big: bool) -> None:
    ramp = np.tile(np.arange(64) * (2**bits - 1) // 63, (48, 1)).astype(">u2" if big else "<u2")
    file = foreign(tmp_path / "a.mcap", [(1, plain(ramp, "mono16", is_bigendian=big))], "sensor_msgs/msg/Image")
    (captured,) = read_source(file)
    assert captured.image[0, :, 0] == pytest.approx(np.arange(64) * 255 / 63, abs=1)


def test_colours_are_where_they_belong(tmp_path: Path) -> None:
    red = np.zeros((4, 4, 3), np.uint8)
    red[..., 0] = 200
    (captured,) = read_source(foreign(tmp_path / "a.mcap", [(1, plain(red, "rgb8"))], "foxglove.RawImage"))
    assert captured.image[0, 0].tolist() == [0, 0, 200]
    rggb = np.zeros((8, 8), np.uint8)
    rggb[::2, ::2] = 200
    (captured,) = read_source(foreign(tmp_path / "b.mcap", [(1, plain(rggb, "bayer_rggb8"))], "foxglove.RawImage"))
    assert captured.image[4, 4, 2] > 150
    assert captured.image[4, 4, 0] < 20


def test_pictures_of_foxglove_in_protobuf_are_read(tmp_path: Path) -> None:
    pytest.importorskip("foxglove_schemas_protobuf")
    write(tmp_path / "ours.mcap", messages=5)
    assert main(["convert", str(tmp_path / "ours.mcap"), "-o", str(tmp_path / "foxglove.mcap")]) == 0
    assert len(list(read_source(tmp_path / "foxglove.mcap"))) == 5


def test_pictures_of_ros_2_are_read(tmp_path: Path) -> None:
    module = pytest.importorskip("mcap_ros2.writer")
    header = "=" * 80 + "\nMSG: std_msgs/Header\nbuiltin_interfaces/Time stamp\nstring frame_id\n"
    time = "=" * 80 + "\nMSG: builtin_interfaces/Time\nint32 sec\nuint32 nanosec\n"
    definition = f"std_msgs/Header header\nstring format\nuint8[] data\n{header}{time}"
    with open(tmp_path / "a.mcap", "wb") as opened:
        writer = module.Writer(opened)
        schema = writer.register_msgdef("sensor_msgs/msg/CompressedImage", definition)
        for number in range(4):
            stamp = {"sec": number, "nanosec": 0}
            message = {"header": {"stamp": stamp, "frame_id": ""}, "format": "jpeg", "data": jpeg(number)}
            writer.write_message("/camera", schema, message, BEGIN_NS + number * STEP_NS)
        writer.finish()
    assert numbers(tmp_path / "a.mcap") == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"schema": "foxglove.PointCloud"}, "expected pictures, got /camera (foxglove.PointCloud)"),
        ({"encoding": "flatbuffer"}, "as json, protobuf, cdr, ros1, got 'flatbuffer'"),
        ({"encoding": "ros1", "schema": "sensor_msgs/Image"}, "pip install 'mcap-ros1-support'"),
        ({"encoding": "protobuf", "schema_encoding": "protobuf"}, "cannot be read"),
        ({"messages": []}, 'expected messages, got a recording without any, made by "somebody\'s recorder 1.0"'),
        ({"messages": [(1, b"{}")]}, "1 of its 1 pictures cannot be decoded"),
        ({"messages": [(1, plain(np.zeros((4, 4), np.uint8), "teal8"))], "schema": "foxglove.RawImage"}, "1 of its 1"),
        ({"messages": [(1, plain(np.zeros((4, 4), np.uint8), "rgb8"))], "schema": "foxglove.RawImage"}, "1 of its 1"),
    ],
)
def test_what_has_no_pictures_that_can_be_read_is_one_line(tmp_path: Path, options: dict[str, Any], words: str) -> None:
    file = foreign(tmp_path / "a.mcap", **{"messages": MESSAGES, **options})
    with pytest.raises(SetupError) as caught:
        list(read_source(file))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_picture_that_is_broken_is_left_out_and_counted(tmp_path: Path) -> None:
    messages = [*MESSAGES]
    messages[3] = (messages[3][0], compressed(3)[:60] + b'"}')
    lines: list[str] = []
    assert numbers(foreign(tmp_path / "a.mcap", messages), lines) == [0, 1, 2, *range(4, COUNT)]
    assert len(lines) == 1
    assert "1 of its 12 pictures cannot be decoded" in lines[0]


@pytest.mark.parametrize("library", ["mcap go v1", "handflow 1.0"])
@pytest.mark.parametrize("times", [lambda ns: ns, lambda ns: 0, lambda ns: ns // 1000], ids=["kept", "zero", "other"])
def test_a_recording_of_ours_that_another_program_wrote_anew_keeps_its_messages(
    tmp_path: Path, library: str, times: Callable[[int], int]
) -> None:
    whole = Recording(write(tmp_path / "a.mcap"))
    other = Recording(rewritten(whole.file, tmp_path / "b.mcap", times, library))
    assert [m.seq for m in other.messages("tracker")] == list(range(1, 31))
    assert (other.start_ns, other.span_ns) == (whole.start_ns, whole.span_ns)
    since = whole.start_ns + whole.span_ns // 2
    assert [e.data for e in whole.entries(["camera"])][-1] in [e.data for e in other.entries(["camera"], since)]
    assert other.frame_after(since) == whole.frame_after(since)
    assert len(list(read_source(other.file))) == 30


def test_messages_of_ours_out_of_order_are_put_in_order(tmp_path: Path) -> None:
    whole = Recording(write(tmp_path / "a.mcap"))
    order = random.Random(2).sample(range(60), 60)
    other = Recording(rewritten(whole.file, tmp_path / "b.mcap", lambda ns: ns, "mcap go v1", order))
    assert [m.seq for m in other.messages("tracker")] == list(range(1, 31))
    assert other.start_ns == whole.start_ns


def test_of_a_damaged_recording_of_ours_the_whole_chunks_are_read(tmp_path: Path) -> None:
    file = write(tmp_path / "a.mcap")
    data, chunks = bytearray(file.read_bytes()), Recording(file).chunks
    for chunk in (chunks[0], chunks[3]):
        data[(chunk.start + chunk.end) // 2] ^= 0xFF
    file.write_bytes(data)
    lines: list[str] = []
    assert len(list(read_source(file, report=lines.append))) == 20
    assert lines == [f"{file}: 2 of its 6 chunks are damaged"]


def test_info_tells_what_is_in_another_tools_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = foreign(tmp_path / "a.mcap", MESSAGES, use_chunking=False)
    assert main(["info", str(file), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (output,) = found["outputs"]
    assert (output["output"], output["type"], output["messages"]) == ("/camera", "foxglove.CompressedImage", COUNT)
    assert found["fault"] == ""
    for verb in (["replay", str(file)], ["recover", str(file), "-o", str(tmp_path / "b.mcap")]):
        assert main(verb) == 1
        assert "expected a recording of handflow, got one of" in capsys.readouterr().err


@pytest.mark.parametrize("ending", [".mcap", ".mp4"])
def test_another_tools_recording_is_converted(tmp_path: Path, ending: str) -> None:
    file = foreign(tmp_path / "a.mcap", MESSAGES)
    out = tmp_path / f"b{ending}"
    assert main(["convert", str(file), "-o", str(out)]) == 0
    assert len(numbers(out)) == COUNT


def test_a_recording_goes_round_and_round(tmp_path: Path) -> None:
    looped = loop_source(foreign(tmp_path / "a.mcap", MESSAGES))
    times = [next(looped).t for _ in range(2 * COUNT + 1)]
    assert np.diff(times) == pytest.approx(0.05)


def test_a_recording_without_pictures_says_what_it_has(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"expected pictures, got tracker \(Hands\)"):
        read_source(write(tmp_path / "a.mcap", pictures=False))


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_recording_of_any_kind_is_read_or_one_line(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    data = bytearray(foreign(tmp_path / "a.mcap", MESSAGES, use_chunking=seed % 2 == 0, chunk_size=900).read_bytes())
    for _ in range(dice.choice([1, 5, 40])):
        data[dice.randrange(8, len(data))] ^= 1 << dice.randrange(8)
    if seed % 3 == 0:
        del data[dice.randrange(1, len(data)) :]
    (tmp_path / "a.mcap").write_bytes(data)
    lines: list[str] = []
    try:
        found = numbers(tmp_path / "a.mcap", lines)
    except SetupError as error:
        found, lines = [], [str(error)]
    assert len(found) == COUNT or len(lines) == 1
    assert not any("\n" in line for line in lines)


def test_times_that_no_clock_says_are_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = foreign(
        tmp_path / "a.mcap", [(2**64 - 1 - number, data) for number, data in enumerate(d for _, d in MESSAGES)]
    )
    assert numbers(file) == list(range(COUNT))
    assert main(["info", str(file)]) == 0
    assert f" {COUNT} " in capsys.readouterr().out


def test_what_a_converted_recording_of_ours_lacks_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "a.mcap")
    file.write_bytes(file.read_bytes()[:-20])
    assert main(["convert", str(file), "-o", str(tmp_path / "a.csv")]) == 1
    said = capsys.readouterr().err
    assert "breaks off at byte" in said
    assert said.count("\n") == 1
    assert (tmp_path / "a.csv").exists()

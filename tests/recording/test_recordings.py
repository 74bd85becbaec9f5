"""The recording file: what is written is read again, also when the file was cut off or damaged."""

import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mcap.reader import make_reader
from support.recorded import STEP_NS, bad_files, frame, hands, write

from handflow import Frame, Hands, Message
from handflow.__main__ import main
from handflow.errors import RecordingError
from handflow.recording.background_writer import BackgroundWriter, RecordingPlan
from handflow.recording.channels import RecordedOutput, kind_of, output_of
from handflow.recording.mcap_scan import walk
from handflow.recording.message_format import pack, unpack
from handflow.recording.metadata import PictureFormat, RecordingMetadata
from handflow.recording.reader import Recording
from handflow.recording.recovery import recover
from handflow.recording.summary import summary
from handflow.recording.writer import Recorder


def handflow(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "handflow", *map(str, arguments)], capture_output=True, text=True)


def test_a_message_comes_back_as_it_was(tmp_path: Path) -> None:
    recording = Recording(write(tmp_path / "a.mcap"))
    got = list(recording.messages("tracker"))
    assert [(m.stream, m.seq, m.captured_ns, m.sent, m.hops) for m in got] == [
        (7, n, n * STEP_NS, n, hands(n).hops) for n in range(1, 31)
    ]
    assert isinstance(got[0], Hands)
    assert got[0].xy.tolist() == [[0.5, 0.5]]
    assert got[0].id.dtype == np.int32
    with pytest.raises(ValueError, match="read-only"):
        got[0].xy[0] = 0


def test_png_pictures_come_back_bit_by_bit() -> None:
    sent = frame(3, (37, 51))
    got = unpack(pack(sent, PictureFormat("png")), Frame)
    assert isinstance(got, Frame)
    assert np.array_equal(got.image, sent.image)


def test_jpeg_pictures_are_smaller_with_less_quality() -> None:
    noise = Frame(image=np.repeat(np.random.default_rng(0).integers(0, 255, (90, 160, 1), np.uint8), 3, axis=2))
    fine, coarse = pack(noise, PictureFormat("jpeg", 95)), pack(noise, PictureFormat("jpeg", 30))
    assert len(coarse) < len(fine) / 2 < noise.image.nbytes
    got = unpack(fine, Frame)
    assert isinstance(got, Frame)
    assert np.abs(got.image.astype(int) - noise.image).mean() < 10


@pytest.mark.parametrize("compression", ["zstd", "lz4", "none"])
def test_the_mcap_library_reads_every_message(tmp_path: Path, compression: str) -> None:
    file = tmp_path / "a.mcap"
    recorder = Recorder(file, RecordingMetadata(started="now"), [output_of("tracker", Hands)], compression)  # type: ignore[arg-type]
    for number in range(10):
        recorder.add("tracker", pack(hands(number)), number, number, number)
    recorder.close()
    with open(file, "rb") as opened:
        reader = make_reader(opened, validate_crcs=True)
        read = list(reader.iter_messages())
        (facts,) = (m for m in reader.iter_metadata() if m.name == "handflow")
    assert [message.data for _, _, message in read] == [pack(hands(number)) for number in range(10)]
    schema, channel, _ = read[0]
    assert schema is not None
    assert (schema.name, schema.encoding, channel.topic) == ("handflow.Hands", "jsonschema", "tracker")
    assert channel.message_encoding == "msgpack"
    assert json.loads(facts.metadata["started"]) == "now"
    assert [e.data for e in Recording(file).entries()] == [message.data for _, _, message in read]


def test_a_cut_file_is_read_up_to_its_last_whole_chunk(tmp_path: Path) -> None:
    data = write(tmp_path / "a.mcap").read_bytes()
    chunks = Recording(tmp_path / "a.mcap").chunks
    file = tmp_path / "cut.mcap"
    file.write_bytes(data[: chunks[3].end - 10])
    recording = Recording(file)
    assert recording.cut == chunks[3].start
    assert len(list(recording.entries())) == 3 * 10
    assert "breaks off at byte" in recording.fault()
    assert "handflow recover" in recording.fault()


def chunks_after(file: Path, tmp_path: Path) -> tuple[int, list[bytes]]:
    """How many chunks `recover` kept of a file, and the messages of what it wrote; (0, []) if it refused."""
    out = tmp_path / "out.mcap"
    try:
        done = recover(file, out)
    except RecordingError as error:
        return -str(error).count("\n"), []  # one line
    with open(out, "rb") as opened:
        read = [message.data for _, _, message in make_reader(opened, validate_crcs=True).iter_messages(None)]
    return done.chunks, sorted(read)


@pytest.mark.parametrize("seed", range(2))
def test_recover_keeps_every_whole_chunk_of_files_cut_anywhere(tmp_path: Path, seed: int) -> None:
    whole = write(tmp_path / "a.mcap")
    data, chunks = whole.read_bytes(), Recording(whole).chunks
    held = [[e.data for e in Recording(whole).entries_of(chunk)] for chunk in chunks]
    cut = tmp_path / "cut.mcap"
    for at in random.Random(seed).sample(range(len(data)), 100):
        cut.write_bytes(data[:at])
        kept, messages = chunks_after(cut, tmp_path)
        expected = [d for chunk, texts in zip(chunks, held, strict=True) if chunk.end <= at for d in texts]
        assert (kept, messages) == (sum(chunk.end <= at for chunk in chunks), sorted(expected)), f"cut at {at}"


@pytest.mark.parametrize("seed", range(2))
def test_recover_keeps_every_whole_chunk_of_files_with_a_byte_flipped(tmp_path: Path, seed: int) -> None:
    whole = write(tmp_path / "a.mcap")
    data, chunks = bytearray(whole.read_bytes()), Recording(whole).chunks
    held = [[e.data for e in Recording(whole).entries_of(chunk)] for chunk in chunks]
    flipped = tmp_path / "flipped.mcap"
    dice = random.Random(seed)
    for at in dice.sample(range(len(data)), 100):
        damaged = data[:]
        damaged[at] ^= 1 << dice.randrange(8)
        flipped.write_bytes(damaged)
        good = [not chunk.start <= at < chunk.end for chunk in chunks]
        expected = [d for whole_, texts in zip(good, held, strict=True) if whole_ for d in texts]
        kept, messages = chunks_after(flipped, tmp_path)
        assert kept == sum(good), f"byte {at} flipped"
        assert messages == sorted(expected), f"byte {at} flipped"


def test_a_damaged_chunk_in_the_middle_loses_nothing_before_and_after_it(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.mcap")
    data, chunks = bytearray(whole.read_bytes()), Recording(whole).chunks
    data[chunks[2].start + 3 : chunks[3].start + 40] = bytes(chunks[3].start + 37 - chunks[2].start)
    whole.write_bytes(data)
    done = handflow("recover", whole, "-o", tmp_path / "b.mcap")
    assert done.returncode == 0, done.stderr
    assert "4 chunks with 40 messages" in done.stdout
    numbers = [m.seq for m in Recording(tmp_path / "b.mcap").messages("camera")]
    assert numbers == [*range(1, 11), *range(21, 31)]


def test_outputs_are_known_though_the_chunk_that_tells_them_is_gone(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.mcap")
    data, chunks = bytearray(whole.read_bytes()), Recording(whole).chunks
    data[chunks[0].start + 60] ^= 1
    whole.write_bytes(data[: chunks[-1].end])  # and the index with them
    recover(whole, tmp_path / "b.mcap")
    assert [m.seq for m in Recording(tmp_path / "b.mcap").messages("tracker")] == list(range(6, 31))


def test_damage_is_said_in_one_line_where_it_is_read(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.mcap")
    data, chunks = bytearray(whole.read_bytes()), Recording(whole).chunks
    data[chunks[2].start + 80] ^= 4
    whole.write_bytes(data)
    with pytest.raises(RecordingError, match=f"damaged at byte {chunks[2].start} of .*; handflow recover"):
        list(Recording(whole).messages("tracker"))
    done = handflow("diff", whole, whole)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "damaged at byte" in done.stderr


def test_info_says_rates_gaps_and_what_is_lost(tmp_path: Path) -> None:
    file = tmp_path / "a.mcap"
    recorder = Recorder(file, RecordingMetadata(), [output_of("tracker", Hands)])
    for number in [*range(1, 31), *range(41, 61)]:
        at = hands(number).captured_ns
        recorder.add("tracker", pack(hands(number)), at, at, number)
    recorder.close()
    found = json.loads(handflow("info", file, "--json").stdout)
    (output,) = found["outputs"]
    assert (output["output"], output["type"], output["messages"], output["lost"]) == ("tracker", "Hands", 50, 10)
    assert output["gaps"] == [{"t": pytest.approx(29 * 0.033), "s": pytest.approx(11 * 0.033)}]
    assert found["duration_s"] == pytest.approx(59 * 0.033)
    printed = handflow("info", file).stdout
    assert "tracker" in printed
    assert "1, longest 0.363 s at 0.957 s" in printed


def test_info_counts_the_frames_of_a_whole_recording(tmp_path: Path) -> None:
    found = summary(write(tmp_path / "a.mcap"))
    assert found["fault"] == ""
    assert {o["output"]: o["age_ms"]["p50"] for o in found["outputs"]} == {"camera": 0.001, "tracker": 5.0}
    assert {o["output"]: (o["messages"], round(o["hz"], 1), o["lost"], o["gaps"]) for o in found["outputs"]} == {
        "camera": (30, 30.3, 0, []), "tracker": (30, 30.3, 0, []),
    }  # fmt: skip


@pytest.mark.parametrize("verb", ["info", "recover"])
def test_what_is_no_recording_of_this_version_is_one_line(
    tmp_path: Path, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, (file, words) in bad_files(tmp_path).items():
        # What another tool recorded can be looked at.
        if (verb, name) == ("info", "foreign"):
            continue
        more = ["-o", str(tmp_path / "out.mcap")] if verb == "recover" else []
        assert main([verb, str(file), *more]) == 1, name
        err = capsys.readouterr().err
        assert err.count("\n") == 1, name
        assert words in err, name
        assert str(file) in err, name


def test_a_message_type_of_a_users_own_is_found_where_it_was_made(tmp_path: Path) -> None:
    (tmp_path / "pose.py").write_text(
        "from handflow import Hands, Message, Node\n\n\n"
        "class Pose(Message):\n    angle: float = 0.0\n\n\n"
        "class Look(Node):\n    def process(self, hands: Hands) -> Pose:\n        return Pose()\n"
    )
    kind = kind_of(RecordedOutput("look", "Pose", str(tmp_path / "pose.py")))
    assert issubclass(kind, Message)
    got = unpack(pack(kind(angle=0.5)), kind)  # type: ignore[call-arg]
    assert got.angle == 0.5  # type: ignore[attr-defined]
    with pytest.raises(RecordingError, match="to give Other as recorded, got Pose"):
        kind_of(RecordedOutput("look", "Other", str(tmp_path / "pose.py")))


def test_walking_over_bytes_of_any_kind_ends(tmp_path: Path) -> None:
    dice = np.random.default_rng(0)
    for size in (0, 1, 8, 9, 100, 5000):
        list(walk(dice.integers(0, 255, size, np.uint8).tobytes()))


def test_a_folder_that_is_not_there_cannot_be_recorded_into(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="cannot be written: there is no folder"):
        BackgroundWriter(RecordingPlan(tmp_path / "no" / "a.mcap", RecordingMetadata()), [].append)


def test_a_disk_without_room_for_the_beginning_is_left_as_it_was(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    said: list[str] = []
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40, limits[1]))
    try:
        with pytest.raises(RecordingError, match=r"a\.mcap: cannot be written"):
            BackgroundWriter(RecordingPlan(tmp_path / "a.mcap", RecordingMetadata()), said.append)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []

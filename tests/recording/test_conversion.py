"""What becomes of recordings elsewhere: read back by the programs' own libraries."""

import csv
import shutil
import subprocess
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from mcap.reader import make_reader
from mcap_protobuf.decoder import DecoderFactory
from PIL import Image, ImageSequence
from support.needed import need
from support.recorded import STEP_NS, frame, hands, write

from handflow import Frame, Hands
from handflow.__main__ import main
from handflow.recording.channels import output_of
from handflow.recording.message_format import pack
from handflow.recording.metadata import RecordingMetadata
from handflow.recording.reader import Recording
from handflow.recording.writer import Recorder


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    return write(tmp_path / "a.mcap", messages=12)


def test_an_mp4_is_h264_in_the_form_that_browsers_play(recorded: Path, tmp_path: Path) -> None:
    assert main(["convert", str(recorded), "-o", str(tmp_path / "a.mp4")]) == 0
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt, stream.width, stream.height) == ("h264", "yuv420p", 80, 44)
        pictures = list(container.decode(stream))
    assert [float(picture.time) for picture in pictures] == pytest.approx(
        [n * STEP_NS / 1e9 for n in range(12)], abs=1e-4
    )
    data = (tmp_path / "a.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # playable before all of it has come


def test_the_hands_are_drawn_if_asked_for(recorded: Path, tmp_path: Path) -> None:
    for name, more in (("plain", []), ("drawn", ["--draw"])):
        assert main(["convert", str(recorded), "-o", str(tmp_path / f"{name}.mp4"), *more]) == 0
    plain, drawn = (cv2.VideoCapture(str(tmp_path / f"{name}.mp4")).read()[1] for name in ("plain", "drawn"))
    apart = np.abs(plain.astype(int) - drawn).max(axis=2)
    assert apart[22, 40 - 8] > 60  # on the ring
    assert apart[5:40, 60:].max() < 60  # far from it


@pytest.mark.parametrize("ending", [".webp", ".gif"])
def test_an_animation_has_twelve_frames_a_second_and_repeats(recorded: Path, tmp_path: Path, ending: str) -> None:
    assert main(["convert", str(recorded), "-o", str(tmp_path / f"a{ending}"), "--draw"]) == 0
    with Image.open(tmp_path / f"a{ending}") as animation:
        assert animation.n_frames == 4  # of 12 frames, 33 ms apart, every third
        assert animation.size == (80, 44)
        assert animation.info["loop"] == 0
        last = [np.asarray(each.convert("RGB"), int) for each in ImageSequence.Iterator(animation)][-1]
    bright = last[10, 60:].max()  # far from the hand's ring
    assert last[22, 40 - 8].max() > bright + 30


def test_a_table_has_a_line_for_each_hand(recorded: Path, tmp_path: Path) -> None:
    assert main(["convert", str(recorded), "-o", str(tmp_path / "a.csv")]) == 0
    with open(tmp_path / "a.csv") as opened:
        rows = list(csv.DictReader(opened))
    assert len(rows) == 12
    assert rows[1] == {
        "source": str(recorded), "frame": "1", "t": "0.033", "id": "1", "x": "0.5", "y": "0.5", "radius": "0.1",
        "score": "0.9", "open": "0.2", "predicted": "False",
    }  # fmt: skip


def test_foxgloves_own_types_carry_the_pictures_and_the_hands(recorded: Path, tmp_path: Path) -> None:
    assert main(["convert", str(recorded), "-o", str(tmp_path / "b.mcap")]) == 0
    with open(tmp_path / "b.mcap", "rb") as opened:
        read = list(make_reader(opened, decoder_factories=[DecoderFactory()]).iter_decoded_messages())
    schemas = {channel.topic: schema.name for schema, channel, _, _ in read}
    assert schemas == {"/camera": "foxglove.CompressedImage", "/tracker": "foxglove.ImageAnnotations"}
    pictures = [(message.log_time, told) for _, channel, message, told in read if channel.topic == "/camera"]
    assert [at for at, _ in pictures] == [n * STEP_NS for n in range(1, 13)]
    first = cv2.imdecode(np.frombuffer(pictures[0][1].data, np.uint8), cv2.IMREAD_COLOR)
    assert pictures[0][1].format == "jpeg"
    assert np.abs(first.astype(int) - frame(1).image).mean() < 5
    circle = next(told for _, channel, _, told in read if channel.topic == "/tracker").circles[0]
    assert (circle.position.x, circle.position.y, circle.diameter) == pytest.approx((40, 22.5, 16))


def test_a_video_becomes_a_recording_and_a_video_again(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    writer = cv2.VideoWriter(str(clip), cv2.VideoWriter.fourcc(*"mp4v"), 25, (64, 48))
    for number in range(10):
        writer.write(np.full((48, 64, 3), 20 * number, np.uint8))
    writer.release()
    assert main(["convert", str(clip), "-o", str(tmp_path / "a.mcap"), "--pictures", "png"]) == 0
    frames = [m for m in Recording(tmp_path / "a.mcap").messages("camera") if isinstance(m, Frame)]
    assert [f.seq for f in frames] == list(range(1, 11))
    assert [(f.captured_ns - frames[0].captured_ns) / 1e9 for f in frames] == pytest.approx([n / 25 for n in range(10)])
    assert [round(float(f.image.mean()), -1) for f in frames] == [20 * n for n in range(10)]
    assert main(["convert", str(tmp_path / "a.mcap"), "-o", str(tmp_path / "again.mp4")]) == 0
    assert cv2.VideoCapture(str(tmp_path / "again.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 10


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a.mcap", "-o", "a.png"], "expected a name that ends in .mp4, .csv, .mcap, .webp, .gif"),
        (["hands.mcap", "-o", "a.mp4"], "expected pictures, got tracker"),
        (["hands.mcap", "-o", "b.mcap"], "expected pictures, got tracker"),
        (["pictures.mcap", "-o", "a.csv"], "expected one output with hands, got none (it has camera)"),
        (["a.mcap", "-o", "a.mp4", "--output", "webcam"], "expected pictures of 'webcam', got those of camera"),
        (["a.txt", "-o", "a.mp4"], "expected a name that ends in .mcap, as a video becomes a recording"),
        (["a.txt", "-o", "b.mcap"], "expected a video"),
        (["absent.mcap", "-o", "a.mp4"], "No such file"),
        (["a.mcap", "-o", "no/a.mp4"], "no/a.mp4: cannot be written: there is no folder"),
    ],
)
def test_what_cannot_be_converted_is_one_line(
    arguments: list[str],
    words: str,
    recorded: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text("no video")
    write(tmp_path / "hands.mcap", messages=3, pictures=False)
    recorder = Recorder(tmp_path / "pictures.mcap", RecordingMetadata(), [output_of("camera", Frame)])
    recorder.add("camera", pack(frame(1)), 1, 1, 1)
    recorder.close()
    before = set(Path().iterdir())
    assert main(["convert", *arguments]) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert words in err
    assert set(Path().iterdir()) == before  # nothing half done is left


def test_without_the_optional_libraries_the_remedy_is_said(recorded: Path, tmp_path: Path) -> None:
    (tmp_path / "lacking").mkdir()
    lacking = "mcap_protobuf"
    (tmp_path / "lacking" / f"{lacking}.py").write_text(f"raise ModuleNotFoundError('no', name='{lacking}')")
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from handflow.__main__ import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "lacking", "convert", recorded, "-o", tmp_path / "a.mcap"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == f"{lacking} is missing, which converting needs: pip install 'handflow[video]'\n"


@pytest.mark.slow
def test_rerun_loads_the_converted_file_and_its_pictures_are_there(recorded: Path, tmp_path: Path) -> None:
    rerun = shutil.which("rerun")
    need(rerun, "pip install rerun-sdk (170 MB, so not among the extras)")
    assert main(["convert", str(recorded), "-o", str(tmp_path / "b.mcap")]) == 0
    subprocess.run([rerun, "mcap", "convert", tmp_path / "b.mcap", "-o", tmp_path / "b.rrd"], check=True)
    shown = subprocess.run([rerun, "rrd", "print", tmp_path / "b.rrd"], capture_output=True, text=True, check=True)
    (line,) = (line for line in shown.stdout.splitlines() if "EncodedImage:blob" in line)
    assert "with 12 rows" in line
    assert "- /camera -" in line


def test_hands_keep_their_frames_when_they_come_late(tmp_path: Path) -> None:
    """Hands are recorded after their picture; shown, they lie on it."""
    file = tmp_path / "a.mcap"
    recorder = Recorder(file, RecordingMetadata(), [output_of("camera", Frame), output_of("tracker", Hands)])
    recorder.add("camera", pack(frame(1)), STEP_NS, STEP_NS, 1)
    recorder.add("camera", pack(frame(2)), 2 * STEP_NS, 2 * STEP_NS, 2)
    recorder.add("tracker", pack(hands(1)), 2 * STEP_NS + 1, 2 * STEP_NS + 1, 1)
    recorder.close()
    main(["convert", str(file), "-o", str(tmp_path / "b.mcap")])
    with open(tmp_path / "b.mcap", "rb") as opened:
        times = [(channel.topic, message.log_time) for _, channel, message in make_reader(opened).iter_messages()]
    assert sorted(times) == [("/camera", STEP_NS), ("/camera", 2 * STEP_NS), ("/tracker", STEP_NS)]

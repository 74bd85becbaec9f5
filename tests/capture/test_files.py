"""Files and folders, read in order or played; what a camera is asked for; turning and scaling into a slot."""

import re
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image
from support.clocks import oversleep
from support.pictures import FORMATS, clip, write_clip
from support.quiet import in_a_quiet_moment

from handflow import SetupError
from handflow.capture.devices import CameraRequest, configure
from handflow.capture.files import read_frames
from handflow.capture.frames import CapturedFrame
from handflow.capture.player import Player
from handflow.capture.transform import transform
from handflow.recording.sources import loop_source


def brightness(found: list[CapturedFrame]) -> list[int]:
    return [round(float(picture.image.mean()) / 20) for picture in found]


def test_every_picture_of_a_clip_comes_in_order_with_its_time(tmp_path: Path) -> None:
    found = list(read_frames(clip(tmp_path / "a.mp4")))
    assert brightness(found) == list(range(10))
    assert [picture.number for picture in found] == list(range(10))
    assert [picture.t for picture in found] == pytest.approx([n / 25 for n in range(10)])
    assert [picture.captured_ns for picture in found] == [round(picture.t * 1e9) for picture in found]


def test_a_folder_is_read_by_name_and_number_whatever_the_sizes(tmp_path: Path) -> None:
    for name, value, size in (("hand10.png", 60, (40, 30)), ("hand2.png", 40, (20, 50)), ("Hand1.jpg", 20, (64, 48))):
        cv2.imwrite(str(tmp_path / name), np.full((size[1], size[0], 3), value, np.uint8))
    (tmp_path / "notes.txt").write_text("no picture")
    found = list(read_frames(tmp_path, fps=10))
    assert [picture.image.shape for picture in found] == [(48, 64, 3), (50, 20, 3), (30, 40, 3)]
    assert [picture.t for picture in found] == pytest.approx([0, 0.1, 0.2])


def test_one_picture_is_a_source_of_one(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "hand.png"), np.zeros((8, 8), np.uint8))  # grey in the file
    (found,) = read_frames(tmp_path / "hand.png")
    assert found.image.shape == (8, 8, 3)


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("none.mp4", None, "none.mp4: no such file or folder"),
        ("text.mp4", b"hello", r"text.mp4: expected a video .*, got 5 bytes"),
        ("empty.mp4", b"", r"empty.mp4: expected a video .*, got 0 bytes"),
        ("text.png", b"hello", r"text.png: expected a picture .*, got 5 bytes"),
        ("empty.png", b"", r"empty.png: expected a picture .*, got 0 bytes"),
    ],
)
def test_what_cannot_be_read_is_one_line_at_once(tmp_path: Path, name: str, content: bytes | None, line: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SetupError, match=line) as error:
        read_frames(tmp_path / name)
    assert "\n" not in str(error.value)


def test_a_folder_without_pictures_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(SetupError, match="no pictures in this folder"):
        read_frames(tmp_path)


def test_a_broken_picture_in_a_folder_is_named_and_left_out(tmp_path: Path) -> None:
    for name in ("a.png", "c.png"):
        cv2.imwrite(str(tmp_path / name), np.zeros((8, 8, 3), np.uint8))
    (tmp_path / "b.png").write_bytes(b"hello")
    lines: list[str] = []
    assert [captured.number for captured in read_frames(tmp_path, report=lines.append)] == [0, 1]
    assert len(lines) == 2
    assert "b.png: expected a picture" in lines[0]
    assert lines[1].endswith("1 of 3 pictures were left out")


def test_a_folder_of_which_nothing_can_be_read_is_one_line_more(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"hello")
    with pytest.raises(SetupError, match="none of its 1 pictures can be read"):
        list(loop_source(tmp_path, 30, print))


def damaged(path: Path, how: str) -> Path:
    """A clip of 30 frames, cut off in frame 15 or with a hole there."""
    data = bytearray(write_clip(path))
    with av.open(str(path)) as container:
        start, size = [(packet.pos or 0, packet.size) for packet in container.demux(video=0)][15]
    if how == "cut":
        del data[start + size // 2 :]
    else:
        # Behind the head of the frame: where that is gone too, a file of one block has nothing to go on from.
        data[start + 8 : start + size] = bytes(size - 8)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("how", "ending", "line"),
    [
        ("hole", ".mkv", r"damaged at frame \d+: \d+ of about 30 frames could be read"),
        ("hole", ".mp4", r"damaged at frame \d+: \d+ of about 30 frames could be read"),
        ("cut", ".mkv", r"breaks off at frame \d+ of about 30"),
        ("cut", ".avi", r"breaks off at frame \d+ of about 30"),
    ],
)
def test_a_damaged_clip_is_read_past_the_damage_with_one_line(tmp_path: Path, how: str, ending: str, line: str) -> None:
    lines: list[str] = []
    found = list(read_frames(damaged(tmp_path / f"a{ending}", how), report=lines.append))
    assert len(lines) == 1
    assert re.search(line, lines[0])
    assert (found[-1].t > 2.5) == (how == "hole")
    assert (13 <= len(found) <= 16) if how == "cut" else (25 <= len(found) < 30)


def test_the_pixels_of_a_clip_are_those_of_opencv(tmp_path: Path) -> None:
    for ending in FORMATS:
        file = tmp_path / f"a{ending}"
        write_clip(file, frames=12)
        capture = cv2.VideoCapture(str(file))
        for captured in read_frames(file):
            good, image = capture.read()
            assert good
            assert (image == captured.image).all()
        assert not capture.read()[0]


@pytest.mark.parametrize("turn", [90, 180, -90])
def test_a_clip_that_was_filmed_on_its_side_is_upright_as_in_opencv(tmp_path: Path, turn: int) -> None:
    write_clip(tmp_path / "a.mp4", frames=2)
    with av.open(str(tmp_path / "a.mp4")) as whole, av.open(str(tmp_path / "b.mp4"), "w") as turned:
        stream = turned.add_stream_from_template(whole.streams.video[0])
        if not hasattr(stream, "set_display_rotation"):
            pytest.skip("this PyAV writes no rotation")
        stream.set_display_rotation(turn)
        for packet in whole.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                turned.mux(packet)
    captured = next(read_frames(tmp_path / "b.mp4"))
    assert (cv2.VideoCapture(str(tmp_path / "b.mp4")).read()[1] == captured.image).all()


def test_a_loop_goes_on_counting_frames_and_time(tmp_path: Path) -> None:
    found = list(islice(loop_source(clip(tmp_path / "a.mp4", count=3), 30, print), 7))
    assert brightness(found) == [0, 1, 2, 0, 1, 2, 0]
    assert [picture.number for picture in found] == list(range(7))
    assert [picture.t for picture in found] == pytest.approx([n / 25 for n in range(7)])


def made(times: list[float], pauses: dict[int, float] | None = None) -> Iterator[CapturedFrame]:
    """Pictures due at `times`; `pauses` says how long the decoder takes for some of them."""
    for frame, t in enumerate(times):
        time.sleep((pauses or {}).get(frame, 0))
        yield CapturedFrame(np.full((2, 2, 3), frame, np.uint8), round(t * 1e9), frame, t)


def test_a_player_hands_pictures_out_when_they_are_due() -> None:
    def observe() -> None:
        found = [picture for picture in Player(made([0, 0.1, 0.15, 0.3])) if picture is not None]
        since = [(picture.captured_ns - found[0].captured_ns) / 1e9 for picture in found]
        assert [picture.number for picture in found] == [0, 1, 2, 3]
        assert since == pytest.approx([0, 0.1, 0.15, 0.3], abs=0.03)

    in_a_quiet_moment(observe)


def test_a_player_skips_what_came_too_late() -> None:
    def observe() -> None:
        found = []
        player = Player(made([n * 0.02 for n in range(10)]), ahead=10)
        for picture in player:
            if picture is not None:
                found.append(picture.number)
                if picture.number == 0:
                    time.sleep(0.105)  # meanwhile 1 to 5 are due
        assert found[:2] == [0, 5]
        assert player.skipped == 4
        assert found[-1] == 9

    in_a_quiet_moment(observe)


def test_a_player_goes_on_where_it_was_when_the_machine_was_asleep(monkeypatch) -> None:
    player, found = Player(made([n * 0.02 for n in range(100)]), ahead=5), []
    for picture in player:
        if picture is not None:
            found.append(picture.number)
            if picture.number == 5:
                oversleep(monkeypatch, 3600)
    # What is due after a sleep is what was due before it, and at most half a second more.
    assert found[-1] == 99
    assert max(np.diff(found)) <= 0.5 / 0.02 + 20


def test_a_player_says_at_least_every_third_of_a_second_that_nothing_came() -> None:
    def observe() -> None:
        gaps, before = [], time.monotonic()
        for _ in Player(made([0, 0.6], pauses={0: 0.6})):
            gaps.append(time.monotonic() - before)
            before = time.monotonic()
        assert max(gaps) < 0.33
        assert len(gaps) >= 6

    in_a_quiet_moment(observe)


def test_a_player_raises_what_its_decoder_raised() -> None:
    def broken() -> Iterator[CapturedFrame]:
        yield CapturedFrame(np.zeros((2, 2, 3), np.uint8), 0, 0, 0.0)
        raise SetupError("b.png: cannot be read")

    with pytest.raises(SetupError, match=r"b.png"):
        list(Player(broken()))


def test_a_player_is_closed_at_once_though_its_queue_is_full(tmp_path: Path) -> None:
    def observe() -> None:
        player = Player(made([n * 10.0 for n in range(100)]))
        next(iter(player))
        begun = time.monotonic()
        player.close()
        assert time.monotonic() - begun < 0.1
        assert not player._thread.is_alive()

    in_a_quiet_moment(observe)


class Slot:
    """Lends one slot; `place` must have written into just this one."""

    def __call__(self, shape: tuple[int, ...], dtype: str) -> np.ndarray:
        self.array = np.full(shape, 77, dtype)
        return self.array


# 1 2 3
# 4 5 6
NUMBERS = np.repeat(np.array([[1, 2, 3], [4, 5, 6]], np.uint8)[..., None], 3, axis=2)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [[1, 2, 3], [4, 5, 6]]),
        ({"mirror": True}, [[3, 2, 1], [6, 5, 4]]),
        ({"rotate": 90}, [[4, 1], [5, 2], [6, 3]]),
        ({"rotate": 180}, [[6, 5, 4], [3, 2, 1]]),
        ({"rotate": 270}, [[3, 6], [2, 5], [1, 4]]),
        ({"rotate": 90, "mirror": True}, [[1, 4], [2, 5], [3, 6]]),
        ({"crop": (1 / 3, 0, 2 / 3, 1)}, [[2, 3], [5, 6]]),
        ({"crop": (1 / 3, 0.5, 2 / 3, 0.5), "rotate": 90, "mirror": True}, [[5], [6]]),
        ({"size": (100, 100)}, [[1, 2, 3], [4, 5, 6]]),  # never enlarged
    ],
)
def test_a_picture_is_cut_turned_and_mirrored_into_the_slot(settings: dict, expected: list) -> None:
    slot = Slot()
    found = transform(NUMBERS, slot, **settings)
    assert found is slot.array
    assert found[..., 0].tolist() == expected
    assert (found[..., 0] == found[..., 2]).all()


@pytest.mark.parametrize(
    ("picture", "rotate", "size", "expected"),
    [
        ((1920, 1080), 0, (1280, 720), (1280, 720)),
        ((640, 480), 0, (1280, 720), (640, 480)),
        ((1600, 1200), 0, (1280, 720), (960, 720)),  # 4:3 stays 4:3
        ((1920, 1080), 90, (720, 1280), (720, 1280)),
        ((1080, 1920), 0, (1280, 720), (405, 720)),
        ((4000, 3000), 0, (400, 300), (400, 300)),
    ],
)
@pytest.mark.parametrize("mirror", [False, True])
def test_a_picture_fits_into_the_size_with_its_aspect(
    picture: tuple[int, int], rotate: int, size: tuple[int, int], expected: tuple[int, int], mirror: bool
) -> None:
    slot = Slot()
    found = transform(np.full((picture[1], picture[0], 3), 50, np.uint8), slot, size=size, rotate=rotate, mirror=mirror)
    assert found is slot.array
    assert found.shape == (expected[1], expected[0], 3)
    assert (found == 50).all()


class Settable:
    """A driver's settings: it takes what is in `possible`, or anything where it does not say."""

    def __init__(self, **possible: list[float]) -> None:
        self.possible = {getattr(cv2, f"CAP_PROP_{name}"): values for name, values in possible.items()}
        self.values: dict[int, float] = {}

    def set(self, propId: int, value: float) -> bool:  # noqa: N803
        good = value in self.possible.get(propId, [value])
        if good:
            self.values[propId] = value
        return good

    def get(self, propId: int) -> float:  # noqa: N803
        return self.values.get(propId, self.possible.get(propId, [-1])[0])


MJPG, YUYV = (float(cv2.VideoWriter.fourcc(*code)) for code in ("MJPG", "YUYV"))


def test_a_camera_that_gives_what_was_asked_is_reported_in_few_words() -> None:
    assert configure(Settable(), CameraRequest()) == "1280x720 at 30 fps, MJPG"


def test_what_a_camera_does_not_give_is_named_with_what_it_gave() -> None:
    camera = Settable(FOURCC=[YUYV], FRAME_WIDTH=[640], FRAME_HEIGHT=[480], FPS=[15], GAIN=[8], FOCUS=[-1])
    assert configure(camera, CameraRequest(gain=20, focus=30, exposure=100)) == (
        "640x480 at 15 fps, YUYV; not as asked: size: asked 1280x720, got 640x480; fps: asked 30, got 15; "
        "format: asked MJPG, got YUYV; focus: asked 30, got -1; gain: asked 20, got 8"
    )


def test_a_camera_on_its_side_is_asked_for_a_lying_picture() -> None:
    camera = Settable()
    configure(camera, CameraRequest(size=(720, 1280)))
    assert camera.get(cv2.CAP_PROP_FRAME_WIDTH) == 1280


def test_a_fixed_setting_switches_its_automatic_off() -> None:
    camera = Settable()
    configure(camera, CameraRequest(exposure=156, white_balance=4600))
    manual = 1 if sys.platform == "linux" else 0
    assert camera.values[cv2.CAP_PROP_AUTO_EXPOSURE] == manual
    assert camera.values[cv2.CAP_PROP_EXPOSURE] == 156
    assert camera.values[cv2.CAP_PROP_AUTO_WB] == 0
    assert camera.values[cv2.CAP_PROP_WB_TEMPERATURE] == 4600
    assert camera.values[cv2.CAP_PROP_AUTOFOCUS] == 1
    assert cv2.CAP_PROP_FOCUS not in camera.values
    assert cv2.CAP_PROP_GAIN not in camera.values


@pytest.mark.parametrize(("name", "told"), [("a.webp", True), ("a.tif", True), ("still.webp", False)])
def test_a_picture_that_moves_or_has_pages_is_told_of(tmp_path: Path, name: str, told: bool) -> None:
    file, said = tmp_path / name, []
    pages = [Image.new("RGB", (40, 30), (90 * number, 0, 0)) for number in range(1 + told)]
    pages[0].save(file, save_all=told, **({"append_images": pages[1:]} if told else {}))
    assert len(list(read_frames(file, report=said.append, say=said.append))) == 1
    assert said == [f"{file}: holds 2 pictures; the first is read, for the others save it as a clip"] * told


def test_a_stream_is_no_file_and_it_is_said_what_to_do() -> None:
    with pytest.raises(
        SetupError, match=r"expected a file or a folder; a stream is recorded first \(handflow record\)"
    ):
        read_frames("http://camera.local/video")

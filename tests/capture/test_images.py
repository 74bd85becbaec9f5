"""One way to decode an image: what a file may hold and be called, and what is said where it holds none."""

import os
import struct
import subprocess
import sys
import zlib
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image

from handflow import SetupError
from handflow.capture import images
from handflow.capture.images import decode_image, decode_stored, images_in, is_image, read_image

RNG = np.random.default_rng(4)
COLOUR = RNG.integers(0, 256, (6, 8, 3), dtype=np.uint8)


def stored(path: Path, image: np.ndarray) -> Path:
    path.write_bytes(cv2.imencode(path.suffix, image)[1].tobytes())
    return path


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tiff", ".ppm"])
def test_an_ordinary_picture_comes_out_as_it_was(tmp_path: Path, suffix: str) -> None:
    assert (read_image(stored(tmp_path / f"a{suffix}", COLOUR)) == COLOUR).all()


def test_a_jpeg_comes_out_as_opencv_reads_it(tmp_path: Path) -> None:
    file = stored(tmp_path / "a.jpg", COLOUR)
    assert (read_image(file) == cv2.imread(str(file))).all()
    assert (decode_image(file.read_bytes()) == cv2.imread(str(file))).all()


def test_names_may_have_any_characters(tmp_path: Path) -> None:
    assert read_image(stored(tmp_path / "Hände 手 #1.png", COLOUR)).shape == (6, 8, 3)


def test_grey_is_spread_over_three_channels(tmp_path: Path) -> None:
    found = read_image(stored(tmp_path / "a.png", COLOUR[..., 0]))
    assert (found == COLOUR[..., :1]).all()
    assert found.shape == (6, 8, 3)


def test_alpha_is_dropped(tmp_path: Path) -> None:
    assert (read_image(stored(tmp_path / "a.png", np.dstack([COLOUR, COLOUR[..., 0]]))) == COLOUR).all()


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_of_16_bits_the_upper_8_are_kept(tmp_path: Path, suffix: str) -> None:
    deep = RNG.integers(0, 1 << 16, (6, 8, 3), dtype=np.uint16)
    assert abs(read_image(stored(tmp_path / f"a{suffix}", deep)).astype(float) - deep / 257).max() <= 1


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
@pytest.mark.parametrize("shape", [(6, 8), (6, 8, 3)])
def test_16_bits_of_which_fewer_are_used_are_scaled_by_those(tmp_path: Path, bits: int, shape: tuple[int, ...]) -> None:
    deep = RNG.integers(0, 1 << bits, shape, dtype=np.uint16)
    deep[0, 0] = (1 << bits) - 1
    found = read_image(stored(tmp_path / "a.png", deep))
    assert (found == (deep >> (bits - 8)).reshape(6, 8, -1)).all()


def test_floating_point_is_0_to_1(tmp_path: Path) -> None:
    found = read_image(stored(tmp_path / "a.tiff", np.full((6, 8, 3), [0, 0.5, 2], np.float32)))
    # OpenCV before 4.11 rounds half of it the other way.
    assert np.abs(found[0, 0].astype(int) - [0, 127, 255]).max() <= 1


SMOOTH = cv2.resize(COLOUR, (64, 48), interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize(
    ("mode", "form", "options", "off"),
    [
        ("LA", "png", {}, 0),
        ("RGBA", "png", {}, 0),
        ("P", "png", {}, 0),
        ("1", "png", {}, 0),
        ("CMYK", "jpeg", {"quality": 95}, 3),
        ("CMYK", "tiff", {}, 1),
        ("1", "tiff", {"compression": "group4"}, 0),
        ("RGB", "tiff", {"compression": "tiff_lzw"}, 0),
        ("RGB", "webp", {"lossless": True, "save_all": True, "moving": True}, 0),
        ("RGB", "png", {"save_all": True, "moving": True}, 0),
        ("RGB", "mpo", {"save_all": True, "moving": True, "quality": 95}, 3),
        ("RGB", "jpeg2000", {}, 0),
    ],
)
def test_pictures_of_all_kinds_come_out_as_pillow_reads_them(mode: str, form: str, options: dict, off: float) -> None:
    image = Image.fromarray(SMOOTH[..., ::-1].copy()).convert(mode)
    more = {key: value for key, value in options.items() if key != "moving"}
    if "moving" in options:
        more["append_images"] = [Image.fromarray(255 - SMOOTH)]
    data = BytesIO()
    image.save(data, form, **more)
    found = decode_image(data.getvalue())
    expected = np.asarray(Image.open(BytesIO(data.getvalue())).convert("RGB"))[..., ::-1]
    assert found is not None
    assert np.abs(found.astype(int) - expected).mean() <= off


def test_a_few_bytes_that_ask_for_gigabytes_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    def claiming(width: int, height: int) -> bytes:
        head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
        end = chunk(b"IDAT", zlib.compress(bytes(9))) + chunk(b"IEND", b"")
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + end

    png = claiming(30_000, 30_000)
    # A telephone's 200 megapixels are not too many.
    assert not images._is_too_large(images._size_of(claiming(16_320, 12_240)))
    assert images._is_too_large(images._size_of(claiming(16_320, 16_500)))
    (tmp_path / "huge.png").write_bytes(png)
    assert decode_image(png) is None
    with pytest.raises(SetupError, match=r"huge\.png: expected a picture of at most 256 megapixels"):
        read_image(tmp_path / "huge.png")


def test_heic_is_read_where_a_library_is_there_and_else_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.HEIC").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    assert images_in(tmp_path) == [tmp_path / "a.HEIC"]
    monkeypatch.setattr(images, "_heif_library", lambda: None)
    with pytest.raises(SetupError, match=r"is a HEIC picture, which nothing installed can read; pip install pi-heif"):
        read_image(tmp_path / "a.HEIC")
    library = SimpleNamespace(
        open_heif=lambda data, convert_hdr_to_8bit: SimpleNamespace(
            size=(64, 48), to_pillow=lambda: Image.fromarray(SMOOTH[..., ::-1].copy())
        )
    )
    monkeypatch.setattr(images, "_heif_library", lambda: library)
    assert (read_image(tmp_path / "a.HEIC") == SMOOTH).all()


def test_a_heic_without_a_picture_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("pi_heif")
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    with pytest.raises(SetupError, match="got 24 bytes of something else"):
        read_image(tmp_path / "a.heic")


def test_exif_orientation_is_applied_unless_the_stored_array_is_wanted(tmp_path: Path) -> None:
    plain = cv2.imencode(".jpg", COLOUR)[1].tobytes()
    # An APP1 segment after SOI: TIFF header, one entry, tag 0x0112 (orientation) = 6: turn clockwise by 90 degrees.
    exif = bytes.fromhex("4578696600004d4d002a00000008000101120003000000010006000000000000")
    turned = plain[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + plain[2:]
    upright = decode_image(plain)
    assert upright is not None
    assert (decode_image(turned) == np.rot90(upright, -1)).all()
    assert (decode_stored(turned) == upright).all()


def test_a_stored_array_keeps_its_depth_and_channels() -> None:
    deep = RNG.integers(0, 1 << 16, (6, 8), dtype=np.uint16)
    found = decode_stored(cv2.imencode(".png", deep)[1].tobytes())
    assert found is not None
    assert found.dtype == np.uint16
    assert (found == deep).all()


@pytest.mark.parametrize("data", [b"", b"hello", b"\xff\xd8\xff\xe0", cv2.imencode(".png", COLOUR)[1].tobytes()[:20]])
def test_bytes_that_are_no_image_give_none(data: bytes) -> None:
    assert decode_image(data) is None
    assert decode_stored(data) is None


def test_what_is_wrong_with_a_file_is_one_line_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_bytes(b"hello")
    for name, line in (("text.png", r"text\.png: expected a picture .* got 5 bytes"), ("none.png", "no such picture")):
        with pytest.raises(SetupError, match=line) as error:
            read_image(tmp_path / name)
        assert "\n" not in str(error.value)


def test_a_folders_pictures_are_listed_by_number_and_without_the_rest(tmp_path: Path) -> None:
    for name in ("hand10.png", "hand2.PNG", "Hand1.jpg", "notes.txt"):
        (tmp_path / name).touch()
    assert [file.name for file in images_in(tmp_path)] == ["Hand1.jpg", "hand2.PNG", "hand10.png"]
    assert [is_image(name) for name in ("a.JPG", "a.mp4", "jpg")] == [True, False, False]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_a_pipe_is_no_picture_and_nobody_waits_for_its_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    with pytest.raises(SetupError, match="expected a file, got a folder, a pipe or a device"):
        read_image(tmp_path / "a.jpg")
    with pytest.raises(SetupError, match="no pictures in this folder"):
        images_in(tmp_path)


def test_opencv_says_nothing_of_its_own(tmp_path: Path) -> None:
    code = "import sys, handflow.capture.images as i; i.decode_image(open(sys.argv[1], 'rb').read())"
    Image.new("F", (40, 30)).save(tmp_path / "a.tif")
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "a.tif"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")

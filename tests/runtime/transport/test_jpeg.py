"""Pictures as JPEG: near to what they were, of a size that is known before they are decoded."""

import cv2
import numpy as np
import pytest
from support.pictures import smooth

from handflow.runtime.transport import jpeg


def test_a_picture_comes_back_nearly_as_it_went_and_read_only() -> None:
    image = smooth(90, 160)
    back = jpeg.decode(jpeg.encode(image, 95))
    assert back.shape == image.shape
    assert np.abs(back[:, :, :2].astype(int) - image[:, :, :2]).mean() < 3
    assert not back.flags.writeable


def test_less_quality_is_less_data() -> None:
    image = smooth(360, 640)
    assert len(jpeg.encode(image, 50)) < len(jpeg.encode(image, 95)) / 2


@pytest.mark.parametrize(
    ("size", "expected"),
    [(None, (720, 1280)), ((320, 180), (180, 320)), ((320, 320), (180, 320)), ((2000, 2000), (720, 1280))],
)
def test_a_picture_is_made_to_fit_and_keeps_its_shape(size: tuple[int, int] | None, expected: tuple[int, int]) -> None:
    assert jpeg.shrink(smooth(720, 1280), size).shape[:2] == expected


def test_the_size_is_read_from_baseline_and_progressive_jpegs() -> None:
    for flags in ([], [cv2.IMWRITE_JPEG_PROGRESSIVE, 1], [cv2.IMWRITE_JPEG_RST_INTERVAL, 4]):
        data = cv2.imencode(".jpg", smooth(123, 457), flags)[1].tobytes()
        assert jpeg.size_of(data) == (123, 457)


def test_a_few_bytes_cannot_ask_for_a_gigabyte() -> None:
    data = bytearray(jpeg.encode(smooth(16, 16), 90))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = b"\xff\xff\xff\xff"
    with pytest.raises(ValueError, match="65535x65535"):
        jpeg.decode(bytes(data))


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"\x89PNG\r\n", b"\xff\xd8\xff\xe0\x00\x00" * 3])
def test_what_is_no_jpeg_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="expected a JPEG"):
        jpeg.decode(data)


def test_a_jpeg_cut_short_is_refused_or_whole_in_size() -> None:
    data = jpeg.encode(smooth(90, 160), 90)
    for length in range(0, len(data), 37):
        try:
            assert jpeg.decode(data[:length]).shape == (90, 160, 3)
        except ValueError:
            continue

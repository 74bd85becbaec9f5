"""JPEGs found in whatever servers put around them, however the network cuts it."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.web_cameras import jpeg

from handflow.capture.jpeg_scan import MAX_BETWEEN_BYTES, JpegScan, StreamedJpeg

PICTURES = [jpeg(number) for number in range(4)]
# With a thumbnail, a whole JPEG of its own, in its EXIF segment.
EXIF = b"\xff\xe1" + (2 + 6 + len(PICTURES[0])).to_bytes(2) + b"Exif\0\0" + PICTURES[0]
WITH_THUMBNAIL = PICTURES[3][:2] + EXIF + PICTURES[3][2:]


def found(*pieces: bytes) -> list[StreamedJpeg]:
    scan, pictures = JpegScan(), []
    for piece in pieces:
        scan.feed(piece)
        pictures += iter(scan.take, None)
    return pictures


def jpegs(*pieces: bytes) -> list[bytes]:
    return [picture.jpeg for picture in found(*pieces)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n", b"\r\n"),
        (b"another\r\nContent-Type: image/jpeg\r\n\r\n", b"\r\n"),
        (b"--frame\nContent-Length: 99\n\n", b"\n"),
        (b"--frame\r\nContent-Length: 9999999\r\n\r\n", b"\0" * 100),
        (b"Content-Type: image/jpeg\r\n\r\n", b"\r\n--frame\r\n"),
        (b"", b""),
        (b"\xff\xff--frame\r\n\r\n\r\nX: \xff\xd9\r\n\r\n", b"\xff\xd9"),
    ],
    ids=["as announced", "another boundary", "too short", "too long", "none before", "nothing", "marks between"],
)
def test_what_lies_between_pictures_does_not_matter(before: bytes, after: bytes) -> None:
    before = before % len(PICTURES[0]) if b"%d" in before else before
    assert jpegs(b"".join(before + picture + after for picture in PICTURES)) == PICTURES


@settings(max_examples=60, deadline=None)
@given(
    between=st.lists(st.binary(max_size=40).filter(lambda junk: b"\xff" not in junk), min_size=5, max_size=5),
    size=st.integers(1, 400),
)
def test_pictures_are_found_however_their_bytes_arrive(between: list[bytes], size: int) -> None:
    sent = b"".join(itertools.chain(*zip(between, PICTURES, strict=False))) + between[-1]
    assert jpegs(*(sent[at : at + size] for at in range(0, len(sent), size))) == PICTURES


def test_a_picture_is_there_with_its_last_byte() -> None:
    assert jpegs(PICTURES[0][:-1]) == []
    assert jpegs(PICTURES[0][:-1], PICTURES[0][-1:]) == PICTURES[:1]


def test_a_thumbnail_is_no_picture() -> None:
    assert jpegs(WITH_THUMBNAIL + b"--frame" + PICTURES[1]) == [WITH_THUMBNAIL, PICTURES[1]]


def test_of_a_picture_that_was_cut_nothing_is_shown_and_the_next_is_whole() -> None:
    cut = PICTURES[1][:-20]
    assert jpegs(PICTURES[0] + cut + b"\r\n--frame\r\n\r\n" + PICTURES[2]) == [PICTURES[0], PICTURES[2]]


def test_of_a_camera_that_never_ends_a_picture_each_is_shown() -> None:
    endless = [picture[:-2] for picture in PICTURES]
    assert jpegs(*endless) == endless[:-1]


def test_the_server_s_time_is_read_in_the_head_of_its_own_picture() -> None:
    head = b"--frame\r\nX-Timestamp: %.1f\r\n\r\n"
    sent = head % 3 + PICTURES[0] + b"\r\n--frame\r\n\r\n" + PICTURES[1] + head % 4.5 + PICTURES[2]
    assert [picture.own_s for picture in found(sent)] == [3, 0, 4.5]


def test_what_is_no_picture_is_said() -> None:
    with pytest.raises(OSError, match="expected JPEGs, got 64 KiB of something else"):
        found(bytes(MAX_BETWEEN_BYTES + 1))

"""RTSP cameras, against servers made of plain sockets: buffered, hanging, cut and back."""

import itertools
import re
import socket
import struct
import time
from collections.abc import Callable, Iterator

import pytest
from support.quiet import in_a_quiet_moment
from support.web_cameras import SHADES, arrived, hang, jpeg, number

from handflow.capture import rtsp_stream


def sdp(port: int) -> bytes:
    return b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=t\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\na=control:track\r\n"


def rtp(image: bytes, seq: int, t_s: float) -> Iterator[bytes]:
    """A JPEG as RTP packets (RFC 2435: quantisation tables in the head, the standard Huffman tables left out)."""
    tables, at = b"", 2
    while image[at + 1] != 0xDA:
        marker, length = image[at + 1], struct.unpack_from(">H", image, at + 2)[0]
        if marker == 0xDB:
            tables += b"".join(image[at + 5 + i : at + 69 + i] for i in range(0, length - 2, 65))
        if marker == 0xC0:
            height, width = struct.unpack_from(">HH", image, at + 5)
            kind = 1 if image[at + 11] == 0x22 else 0
        at += 2 + length
    scan = image[at + 2 + struct.unpack_from(">H", image, at + 2)[0] : -2]
    for offset in range(0, len(scan), 1200):
        last = offset + 1200 >= len(scan)
        head = struct.pack(">BBHII", 0x80, 26 | 0x80 * last, seq & 0xFFFF, round(t_s * 90000) & 0xFFFFFFFF, 7)
        head += struct.pack(">I", offset) + bytes([kind, 255, width // 8, height // 8])
        if offset == 0:
            head += struct.pack(">BBH", 0, 0, len(tables)) + tables
        packet = head + scan[offset : offset + 1200]
        yield b"$\0" + struct.pack(">H", len(packet)) + packet
        seq += 1


def rtsp(play: Callable[[socket.socket, int], None]) -> Callable[[socket.socket, int], None]:
    """Answers as an RTSP server does until the client wants to see something. A connection without a word is a look."""

    def serve(connection: socket.socket, before: int) -> None:
        while asked := connection.recv(4096):
            verb, count = asked.split()[0], re.search(rb"(?i)CSeq: *(\d+)", asked)[1]  # type: ignore[index]
            head, body = b"RTSP/1.0 200 OK\r\nCSeq: %s\r\n" % count, b""
            if verb == b"OPTIONS":
                head += b"Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
            if verb == b"DESCRIBE":
                body = sdp(0)
                head += b"Content-Type: application/sdp\r\nContent-Length: %d\r\n" % len(body)
            if verb == b"SETUP":
                head += b"Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
            if verb == b"PLAY":
                head += b"Session: 1\r\n"
            connection.sendall(head + b"\r\n" + body)
            if verb == b"PLAY":
                play(connection, before)

    return serve


def rtp_live(connection: socket.socket, before: int) -> None:
    begun, seq = time.monotonic(), 0
    for each in itertools.count():
        for packet in rtp(jpeg(each, (320, 240)), seq, 100 + time.monotonic() - begun):
            connection.sendall(packet)
            seq += 1
        time.sleep(0.04)


def test_rtsp_is_read_as_it_comes(serving, reading_url) -> None:
    def observe() -> None:
        found = arrived(reading_url(serving(rtsp(rtp_live), "rtsp").url), 10)
        shown = [number(picture.image) for picture in found]
        assert all(1 <= (b - a) % SHADES <= 4 for a, b in itertools.pairwise(shown[2:]))

    in_a_quiet_moment(observe)


def test_rtsp_does_not_show_what_the_server_had_kept(serving, reading_url) -> None:
    """Two seconds of old pictures come first, as from a camera that buffers."""

    def play(connection: socket.socket, before: int) -> None:
        begun, seq = time.monotonic(), 0
        for each in range(50):
            for packet in rtp(jpeg(3, (320, 240)), seq, 100 + each * 0.04):
                connection.sendall(packet)
                seq += 1
        while True:
            for packet in rtp(jpeg(12, (320, 240)), seq, 102 + time.monotonic() - begun):
                connection.sendall(packet)
                seq += 1
            time.sleep(0.04)

    def observe() -> None:
        shown = [number(picture.image) for picture in arrived(reading_url(serving(rtsp(play), "rtsp").url), 10)]
        assert shown.count(3) <= 1
        assert shown[-1] == 12

    in_a_quiet_moment(observe)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(hang, id="hangs"),
        pytest.param(rtsp(hang), id="hangs at play", marks=pytest.mark.slow),
        pytest.param(lambda connection, before: None, id="cuts"),
    ],
)
def test_an_rtsp_server_that_fails_is_asked_again(serving, reading_url, monkeypatch, caplog, fault) -> None:
    monkeypatch.setattr(rtsp_stream, "OPEN_S", 1.0)
    looks = itertools.count()

    def serve(connection: socket.socket, before: int) -> None:
        (fault if next(looks) < 2 else rtsp(rtp_live))(connection, before)

    assert len(arrived(reading_url(serving(serve, "rtsp").url), 4)) == 4
    assert caplog.text.count("camera lost: ") <= 1

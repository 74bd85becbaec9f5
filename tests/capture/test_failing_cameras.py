"""Cameras on the network that fail: servers that hang, cut, trickle or send something else, and none at all."""

import itertools
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.graphs import Run, until
from support.quiet import in_a_quiet_moment
from support.web_cameras import HEAD, arrived, closed, hang, live, number, part, request

from handflow.capture.network import open_stream


def hang_after(text: bytes) -> Callable[[socket.socket, int], None]:
    def serve(connection: socket.socket, before: int) -> None:
        request(connection)
        connection.sendall(text)
        hang(connection, before)

    return serve


def trickle(connection: socket.socket, before: int) -> None:
    request(connection)
    connection.sendall(HEAD)
    for byte in part(3):
        connection.sendall(bytes([byte]))
        time.sleep(0.05)


BAD = {
    "hangs": hang,
    "hangs after its head": hang_after(HEAD),
    "hangs in a picture": hang_after(HEAD + part(1) + part(2)[:200]),
    "trickles": trickle,
    "cuts": lambda connection, before: request(connection) and None,
    "cuts after a picture": lambda connection, before: (request(connection), connection.sendall(HEAD + part(1)))[1],
    "answers an error": lambda c, b: (request(c), c.sendall(b"HTTP/1.0 503 Busy\r\n\r\n"))[1],
    "is no web server": lambda c, b: (request(c), c.sendall(b"\0\xff" * 999))[1],
    "sends no boundaries": lambda c, b: (request(c), c.sendall(HEAD + bytes(200_000)))[1],
    "sends no JPEGs": lambda c, b: (
        request(c),
        c.sendall(HEAD + b"--frame\r\nContent-Length: 5\r\n\r\nhello\r\n" * 50),
    )[1],
}

SLOW = {"hangs", "hangs after its head", "trickles"}  # seconds of waiting each; the others are enough for every day


@pytest.mark.parametrize("fault", [pytest.param(f, marks=[pytest.mark.slow] if f in SLOW else []) for f in BAD])
def test_a_server_that_fails_is_asked_again_until_it_works_and_both_are_said_once(
    serving, reading_url, caplog, monkeypatch, fault: str
) -> None:
    monkeypatch.setattr("handflow.capture.reader.LOST_S", 0.5)
    monkeypatch.setattr("handflow.capture.reader.OPENING_S", 0.5)

    def serve(connection: socket.socket, before: int) -> None:
        (BAD[fault] if before < 2 else live)(connection, before)

    def observe() -> None:
        """A camera of which nothing came for half a second is lost, on a busy machine also after it was back."""
        caplog.clear()
        server = serving(serve)
        reader = reading_url(server.url)
        found, came, said = arrived(reader, 6), len(server.came), caplog.text
        closed(reader)
        assert came == 3
        assert number(found[-1].image) != number(found[-2].image)
        assert said.count("camera lost: ") == 1
        assert said.count("camera back: ") == 1

    in_a_quiet_moment(observe)


def test_a_server_that_is_not_there_is_asked_after_growing_pauses(serving, reading_url, caplog) -> None:
    def observe() -> None:
        caplog.clear()
        server = serving(lambda connection, before: None)
        reader = reading_url(server.url, pauses_s=(0.05, 0.2, 0.6))
        until(lambda: len(server.came) >= 5, "it gives up")
        closed(reader)
        gaps = [b - a for a, b in itertools.pairwise(server.came)]
        assert gaps[0] < gaps[2] + 0.2
        assert gaps[2] > 0.5
        assert gaps[3] > 0.5
        assert caplog.text.count("camera lost: ") == 1

    in_a_quiet_moment(observe)


@pytest.mark.parametrize(
    ("serve", "line"),
    [
        (lambda c, b: (request(c), c.sendall(b"HTTP/1.0 404 Not Found\r\n\r\n")), "the server answers 404 Not Found"),
        (lambda c, b: (request(c), c.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n")),
         r"expected a stream of JPEGs .* or a picture \(image/jpeg\), got text/html; give the address of the picture"),
        (lambda c, b: (request(c), c.sendall(b"SSH-2.0-OpenSSH\r\n")), "no HTTP: "),
    ],
)  # fmt: skip
def test_why_a_stream_does_not_open_is_said(serving, serve, line: str) -> None:
    with pytest.raises(OSError, match=f"http://127.0.0.1:[0-9]+/live: {line}"):
        open_stream(serving(serve).url)


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_nobody_there_is_said_as_it_is(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as once:
        port = once.getsockname()[1]
    with pytest.raises(OSError, match=rf"{scheme}://\*\*\*@127.0.0.1:{port}/x: Connection refused"):
        open_stream(f"{scheme}://me:secret@127.0.0.1:{port}/x")


@pytest.mark.parametrize("scheme", ["http", pytest.param("rtsp", marks=pytest.mark.slow)])
def test_a_stage_whose_server_hangs_stops_at_once(
    serving, run: Callable[..., Run], tmp_path: Path, scheme: str
) -> None:
    (tmp_path / "g.yaml").write_text("nodes:\n  camera: {run: camera}\n  publish: {run: flow, in: camera}\n")

    def observe() -> None:
        server = serving(hang, scheme)
        url = server.url.replace("//", "//me:secretword@")
        started = run("run", tmp_path / "g.yaml", "--source", url)
        until(lambda: len(server.came) >= (1 if scheme == "http" else 2), "it does not connect")
        time.sleep(0.3)
        assert started.stop() == 0
        assert not any("secretword" in line for line in started.out + started.err)
        assert not any("did not stop" in line for line in started.err)  # what is not gone after 2 s is killed, and said

    in_a_quiet_moment(observe)

"""Cameras on the network by HTTP, against servers made of plain sockets: what comes, how old it may be, and logins."""

import base64
import itertools
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.graphs import until
from support.quiet import in_a_quiet_moment
from support.web_cameras import HEAD, SHADES, arrived, live, number, paced, part, request

from handflow import now_ns
from handflow.__main__ import main
from handflow.capture.network import open_stream
from handflow.recording.metadata import PictureFormat, metadata_of
from handflow.runtime.address import masked
from handflow.stages.camera import Camera


def test_pictures_come_in_order_each_once_and_stamped_now(serving, reading_url) -> None:
    reader = reading_url(serving(live).url)

    def observe() -> None:
        found = arrived(reader, 8)
        shown = [number(picture.image) for picture in found]
        assert all(1 <= (b - a) % SHADES <= 3 for a, b in itertools.pairwise(shown))
        assert now_ns() - found[-1].captured_ns < 1e9
        stamps = [picture.captured_ns for picture in found]
        assert stamps == sorted(set(stamps))

    in_a_quiet_moment(observe)


@pytest.mark.parametrize(
    ("head", "wrap"),
    [
        (HEAD.replace(b"boundary=frame", b'boundary="--frame"'), lambda p: p),
        (HEAD, lambda p: re.sub(rb"Content-Length: \d+\r\n", b"", p)),
        (HEAD.replace(b"1.0", b"1.1").replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n"),
         lambda p: b"%x\r\n%s\r\n" % (len(p), p)),
        (HEAD.replace(b"\r\n", b"\n"), lambda p: p.replace(b"\r\n", b"\n", 4)),
        (HEAD, lambda p: b"preamble\r\n" + p),
    ],
    ids=["quoted boundary", "no lengths", "chunked", "line feeds", "text before"],
)  # fmt: skip
def test_what_servers_disagree_on_is_read(serving, reading_url, head: bytes, wrap: Callable[[bytes], bytes]) -> None:
    def serve(connection: socket.socket, before: int) -> None:
        request(connection)
        connection.sendall(head)
        for each in itertools.count():
            connection.sendall(wrap(part(each)))
            time.sleep(0.04)

    def observe() -> None:
        """A reader that was held up for SHADES pictures is given one like the last."""
        shown = [number(picture.image) for picture in arrived(reading_url(serving(serve).url), 4)]
        assert len(set(shown)) == 4

    in_a_quiet_moment(observe)


def test_what_was_held_up_in_the_network_is_thrown_away(serving, reading_url) -> None:
    """After a pause a whole burst of old pictures comes at once, and only then live ones."""

    def observe() -> None:
        pause = threading.Event()

        def serve(connection: socket.socket, before: int) -> None:
            request(connection)
            connection.sendall(HEAD)
            paced(connection, itertools.takewhile(lambda _: not pause.is_set(), itertools.cycle([1, 2])))
            time.sleep(0.5)
            connection.sendall(b"".join(part(9) for _ in range(40)))
            time.sleep(0.1)
            paced(connection, itertools.cycle([12, 13]))

        reader = reading_url(serving(serve).url)
        arrived(reader, 3)
        pause.set()
        after = [number(picture.image) for picture in arrived(reader, 12)]
        assert 12 in after
        assert after.count(9) <= 1  # its first one had to be waited for

    in_a_quiet_moment(observe)


def test_what_the_server_says_of_the_time_tells_old_pictures_in_a_slow_network(serving, reading_url) -> None:
    """The burst trickles in, so each of its pictures has to be waited for; the server's stamps give it away."""
    begun = time.monotonic()

    def stamped(each: int, age_s: float) -> bytes:
        return part(each, b"X-Timestamp: %.6f\r\n" % (1e9 + time.monotonic() - begun - age_s))

    def serve(connection: socket.socket, before: int) -> None:
        request(connection)
        connection.sendall(HEAD)
        for _ in range(15):
            connection.sendall(stamped(1, 0))
            time.sleep(0.04)
        time.sleep(0.7)
        for late in range(20):
            connection.sendall(stamped(9, 0.65 - late / 80))
            time.sleep(0.015)
        while True:
            connection.sendall(stamped(12, 0))
            time.sleep(0.04)

    def observe() -> None:
        reader = reading_url(serving(serve).url)
        shown: list[int] = []
        while shown.count(12) < 3:
            shown += [number(picture.image) for picture in arrived(reader, 1)]
        assert 1 in shown
        assert 9 not in shown

    in_a_quiet_moment(observe)


def test_a_slow_server_is_as_good_as_its_pictures(serving, reading_url) -> None:
    def serve(connection: socket.socket, before: int) -> None:
        request(connection)
        connection.sendall(HEAD)
        paced(connection, itertools.count(), 0.4)

    def observe() -> None:
        shown = [number(picture.image) for picture in arrived(reading_url(serving(serve).url), 3)]
        assert shown[1:] == [shown[0] + 1, shown[0] + 2]

    in_a_quiet_moment(observe)


def asks_for(kind: str) -> Callable[[socket.socket, int], None]:
    def serve(connection: socket.socket, before: int) -> None:
        for _ in range(2):
            asked = request(connection).decode()
            login = re.search(r"Authorization: (.*)\r", asked)
            good = base64.b64encode(b"me:s:cr t").decode()
            if login and ((kind == "Digest" and 'username="me"' in login[1]) or login[1] == f"Basic {good}"):
                connection.sendall(HEAD)
                paced(connection, itertools.count())
            realm = 'realm="cam", nonce="abc", qop="auth"' if kind == "Digest" else 'realm="cam"'
            answer = f"HTTP/1.0 401 No\r\nWWW-Authenticate: {kind} {realm}\r\nContent-Length: 0\r\n\r\n"
            connection.sendall(answer.encode())
            return

    return serve


@pytest.mark.parametrize("kind", ["Basic", "Digest"])
def test_a_name_and_a_password_in_the_url_are_given_as_the_server_asks(serving, reading_url, kind: str) -> None:
    server = serving(asks_for(kind))
    assert arrived(reading_url(server.url.replace("//", "//me:s%3Acr%20t@")), 2)


def test_a_missing_or_wrong_password_is_said_and_never_shown(serving, reading_url, caplog) -> None:
    server = serving(asks_for("Basic"))
    with pytest.raises(OSError, match="the server wants a user name and password"):
        open_stream(server.url)
    reader = reading_url(server.url.replace("//", "//me:wrongword@"))
    until(lambda: "the server wants another user name or password" in caplog.text, "it is not said")
    reader.close()
    assert "wrongword" not in caplog.text
    assert f"http://***@127.0.0.1:{server.port}/live" in caplog.text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://me:secret@cam/1", "rtsp://***@cam/1"),
        ("at rtsp://me:se@cr/et@cam:554/1: it is gone", "at rtsp://***@cam:554/1: it is gone"),
        ("http://cam/v?user=me&password=secret&fps=9", "http://cam/v?user=me&password=***&fps=9"),
        ("http://cam/v?api_key=secret", "http://cam/v?api_key=***"),
        ("http://cam/v and me@example.org", "http://cam/v and me@example.org"),
    ],
)
def test_secrets_in_urls_are_hidden(text: str, shown: str) -> None:
    assert masked(text) == shown


def test_a_recording_does_not_hold_the_camera_s_password() -> None:
    source = {"source": "rtsp://me:secretword@cam/1", "fps": 30}
    graph = {"file": "/tmp/g.yaml", "nodes": {"camera": {"run": "camera", "in": {}, "with": source}}}
    facts = metadata_of(graph, PictureFormat())
    assert "secretword" not in str(facts)
    assert facts.graph["nodes"]["camera"]["with"] == {"source": "rtsp://***@cam/1", "fps": 30}


def test_the_camera_stage_sends_a_stream_s_pictures_mirrored_and_in_its_size(serving) -> None:
    def serve(connection: socket.socket, before: int) -> None:
        request(connection)
        connection.sendall(HEAD)
        paced(connection, itertools.count())

    node = Camera(source=serving(serve).url, size=(32, 24))
    node.start()
    frames = [frame for frame in itertools.islice(node.process(), 40) if frame is not None][:3]
    node.stop()
    assert [frame.image.shape for frame in frames] == [(24, 32, 3)] * 3


def test_check_takes_streams_and_says_which_there_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graph = tmp_path / "g.yaml"
    for good in ("rtsp://cam/1", "rtsps://me:secretword@cam/1", "http://cam:8080/video", "HTTPS://cam/video"):
        graph.write_text(f"nodes:\n  camera: {{run: camera, with: {{source: '{good}'}}}}\n")
        assert main(["check", str(graph)]) == 0
    graph.write_text("nodes:\n  camera: {run: camera, with: {source: 'ftp://me:secretword@cam/1'}}\n")
    assert main(["check", str(graph)]) == 2
    line = capsys.readouterr().err
    assert "g.yaml:2:" in line
    assert "source: expected one of http://, https://, rtsp://, rtsps://, got ftp://***@cam/1" in line


def test_a_password_on_the_command_line_is_not_repeated_in_what_is_wrong_with_it(tmp_path: Path) -> None:
    graph = tmp_path / "g.yaml"
    graph.write_text("nodes:\n  a: {run: camera}\n  b: {run: camera}\n")
    for arguments in (["--source", "rtsp://me:secretword@cam/1"], ["--set", "c.source=rtsp://me:secretword@cam/1"]):
        done = subprocess.run(
            [sys.executable, "-m", "handflow", "run", graph, *arguments], capture_output=True, text=True
        )
        assert done.returncode == 2
        assert "rtsp://***@cam/1" in done.stderr
        assert "secretword" not in done.stderr + done.stdout

"""Cameras' addresses on web servers that redirect, want a login, or have single pictures only."""

import base64
import itertools
import re
import socket
import threading
import time
from collections.abc import Callable

import pytest
from support.web_cameras import HEAD, Server, jpeg, number, part, request

from handflow.capture import http_answer, http_stream, rtsp_stream
from handflow.capture.network import open_stream
from handflow.errors import SetupError

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n%s\r\n%s"
DENIED = b"HTTP/1.1 401 No\r\nWWW-Authenticate: %s\r\nContent-Length: 0\r\n\r\n"
MOVED = b"HTTP/1.1 %d Elsewhere\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n"


class Site:
    """A web server with an answer for each path, that keeps what it was asked."""

    def __init__(self, serving: Callable[..., Server], **answers: Callable[[str], bytes] | bytes) -> None:
        self.answers, self.requests = answers, list[str]()
        self.server = serving(self.serve)
        self.host = f"127.0.0.1:{self.server.port}"

    def url(self, path: str, login: str = "me:s%3Acr%20t@") -> str:
        return f"http://{login}{self.host}/{path}"

    def serve(self, connection: socket.socket, before: int) -> None:
        while True:
            asked = ""
            while not asked.endswith("\r\n\r\n"):
                got = connection.recv(4096).decode()
                if not got:
                    return
                asked += got
            self.requests.append(asked)
            answer = self.answers[re.split(r"[/ ?]+", asked)[1]]
            connection.sendall(answer(asked) if callable(answer) else answer)


def shown(url: str, count: int = 3, fps: float = 100) -> list[int]:
    stream = open_stream(url, fps)
    try:
        images = [stream.retrieve()[1] for _ in range(count) if stream.grab()]
    finally:
        stream.release()
    return [number(image) for image in images if image is not None]


def snapshots() -> Callable[[str], bytes]:
    counted = itertools.count()

    def answer(asked: str) -> bytes:
        picture = jpeg(next(counted))
        return ANSWER % (len(picture), b"", picture)

    return answer


def behind(challenge: bytes, good: str, answer: Callable[[str], bytes]) -> Callable[[str], bytes]:
    return lambda asked: answer(asked) if good in asked else DENIED % challenge


BASIC = f"Authorization: Basic {base64.b64encode(b'me:s:cr t').decode()}"


def test_single_pictures_are_asked_for_again_and_again_on_one_connection_at_a_rate(serving) -> None:
    site = Site(serving, snap=snapshots())
    begun = time.monotonic()
    assert shown(site.url("snap"), 5, fps=20) == [0, 1, 2, 3, 4]
    assert time.monotonic() - begun >= 0.2
    assert len(site.server.came) == 1


def test_a_server_that_closes_after_each_picture_or_while_we_wait_is_asked_anew(serving) -> None:
    def serve(connection: socket.socket, before: int) -> None:
        request(connection)
        picture = jpeg(before)
        connection.sendall(ANSWER.replace(b"Content-Length: %d\r\n", b"") % (b"", picture))
        if before % 2:
            connection.recv(1)  # neither a length nor an end: the JPEG has one

    server = serving(serve)
    assert shown(server.url, 4) == [0, 1, 2, 3]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_password_is_kept_where_the_same_server_redirects(serving, status: int) -> None:
    site = Site(
        serving,
        live=MOVED % (status, b"/cgi/new?a=1"),
        cgi=behind(b'Basic realm="cam"', BASIC, snapshots()),
    )
    assert shown(site.url("live")) == [0, 1, 2]
    assert "GET /cgi/new?a=1 HTTP" in site.requests[-1]
    # Where it leads is remembered: each picture is one request.
    assert len(site.requests) == 3 + 2


@pytest.mark.parametrize("challenge", [b'Basic realm="cam"', b'Digest realm="cam", nonce="abc", qop="auth"'])
def test_a_password_is_never_given_to_another_server(serving, challenge: bytes) -> None:
    other = Site(serving, new=behind(challenge, "Authorization", snapshots()))
    site = Site(serving, live=MOVED % (302, f"http://{other.host}/new".encode()))
    with pytest.raises(OSError, match=f"redirects to {other.host}, which wants a user name and password of its own"):
        open_stream(site.url("live"))
    assert not any("Authorization" in asked for asked in other.requests)
    other.answers["new"] = snapshots()
    assert shown(site.url("live")) == [0, 1, 2]


@pytest.mark.parametrize(
    ("location", "line"),
    [
        (b"/live", "redirects more than 10 times"),
        (b"", r"answers 302 \(elsewhere\) without saying where"),
        (b"rtsp://me:secret@cam/1", r"redirects to rtsp://\*\*\*@cam/1; give that address as the source"),
        (b"http://[/", "no HTTP: "),
    ],
)
def test_a_redirect_that_leads_nowhere_is_said(serving, location: bytes, line: str) -> None:
    with pytest.raises(OSError, match=line):
        open_stream(Site(serving, live=MOVED % (302, location)).url("live"))


def test_a_nonce_that_grows_old_is_replaced_without_a_picture_lost(serving) -> None:
    """Each nonce is good for two requests; with and without a word that it is stale."""
    issued = itertools.count()
    nonces: dict[str, int] = {}
    pictures = snapshots()

    def answer(asked: str) -> bytes:
        nonce = re.search(r'nonce="(\d+)"', asked)
        if nonce and nonces.get(nonce[1], 9) < 2:
            nonces[nonce[1]] += 1
            return pictures(asked)
        fresh = str(next(issued))
        nonces[fresh] = 0
        stale = b", stale=true" if int(fresh) % 2 else b""
        return DENIED % (b'Digest realm="cam", nonce="%s", qop="auth-int, auth"' % fresh.encode() + stale)

    assert shown(Site(serving, snap=answer).url("snap"), 7) == list(range(7))


def test_a_wrong_password_is_tried_once(serving) -> None:
    site = Site(serving, live=DENIED % b'Digest realm="cam", nonce="a", qop="auth"')
    with pytest.raises(OSError, match="the server wants another user name or password"):
        open_stream(site.url("live"))
    assert len(site.requests) == 2


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (DENIED % b"Negotiate", r"a login of a kind that is not known here \(negotiate\); set it to digest"),
        (b"HTTP/1.1 403 \x1b[2J\r\nContent-Length: 0\r\n\r\n", r"the server answers 403 \\u001b\[2J"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Encoding: gzip\r\n\r\n",
         r"expected pictures as they are, got them compressed again \(gzip\); switch that off there"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: video/\x1b[2Jmp4\r\n\r\n", r"got video/\\u001b\[2jmp4"),
    ],
)  # fmt: skip
def test_what_else_a_server_does_is_said(serving, answer: bytes, line: str) -> None:
    with pytest.raises(OSError, match=line):
        open_stream(Site(serving, live=answer).url("live"))


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=e8b8\r\n",  # Tasmota
        b"HTTP/1.1 200\nContent-Type: video/x-motion-jpeg\n\n",
        b"ICY 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=e8b8\r\n\r\n",
    ],
    ids=["no boundary", "no end of its own", "no multipart", "radio"],
)
def test_heads_that_leave_something_out_are_read(serving, head: bytes) -> None:
    def serve(connection: socket.socket, before: int) -> None:
        request(connection)
        connection.sendall(head)
        for each in itertools.count():
            connection.sendall(part(each).partition(b"\r\n")[2] + b"--e8b8\r\n")
            time.sleep(0.02)

    assert len(set(shown(serving(serve).url))) == 3


def test_a_head_that_trickles_is_given_up(serving, monkeypatch) -> None:
    monkeypatch.setattr(http_answer, "OPEN_S", 0.4)
    over = threading.Event()

    def serve(connection: socket.socket, before: int) -> None:
        request(connection)
        for byte in itertools.cycle(HEAD[:-4] + b"\r\nX: "):
            if over.wait(0.02):
                return
            connection.sendall(bytes([byte]))

    with pytest.raises(OSError, match="no answer in time"):
        open_stream(serving(serve).url)
    over.set()


def test_a_stream_that_stalls_is_said(serving, monkeypatch) -> None:
    monkeypatch.setattr(http_answer, "SILENT_S", 0.3)
    monkeypatch.setattr(http_stream, "SILENT_S", 0.3)

    def serve(connection: socket.socket, before: int) -> None:
        request(connection)
        connection.sendall(HEAD + part(1))
        time.sleep(0.01)
        while connection.recv(4096):
            pass

    with pytest.raises(OSError, match=r"the server has sent nothing for 0\.3 s"):
        shown(serving(serve).url)


def test_a_port_that_is_part_of_a_password_is_not_shown() -> None:
    with pytest.raises(SetupError, match=r"PORT: 1 to 65535; .* / as %2F") as caught:
        open_stream("http://me:secret/word@127.0.0.1/live")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("answers", "line"),
    [
        ([b"RTSP/1.0 404 Not Found\r\nCSeq: 1\r\n\r\n"], "the server answers 404 Not Found"),
        ([b"RTSP/1.0 401 No\r\nWWW-Authenticate: Basic realm=x\r\n\r\n", b"RTSP/1.0 454 Odd\r\n\r\n"],
         "the server answers 454 Odd"),
        ([b"RTSP/1.0 401 No\r\nWWW-Authenticate: Basic realm=x\r\n\r\n"] * 2, "another user name or password"),
        ([b"HTTP/1.1 400 Bad Request\r\n\r\n"], "no RTSP: HTTP/1.1 400 Bad Request"),
        ([b""], "the server closes the connection"),
    ],
)  # fmt: skip
def test_why_ffmpeg_opens_no_rtsp_is_asked_of_the_server(serving, answers: list[bytes], line: str) -> None:
    def serve(connection: socket.socket, before: int) -> None:
        for answer in answers:
            request(connection)
            connection.sendall(answer)

    assert line in rtsp_stream.describe(serving(serve, "rtsp").url.replace("//", "//me:secret@"))

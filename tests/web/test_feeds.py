"""What other pages and engines read: every line, and the newest picture."""

import json
import socket
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import msgpack
import pytest
from support.graphs import until
from support.pages import Page, ask

from handflow.web import feeds
from handflow.web.feeds import FrameFeed, LineFeed
from handflow.web.server import WebServer


@pytest.fixture
def lines() -> LineFeed:
    return LineFeed()


@pytest.fixture
def pictures() -> FrameFeed:
    return FrameFeed()


@pytest.fixture
def web(tmp_path: Path, lines: LineFeed, pictures: FrameFeed) -> Iterator[WebServer]:
    (tmp_path / "index.html").touch()
    made = WebServer(tmp_path)
    made.route("/hands", lines.serve, lines.close)
    made.route("/hands.json", lines.line)
    made.route("/frame.jpg", pictures.picture)
    made.route("/frames.mjpg", pictures.film, pictures.close)
    made.start()
    yield made
    made.close()


def test_every_reader_gets_every_line_in_order(web: WebServer, lines: LineFeed) -> None:
    readers = [Page(web, "/hands", quick=False), Page(web, "/hands?format=msgpack"), Page(web, "/hands")]
    until(lambda: lines.viewers == 3, "the readers do not come")
    for number in range(200):
        lines.send({"frame": number, "hands": []})
    until(lambda: all(len(reader.got) == 200 for reader in readers), "lines are lost")
    for reader in readers:
        reader.go()
    assert [json.loads(text)["frame"] for text in readers[0].got] == list(range(200))
    assert [msgpack.unpackb(packed)["frame"] for packed in readers[1].got] == list(range(200))
    until(lambda: not lines.wanted, "the readers do not go")


def test_a_reader_that_is_too_slow_is_told_so_and_holds_up_nobody(
    web: WebServer, lines: LineFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "QUEUED_LINES", 16)
    with socket.create_connection(("127.0.0.1", web.port)) as slow:
        slow.sendall(
            b"GET /hands HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        quick = Page(web, "/hands")
        until(lambda: lines.viewers == 2, "the readers do not come")
        body = "x" * 200_000
        for number in range(100):  # more than the system keeps for one who does not read
            lines.send({"frame": number, "body": body})
            until(lambda n=number: len(quick.got) > n, f"line {number} does not come")
        end, rest = b"", b"..."
        while rest and b"too slow: lines were lost" not in end:
            rest = slow.recv(1 << 20)
            end = (end + rest)[-200:]
        assert rest, "it ends without a word"
    quick.go()


def test_the_next_line_is_there_for_the_asking(web: WebServer, lines: LineFeed, monkeypatch) -> None:
    monkeypatch.setattr(feeds, "ANSWER_S", 0.05)
    status, text, _ = ask(web, "GET", "/hands.json")
    assert (status, json.loads(text)["error"][:20]) == (503, "no hands for 0.05 s;")
    monkeypatch.setattr(feeds, "ANSWER_S", 60.0)
    connection = HTTPConnection("127.0.0.1", web.port, timeout=30)
    connection.request("GET", "/hands.json")
    until(lambda: lines.wanted, "it is not asked for")
    lines.send({"frame": 7, "hands": []})
    assert json.loads(connection.getresponse().read()) == {"frame": 7, "hands": []}
    connection.close()
    assert not lines.wanted


def test_a_film_is_of_the_newest_pictures(web: WebServer, pictures: FrameFeed) -> None:
    connection = HTTPConnection("127.0.0.1", web.port, timeout=30)
    connection.request("GET", "/frames.mjpg?overlays=true")
    answer = connection.getresponse()
    assert answer.headers["Content-Type"] == "multipart/x-mixed-replace; boundary=frame"
    for number in range(3):
        until(lambda: pictures.overlaid.wanted, "it is not ready for the next one")
        assert not pictures.plain.wanted
        jpeg = b"\xff\xd8%d\xff\xd9" % number
        pictures.overlaid.send(jpeg)
        assert [answer.readline() for _ in range(4)] == [
            b"--frame\r\n",
            b"Content-Type: image/jpeg\r\n",
            b"Content-Length: %d\r\n" % len(jpeg),
            b"\r\n",
        ]
        assert answer.read(len(jpeg) + 2) == jpeg + b"\r\n"
    connection.close()
    until(lambda: not pictures.wanted, "the viewer does not go")


@pytest.mark.parametrize(
    ("path", "status", "line"),
    [
        ("/frame.jpg?overlays=yes", 400, "overlays: expected true or false, got 'yes'"),
        ("/frames.mjpg?overlays=", 400, "overlays: expected true or false, got ''"),
        ("/hands?format=xml", 400, "format: expected json or msgpack, got 'xml'"),
        ("/frame.jpg", 503, "no picture for 0.05 s"),
    ],
)
def test_what_is_asked_wrongly_is_told_in_one_line(web: WebServer, monkeypatch, path, status: int, line: str) -> None:
    monkeypatch.setattr(feeds, "ANSWER_S", 0.05)
    got, text, _ = ask(web, "GET", path)
    assert (got, json.loads(text)["error"].partition(";")[0]) == (status, line)


def test_no_more_than_so_many_come_in(web: WebServer, lines: LineFeed, monkeypatch) -> None:
    monkeypatch.setattr(feeds, "MAX_VIEWERS", 1)
    first = Page(web, "/hands")
    until(lambda: lines.viewers == 1, "the reader does not come")
    second = Page(web, "/hands")
    until(lambda: second.refused, "it is let in")
    assert second.refused == 503
    first.go()
    second.go()


def test_it_ends_at_once_whoever_waits(web: WebServer, lines: LineFeed, pictures: FrameFeed) -> None:
    connection = HTTPConnection("127.0.0.1", web.port, timeout=30)
    connection.request("GET", "/frames.mjpg")
    connection.getresponse()
    reader = Page(web, "/hands")
    until(lambda: lines.viewers and pictures.wanted, "they do not come")
    web.close()
    reader.thread.join(10)
    assert reader.closed in (1001, 1006)
    connection.close()

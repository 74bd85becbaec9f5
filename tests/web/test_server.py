"""The web server, asked by plain HTTP as a browser, a foreign page or a slow viewer would."""

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.graphs import until
from support.pages import Page, ask

from handflow import SetupError
from handflow.web.message_stream import AHEAD, MessageStream
from handflow.web.server import WebServer


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebServer]:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("<h1>here</h1>")
    (tmp_path / "site" / "page.js").write_text("let x = 1")
    (tmp_path / "secret").write_text("not served")
    made = WebServer(tmp_path / "site")
    yield made
    made.close()


def test_files_of_the_folder_are_served_and_no_others(web: WebServer) -> None:
    web.start()
    assert ask(web, "GET", "/")[:2] == (200, "<h1>here</h1>")
    status, text, headers = ask(web, "GET", "/page.js")
    assert (status, text) == (200, "let x = 1")
    assert "javascript" in headers["Content-Type"]
    for path in ("/../secret", "/%2e%2e/secret", "/..%2fsecret", "//secret", "/nothing"):
        assert ask(web, "GET", path)[0] in (403, 404), path


def test_questions_are_answered_with_json(web: WebServer) -> None:
    web.get("/state", lambda: {"points": 4})
    web.post("/points", lambda given: {"sum": given["a"] + given["b"]})
    web.start()
    assert json.loads(ask(web, "GET", "/state")[1]) == {"points": 4}
    status, text, _ = ask(web, "POST", "/points", '{"a": 1, "b": 2}', Content_Type="application/json")
    assert (status, json.loads(text)) == (200, {"sum": 3})
    assert ask(web, "GET", "/points")[0] in (404, 405)


def test_what_is_wrong_with_a_question_is_told_in_one_line(web: WebServer) -> None:
    def refuse(given: dict) -> dict:
        raise ValueError(f"{len(given['points'])} points found, 4 expected")

    web.post("/points", refuse)
    web.start()
    for body, line in (
        ('{"points": [1]}', "1 points found, 4 expected"),
        ("{", "expected JSON: "),
        ("[1]", "expected a JSON object, got list"),
    ):
        status, text, _ = ask(web, "POST", "/points", body, Content_Type="application/json")
        assert status == 400
        assert json.loads(text)["error"].startswith(line)


def test_a_form_of_a_foreign_page_cannot_change_anything(web: WebServer) -> None:
    changed = []
    web.post("/change", lambda given: changed.append(given) or {})
    web.start()
    assert ask(web, "POST", "/change", "{}", Content_Type="text/plain")[0] == 415
    assert ask(web, "POST", "/change", "{}", Content_Type="application/json", Origin="http://evil.example")[0] == 403
    assert ask(web, "POST", "/change", "{}", Content_Type="application/json", Origin="null")[0] == 403
    assert not changed
    own = f"http://127.0.0.1:{web.port}"
    assert ask(web, "POST", "/change", "{}", Content_Type="application/json", Origin=own)[0] == 200
    assert changed == [{}]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8088", "127.0.0.1.evil.example", "", "[", "a@b@c"])
def test_a_foreign_name_for_this_address_is_refused(web: WebServer, host: str) -> None:
    web.start()
    status, text, _ = ask(web, "GET", "/", Host=host)
    assert status in (400, 403)
    assert "here" not in text


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8088", "[::1]:8088", "192.168.1.20:80", socket.gethostname()])
def test_the_machine_s_own_names_and_addresses_are_served(web: WebServer, host: str) -> None:
    web.start()
    assert ask(web, "GET", "/", Host=host)[0] == 200


def test_a_foreign_page_cannot_open_the_stream(web: WebServer) -> None:
    web.stream("/live")
    web.start()
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec_WebSocket_Version": "13"}
    upgrade["Sec_WebSocket_Key"] = "dGhlIHNhbXBsZSBub25jZQ=="
    assert ask(web, "GET", "/live", Origin="http://evil.example", **upgrade)[0] == 403


def test_pages_may_not_be_framed_or_embedded_by_others(web: WebServer) -> None:
    web.get("/state", dict)
    web.start()
    for path in ("/", "/page.js", "/state", "/nothing"):
        headers = ask(web, "GET", path)[2]
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin", path
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], path


def test_every_viewer_is_sent_what_it_is_ready_for(web: WebServer) -> None:
    stream = web.stream("/live")
    web.start()
    pages = [Page(web), Page(web), Page(web)]
    until(lambda: stream.viewers == 3, "the viewers do not come")
    for number in range(20):
        stream.send(b"%d" % number)
        until(lambda n=number: all(p.got and p.got[-1] == b"%d" % n for p in pages), f"{number} does not come")
    for page in pages:
        page.go()
    assert all(page.got == [b"%d" % number for number in range(20)] for page in pages)
    until(lambda: stream.viewers == 0, "the viewers do not go")


def test_a_viewer_that_does_not_draw_is_sent_no_more_and_holds_up_nobody(web: WebServer) -> None:
    stream = web.stream("/live")
    web.start()
    slow, quick = Page(web, quick=False), Page(web)
    until(lambda: stream.viewers == 2, "the viewers do not come")
    for number in range(30):
        stream.send(b"%d" % number * 100_000)
        until(lambda n=number: quick.got and quick.got[-1][:2] == (b"%d" % n * 2)[:2], f"{number} does not come")
    assert len(slow.got) <= AHEAD
    assert stream.wanted
    slow.go()
    quick.go()


def test_nothing_is_wanted_while_nobody_looks(web: WebServer) -> None:
    stream = web.stream("/live")
    web.start()
    assert not stream.wanted
    stream.send(b"to nobody")
    page = Page(web)
    until(lambda: stream.wanted, "the viewer does not come")
    assert not page.got  # what was sent before it came is old
    page.go()
    until(lambda: not stream.wanted, "the viewer does not go")


def test_viewers_that_come_and_go_leave_no_descriptor_and_no_thread_behind(web: WebServer) -> None:
    stream = web.stream("/live")
    web.start()

    def look() -> None:
        pages = [Page(web), Page(web, quick=False)]
        until(lambda: stream.viewers == 2, "the viewers do not come")
        stream.send(bytes(50_000))
        until(lambda: all(page.got for page in pages), "nothing comes")
        for page in pages:
            page.go()
        until(lambda: stream.viewers == 0, "the viewers do not go")

    def held() -> tuple[int, int]:
        return len(os.listdir("/proc/self/fd")), threading.active_count()

    look()
    before = held()
    for _ in range(8):
        look()
    # No more than then, when the first ones may not all have been let go of.
    until(lambda: all(now <= then for now, then in zip(held(), before, strict=True)), f"{before} became {held()}")


def test_a_stream_that_is_not_served_yet_takes_messages() -> None:
    MessageStream().send(b"to nobody")


def test_a_taken_port_is_one_line(web: WebServer, tmp_path: Path) -> None:
    web.start()
    second = WebServer(tmp_path, port=web.port)
    with pytest.raises(SetupError, match=f"cannot listen on 127.0.0.1:{web.port}: Address already in use"):
        second.start()
    second.close()


def test_an_address_that_is_not_this_machine_s_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="cannot listen on "):
        WebServer(tmp_path, address="192.0.2.7").start()


def test_it_ends_at_once_with_viewers_and_unfinished_requests(web: WebServer) -> None:
    web.stream("/live")
    web.start()
    pages = [Page(web), Page(web, quick=False)]
    half = socket.create_connection(("127.0.0.1", web.port))
    half.sendall(b"GET / HTTP/1.1\r\nHost: 127")
    time.sleep(0.2)
    begun = time.monotonic()
    web.close()
    assert time.monotonic() - begun < 60  # a reader that waits for ever would hold it up for ever
    for page in pages:
        page.thread.join(10)
        assert page.closed in (1001, 1006)
    assert not any(thread.name == "web" for thread in threading.enumerate())
    half.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", web.port))


def test_a_port_that_is_taken_is_one_line_and_leaves_no_thread(tmp_path: Path) -> None:
    before = threading.active_count()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for address in ("127.0.0.1", "localhost"):
            with pytest.raises(SetupError, match=f"cannot listen on {address}:{port}: Address already in use; choose"):
                WebServer(tmp_path, address, port).start()
    assert threading.active_count() <= before  # one of another test may have ended meanwhile


def test_an_address_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"cannot listen on 192\.0\.2\.1:0: Cannot assign requested address"):
        WebServer(tmp_path, "192.0.2.1").listen()

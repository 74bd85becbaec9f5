"""Who may use the server: the token off loopback, sites that are named, certificates."""

import json
import shutil
import ssl
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web as aio
from support.graphs import until
from support.needed import need
from support.pages import Page, ask

from handflow import SetupError
from handflow.stages.view import View
from handflow.web import security
from handflow.web.security import Access, page_token, tls
from handflow.web.server import WebServer

GAME = "https://game.example"


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., WebServer]]:
    made: list[WebServer] = []
    (tmp_path / "index.html").write_text("<h1>here</h1>")

    async def hands(_: aio.Request) -> aio.StreamResponse:
        return aio.json_response({"hands": []})

    def start(token: str = "", origins: tuple[str, ...] = (), **settings: Any) -> WebServer:
        web = WebServer(tmp_path, access=Access(token, origins), **settings)
        web.route("/hands.json", hands, shared=True)
        web.get("/state", dict)
        web.stream("/live")
        web.start()
        made.append(web)
        return web

    yield start
    for web in made:
        web.close()


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/", {}, 401),
        ("/?token=", {}, 401),
        ("/?token=wrong", {}, 401),
        ("/?token=s%E9cret", {}, 401),
        ("/?token=secret", {}, 200),
        ("/state", {"Cookie": "handflow=secret"}, 200),
        ("/state", {"Cookie": "handflow=wrong"}, 401),
        ("/hands.json", {"Authorization": "Bearer secret"}, 200),
        ("/hands.json", {"Authorization": "Basic secret"}, 401),
        ("/nothing", {}, 401),
        ("/?token=secret", {"Host": "box.example"}, 200),  # whoever has the token may call it as they like
        ("/state", {"Cookie": "handflow=secret", "Origin": GAME}, 403),
    ],
)
def test_with_a_token_nothing_is_served_without_it(serve, path: str, headers: dict[str, str], status: int) -> None:
    got, text, sent = ask(serve("secret"), "GET", path, **headers)
    assert got == status, text
    assert "secret" not in text
    assert ("Set-Cookie" in sent) == (path == "/?token=secret")


def test_a_browser_keeps_the_token_from_the_address(serve, browser: Any) -> None:
    page = browser.new_page()
    web = serve("secret")
    assert page.goto(web.url).status == 401
    assert page.goto(f"{web.url}?token=secret").status == 200
    assert page.goto(f"{web.url}state").status == 200
    opened = """url => new Promise(done => {
        const socket = new WebSocket(url); socket.onopen = () => done(true); socket.onclose = () => done(false)})"""
    assert page.evaluate(opened, web.url.replace("http", "ws") + "live")
    page.context.clear_cookies()
    browser.leave(page)


def test_the_token_is_made_once_and_for_this_user_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security, "user_state_path", lambda _: tmp_path / "state")
    token = page_token()
    assert len(token) >= 20
    assert page_token() == token
    file = tmp_path / "state" / "page-token"
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o644)
    with pytest.raises(SetupError, match="other users may read it; chmod 600"):
        page_token()
    file.write_text("\n")
    file.chmod(0o600)
    with pytest.raises(SetupError, match="expected a token, got a damaged one; remove it"):
        page_token()


def test_where_no_token_can_be_kept_there_is_one_for_this_run(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(security, "user_state_path", lambda _: tmp_path / "file" / "state")
    assert page_token() != page_token()


@pytest.mark.parametrize(
    ("settings", "has_token"),
    [
        ({"address": "0.0.0.0"}, True),
        ({"address": "0.0.0.0", "insecure": True}, False),
        ({}, False),
        ({"address": "localhost"}, False),
    ],
)
def test_off_loopback_a_view_needs_a_token(settings, has_token: bool, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(security, "user_state_path", lambda _: tmp_path)
    node = View(port=0, **settings)
    node.start()
    try:
        assert ask(node.web, "GET", "/hands.json" if has_token else "/")[0] == (401 if has_token else 200)
    finally:
        node.stop()
    line = View(port=node.web.port, **settings).first_line()
    assert line.startswith(f"the page is at {node.web.url}")
    assert line.endswith(f"/?token={page_token()}") == has_token


@pytest.mark.parametrize(
    ("origins", "origin", "path", "status", "allowed", "resource"),
    [
        ((), GAME, "/hands.json", 403, None, "same-origin"),
        ((GAME,), GAME, "/hands.json", 200, GAME, "same-origin"),
        ((GAME,), "https://evil.example", "/hands.json", 403, None, "same-origin"),
        ((GAME,), "null", "/hands.json", 403, None, "same-origin"),
        (("null",), "null", "/hands.json", 200, "null", "same-origin"),
        (("null",), "file://", "/hands.json", 200, "file://", "same-origin"),
        ((GAME,), "file://", "/hands.json", 403, None, "same-origin"),
        (("*",), GAME, "/hands.json", 200, GAME, "cross-origin"),
        (("*",), GAME, "/state", 403, None, "same-origin"),  # what is not meant for others stays here
        (("*",), GAME, "/", 403, None, "same-origin"),
    ],
)
def test_other_sites_read_what_is_shared_if_they_are_named(
    serve, origins, origin: str, path: str, status: int, allowed: str | None, resource: str
) -> None:
    web = serve(origins=origins)
    got, _, headers = ask(web, "GET", path, Origin=origin)
    assert (got, headers.get("Access-Control-Allow-Origin")) == (status, allowed)
    assert headers["Cross-Origin-Resource-Policy"] == resource


def test_a_browser_may_ask_whether_it_may_send_a_token(serve) -> None:
    web = serve("secret", origins=(GAME,))
    asked = {"Access_Control_Request_Method": "GET", "Access_Control_Request_Headers": "authorization"}
    status, _, headers = ask(web, "OPTIONS", "/hands.json", Origin=GAME, **asked)
    assert (status, headers["Access-Control-Allow-Headers"]) == (204, "Authorization")
    assert ask(web, "OPTIONS", "/hands.json", Origin="https://evil.example", **asked)[0] == 403
    assert ask(web, "OPTIONS", "/state", Origin=GAME, **asked)[0] == 403
    assert ask(web, "GET", "/hands.json", Origin=GAME)[0] == 401
    assert ask(web, "GET", "/hands.json", Origin=GAME, Authorization="Bearer secret")[0] == 200


def test_the_live_stream_stays_closed_to_other_sites(serve) -> None:
    page = Page(serve(origins=("*",)), Origin=GAME)
    until(lambda: page.refused, "it is let in")
    page.go()
    assert page.refused == 403


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    need(shutil.which("openssl"), "apt-get install openssl")
    folder = tmp_path_factory.mktemp("certificate")
    done = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=folder, capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "cert.pem", folder / "key.pem"


def test_with_a_certificate_it_is_https(serve, certificate: tuple[Path, Path]) -> None:
    web = serve(tls=tls(*certificate))
    assert web.url.startswith("https://127.0.0.1:")
    with urllib.request.urlopen(web.url, context=ssl.create_default_context(cafile=certificate[0])) as answer:
        assert answer.status == 200


def test_a_certificate_lies_beside_the_graph(certificate: tuple[Path, Path]) -> None:
    node = View(port=0, certificate="cert.pem", certificate_key="key.pem")
    node.graph = {"file": str(certificate[0].with_name("g.yaml"))}
    node.start()
    node.stop()
    assert node.web.url.startswith("https://")


def test_a_certificate_that_is_of_no_use_is_one_line(certificate: tuple[Path, Path], tmp_path: Path) -> None:
    cert, key = certificate
    (tmp_path / "both.pem").write_text(cert.read_text() + key.read_text())
    tls(tmp_path / "both.pem", None)
    (tmp_path / "empty.pem").touch()
    for files, why in (
        ((tmp_path / "none.pem", None), "No such file or directory"),
        ((cert, None), "no certificate and key that belong together"),
        ((tmp_path / "empty.pem", key), "no certificate and key that belong together"),
        ((tmp_path, None), "Is a directory|no certificate"),
    ):
        with pytest.raises(SetupError, match=f"certificate .*: ({why}); expected PEM files"):
            tls(*files)
    with pytest.raises(SetupError, match="certificate_key needs a certificate"):
        View(certificate_key="key.pem")


def test_what_a_stranger_is_told_has_no_token_in_it(serve) -> None:
    web: Any = SimpleNamespace(port=serve("secret").port)
    status, text, _ = ask(web, "POST", "/hands.json?token=wrong", json.dumps({}), Content_Type="application/json")
    assert status == 401
    assert "open the whole address that `handflow run` prints" in text

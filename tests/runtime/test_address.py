"""Addresses of streams: what is wrong with one is said without any part of its password, wherever it is shown."""

from pathlib import Path

import pytest

from handflow.__main__ import main
from handflow.errors import SetupError
from handflow.runtime.address import checked_url, masked, masked_in

WORD = "xyzzy"
WITH = ["pa{}xyzzy", "{}xyzzy", "345{}xyzzy", "pa@{}xyzzy", "xyzzy{}", "xy zzy{}xyzzy"]  # where a character may stand


@pytest.mark.parametrize("character", list("#/?[]@%:\\ \t\n'\"<>^|{}é"))
@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_a_password_is_read_as_it_is_or_it_is_said_how_to_write_it(character: str, scheme: str) -> None:
    readable = [form.format(character) for form in WITH[:-1] if character not in "#/?[] \t\n"]
    for form in WITH:
        password = form.format(character)
        url = f"{scheme}://me:{password}@192.168.0.5:554/1"
        assert WORD not in masked(f"at {url}: it is gone")
        # What looks like a port and a path cannot be told from them.
        if password in readable or (form.startswith("345") and character in "/?"):
            assert checked_url(url).password in (password, None)
            continue
        with pytest.raises(SetupError) as refused:
            checked_url(url)
        line = str(refused.value)
        assert "# as %23, / as %2F, ? as %3F, [ as %5B" in line
        assert line.endswith(f"got {scheme}://***@192.168.0.5:554/1")
        assert WORD not in line


@pytest.mark.parametrize(
    "server",
    ["cam:99999", "cam:0", "cam:-1", "cam:xyzzy", "", ":80", "a..b", "999.1.1.1", "1.2.3", "[::1", "[zz]", "::1",
     "a:80:90", "a" * 70, "c,m", "cam:8O", "ca\u2028m", "cam:"],
)  # fmt: skip
def test_a_host_or_port_that_cannot_be_is_said(server: str) -> None:
    with pytest.raises(SetupError, match=r"PORT: 1 to 65535|blanks as %20"):
        checked_url(f"rtsp://me:xyzzy@{server}/1")


@pytest.mark.parametrize("server", ["cam", "cam.local:554", "cam_1.", "[::1]:80", "[fe80::1]", "10.0.0.7", "üb.de"])
def test_hosts_and_ports_of_all_kinds_are_read(server: str) -> None:
    assert checked_url(f"http://{server}/video?x=a@b").hostname
    assert checked_url(f"http://{server}").hostname


def test_an_address_without_a_name_is_shown_as_it_is_and_the_rest_of_the_line_too() -> None:
    with pytest.raises(SetupError) as error:
        checked_url("rtsp://:554/1")
    assert masked(str(error.value)) == str(error.value)
    assert "@ as %40" in str(error.value)
    assert str(error.value).endswith("got rtsp://:554/1")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp:/me:xyzzy@cam/1: no such file", "rtsp:/***@cam/1: no such file"),  # as a path it loses a slash
        ("rtsp:me:xyzzy@cam/1", "rtsp:***@cam/1"),
        ("me:xyzzy@cam/1: no such file", "me:***@cam/1: no such file"),
        ("--source rtsp://me:xy zzy@cam/1: 2 nodes", "--source rtsp://***@cam/1: 2 nodes"),
        ("g.yaml:4:10: camera: got 'rtsp://me:x@cam'", "g.yaml:4:10: camera: got 'rtsp://***@cam'"),
        ("one of http://, rtsp://, got ftp://me:xyzzy@cam", "one of http://, rtsp://, got ftp://***@cam"),
        ("--source rtsp://my name:xy zzy@cam/1: gone", "--source rtsp://***@cam/1: gone"),
        ("the page is at http://127.0.0.1:8088/", "the page is at http://127.0.0.1:8088/"),
        ("g.yaml:4:10: camera: expected a number, got 'a@b'", "g.yaml:4:10: camera: expected a number, got 'a@b'"),
    ],
)
def test_secrets_are_hidden_also_where_they_do_not_belong(text: str, shown: str) -> None:
    assert masked(text) == shown


def test_secrets_in_settings_are_hidden_whatever_stands_in_them() -> None:
    settings = {"source": 'rtsp://me:x"y\n@cam', "fps": 30, "more": [{"url": "http://a:b@c"}]}
    assert masked_in(settings) == {"source": "rtsp://***@cam", "fps": 30, "more": [{"url": "http://***@c"}]}


@pytest.mark.parametrize("character", list("#/?[ "))
def test_check_says_where_a_password_cannot_be_read(
    character: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    graph = tmp_path / "g.yaml"
    graph.write_text(f"nodes:\n  camera: {{run: camera, with: {{source: 'rtsp://me:pa{character}xyzzy@cam/1'}}}}\n")
    assert main(["check", str(graph)]) == 2
    out, err = capsys.readouterr()
    assert err.startswith(f"{graph}:2:31: camera: expected rtsp://NAME:PASSWORD@HOST:PORT/PATH (")
    assert err.endswith("got rtsp://***@cam/1\n")
    assert err.count("\n") == 1
    assert WORD not in out + err


def test_a_file_s_name_that_is_an_address_with_a_password_is_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    for path in ("rtsp://me:xyzzy@cam/1", "me:xyzzy@cam/1", "rtsp://me:xy#zzy@cam/1"):
        for command in (["detect", path], ["convert", path, "-o", "x.mcap"], ["info", path], ["diff", path, path]):
            assert main(command) == 1
            out, err = capsys.readouterr()
            assert "cam/1" in err
            assert "zzy" not in out + err

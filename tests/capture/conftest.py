"""Servers for a test's time, and readers of their streams."""

import contextlib
import logging
import socket
from collections.abc import Callable, Iterator

import pytest
from support.web_cameras import Server, closed

from handflow.capture import http_answer, http_stream, jpeg_scan, rtsp_stream
from handflow.capture.network import open_stream
from handflow.capture.reader import CameraReader, Health


@pytest.fixture
def serving() -> Iterator[Callable[..., Server]]:
    with contextlib.ExitStack() as ends:

        def start(serve: Callable[[socket.socket, int], None], scheme: str = "http") -> Server:
            server = Server(serve, scheme)
            ends.callback(server.close)
            return server

        yield start


@pytest.fixture
def reading_url(caplog, monkeypatch) -> Iterator[Callable[..., CameraReader]]:
    """Reads a stream as the camera stage does; a server that hangs is given up sooner."""
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(http_answer, "SILENT_S", 1.0)
    monkeypatch.setattr(http_stream, "SILENT_S", 1.0)
    monkeypatch.setattr(rtsp_stream, "SILENT_S", 1.0)
    monkeypatch.setattr(jpeg_scan, "PICTURE_S", 1.0)
    readers: list[CameraReader] = []

    def make(url: str, **settings: object) -> CameraReader:
        settings = {"pauses_s": (0.05,), **settings}
        readers.append(CameraReader(lambda: open_stream(url), logging.getLogger("camera"), Health(0), **settings))
        return readers[-1]

    yield make
    for reader in readers:
        closed(reader)

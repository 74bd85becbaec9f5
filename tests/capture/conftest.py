"""Servers for a test's time."""

import contextlib
import socket
from collections.abc import Callable, Iterator

import pytest
from support.web_cameras import Server


@pytest.fixture
def serving() -> Iterator[Callable[..., Server]]:
    with contextlib.ExitStack() as ends:

        def start(serve: Callable[[socket.socket, int], None], scheme: str = "http") -> Server:
            server = Server(serve, scheme)
            ends.callback(server.close)
            return server

        yield start

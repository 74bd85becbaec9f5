"""Servers made of plain sockets that send JPEGs as network cameras do, or worse."""

import contextlib
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator

import cv2
import numpy as np
import pytest

from handflow.capture.frames import CapturedFrame
from handflow.capture.reader import CameraReader

SHADES = 16  # a picture's number is its grey, in steps that survive JPEG
HEAD = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"


def jpeg(number: int, size: tuple[int, int] = (64, 48)) -> bytes:
    image = np.full((size[1], size[0], 3), number % SHADES * 16, np.uint8)
    image[: size[1] // 4] = 255  # light enough not to be black
    return cv2.imencode(".jpg", image)[1].tobytes()


def number(image: np.ndarray) -> int:
    return round(float(image[-1, -1, 0]) / 16)


def part(number: int, head: bytes = b"") -> bytes:
    body = jpeg(number)
    return b"--frame\r\nContent-Type: image/jpeg\r\n%sContent-Length: %d\r\n\r\n%s\r\n" % (head, len(body), body)


class Server:
    """Serves each connection by `serve(connection, how many came before)`, in a thread of its own."""

    def __init__(self, serve: Callable[[socket.socket, int], None], scheme: str = "http") -> None:
        self.serve = serve
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.url = f"{scheme}://127.0.0.1:{self.port}/live"
        self.came: list[float] = []
        self.open: list[socket.socket] = []
        self.threads = [threading.Thread(target=self._accept, daemon=True)]
        self.threads[0].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.came.append(time.monotonic())
                self.open.append(connection)
                thread = threading.Thread(target=self._run, args=(connection, len(self.came) - 1), daemon=True)
                self.threads.append(thread)
                thread.start()

    def _run(self, connection: socket.socket, before: int) -> None:
        with contextlib.suppress(OSError), connection:
            self.serve(connection, before)

    def close(self) -> None:
        for each in (self.listener, *self.open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self.threads:
            thread.join(10)
            assert not thread.is_alive()


def request(connection: socket.socket) -> bytes:
    got = b""
    while b"\r\n\r\n" not in got:
        got += connection.recv(4096) or pytest.fail("the reader went away")
    return got


def hang(connection: socket.socket, before: int) -> None:
    connection.recv(1 << 20)
    time.sleep(0.01)
    with contextlib.suppress(OSError):
        while connection.recv(4096):
            pass


def paced(connection: socket.socket, numbers: Iterator[int] | range, pause_s: float = 0.04) -> None:
    for each in numbers:
        connection.sendall(part(each))
        time.sleep(pause_s)


def live(connection: socket.socket, before: int) -> None:
    request(connection)
    connection.sendall(HEAD)
    paced(connection, itertools.count())


def arrived(reader: CameraReader, count: int, within_s: float = 30) -> list[CapturedFrame]:
    """The first pictures that a reader gives."""
    found: list[CapturedFrame] = []
    end = time.monotonic() + within_s
    for picture in reader:
        if picture is not None:
            found.append(picture)
        if len(found) == count:
            return found
        assert time.monotonic() < end, f"{len(found)} of {count} pictures came"
    raise AssertionError("the reader ended")


def closed(reader: CameraReader) -> None:
    """Closes a reader; it says nothing more."""
    reader.close()
    reader._thread.join(60)
    assert not reader._thread.is_alive()

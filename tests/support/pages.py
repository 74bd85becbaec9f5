"""A page that a program looks at."""

import asyncio
import threading
from http.client import HTTPConnection
from typing import Any

import aiohttp

from handflow.web.server import WebServer


def ask(
    web: WebServer, method: str, path: str, body: str | None = None, **headers: str
) -> tuple[int, str, dict[str, str]]:
    connection = HTTPConnection("127.0.0.1", web.port, timeout=60)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    told = answer.status, answer.read().decode(errors="replace"), dict(answer.getheaders())
    connection.close()
    return told


class Page:
    """A viewer: a thread with a WebSocket that takes what comes, `take()` by `take()` of them if it is slow."""

    def __init__(self, web: WebServer, path: str = "/live", quick: bool = True, **headers: str) -> None:
        self.headers = headers
        self.url, self.quick = web.url.rstrip("/") + path, quick
        self.got: list[Any] = []
        self.closed: int | None = None
        self.refused: int | None = None
        self.leave = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self._look()))
        self.thread.start()

    async def _look(self) -> None:
        try:
            async with aiohttp.ClientSession() as session, session.ws_connect(self.url, headers=self.headers) as opened:
                while not self.leave.is_set():
                    try:
                        message = await opened.receive(timeout=0.05)
                    except TimeoutError:
                        continue
                    if message.type not in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT):
                        self.closed = opened.close_code
                        break
                    self.got.append(message.data)
                    if self.quick:
                        await opened.send_str("drawn")
        except aiohttp.WSServerHandshakeError as error:
            self.refused = error.status

    def go(self) -> None:
        self.leave.set()
        self.thread.join()

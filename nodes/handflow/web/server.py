"""A small web server for pages that lie in a folder: files, JSON questions, and a stream of the newest message.

It runs in a thread of its own, so that a stage or a command can own one and stay as simple as any other. It is made for
people on this machine: names other than this machine's are refused (a foreign page could point its own name at
127.0.0.1), and so are requests that another site's page sends.
"""

import asyncio
import contextlib
import ipaddress
import json
import socket
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import WSCloseCode, WSMsgType, web

from handflow.runtime.address import cannot_listen

AHEAD = 2  # messages on their way to a viewer: one is drawn while the next one travels
MOST_VIEWERS = 32
SILENT_S = 10.0  # a viewer that does not answer a ping for so long has gone
STOP_S = 1.0
STATIC = Path(__file__).with_name("static")  # the pages
SHARED = STATIC / "shared"  # what all of them look like
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",  # a new version's page must not run an old script
}

Answer = Callable[[dict[str, Any]], dict[str, Any]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Viewer:
    """One open page. It says when it has drawn a message, so that nothing ever waits in the network."""

    def __init__(self, socket_: web.WebSocketResponse) -> None:
        self.socket = socket_
        self.free = AHEAD  # messages it may be sent
        self.next: bytes | None = None
        self.ready = asyncio.Event()

    def offer(self, message: bytes) -> None:
        if self.next is not None:
            self.next = message  # what it has not been sent yet is old now
        elif self.free:
            self.free -= 1
            self.next = message
            self.ready.set()

    async def feed(self) -> None:
        while True:
            await self.ready.wait()
            self.ready.clear()
            message, self.next = self.next, None
            if message is not None:
                await self.socket.send_bytes(message)


class Stream:
    """Binary messages to any number of viewers: each gets the newest one when it is ready for one, a slow one skips.

    A page opens it as a WebSocket and sends a message (any text) for each one that it has drawn.
    """

    def __init__(self) -> None:
        self._viewers: set[Viewer] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def viewers(self) -> int:
        """How many pages look."""
        return len(self._viewers)

    @property
    def wanted(self) -> bool:
        """Whether anybody is ready for a message: making one may be dear."""
        return any(viewer.free for viewer in tuple(self._viewers))

    def send(self, message: bytes) -> None:
        """Offers a message to all viewers. From any thread; never waits."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # closed meanwhile
                self._loop.call_soon_threadsafe(self._offer, message)

    def _offer(self, message: bytes) -> None:
        for viewer in self._viewers:
            viewer.offer(message)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One viewer, until it goes."""
        if len(self._viewers) >= MOST_VIEWERS:
            raise web.HTTPServiceUnavailable(text=f"{MOST_VIEWERS} pages look already")
        self._loop = asyncio.get_running_loop()
        opened = web.WebSocketResponse(heartbeat=SILENT_S, max_msg_size=1024, compress=False)
        await opened.prepare(request)
        viewer = Viewer(opened)
        feeding = asyncio.create_task(self._feed(viewer))
        self._viewers.add(viewer)
        try:
            async for message in opened:
                if message.type != WSMsgType.TEXT:
                    break
                viewer.free = min(viewer.free + 1, AHEAD)
        finally:
            self._viewers.discard(viewer)
            feeding.cancel()
        return opened

    async def _feed(self, viewer: Viewer) -> None:
        with contextlib.suppress(ConnectionError, RuntimeError):  # it went while it was sent to
            await viewer.feed()

    async def close(self) -> None:
        """Tells all viewers that this is the end."""
        await asyncio.gather(
            *(viewer.socket.close(code=WSCloseCode.GOING_AWAY) for viewer in tuple(self._viewers)),
            return_exceptions=True,
        )


class Web:
    """Serves the files of `folder` (index.html as "/"), those that all pages share, and what is added before the start.

    `get`, `post`, `picture` and `stream` add.
    """

    def __init__(self, folder: Path, address: str = "127.0.0.1", port: int = 0) -> None:
        self.folder, self.address, self.port = folder, address, port  # port 0: a free one, known after start()
        self._routes: list[web.RouteDef] = []
        self._streams: list[Stream] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)
        self._stopping = asyncio.Event()
        self._started = threading.Event()
        self._error: OSError | None = None

    @property
    def url(self) -> str:
        host = "127.0.0.1" if self.address in ("0.0.0.0", "::") else self.address
        return f"http://[{host}]:{self.port}/" if ":" in host else f"http://{host}:{self.port}/"

    def get(self, path: str, answer: Callable[[], dict[str, Any]]) -> None:
        """GET of `path` answers with JSON and changes nothing. It runs in the server's thread, so it must be quick."""

        async def handle(_: web.Request) -> web.StreamResponse:
            return web.json_response(answer())

        self._routes.append(web.get(path, _told(handle)))

    def post(self, path: str, answer: Answer) -> None:
        """POST of a JSON object to `path`. A ValueError is told to the page as {"error": line} with status 400."""

        async def handle(request: web.Request) -> web.StreamResponse:
            if request.content_type != "application/json":  # what a foreign page's form cannot send unasked
                raise web.HTTPUnsupportedMediaType(text=f"{request.content_type} found, application/json expected")
            try:
                given = json.loads(await request.text())
            except ValueError as error:
                raise ValueError(f"no JSON: {error}") from error
            if not isinstance(given, dict):
                raise ValueError(f"{type(given).__name__} found, a JSON object expected")
            return web.json_response(answer(given))

        self._routes.append(web.post(path, _told(handle)))

    def picture(self, path: str, answer: Callable[[dict[str, str]], bytes]) -> None:
        """GET of `path`, which names in braces what `answer` is given, answers with a JPEG. ValueErrors: see `post`."""

        async def handle(request: web.Request) -> web.StreamResponse:
            return web.Response(body=answer(dict(request.match_info)), content_type="image/jpeg")

        self._routes.append(web.get(path, _told(handle)))

    def stream(self, path: str) -> Stream:
        """A WebSocket at `path`."""
        stream = Stream()
        self._streams.append(stream)
        self._routes.append(web.get(path, stream.serve))
        return stream

    def start(self) -> None:
        """Listens from now on. SetupError if the address or the port cannot be had."""
        self._thread.start()
        self._started.wait()
        if self._error is not None:
            raise cannot_listen(self.address, self.port, self._error)

    def close(self) -> None:
        """Ends within about a second, whatever the viewers do."""
        if self._thread.is_alive():
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(2 * STOP_S)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._started.set()
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    async def _serve(self) -> None:
        app = web.Application(middlewares=[_guard])
        app.on_response_prepare.append(_with_headers)
        app.add_routes(self._routes)
        app.router.add_get("/", self._index)
        for file in SHARED.iterdir():
            app.router.add_get(f"/{file.name}", partial(_file, file))
        app.router.add_static("/", self.folder)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=STOP_S / 2)
        await runner.setup()
        try:
            await web.TCPSite(runner, self.address, self.port).start()
            self.port = runner.addresses[0][1]
            self._started.set()
            await self._stopping.wait()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.gather(*(stream.close() for stream in self._streams)), STOP_S / 2)
        except OSError as error:
            self._error = error
        finally:
            await runner.cleanup()

    async def _index(self, _: web.Request) -> web.StreamResponse:
        return web.FileResponse(self.folder / "index.html")


async def _file(file: Path, _: web.Request) -> web.StreamResponse:
    return web.FileResponse(file)


@web.middleware
async def _guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuses what a foreign page may cause: by a name of its own for this address, or by a request of its own."""
    host = request.headers.get("Host", "")
    if not _own(host):
        raise web.HTTPForbidden(text=f"{host!r} is no name of this machine; use its address (127.0.0.1)")
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != host:
        raise web.HTTPForbidden(text=f"a page of {origin} may not look at this")
    return await handler(request)


def _own(host: str) -> bool:
    """Whether a Host header names this machine. An address does: only a name can be made to point here by others."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(name)
        return True
    own = socket.gethostname().lower()
    return name in ("localhost", own, f"{own.split('.')[0]}.local")


def _told(handler: Handler) -> Handler:
    """A handler whose ValueError is the page's to show."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=400)

    return handle


async def _with_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)

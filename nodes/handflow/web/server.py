"""A small web server for pages that lie in a folder: files, JSON answers, and a stream of the newest message.

It runs in a thread of its own, so that a stage or a command can own one and stay as simple as any other.
"""

import asyncio
import contextlib
import errno
import json
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from aiohttp import web

from handflow.runtime.address import LAST_PORT, cannot_listen
from handflow.runtime.names import dumps

from .message_stream import MessageStream
from .security import Access, Handler

STOP_S = 1.0
SOMEWHERE = ("192.0.2.1", 9)  # an address that is nobody's (RFC 5737)
STATIC = Path(__file__).with_name("static")  # the pages
SHARED = STATIC / "shared"  # what all of them look like


class Document(NamedTuple):
    """An answer of any kind."""

    status: int
    content_type: str
    body: bytes

    @classmethod
    def json(cls, value: Any, status: int = 200) -> "Document":
        """A value of JSON; names in it that are no text are escaped."""
        return cls(status, "application/json; charset=utf-8", dumps(value).encode())


Answer = Callable[[dict[str, Any]], dict[str, Any]]
Closing = Callable[[], Awaitable[None]]


class WebServer:
    """Serves the files of `folder` (index.html as "/"), those that all pages share, and what is added before the start.

    `get`, `post`, `jpeg`, `stream` and `route` add. `access`: who may use it; `tls`: its certificate. A port that is
    taken is passed over for one of the next `others`; 0 is a free one, known after start().
    """

    def __init__(
        self,
        folder: Path,
        address: str = "127.0.0.1",
        port: int = 0,
        access: Access | None = None,
        tls: ssl.SSLContext | None = None,
        others: int = 0,
    ) -> None:
        self.folder, self.address, self.port = folder, address, port
        self.access, self.tls, self.others = access or Access(), tls, others
        self._routes: list[web.RouteDef] = []
        self._closing: list[Closing] = []
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)
        self._stopping = asyncio.Event()
        self._started = threading.Event()
        self._sockets: list[socket.socket] = []

    @property
    def url(self) -> str:
        """Where it is; without the token."""
        host = reachable(self.address)
        scheme = "https" if self.tls else "http"
        return f"{scheme}://[{host}]:{self.port}/" if ":" in host else f"{scheme}://{host}:{self.port}/"

    def get(self, path: str, answer: Callable[[], dict[str, Any]]) -> None:
        """GET of `path` answers with JSON and changes nothing. It runs in the server's thread, so it must be quick."""

        async def handle(_: web.Request) -> web.StreamResponse:
            return web.json_response(answer(), dumps=dumps)

        self._routes.append(web.get(path, _with_errors(handle)))

    def post(self, path: str, answer: Answer, waits: bool = False) -> None:
        """POST of a JSON object to `path`. A ValueError goes to the page as {"error": line} with status 400.

        `waits`: for others, so it runs in a thread of its own, several at once.
        """

        async def handle(request: web.Request) -> web.StreamResponse:
            # What a foreign page's form cannot send unasked.
            if request.content_type != "application/json":
                raise web.HTTPUnsupportedMediaType(text=f"expected application/json, got {request.content_type}")
            try:
                given = json.loads(await request.text())
            except ValueError as error:
                raise ValueError(f"expected JSON: {error}") from error
            if not isinstance(given, dict):
                raise ValueError(f"expected a JSON object, got {type(given).__name__}")
            return web.json_response(await asyncio.to_thread(answer, given) if waits else answer(given), dumps=dumps)

        self._routes.append(web.post(path, _with_errors(handle)))

    def jpeg(self, path: str, answer: Callable[[dict[str, str]], bytes]) -> None:
        """GET of `path`, which names in braces what `answer` is given, answers with a JPEG. ValueErrors: see `post`."""

        async def handle(request: web.Request) -> web.StreamResponse:
            return web.Response(body=answer(dict(request.match_info)), content_type="image/jpeg")

        self._routes.append(web.get(path, _with_errors(handle)))

    def document(self, path: str, answer: Callable[[], Document]) -> None:
        """GET of `path` answers with a document. `answer` may wait for others: it runs in a thread of its own."""

        async def handle(_: web.Request) -> web.StreamResponse:
            made = await asyncio.to_thread(answer)
            return web.Response(status=made.status, body=made.body, headers={"Content-Type": made.content_type})

        self._routes.append(web.get(path, handle))

    def stream(self, path: str) -> MessageStream:
        """A WebSocket at `path`."""
        stream = MessageStream()
        self.route(path, stream.serve, stream.close)
        return stream

    def route(self, path: str, handler: Handler, close: Closing | None = None, shared: bool = False) -> None:
        """Requests of `path` are the handler's, which ends when `close` is called. `shared`: other sites' too."""
        self._routes.append(web.get(path, _with_errors(handler)))
        if close is not None:
            self._closing.append(close)
        if shared:
            self._routes.append(web.options(path, handler))
            self.access.shared.add(path)

    def listen(self) -> None:
        """Takes the port, so that what comes is answered after the start. SetupError if it cannot be had.

        To be called before anything that takes threads or time: a taken port is the commonest fault.
        """
        if self._sockets:
            return
        try:
            self._sockets = listening(self.address, self.port, self.others)
        except OSError as error:
            raise cannot_listen(self.address, self.port, error) from error
        self.port = self._sockets[0].getsockname()[1]

    def start(self) -> None:
        """Answers from now on. SetupError if the address or the port cannot be had."""
        self.listen()
        self._loop = asyncio.new_event_loop()
        self._thread.start()
        self._started.wait()

    def close(self) -> None:
        """Ends within about a second, whatever the viewers do."""
        if self._thread.is_alive():
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(2 * STOP_S)
        for each in self._sockets:
            each.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._started.set()
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    async def _serve(self) -> None:
        app = web.Application(middlewares=[self.access.guard])
        app.on_response_prepare.append(self.access.add_headers)
        app.add_routes(self._routes)
        app.router.add_get("/", self._index)
        for file in SHARED.iterdir():
            app.router.add_get(f"/{file.name}", partial(_file, file))
        app.router.add_static("/", self.folder)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=STOP_S / 2)
        await runner.setup()
        try:
            for each in self._sockets:
                await web.SockSite(runner, each, ssl_context=self.tls).start()
            self._started.set()
            await self._stopping.wait()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.gather(*(close() for close in self._closing)), STOP_S / 2)
        finally:
            await runner.cleanup()

    async def _index(self, _: web.Request) -> web.StreamResponse:
        return web.FileResponse(self.folder / "index.html")


def listening(address: str, port: int, others: int = 0) -> list[socket.socket]:
    """A socket for each address that a name stands for, all at one port, or at one of the next `others` if it is taken.

    OSError if those are too, or there is no such address.
    """
    last = min(port + others, LAST_PORT)
    while True:
        try:
            return _listening(address, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or port >= last:
                raise
            port += 1


def reachable(address: str) -> str:
    """What to call an address that is listened on: of one that stands for all, the one that a phone would use."""
    if address not in ("0.0.0.0", "::"):
        return address
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.connect(SOMEWHERE)  # sends nothing; the system picks the way
        return str(probe.getsockname()[0])
    return "127.0.0.1"


def _listening(address: str, port: int) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    fault: OSError | None = None
    found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    for family, host in dict.fromkeys((family, where[0]) for family, _, _, _, where in found):
        try:
            sockets.append(socket.create_server((host, port), family=family))
            port = sockets[0].getsockname()[1]
        except OSError as error:
            # An address of a kind that this machine does not have is none of those.
            fault = fault if fault and fault.errno == errno.EADDRINUSE else error
    if fault and (fault.errno == errno.EADDRINUSE or not sockets):
        for each in sockets:
            each.close()
        raise fault
    return sockets


async def _file(file: Path, _: web.Request) -> web.StreamResponse:
    return web.FileResponse(file)


def _with_errors(handler: Handler) -> Handler:
    """A handler whose ValueError goes to the page."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=400)

    return handle

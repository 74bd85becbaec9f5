"""What others' pages and engines read while a graph runs: each frame's line over a WebSocket, and pictures."""

import asyncio
import contextlib
from typing import Any

import msgpack
from aiohttp import WSCloseCode, WSMsgType, web

from handflow.runtime.names import dumps

from .message_stream import MAX_VIEWERS, SILENT_S

QUEUED_LINES = 256  # 8 s of them wait for a reader; one that is slower is told to go and come again
ANSWER_S = 2.0  # who asks for one thing waits for it so long
LOOK_S = 1.0  # how often somebody who waits for a picture is looked after
BOUNDARY = "frame"


class Next:
    """Those who wait for the next of something, which is not made while nobody does."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[bytes]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def wanted(self) -> bool:
        """Whether anybody waits."""
        return bool(self._waiting)

    def send(self, made: bytes) -> None:
        """Gives it to all who wait. From any thread; never waits."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # closed meanwhile
                self._loop.call_soon_threadsafe(self._give, made)

    async def get(self, timeout_s: float) -> bytes:
        """The next one. TimeoutError."""
        if len(self._waiting) >= MAX_VIEWERS:
            raise _too_many()
        self._loop = asyncio.get_running_loop()
        future = self._loop.create_future()
        self._waiting.add(future)
        try:
            return await asyncio.wait_for(future, timeout_s)
        finally:
            self._waiting.discard(future)

    def _give(self, made: bytes) -> None:
        for future in tuple(self._waiting):
            if not future.done():
                future.set_result(made)


class FrameFeed:
    """JPEGs of the newest frame, plain and with what was found in it, one by one or as a film (MJPEG)."""

    def __init__(self) -> None:
        self.plain, self.overlaid = Next(), Next()
        self._films: set[asyncio.Task[Any] | None] = set()

    @property
    def viewers(self) -> int:
        """How many films run."""
        return len(self._films)

    @property
    def wanted(self) -> bool:
        """Whether anybody watches or waits."""
        return bool(self._films) or self.plain.wanted or self.overlaid.wanted

    async def picture(self, request: web.Request) -> web.StreamResponse:
        """The next picture. `?overlays=true`: with the hands."""
        try:
            return web.Response(body=await self._asked(request).get(ANSWER_S), content_type="image/jpeg")
        except TimeoutError:
            return _nothing("picture")

    async def film(self, request: web.Request) -> web.StreamResponse:
        """Pictures until the viewer goes: each is the newest when the one before has been taken."""
        source = self._asked(request)
        if len(self._films) >= MAX_VIEWERS:
            raise _too_many()
        response = web.StreamResponse(headers={"Content-Type": f"multipart/x-mixed-replace; boundary={BOUNDARY}"})
        task = asyncio.current_task()
        self._films.add(task)
        try:
            await response.prepare(request)
            await self._show(request, response, source)
        except ConnectionError:
            pass  # it went while it was sent to
        finally:
            self._films.discard(task)
        return response

    async def _show(self, request: web.Request, response: web.StreamResponse, source: Next) -> None:
        while request.transport is not None and not request.transport.is_closing():
            try:
                jpeg = await source.get(LOOK_S)
            except TimeoutError:
                continue
            head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            await response.write(head.encode() + jpeg + b"\r\n")

    def _asked(self, request: web.Request) -> Next:
        return self.overlaid if _flag(request, "overlays") else self.plain

    async def close(self) -> None:
        """Ends all films."""
        for task in tuple(self._films):
            if task is not None:
                task.cancel()


class LineFeed:
    """Each frame's line to any number of readers: all of them, in order, as JSON or msgpack."""

    def __init__(self) -> None:
        self.newest = Next()
        self._readers: dict[web.WebSocketResponse, tuple[asyncio.Queue[bytes], bool]] = {}  # whether it wants msgpack
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def viewers(self) -> int:
        """How many read."""
        return len(self._readers)

    @property
    def wanted(self) -> bool:
        """Whether anybody reads or waits."""
        return bool(self._readers) or self.newest.wanted

    def send(self, line: dict[str, Any]) -> None:
        """Offers a line to all readers. From any thread; never waits."""
        if not self.wanted:
            return
        text = dumps(line).encode()
        self.newest.send(text)
        if self._readers and self._loop is not None:
            packed = msgpack.packb(line) if any(binary for _, binary in tuple(self._readers.values())) else b""
            with contextlib.suppress(RuntimeError):  # closed meanwhile
                self._loop.call_soon_threadsafe(self._offer, text, packed)

    def _offer(self, text: bytes, packed: bytes) -> None:
        for lines, binary in self._readers.values():
            # Whoever came between the packing and now begins with the next line.
            if (body := packed if binary else text) and not lines.full():
                lines.put_nowait(body)

    async def line(self, request: web.Request) -> web.StreamResponse:
        """The next frame's line."""
        try:
            return web.Response(body=await self.newest.get(ANSWER_S), content_type="application/json", charset="utf-8")
        except TimeoutError:
            return _nothing("hands")

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One reader, until it goes. `?format=msgpack`: the same values in binary messages."""
        form = request.query.get("format", "json")
        if form not in ("json", "msgpack"):
            raise ValueError(f"format: expected json or msgpack, got {form!r}")
        if len(self._readers) >= MAX_VIEWERS:
            raise _too_many()
        self._loop = asyncio.get_running_loop()
        opened = web.WebSocketResponse(heartbeat=SILENT_S, max_msg_size=1024, compress=False)
        await opened.prepare(request)
        lines: asyncio.Queue[bytes] = asyncio.Queue(QUEUED_LINES)
        feeding = asyncio.create_task(self._feed(opened, lines, form == "msgpack"))
        self._readers[opened] = lines, form == "msgpack"
        try:
            async for message in opened:
                if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                    break
        finally:
            self._readers.pop(opened, None)
            feeding.cancel()
        return opened

    async def _feed(self, opened: web.WebSocketResponse, lines: asyncio.Queue[bytes], binary: bool) -> None:
        with contextlib.suppress(ConnectionError, RuntimeError):  # it went while it was sent to
            while not lines.full():
                body = await lines.get()
                await (opened.send_bytes(body) if binary else opened.send_str(body.decode()))
            # Lines are missing from here on: rather an end that is seen than a gap that is not.
            await opened.close(code=WSCloseCode.TRY_AGAIN_LATER, message=b"too slow: lines were lost; connect again")

    async def close(self) -> None:
        """Tells all readers that this is the end."""
        await asyncio.gather(
            *(opened.close(code=WSCloseCode.GOING_AWAY) for opened in tuple(self._readers)), return_exceptions=True
        )


def _flag(request: web.Request, name: str) -> bool:
    value = request.query.get(name, "false")
    if value not in ("true", "false"):
        raise ValueError(f"{name}: expected true or false, got {value!r}")
    return value == "true"


def _nothing(what: str) -> web.Response:
    error = f"no {what} for {ANSWER_S:g} s; does the camera run, and is `{what}` wired to the view?"
    return web.Response(status=503, text=dumps({"error": error}), content_type="application/json")


def _too_many() -> web.HTTPServiceUnavailable:
    return web.HTTPServiceUnavailable(text=f"{MAX_VIEWERS} of these are open already; close one")

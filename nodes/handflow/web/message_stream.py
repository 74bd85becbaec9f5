"""Binary messages to open pages: each gets the newest when it is ready for one, so nothing waits in the network."""

import asyncio
import contextlib

from aiohttp import WSCloseCode, WSMsgType, web

AHEAD = 2  # messages on their way to a viewer: one is drawn while the next one travels
MAX_VIEWERS = 32
SILENT_S = 10.0  # a viewer that does not answer a ping for this long has gone


class Viewer:
    """One open page. It reports each message that it has drawn."""

    def __init__(self, socket_: web.WebSocketResponse) -> None:
        self.socket = socket_
        self.free = AHEAD  # messages it may be sent
        self.next: bytes | None = None
        self.ready = asyncio.Event()

    def offer(self, message: bytes) -> None:
        if self.next is not None:
            # What it has not been sent yet is old now.
            self.next = message
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


class MessageStream:
    """Binary messages to any number of viewers: each gets the newest one when it is ready for one, a slow one skips.

    A page opens it as a WebSocket and sends a message (any text) for each one that it has drawn.
    """

    def __init__(self) -> None:
        self._viewers: set[Viewer] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def viewers(self) -> int:
        """How many pages are open."""
        return len(self._viewers)

    @property
    def wanted(self) -> bool:
        """Whether anybody is ready for a message: making one may be expensive."""
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
        if len(self._viewers) >= MAX_VIEWERS:
            raise web.HTTPServiceUnavailable(text=f"{MAX_VIEWERS} pages are open already; close one")
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

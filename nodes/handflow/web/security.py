"""Who may use the server: people on this machine, and no page of another site.

Names other than this machine's are refused (a foreign page could point its own name at 127.0.0.1), and so are requests
that another site's page sends.
"""

import contextlib
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",  # a new version's page must not run an old script
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def refuse_foreign(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuses what a foreign page may cause: by a name of its own for this address, or by a request of its own."""
    host = request.headers.get("Host", "")
    if not _is_own(host):
        raise web.HTTPForbidden(text=f"{host!r} is not a name of this machine; use its address (127.0.0.1)")
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != host:
        raise web.HTTPForbidden(text=f"a page of {origin} may not use this server")
    return await handler(request)


def _is_own(host: str) -> bool:
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


async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)

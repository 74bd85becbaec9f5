"""Who may use a server: people on this machine, whoever has the token, and pages of sites that are named.

Without a token, names other than this machine's are refused (a foreign page could point its own name at 127.0.0.1).
With or without, requests that another site's page sends are refused, but for what is meant for pages everywhere.
"""

import contextlib
import hmac
import ipaddress
import os
import secrets
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web
from platformdirs import user_state_path

from handflow.errors import SetupError
from handflow.runtime.files import private

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",  # a new version's page must not run an old script
}
ANY = "*"  # among origins
TOKEN_BYTES = 16
COOKIE = "handflow"  # browsers send it to all ports of a machine: one user's graphs have one token
COOKIE_S = 365 * 24 * 3600

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Access:
    """Who may use a server.

    `token`: what everybody must show, in the address or as a bearer, and is then remembered by the browser; "": none.
    `origins`: whose pages may read what is `shared`: "https://game.example", "null" (files), "*" (anybody's).
    """

    def __init__(self, token: str = "", origins: Sequence[str] = ()) -> None:
        self.token, self.origins = token, origins
        self.shared: set[str] = set()  # paths

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuses whom it must; marks what others may read."""
        host = request.headers.get("Host", "")
        if not self.token and not _is_own(host):
            raise web.HTTPForbidden(text=f"{host!r} is not a name of this machine; use its address (127.0.0.1)")
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != host and not self._shares(request.path, origin):
            raise web.HTTPForbidden(text=f"a page of {origin} may not use this server; `cors` of the stage may name it")
        if request.method == "OPTIONS" and request.path in self.shared:
            # A browser's question before it sends a token; the answer is in the headers.
            return web.Response(status=204)
        if self.token and not self._knows_token(request):
            raise web.HTTPUnauthorized(
                text="a token is missing or wrong; open the whole address that `handflow run` prints",
                headers={"WWW-Authenticate": "Bearer"},
            )
        response = await handler(request)
        if self.token and request.query.get("token") and not response.prepared:
            response.set_cookie(
                COOKIE, self.token, max_age=COOKIE_S, httponly=True, samesite="Strict", secure=request.secure
            )
        return response

    async def add_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        """What browsers must know of every answer."""
        headers = dict(HEADERS)
        origin = request.headers.get("Origin")
        if request.path in self.shared and ANY in self.origins:
            headers["Cross-Origin-Resource-Policy"] = "cross-origin"  # an <img> says nothing of its origin
        if origin is not None and self._shares(request.path, origin):
            headers |= {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
            if request.method == "OPTIONS":
                headers["Access-Control-Allow-Headers"] = "Authorization"
                headers["Access-Control-Allow-Private-Network"] = "true"
        response.headers.update(headers)

    def _shares(self, path: str, origin: str) -> bool:
        # A page from a file calls its origin `null`, but where it opens a WebSocket.
        named = "null" if origin == "file://" else origin
        return path in self.shared and (ANY in self.origins or named in self.origins)

    def _knows_token(self, request: web.Request) -> bool:
        scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
        shown = (request.query.get("token"), request.cookies.get(COOKIE), bearer if scheme == "Bearer" else None)
        return any(hmac.compare_digest((each or "").encode(), self.token.encode()) for each in shown)


def page_token() -> str:
    """This user's token, made the first time. Where it cannot be kept, one that lasts until the end. SetupError."""
    file = user_state_path("handflow") / "page-token"
    made = secrets.token_urlsafe(TOKEN_BYTES)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # Of several graphs that start at once, one makes it.
        with contextlib.suppress(FileExistsError), open(file, "x", encoding="ascii", opener=private) as out:
            out.write(f"{made}\n")
        token = file.read_text("ascii").strip()
        open_to_others = hasattr(os, "getuid") and file.stat().st_mode & 0o077
    except (OSError, UnicodeDecodeError):
        return made
    if open_to_others:
        raise SetupError(f"{file}: other users may read it; chmod 600 {file}")
    if len(token) < TOKEN_BYTES:
        raise SetupError(f"{file}: expected a token, got a damaged one; remove it, and a new one is made")
    return token


def tls(certificate: Path, key: Path | None) -> ssl.SSLContext:
    """What a server with this certificate needs; no `key`: it is in the same file. SetupError."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        # An empty password: a key that has one is refused, and not asked for on the terminal.
        context.load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as error:  # SSLError is an OSError
        no_file = isinstance(error, OSError) and not isinstance(error, ssl.SSLError)
        why = str(getattr(error, "strerror", error)) if no_file else "no certificate and key that belong together"
        files = f"{certificate} with {key}" if key else f"{certificate}"
        raise SetupError(f"certificate {files}: {why}; expected PEM files, the key without a password") from error
    return context


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

"""A web server's answer to GET, as a camera's owner means it: redirects followed, logged in where it asks for it.

The standard library's http.client reads what cheap cameras send (lines without carriage returns, heads without a
reason); stricter clients do not.
"""

import contextlib
import io
import socket
import threading
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit, urlunsplit

from handflow.runtime.address import masked
from handflow.runtime.names import one_line

from .http_login import Login, why_not_let_in
from .stream_errors import OPEN_S, SILENT_S, reason

MAX_REDIRECTS = 10
# A server that asks for a login anew each time would be asked for ever.
MAX_LOGINS = 3
HEADERS = {
    "User-Agent": "handflow",
    "Accept": "*/*",
    # Compressing JPEGs gains nothing, and holds pictures back.
    "Accept-Encoding": "identity",
    "Cache-Control": "no-cache",
}
PORTS = {"http": 80, "https": 443}


class HttpAddress:
    """An address that is asked once, or again and again: its connection, login and redirects are kept."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._home = self._at = _bare(parts)
        self._login: Login | None = None
        if parts.username is not None:
            self._login = Login(unquote(parts.username), unquote(parts.password or ""))
        self._connection: HTTPConnection | None = None

    def get(self) -> HTTPResponse:
        """The answer, if it is a good one (200). OSError with the reason."""
        try:
            for _ in range(MAX_REDIRECTS):
                response = self._ask_and_login()
                if response.status not in (301, 302, 303, 307, 308):
                    return self._checked(response)
                self._redirect(response)
        except (HTTPException, ValueError) as error:
            self.close()
            raise OSError(f"no HTTP: {reason(error)}") from error
        except OSError:
            self.close()
            raise
        raise OSError(f"the server redirects more than {MAX_REDIRECTS} times")

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _redirect(self, response: HTTPResponse) -> None:
        location = response.headers.get("Location", "")
        response.close()
        self.close()
        if not location:
            raise OSError(f"the server answers {response.status} (elsewhere) without saying where")
        # http.client hands on what is no ASCII as Latin-1; browsers read it as UTF-8.
        location = location.encode("latin-1", "replace").decode("utf-8", "replace")
        parts = urlsplit(urljoin(urlunsplit(self._at), location))
        if parts.scheme not in PORTS or not parts.hostname:
            raise OSError(f"the server redirects to {one_line(masked(location))}; give that address as the source")
        self._at = _bare(parts)

    def _ask_and_login(self) -> HTTPResponse:
        login = self._login if _same_server(self._home, self._at) else None
        target = urlunsplit(("", "", self._at.path or "/", self._at.query, ""))
        for _ in range(MAX_LOGINS):
            given = login.authorization("GET", target) if login else None
            response = self._ask(target, given)
            if response.status != 401:
                if given and login:
                    login.accept()
                return response
            asks = response.headers.get_all("WWW-Authenticate", [])
            response.close()
            self.close()
            if login is None or not login.heed(asks, given is not None):
                break
        if self._login is not None and login is None:
            raise OSError(f"the server redirects to {self._at.netloc}, which wants a user name and password of its own")
        raise OSError(why_not_let_in(asks, self._login is not None))

    def _ask(self, target: str, authorization: str | None) -> HTTPResponse:
        """One request: on the connection that is open, unless the server has closed it in the meantime."""
        if self._connection is not None:
            with contextlib.suppress(OSError, HTTPException):
                return self._ask_on(self._connection, target, authorization)
            self.close()
        kind = HTTPSConnection if self._at.scheme == "https" else HTTPConnection
        self._connection = made = kind(self._at.hostname or "", self._at.port or PORTS[self._at.scheme], timeout=OPEN_S)
        made.response_class = _CameraResponse
        return self._ask_on(made, target, authorization)

    def _ask_on(self, connection: HTTPConnection, target: str, authorization: str | None) -> HTTPResponse:
        if connection.sock is None:
            connection.connect()
        connected: socket.socket = connection.sock
        connected.settimeout(SILENT_S)
        login = {"Authorization": authorization} if authorization else {}
        with _in_time(connected):
            connection.request("GET", target, headers=HEADERS | login)
            return connection.getresponse()

    def _checked(self, response: HTTPResponse) -> HTTPResponse:
        if response.status != 200:
            response.close()
            raise OSError(f"the server answers {response.status} {one_line(response.reason)}".rstrip())
        coding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if coding not in ("", "identity"):
            response.close()
            raise OSError(
                f"expected pictures as they are, got them compressed again ({one_line(coding)}); switch that off there"
            )
        return response


class _CameraResponse(HTTPResponse):
    """Takes the first line of radio's servers too, which some cameras send and browsers know: ICY 200 OK."""

    def begin(self) -> None:
        if self.fp.peek(4)[:4] == b"ICY ":
            self.fp.read(3)
            self.fp = io.BufferedReader(_Joined(b"HTTP/1.0", self.fp))
        super().begin()


class _Joined(io.RawIOBase):
    """Some bytes, and behind them a stream."""

    def __init__(self, before: bytes, stream: io.BufferedReader) -> None:
        self._before, self._stream = before, stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        got = self._before[: len(buffer)] or self._stream.read1(len(buffer))
        self._before = self._before[len(buffer) :]
        buffer[: len(got)] = got
        return len(got)

    def close(self) -> None:
        self._stream.close()
        super().close()


def _bare(parts: SplitResult) -> SplitResult:
    """An address without login and fragment, its characters as they may stand in a request. OSError."""
    try:
        _ = parts.port
    except ValueError:
        # What Python says of it shows what stands there: often the end of a password.
        raise OSError("expected a port from 1 to 65535 in the address") from None
    path, query = (quote(each, safe="%/:=&?~#+!$,;'@()*[]|") for each in (parts.path, parts.query))
    return SplitResult(parts.scheme.lower(), parts.netloc.rpartition("@")[2], path, query, "")


def _same_server(home: SplitResult, at: SplitResult) -> bool:
    """Whether a password for `home` may be given to `at`: the same server, or the same host by TLS in place of none."""
    here, there = ((each.hostname, each.port or PORTS[each.scheme], each.scheme) for each in (home, at))
    return here == there or (here, there) == ((home.hostname, 80, "http"), (home.hostname, 443, "https"))


@contextlib.contextmanager
def _in_time(connected: socket.socket) -> Iterator[None]:
    """A server that sends a byte now and then is in time with each, and would never be done. TimeoutError."""
    late = threading.Event()

    def end() -> None:
        late.set()
        with contextlib.suppress(OSError):
            connected.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(OPEN_S, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, HTTPException):
        if not late.is_set():
            raise
    finally:
        timer.cancel()
    # A head that breaks off is a head to http.client.
    if late.is_set():
        raise TimeoutError

"""Who can reach what a stage listens on (this machine alone, unless the graph says otherwise); URLs without secrets."""

import ctypes
import ipaddress
import os
import re
import socket
import sys
from typing import Any
from urllib.parse import SplitResult, urlsplit

import zmq

from handflow.errors import SetupError

LAST_PORT = 65535
WINSOCK = 10_000  # numbers of errors from here on are those of Windows' sockets, which C does not know
SERVER = re.compile(r"(?:\[(?P<ipv6>[^\[\]]*)\]|(?P<name>[\w.-]+))(?::(?P<port>[0-9]{1,9}))?")
CONTROL_OR_BLANK = re.compile(r"[\s\x00-\x1f\x7f\ud800-\udfff]")
ENCODED = (
    "in names and passwords write # as %23, / as %2F, ? as %3F, [ as %5B, ] as %5D, @ as %40, % as %25, blanks as %20"
)
EXAMPLE = "NAME:PASSWORD@"  # in lines for people


def outside(address: str) -> bool:
    """Whether other machines reach what listens on `address`. A name, or `*`, may be anything: it does."""
    try:
        return not ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address != "localhost"


def refuse_outside(address: str, insecure: bool) -> None:
    """SetupError for an address that others reach, unless it is said to be meant: nothing here is encrypted."""
    if outside(address) and not insecure:
        raise SetupError(
            f"address {address} lets other machines in, without password or encryption; "
            "expected 127.0.0.1, or insecure: true beside it if that is intended"
        )


def cannot_listen(address: str, port: int, error: Exception) -> SetupError:
    """The line for an address or a port that cannot be had; `error` is the system's (OSError, ZMQError)."""
    if isinstance(error, socket.gaierror):
        return SetupError(
            f"cannot listen on {address}:{port}: expected an address of this machine; there is no such host"
        )
    number = getattr(error, "errno", None)
    # Errors of a look-up have numbers below 0, and words of their own.
    why = _words(number, error) if number and number > 0 else getattr(error, "strerror", None) or str(error)
    return SetupError(f"cannot listen on {address}:{port}: {why}; choose another port or address")


def _words(number: int, error: Exception) -> str:
    """The system's words for the number of an error."""
    # ZeroMQ's numbers are not the system's everywhere.
    if isinstance(error, zmq.ZMQError):
        return zmq.strerror(number)
    if sys.platform == "win32" and number > WINSOCK:
        return ctypes.FormatError(number)
    return os.strerror(number)


def checked_url(url: str) -> SplitResult:
    """The parts of a stream's address. SetupError says what to write, without any part of a password."""
    scheme, _, rest = url.partition("://")
    user, _, server = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")
    fault = ""
    if CONTROL_OR_BLANK.search(url) or set(user) & set("[]") or "@" in rest.partition("#")[2]:
        fault = ENCODED
    elif not _is_server(server):
        # What stands there may be a part of a password that was cut off at one of its characters.
        fault = f"HOST: a name or an address, PORT: 1 to {LAST_PORT}; {ENCODED}"
    else:
        try:
            return urlsplit(url)
        except ValueError:  # its text would show a part
            fault = ENCODED
    # The address comes last: an @ behind one would be taken for the end of a password in it.
    raise SetupError(f"expected {scheme}://{EXAMPLE}HOST:PORT/PATH ({fault}), got {masked(url)}")


def has_late_sign(url: str) -> bool:
    """Whether there is an @ where a password with a / or ? would have it, and other addresses hardly ever."""
    return "@" in "".join(re.split(r"[/?]", url.partition("://")[2], maxsplit=1)[1:])


def masked(text: str) -> str:
    """`text` with what is secret in its URLs hidden: user names, passwords, keys."""
    # Up to the last @: a password may have one, a blank, and other characters that do not belong there.
    text = re.sub(
        rf"([A-Za-z][\w+.-]+:/{{1,3}}+)(?!{EXAMPLE})(?:[^\s/@,'\"][^/@,'\"]*:.*@|\S*@)",
        r"\1***@",
        text,
        flags=re.DOTALL,
    )
    # Without a scheme, as somebody may have forgotten it.
    text = re.sub(r"([^\s:/@'\"]+:)(?!/|PASSWORD@)[^\s@]\S*@", r"\1***@", text)
    return re.sub(r"(?i)([?&][^=&\s]*(?:pass|pwd|secret|token|key|auth)[^=&\s]*=)[^&\s]+", r"\1***", text)


def masked_in(value: Any) -> Any:
    """Maps and lists with every text in them `masked`."""
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, dict):
        return {key: masked_in(each) for key, each in value.items()}
    return [masked_in(each) for each in value] if isinstance(value, list | tuple) else value


def _is_server(text: str) -> bool:
    """Whether a text is HOST or HOST:PORT."""
    parts = SERVER.fullmatch(text)
    if parts is None or (parts["port"] and not 0 < int(parts["port"]) <= LAST_PORT):
        return False
    try:
        if parts["ipv6"] is not None or re.fullmatch(r"[0-9.]+", parts["name"]):
            ipaddress.ip_address(parts["ipv6"] or parts["name"])
        # As it is looked up; refuses empty and long labels.
        return bool((parts["name"] or "ipv6").encode("idna"))
    except ValueError:
        return False

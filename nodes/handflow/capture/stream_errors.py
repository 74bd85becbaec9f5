"""How long a server may take, and in words why a stream cannot be read."""

import os
import socket

from handflow.runtime.address import masked

OPEN_S = 5.0  # a server that has not answered by then is tried again
SILENT_S = 3.0  # one that has stopped sending for so long too


def reason(error: BaseException) -> str:
    """The reason in a few words, without an address or a password."""
    cause = getattr(error, "reason", None)
    if isinstance(cause, BaseException):
        return reason(cause)
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return "there is no such host"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return masked(" ".join(str(error).split())) or type(error).__name__

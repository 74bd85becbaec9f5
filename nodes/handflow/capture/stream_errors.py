"""How long a server may take, and in words why a stream cannot be read."""

import os
import socket
import ssl
from http.client import IncompleteRead

from handflow.runtime.address import masked
from handflow.runtime.names import one_line, text_of

OPEN_S = 5.0  # a server that has not answered by then is tried again
SILENT_S = 3.0  # one that has stopped sending for so long too


def reason(error: BaseException) -> str:
    """The reason in a few words, without an address or a password."""
    if isinstance(error, ssl.SSLCertVerificationError):
        why = error.verify_message
        return f"the server's certificate is not trusted ({why}); name the file that holds it in SSL_CERT_FILE"
    if isinstance(error, ssl.SSLError):
        return f"no TLS: {error.reason or 'the server broke off'}; is it http:// or rtsp://, without the s?"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return "there is no such host"
    if isinstance(error, IncompleteRead):
        return "the server broke off within a picture"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return masked(one_line(text_of(error)))

"""One key for all machines of a graph: what crosses is encrypted (CURVE), and only who has the key gets in.

The file is a secret: it goes from machine to machine by hand (scp, a stick), and lies beside the graph.
"""

import contextlib
import os
import threading
from pathlib import Path
from typing import NamedTuple

import zmq

from handflow.errors import SetupError
from handflow.runtime.files import private, result_file

HEAD = "handflow key 1: who has this file can read and feed the graph"


class Key(NamedTuple):
    """A pair of CURVE keys, in Z85."""

    public: bytes
    secret: bytes


class Guard:
    """A thread that lets in only who has the key, at all sockets of a context that `serve` it; until `stop`.

    pyzmq's own thread (ThreadAuthenticator) dies on Windows unless `tornado` is installed: nobody would get in.
    """

    def __init__(self, context: zmq.Context, key: Key) -> None:
        from zmq.auth.base import Authenticator  # here, as asyncio below: they take 0.1 s

        self._authenticator = Authenticator(context)
        self._authenticator.start()
        self._authenticator.configure_curve_callback("*", credentials_provider=_Only(key))
        endpoint = f"inproc://guard-{id(self)}"
        self._end, self._ended = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
        self._ended.bind(endpoint)
        self._end.connect(endpoint)
        self._thread = threading.Thread(target=self._run, name="guard", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._end.send(b"")
        self._thread.join()
        self._end.close()

    def _run(self) -> None:
        import asyncio

        asked = self._authenticator.zap_socket
        poller = zmq.Poller()
        poller.register(asked, zmq.POLLIN)
        poller.register(self._ended, zmq.POLLIN)
        # The loop carries out what pyzmq has made a coroutine; it waits for nothing.
        with contextlib.closing(asyncio.SelectorEventLoop()) as loop:
            while self._ended not in (ready := dict(poller.poll())):
                if asked in ready:
                    loop.run_until_complete(self._authenticator.handle_zap_message(asked.recv_multipart()))
        self._authenticator.stop()
        self._ended.close()


def make(file: Path) -> None:
    """Writes a new key, for this user's eyes. SetupError if there is a file, OutputError."""
    public, secret = zmq.curve_keypair()
    if os.path.lexists(file):
        raise SetupError(f"{file}: File exists; expected the name of a new file")
    with result_file(file) as part:
        part.unlink(missing_ok=True)  # of a start that was killed: it may be open to others
        with open(part, "x", encoding="ascii", opener=private) as out:
            out.write(f"{HEAD}\n{public.decode()}\n{secret.decode()}\n")


def read(file: Path) -> Key:
    """The key in a file. SetupError with what is wrong with it."""
    try:
        lines = file.read_text("ascii").splitlines()
        open_to_others = hasattr(os, "getuid") and file.stat().st_mode & 0o077
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "no text"
        raise SetupError(f"key {file}: {why}; make one with: handflow key {file.name}") from error
    if open_to_others:
        raise SetupError(f"key {file}: other users may read it; chmod 600 {file}")
    try:
        head, public, secret = lines
        key = Key(public.encode(), secret.encode())
        if head != HEAD or zmq.curve_public(key.secret) != key.public:
            raise ValueError
    except (ValueError, zmq.ZMQError) as error:
        raise SetupError(
            f"key {file}: expected a key, got a damaged one or none; make one with: handflow key"
        ) from error
    return key


class _Only:
    def __init__(self, key: Key) -> None:
        self._key = key

    def callback(self, domain: str, key: bytes) -> bool:
        """Whether somebody with this public key may come in."""
        return key == self._key.public


def serve(socket: zmq.Socket, key: Key) -> None:
    """Before it binds."""
    socket.setsockopt(zmq.CURVE_SERVER, 1)
    socket.setsockopt(zmq.CURVE_SECRETKEY, key.secret)


def visit(socket: zmq.Socket, key: Key) -> None:
    """Before it connects."""
    socket.setsockopt(zmq.CURVE_SERVERKEY, key.public)
    socket.setsockopt(zmq.CURVE_PUBLICKEY, key.public)
    socket.setsockopt(zmq.CURVE_SECRETKEY, key.secret)

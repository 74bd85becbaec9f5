"""What receives OSC in tests, made by others, each told what it should hear; and hands to send."""

import socket

import numpy as np
from pythonosc.osc_bundle import OscBundle
from pythonosc.osc_message import OscMessage

from handflow import Hands, State

SECOND = 10**9


def some_hands(ids: list[int], seq: int = 1, at_s: float = 100.0, **values: object) -> Hands:
    """Tracked hands at (0.25, 0.5) of a 1000 x 500 picture, resting, closed; `values` says what is different."""
    n = len(ids)
    fields = {
        "state": np.full(n, State.TRACKED, np.int32),
        "xy": np.full((n, 2), [0.25, 0.5]),
        "velocity": np.zeros((n, 2)),
        "radius": np.full(n, 0.125),
        "score": np.full(n, 0.75),
        "open": np.zeros(n),
        "is_open": np.zeros(n, bool),
        "age": np.ones(n),
    }
    return Hands(
        stream=1, seq=seq, captured_ns=round(at_s * SECOND), id=ids, width=1000, height=500, **{**fields, **values}
    )


class Mailbox:
    """A UDP port that keeps what arrives."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.socket.bind((host, 0))
        self.socket.setblocking(False)
        self.port = self.socket.getsockname()[1]

    def datagrams(self) -> list[bytes]:
        """What has come since the last time; loopback delivers within sendto."""
        found = []
        while True:
            try:
                found.append(self.socket.recv(65536))
            except BlockingIOError:
                return found

    def messages(self) -> list[tuple]:
        return [message for datagram in self.datagrams() for message in parsed(datagram)]


def parsed(datagram: bytes) -> list[tuple]:
    """The messages of a datagram by python-osc: (address, value, value...)."""
    if not OscBundle.dgram_is_bundle(datagram):
        message = OscMessage(datagram)
        return [(message.address, *message.params)]
    return [(message.address, *message.params) for message in OscBundle(datagram)]

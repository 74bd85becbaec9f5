"""Two hosts on one machine: network namespaces, and between them a link that delays, loses, and can be cut.

The link is this process: it carries the IP packets between two TUN devices, so it needs root and /dev/net/tun, but no
netem, which many kernels are built without.
"""

import contextlib
import fcntl
import os
import random
import select
import struct
import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence

from .needed import need

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000  # linux/if_tun.h
QUEUE_S = 0.5  # what a router in between holds; more is lost
ADDRESSES = ("10.77.0.1", "10.77.0.2")
# How a graph begins whose machines they are.
MACHINES = f"""\
machines:
  eye: {{host: {ADDRESSES[0]}, port: 5600}}
  play: {{host: {ADDRESSES[1]}, port: 5600}}
insecure: true
"""


class Link:
    """Carries packets between two TUN devices. Its properties may be changed at any time."""

    def __init__(self, ends: tuple[int, int]) -> None:
        self.delay_s = 0.0  # one way
        self.loss = 0.0  # 0..1
        self.rate = 0.0  # bytes a second each way; 0: any
        self.cut = False
        self._ends = ends
        self._queues: tuple[deque[tuple[float, bytes]], ...] = (deque(), deque())  # due, packet
        self._busy = [0.0, 0.0]  # until when each end sends
        self._random = random.Random(1)
        self._done = False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        self._done = True
        self._thread.join()

    def _run(self) -> None:
        while not self._done:
            now = time.monotonic()
            for queue, end in zip(self._queues, reversed(self._ends), strict=True):
                while queue and queue[0][0] <= now:
                    _, packet = queue.popleft()
                    with contextlib.suppress(OSError):  # an end that is down loses it, as a cable would
                        os.write(end, packet)
            due = min((queue[0][0] for queue in self._queues if queue), default=now + 0.05)
            ready, _, _ = select.select(self._ends, [], [], max(0, min(due - now, 0.05)))
            for end in ready:
                packet, side = os.read(end, 65536), self._ends.index(end)
                sent = max(self._busy[side], time.monotonic())
                queued_s = sent - time.monotonic()
                if not self.cut and queued_s < QUEUE_S and self._random.random() >= self.loss:
                    self._busy[side] = sent = sent + (len(packet) / self.rate if self.rate else 0)
                    self._queues[side].append((sent + self.delay_s, packet))


class TwoHosts:
    """The namespaces by name, for `ip netns exec NAME command`, and the link between them."""

    def __init__(self, names: Sequence[str], link: Link) -> None:
        self.names, self.link = names, link

    def inside(self, host: int) -> list[str]:
        """What a command must begin with to run on a host."""
        return ["ip", "netns", "exec", self.names[host]]


@contextlib.contextmanager
def two_hosts() -> Iterator[TwoHosts]:
    """Skips the test where that cannot be had; in CI it fails instead."""
    names = [f"handflow-{os.getpid()}-{host}" for host in (0, 1)]
    with contextlib.ExitStack() as stack:
        try:
            ends = []
            for host, name in enumerate(names):
                ip("netns", "add", name)
                stack.callback(ip, "netns", "del", name)
                ends.append(tun(device := f"hf{os.getpid() % 10**7}{host}"))
                stack.callback(os.close, ends[-1])
                ip("link", "set", device, "netns", name)
                ip("-n", name, "addr", "add", ADDRESSES[host], "peer", ADDRESSES[1 - host], "dev", device)
                ip("-n", name, "link", "set", device, "up")
                ip("-n", name, "link", "set", "lo", "up")
        except (OSError, subprocess.CalledProcessError) as error:
            why = f"two hosts need root, iproute2 and /dev/net/tun: {error} {getattr(error, 'stderr', '') or ''}"
            need(False, why)
        link = Link((ends[0], ends[1]))
        stack.callback(link.close)
        yield TwoHosts(names, link)


def tun(name: str) -> int:
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    except OSError:
        os.close(fd)
        raise
    return fd


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)

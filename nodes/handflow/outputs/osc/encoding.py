"""OSC bytes: messages, rows of equal messages, and bundles that are split so that none exceeds 1432 bytes.

Numbers are int32 and float32, text is a string, time tags are "immediately". python-osc forms the constant heads; numpy
and struct add the numbers: 20 hands as a bundle of python-osc's own take 0.73 ms, as one of these 0.02 ms.
"""

import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from pythonosc.osc_message_builder import OscMessageBuilder

LARGEST = 1432  # bytes in a datagram that no network on the way splits
BUNDLE = b"#bundle\0" + struct.pack(">Q", 1)  # 1: immediately


class Rows(NamedTuple):
    """Elements of a bundle, each with its size before it, end to end. What ends at one of `ends` stays together."""

    data: bytes = b""
    ends: Sequence[int] = ()


class Packet(NamedTuple):
    """Messages that belong together: as a bundle, or as several that carry all of `first` and `last` and some rows."""

    first: Sequence[bytes] = ()
    rows: Rows = Rows()
    last: Sequence[bytes] = ()

    def datagrams(self, bundled: bool) -> list[bytes]:
        if not bundled:
            return [*self.first, *elements(self.rows.data), *self.last]
        before, after = b"".join(map(sized, self.first)), b"".join(map(sized, self.last))
        room = room_beside(before + after)
        return [BUNDLE + before + part + after for part in parts(self.rows, room)]


def room_beside(fixed: bytes) -> int:
    """How many bytes of rows fit into a bundle that holds `fixed` as well."""
    return LARGEST - len(BUNDLE) - len(fixed)


@lru_cache(1024)
def head(address: str, tags: str, *texts: str) -> bytes:
    """A message up to its numbers: address, type tags and the texts that come first."""
    builder = OscMessageBuilder(address)
    for number, tag in enumerate(tags):
        builder.add_arg(texts[number] if tag == "s" else 0, tag)
    numbers = len(tags) - len(texts)
    return builder.build().dgram[: -4 * numbers or None]


@lru_cache(1024)
def numbers(tags: str) -> struct.Struct:
    """What packs the int32 and float32 of `tags`; texts are left out."""
    return struct.Struct(">" + tags.replace("s", ""))


def message(address: str, tags: str, *values: str | float) -> bytes:
    """A message of texts (first), int32 and float32; `tags` as in OSC, without the comma."""
    texts = tags.count("s")
    return head(address, tags, *map(str, values[:texts])) + numbers(tags).pack(*values[texts:])


def built(address: str, tags: str, *values: str | float) -> bytes:
    """A message of any mixture, by python-osc; for what is rare."""
    builder = OscMessageBuilder(address)
    for tag, value in zip(tags, values, strict=True):
        builder.add_arg(value, tag)
    return builder.build().dgram


def text(value: str) -> bytes:
    """A string as an argument: its bytes, a zero, and zeros up to a multiple of four."""
    content = value.encode(errors="replace")
    return content + bytes(4 - len(content) % 4)


def sized(content: bytes) -> bytes:
    """An element of a bundle: its length (int32) before it."""
    return len(content).to_bytes(4, "big") + content


def rows(start: bytes, integers: np.ndarray, *floats: np.ndarray) -> Rows:
    """A message per hand: `start` (its head), then integers (n, i) and floats (n, f), side by side."""
    count, at = len(integers), integers.shape[1]
    constant = _words(start, at + sum([block.shape[1] for block in floats]))
    out = np.empty((count, len(constant)), ">i4")
    out[:] = constant
    numbers = out[:, 1 + len(start) // 4 :]
    numbers[:, :at] = integers
    as_floats = numbers.view(">f4")
    for block in floats:
        end = at + block.shape[1]
        as_floats[:, at:end] = block
        at = end
    size = 4 * len(constant)
    return Rows(out.tobytes(), range(size, count * size + 1, size))


def joined(*several: Rows) -> Rows:
    """Rows one after the other."""
    full = [each for each in several if each.data]
    if len(full) == 1:
        return full[0]
    ends, length = [], 0
    for each in full:
        ends += [length + end for end in each.ends]
        length += len(each.data)
    return Rows(b"".join(each.data for each in full), ends)


def elements(data: bytes) -> Iterator[bytes]:
    """The messages in what lies between a bundle's header and its end."""
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 4 + size]
        at += 4 + size


@lru_cache(256)
def _words(start: bytes, numbers: int) -> np.ndarray:
    """A row without its numbers, in words of four bytes: the size of the message, its start, zeros."""
    return np.frombuffer(sized(start + bytes(4 * numbers)), ">i4")


def parts(several: Rows, room: int) -> list[bytes]:
    """The rows' bytes, cut so that no part is longer than `room`; without rows one empty part."""
    if len(several.data) <= room:
        return [several.data]
    found, start = [], 0
    while start < len(several.data):
        end = several.ends[bisect_right(several.ends, start + room) - 1]
        found.append(several.data[start:end])
        start = end
    return found

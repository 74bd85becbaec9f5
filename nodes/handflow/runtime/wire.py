"""Messages as bytes: one msgpack map each. Small arrays travel inside it, big ones lie in a ring (ring.py) and the
message names their slot.
"""

from dataclasses import dataclass
from typing import Any, Literal

import msgpack
import numpy as np

from ..messages import Hop, Message, layout_of
from .ring import Ref, Rings

VERSION = 2  # of the wire; a change of layout raises it
INLINE_BYTES = 64 * 1024  # arrays up to this size travel inside the message: cheaper than a look into shared memory


class WireError(Exception):
    """Bytes that are no message of the expected kind."""


@dataclass(frozen=True)
class Edge:
    """One input of a node: where it comes from and how it is read."""

    argument: str
    node: str  # the producer's name
    kind: type[Message]
    optional: bool = False  # process() takes None for it
    keep: Literal["newest", "same"] = "newest"
    wait_ms: float = 10.0  # `same`: how long to wait for the message of the driving one's frame


def encode(message: Message, rings: Rings) -> bytes:
    """One msgpack map: wire version, type name and the fields; an array is [dtype, shape, bytes or slot]."""
    arrays, plain = layout_of(type(message))
    packed: dict[str, Any] = {"v": VERSION, "type": type(message).__name__}
    for name in plain:
        packed[name] = getattr(message, name)
    for name in arrays:
        value = getattr(message, name)
        body = value.tobytes() if value.nbytes <= INLINE_BYTES else rings.ref(value)
        packed[name] = [value.dtype.str, value.shape, body]
    return msgpack.packb(packed)


def decode(data: bytes | memoryview, kind: type[Message], rings: Rings) -> tuple[Message, list[Ref]]:
    """The message in `data`, with read-only arrays, and the slots they lie in. WireError, Gone."""
    try:
        packed = msgpack.unpackb(data)
        if packed["v"] != VERSION or packed["type"] != kind.__name__:
            raise WireError(f"{packed['type']!r} of wire {packed['v']!r} found, {kind.__name__} of {VERSION} expected")
        refs: list[Ref] = []
        arrays, plain = layout_of(kind)
        values: dict[str, Any] = {name: packed[name] for name in plain}
        for name in arrays:
            dtype, shape, body = packed[name]
            if isinstance(body, bytes):
                values[name] = np.frombuffer(body, dtype).reshape(shape)
            else:
                ref = Ref(*map(int, body))
                values[name] = rings.view(ref, [int(size) for size in shape], np.dtype(dtype))
                refs.append(ref)
        values["hops"] = [Hop(*hop) for hop in values["hops"]]
        return kind(**values), refs
    except (ValueError, TypeError, KeyError, AttributeError, msgpack.UnpackException) as error:
        raise WireError(f"no {kind.__name__}: {error}") from error

"""Messages as bytes: one msgpack map each.

Small arrays travel inside it; big ones lie in a ring (shared_memory.py), and the message names their slot.
"""

from collections.abc import Callable, Container
from dataclasses import dataclass, replace
from typing import Any, Literal, NotRequired, TypedDict, get_type_hints

import msgspec
import numpy as np

from handflow.errors import WireError
from handflow.messages import Message, default_of, layout_of
from handflow.runtime.topology import TAG_BYTES, Crossing, stream_tag

from . import jpeg
from .shared_memory import Ref, Rings

# Of the wire; a change of layout raises it.
VERSION = 2
_encoder, _decoder = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder()
# Arrays up to this size travel inside the message: cheaper than a look into shared memory.
INLINE_BYTES = 64 * 1024
# msgpack's extension type for an image from another machine.
JPEG = 1
# What an array may consist of. Not objects: in memory that others write they would be addresses to follow.
DTYPES = {np.dtype(code).str: np.dtype(code) for code in "?bBhHiIqQefdFD"}
# Beside a message: the number of the process that sent it; in an exact graph whether it is the frame's last from there;
# where readers choose a stream, the how many-eth of it that it is.
MARKS = {"by", "last", "nth"}
# No map begins with this byte: before a message of a stream that readers choose stands it, and the stream's tag.
TAGGED = b"\xc1"
HEAD_BYTES = len(TAGGED) + TAG_BYTES


@dataclass(frozen=True)
class Edge:
    """One input of a node: where it comes from and how it is read."""

    argument: str
    node: str  # the producer's name
    kind: type[Message]
    optional: bool = False  # process() takes None for it
    keep: Literal["newest", "same", "all"] = "newest"
    drives: bool = False  # `process` runs for its messages
    wait_ms: float = 10.0  # `same`: how long to wait for the message of the driving one's frame
    loop: bool = False  # closes a loop: in an exact graph it brings the message of the frame before
    crossing: Crossing | None = None  # from another machine
    stream: str = ""  # only what came by this node; "": all
    # The sources of what it brings. Set where a node is driven by several: its other inputs may be one camera's alone.
    origins: tuple[str, ...] = ()

    @property
    def head(self) -> bytes:
        """What the messages that are wanted begin with; from another machine none but these come."""
        return head_of(self.stream) if self.stream and self.crossing is None else b""


def head_of(stream: str) -> bytes:
    """What a message of a stream begins with, where readers choose."""
    return TAGGED + stream_tag(stream)


def stream_of(message: Message, streams: Container[str]) -> str:
    """Which of the streams that readers choose from a message is of; "": of none."""
    return next((hop.node for hop in message.hops if hop.node in streams), "") if streams else ""


def origin_of(message: Message) -> str:
    """The source that a message stems from."""
    return message.hops[0].node if message.hops else ""


class Nothing(Message):
    """In an exact graph: a node has nothing for this frame. So those who wait for it need no time limit."""

    @classmethod
    def of(cls, frame: Message) -> "Nothing":
        return cls(stream=frame.stream, seq=frame.seq, captured_ns=frame.captured_ns, hops=frame.hops)


class Packed(Message):
    """A message of whatever type, its class unknown: what a node is given that takes any."""

    type: str  # "Frame", or the name of a class that is not known here
    fields: dict[str, Any]  # the header aside; arrays are numpy's, read-only and valid during `process`


def encode(
    message: Message, rings: Rings | None, compress: Callable[[np.ndarray], bytes] | None = None, /, **marks: int | bool
) -> bytes:
    """One msgpack map: wire version, type name and the fields; an array is [dtype, shape, bytes or slot].

    Without `rings` all arrays travel inside, images as the JPEG that `compress` makes of them. `marks` are for the
    reading end and no part of the message.
    """
    if isinstance(message, Packed):
        header = {name: getattr(message, name) for name in HEADER}
        packed: dict[str, Any] = {"v": VERSION, "type": message.type, **marks, **header}
        packed |= {name: _body(v, rings) if isinstance(v, np.ndarray) else v for name, v in message.fields.items()}
        return _encoder.encode(packed)
    arrays, plain = layout_of(type(message))
    packed = {"v": VERSION, "type": type(message).__name__, **marks}
    for name in plain:
        packed[name] = getattr(message, name)
    for name in arrays:
        value = getattr(message, name)
        if compress is not None and arrays[name].picture and value.size:
            packed[name] = [value.dtype.str, value.shape, msgspec.msgpack.Ext(JPEG, compress(value))]
        else:
            packed[name] = _body(value, rings)
    return _encoder.encode(packed)


def decode(data: bytes | memoryview, kind: type[Message], rings: Rings | None) -> tuple[Message, list[Ref]]:
    """The message in `data`, with read-only arrays, and the slots they lie in. WireError, StaleSlot."""
    return message_in(unpack(data), kind, rings)


def unpack(data: bytes | memoryview) -> dict[str, Any]:
    """The map in `data`, if it is of this version of the wire. WireError."""
    try:
        packed = _decoder.decode(data)
        if packed["v"] != VERSION:
            raise WireError(f"expected wire version {VERSION}, got {packed['v']!r}")
        return packed
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise WireError(f"no message: {error}") from error


def numbers_in(packed: dict[str, Any]) -> tuple[int, int] | None:
    """Which process sent an unpacked map, and as its how many-eth; None: it does not say. WireError."""
    if "by" not in packed:
        return None
    by, sent = packed["by"], packed.get("sent")
    if type(by) is not int or type(sent) is not int or not 0 < sent < 1 << 53:
        raise WireError(f"expected two numbers, got by {by!r} and sent {sent!r}")
    return by, sent


def message_in(packed: dict[str, Any], kind: type[Message], rings: Rings | None) -> tuple[Message, list[Ref]]:
    """The message in an unpacked map, and the slots that its arrays lie in. WireError, StaleSlot."""
    try:
        refs: list[Ref] = []
        if kind is not Packed and packed["type"] != kind.__name__:
            raise WireError(f"expected {kind.__name__}, got {packed['type']!r}")
        # A text where a number belongs would fail in somebody's node.
        arrays = layout_of(kind).arrays
        values = msgspec.convert(packed, _plain_of(Message if kind is Packed else kind))
        if kind is Packed:
            others = {name: value for name, value in packed.items() if name not in NO_FIELDS}
            values["fields"] = {n: _array(v, rings, refs) if is_array(v) else v for n, v in others.items()}
            values["type"] = str(packed["type"])
        else:
            for name in arrays:
                values[name] = _array(packed[name], rings, refs) if name in packed else default_of(kind, name)
        return kind(**values), refs
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise WireError(f"no {kind.__name__}: {error}") from error


def copied(message: Message) -> Message:
    """The same message with arrays of its own."""
    if isinstance(message, Packed):
        fields = {name: v.copy() if isinstance(v, np.ndarray) else v for name, v in message.fields.items()}
        return replace(message, fields=fields)
    return replace(message, **{name: getattr(message, name).copy() for name in layout_of(type(message)).arrays})


def nothing_in(packed: dict[str, Any]) -> bool:
    """Whether an unpacked map says that there is nothing for its frame."""
    return bool(packed["type"] == Nothing.__name__)


HEADER = layout_of(Message).plain
NO_FIELDS = {"v", "type", *HEADER, *MARKS}


def _plain_of(kind: type[Message]) -> Any:
    """The types of a message's fields that are no arrays; what msgspec cannot check may be anything."""
    if kind in _PLAIN:
        return _PLAIN[kind]
    hints = get_type_hints(kind)
    found: dict[str, Any] = {}
    for name in layout_of(kind).plain:
        try:
            msgspec.msgpack.Decoder(hints[name])
            found[name] = hints[name]
        except TypeError:
            found[name] = Any
        if name not in HEADER:
            # A sender of before there was such a field lacks it; the class says which may lack.
            found[name] = NotRequired[found[name]]
    _PLAIN[kind] = TypedDict(f"{kind.__name__}Fields", found)  # type: ignore[operator]
    return _PLAIN[kind]


_PLAIN: dict[type[Message], Any] = {}


def _body(array: np.ndarray, rings: Rings | None) -> list[Any]:
    ref = rings.ref(array) if rings is not None and array.nbytes > INLINE_BYTES else None
    return [array.dtype.str, array.shape, array.tobytes() if ref is None else ref]


def _array(body: Any, rings: Rings | None, refs: list[Ref]) -> np.ndarray:
    name, shape, lies = body
    dtype = DTYPES.get(name)
    if dtype is None or any([type(size) is not int or size < 0 for size in shape]):  # noqa: C419 (a list is quicker)
        raise ValueError(f"an array of {name!r} and shape {shape}")
    if isinstance(lies, bytes):
        return np.frombuffer(lies, dtype).reshape(shape)
    if isinstance(lies, msgspec.msgpack.Ext):
        if lies.code != JPEG:
            raise ValueError(f"an array of kind {lies.code}")
        return jpeg.decode(bytes(lies.data))
    if rings is None:
        raise ValueError("it names memory of another machine")
    ref = Ref(*map(int, lies))
    array = rings.view(ref, shape, dtype)
    refs.append(ref)
    return array


def is_array(value: Any) -> bool:
    """Whether a field of a message of unknown type is an array: only arrays look so."""
    return (
        isinstance(value, list)
        and len(value) == 3
        and isinstance(value[0], str)
        and isinstance(value[1], list)
        and isinstance(value[2], bytes | list | msgspec.msgpack.Ext)
    )

"""A message as dora carries it: an Arrow struct of one row, and the header in the metadata beside it.

Each array is a list of its numbers; `shapes` in the metadata is JSON of each one's dtype and shape. What else is in the
message is msgpack in the column FIELDS. Nodes that others write can read and write it: `event["value"].field("xy")`.
"""

import itertools
import json
from collections.abc import Sequence
from typing import Any
from weakref import WeakValueDictionary

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow

from handflow.errors import StaleSlot, WireError
from handflow.messages import Message, layout_of
from handflow.runtime.transport.shared_memory import Ref, Rings
from handflow.runtime.transport.wire import HEAD_BYTES, TAGGED, is_array

FIELDS = "_fields"
NUMBERS = ("stream", "seq", "captured_ns", "sent")
_encoder, _decoder = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder()


class Arrays:
    """The arrays of one message, which live as long as it does."""

    def __init__(self) -> None:
        self.by_name: dict[str, np.ndarray] = {}


class Arrived(bytes):
    """A message's bytes, which hold on to the arrays that they name."""

    arrays: Arrays


class ArrowArrays(Rings):
    """In place of the rings: the arrays that messages name are Arrow's, which dora carries and keeps in memory."""

    def __init__(self) -> None:
        self.passes_on = False
        self._numbers = itertools.count(1)
        self._sending: dict[int, np.ndarray] = {}
        self._arrived: WeakValueDictionary[int, Arrays] = WeakValueDictionary()

    def empty(self, shape: int | Sequence[int], dtype: npt.DTypeLike = float) -> np.ndarray:
        return np.empty(shape, dtype)

    def ref(self, array: np.ndarray) -> Ref | None:
        number = next(self._numbers)
        self._sending[number] = np.ascontiguousarray(array)
        return Ref(0, 0, number, 0, 0)

    def view(self, ref: Ref, shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
        arrays = self._arrived.get(ref.ring)
        if arrays is None:
            raise StaleSlot("no such message")
        return list(arrays.by_name.values())[ref.slot].reshape(shape)

    def intact(self, ref: Ref) -> bool:
        return True

    def close(self) -> None:
        self._sending.clear()

    def keep(self, messages: int, alone: bool = False) -> None:
        """Does nothing: dora keeps what is read."""

    def settle(self, number: int, read: int) -> None:
        """Does nothing: likewise."""

    def crowded(self) -> bool:
        return False

    def outgoing(self, data: bytes) -> tuple[pyarrow.StructArray, dict[str, Any]]:
        """What is sent for a message's bytes (wire.py), and its metadata."""
        head = data[:HEAD_BYTES] if data.startswith(TAGGED) else b""
        packed = _decoder.decode(data[len(head) :])
        metadata: dict[str, Any] = {name: packed.pop(name) for name in NUMBERS}
        metadata["type"] = packed.pop("type")
        if hops := packed.pop("hops"):
            metadata["hops"] = [hop[0] for hop in hops]
            metadata["hops_ns"] = [at_ns for hop in hops for at_ns in hop[1:]]
        columns, shapes = {}, {}
        for name, value in list(packed.items()):
            if not is_array(value):
                continue
            dtype, shape, lies = packed.pop(name)
            flat = np.frombuffer(lies, dtype) if isinstance(lies, bytes) else self._sending.pop(lies[2]).reshape(-1)
            shapes[name] = [dtype, shape]
            # Arrow has no complex numbers.
            values = pyarrow.array(flat.view(flat.real.dtype) if flat.dtype.kind == "c" else flat)
            columns[name] = pyarrow.ListArray.from_arrays(pyarrow.array([0, len(values)], pyarrow.int32()), values)
        columns[FIELDS] = pyarrow.array([_encoder.encode(packed)], pyarrow.binary())
        metadata["shapes"] = json.dumps(shapes)
        if head:
            metadata["head"] = head.hex()
        return pyarrow.StructArray.from_arrays(list(columns.values()), list(columns)), metadata

    def incoming(self, value: Any, metadata: dict[str, Any]) -> Arrived:
        """The bytes of a message that has come. WireError: it is none."""
        try:
            packed = _decoder.decode(value.field(FIELDS)[0].as_py())
            packed |= {name: metadata[name] for name in (*NUMBERS, "type")}
            times = metadata.get("hops_ns", [])
            packed["hops"] = list(zip(metadata.get("hops", []), times[::2], times[1::2], strict=True))
            arrays, number = Arrays(), next(self._numbers)
            for slot, (name, (dtype, shape)) in enumerate(json.loads(metadata["shapes"]).items()):
                arrays.by_name[name] = _flat(value.field(name), np.dtype(dtype))
                packed[name] = [dtype, shape, Ref(0, 0, number, slot, 0)]
            head = bytes.fromhex(metadata.get("head", ""))
            arrived = Arrived(head + _encoder.encode(packed))
        except (KeyError, ValueError, TypeError, AttributeError, IndexError, pyarrow.ArrowException) as error:
            raise WireError(f"no message: {' '.join(str(error).split())}") from error
        arrived.arrays = arrays
        self._arrived[number] = arrays
        return arrived


def _flat(column: Any, dtype: np.dtype) -> np.ndarray:
    values = column.flatten()
    # Arrow keeps eight truths in a byte.
    flat: np.ndarray = values.to_numpy(zero_copy_only=dtype.kind != "b")
    flat = flat.view(dtype)
    flat.flags.writeable = False
    return flat


assert set(layout_of(Message).plain) == {*NUMBERS, "hops"}

"""A message as the file holds it: a msgpack map as in runtime/transport/wire.py, with its arrays inside.

An array is [dtype, shape, bytes], an image [dtype, shape, bytes, "jpeg" or "png"].
"""

from typing import Any

import cv2
import msgpack
import numpy as np

from handflow.capture.images import decode_stored
from handflow.errors import RecordingError
from handflow.messages import Frame, Hop, Message, default_of, layout_of
from handflow.runtime.transport import jpeg
from handflow.runtime.transport.wire import HEADER, VERSION, Packed

from .metadata import PictureFormat


def picture_of(message: Message) -> np.ndarray | None:
    """The picture that a message carries, if it is one."""
    if isinstance(message, Packed):
        image = message.fields.get("image") if message.type == Frame.__name__ else None
        return image if isinstance(image, np.ndarray) else None
    return message.image if isinstance(message, Frame) else None


def pack(message: Message, pictures: PictureFormat = PictureFormat()) -> bytes:  # noqa: B008 (immutable)
    """The message as the file holds it. RecordingError."""
    if isinstance(message, Packed):
        kind, fields = message.type, message.fields
    else:
        kind, fields = type(message).__name__, {name: getattr(message, name) for name in _own(type(message))}
    packed: dict[str, Any] = {"v": VERSION, "type": kind, **{name: getattr(message, name) for name in HEADER}}
    picture = picture_of(message)
    for name, value in fields.items():
        if not isinstance(value, np.ndarray):
            packed[name] = value
        elif value is picture and value.size:
            packed[name] = [value.dtype.str, value.shape, _stored(value, pictures), pictures.form]
        else:
            packed[name] = [value.dtype.str, value.shape, value.tobytes()]
    return msgpack.packb(packed)


def _own(kind: type[Message]) -> list[str]:
    """A class's fields, the header aside."""
    arrays, plain = layout_of(kind)
    return [*(name for name in plain if name not in HEADER), *arrays]


def unpack(data: bytes, kind: type[Message]) -> Message:
    """The message in `data`, its arrays read-only. RecordingError."""
    try:
        packed = msgpack.unpackb(data)
        if packed["type"] != kind.__name__ or packed["v"] != VERSION:
            found = f"{packed['type']} of wire {packed['v']}"
            raise RecordingError(f"expected {kind.__name__} of wire {VERSION}, got {found}")
        arrays, plain = layout_of(kind)
        message = kind.__new__(kind)
        values = vars(message)  # not by the class: it would check again what it checked before the recording
        for name in plain:
            values[name] = packed[name] if name in packed else default_of(kind, name)
        for name in arrays:
            values[name] = _array(*packed[name]) if name in packed else default_of(kind, name)
        values["hops"] = [Hop(*hop) for hop in values["hops"]]
        return message
    except (ValueError, TypeError, KeyError, cv2.error, msgpack.UnpackException) as error:
        raise RecordingError(f"expected {kind.__name__}, got something else: {' '.join(str(error).split())}") from error


def _stored(image: np.ndarray, pictures: PictureFormat) -> bytes:
    try:
        if pictures.form == "jpeg":
            return jpeg.encode(image, pictures.quality)
        good, data = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    except (ValueError, cv2.error):
        good = False
    if not good:
        raise RecordingError(f"a picture of shape {image.shape} cannot be stored as {pictures.form}")
    return data.tobytes()


def _array(dtype: str, shape: list[int], body: bytes, form: str = "") -> np.ndarray:
    if not form:
        return np.frombuffer(body, dtype).reshape(shape)
    array = decode_stored(body)
    if array is None or list(array.shape) != list(shape):
        raise ValueError(f"a {form} of {len(body)} bytes is not the picture of shape {tuple(shape)} that it should be")
    array.flags.writeable = False
    return array

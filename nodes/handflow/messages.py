"""The vocabulary: what travels between nodes. A message is a dataclass with numpy arrays in it.

Places are 0..1 of the picture's width and height (origin top left, y down), durations end in `_s`, clocks in `_ns`.
"""

import time
from dataclasses import MISSING, dataclass, field, fields
from enum import IntEnum
from typing import Annotated, Any, NamedTuple, dataclass_transform, get_type_hints

import numpy as np


class Array:
    """The dtype and shape an array field must have; a name such as "n" stands for the same size in all fields.

    `fill`: what an array that was left out is filled with, once the sizes are known from the fields before it.
    `picture`: it crosses from one machine to another as a JPEG.
    """

    def __init__(
        self, dtype: str, shape: tuple[int | str, ...], fill: float | None = None, picture: bool = False
    ) -> None:
        self.picture = picture
        self.dtype, self.shape, self.fill = np.dtype(dtype), shape, fill
        # What was left out and is not filled: there is nothing in it that two messages could not share.
        self.empty = np.empty([0 if isinstance(size, str) else size for size in shape], self.dtype)


class Hop(NamedTuple):
    """One process that a message passed, in stream-clock nanoseconds; the profiler reads these."""

    node: str
    received_ns: int
    sent_ns: int


@dataclass_transform(kw_only_default=True, field_specifiers=(field,))
@dataclass(kw_only=True, eq=False)
class Message:
    """The header that every message carries. Nodes leave it alone: the runtime carries it over.

    Constructing a message casts its arrays to the declared dtype and checks their shapes, so that a wrong array
    fails in the node that made it (TypeError, ValueError).
    """

    stream: int = 0  # new at each start of the source, so that frame numbers may start again
    seq: int = 0  # number of the camera frame that the message stems from, from 1
    captured_ns: int = 0  # stream clock when the picture was taken; never rewritten
    sent: int = 0  # the producer's own counter; a gap is what a reader skipped
    hops: list[Hop] = field(default_factory=list)

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        dataclass(kw_only=True, eq=False)(cls)

    def __post_init__(self) -> None:
        sizes: dict[str, int] = {}
        for name, declared in layout_of(type(self)).arrays.items():
            setattr(self, name, conform(f"{type(self).__name__}.{name}", getattr(self, name), declared, sizes))


class Layout(NamedTuple):
    """What a message class consists of."""

    arrays: dict[str, Array]  # by name, in the order of their declaration
    plain: list[str]  # the other fields


def layout_of(kind: type[Message]) -> Layout:
    """The fields of a message class."""
    found = _LAYOUTS.get(kind)
    if found is None:
        marks = {
            name: getattr(hint, "__metadata__", ()) for name, hint in get_type_hints(kind, include_extras=True).items()
        }
        names = [f.name for f in fields(kind)]
        arrays = {name: mark for name in names for mark in marks[name] if isinstance(mark, Array)}
        found = _LAYOUTS[kind] = Layout(arrays, [name for name in names if name not in arrays])
    return found


_LAYOUTS: dict[type[Message], Layout] = {}  # reading the annotations at every frame would cost 0.1 ms


def default_of(kind: type[Message], name: str) -> Any:
    """What the field `name` is in a message of before there was such a field. KeyError for one that must be there.

    Of the header all must; of the others those without a default.
    """
    if name in _DEFAULTS.setdefault(Message, {f.name: None for f in fields(Message)}):
        raise KeyError(name)
    if kind not in _DEFAULTS:
        made = {f.name: f.default if f.default_factory is MISSING else f.default_factory() for f in fields(kind)}
        _DEFAULTS[kind] = {field_name: value for field_name, value in made.items() if value is not MISSING}
    value = _DEFAULTS[kind][name]
    declared = layout_of(kind).arrays.get(name)
    return value if declared is None else conform(f"{kind.__name__}.{name}", value, declared, {})


_DEFAULTS: dict[type[Message], dict[str, Any]] = {}


def conform(what: str, value: Any, declared: Array, sizes: dict[str, int]) -> np.ndarray:
    """`value` as an array of the declared dtype and shape. `sizes` gathers what the named dimensions came to."""
    array = np.asarray(value)
    # Most are right as they are, or nothing: 56 arrays are asked about for a frame.
    if array.dtype == declared.dtype and array.ndim == len(declared.shape):
        if _fits(array, declared, sizes):
            return array
    elif array.shape == (0,) and declared.fill is None and _fits(declared.empty, declared, sizes):
        return declared.empty
    if array.dtype != declared.dtype:
        # The empty list is float64 to numpy, but "no ids" to us.
        if array.size and not np.can_cast(array.dtype, declared.dtype, casting="same_kind"):
            raise TypeError(f"{what}: {array.dtype} found, {declared.dtype} expected")
        cast = array.astype(declared.dtype)
        if cast.dtype.kind in "iu" and not np.array_equal(cast, array):
            raise ValueError(f"{what}: {array.max()} does not fit into {declared.dtype}")
        array = cast
    if array.shape == (0,):
        filled = [sizes.get(size, 0) if isinstance(size, str) else size for size in declared.shape]
        if declared.fill is not None and 0 not in filled:
            return np.full(filled, declared.fill, declared.dtype)
        array = array.reshape([0 if isinstance(size, str) else size for size in declared.shape])
    if not (array.ndim == len(declared.shape) and _fits(array, declared, sizes)):
        expected = ", ".join(f"{size}={sizes[size]}" if size in sizes else str(size) for size in declared.shape)
        raise ValueError(f"{what}: shape {array.shape} found, ({expected}) expected")
    return array


def _fits(array: np.ndarray, declared: Array, sizes: dict[str, int]) -> bool:
    """Whether an array of as many dimensions has the declared shape."""
    for found, size in zip(array.shape, declared.shape, strict=True):
        if found != (sizes.setdefault(size, found) if isinstance(size, str) else size):
            return False
    return True


def _none() -> Any:
    return field(default_factory=lambda: np.empty(0))


class Frame(Message):
    """A picture."""

    image: Annotated[np.ndarray, Array("uint8", ("height", "width", 3), picture=True)]  # BGR, as OpenCV has it


class Flow(Message):
    """Where each part of the picture went since an earlier picture."""

    vectors: Annotated[np.ndarray, Array("float32", ("rows", "columns", 2))]  # 0..1 of width and height, over the span
    since_ns: int  # stream clock of the earlier picture: the span is captured_ns - since_ns


class Heatmap(Message):
    """The network's maps. Cell (row, column) has its middle at (column + 0.5, row + 0.5) * scale + shift.

    A gaze adds maps of windows, parts of the picture that were looked at more finely; where they overlap,
    `handflow.vision.peaks.find_peaks` joins them. In its frames without a look at the whole, the maps of that are 0.
    """

    values: Annotated[np.ndarray, Array("float32", ("rows", "columns"))]  # 0..1, lit up at any hand
    open: Annotated[np.ndarray, Array("float32", ("rows", "columns"))]  # 0..1, lit up at open palms facing the camera
    radius: Annotated[np.ndarray, Array("float32", ("rows", "columns"))]  # cells across, at hands' centres
    offset: Annotated[np.ndarray, Array("float32", ("rows", "columns", 2))]  # cells, x then y, cell's middle to centre
    scale: Annotated[np.ndarray, Array("float64", (2,))]  # 0..1 of the picture's width and height per cell
    shift: Annotated[np.ndarray, Array("float64", (2,))]  # where the map's corner lies in the picture (letterbox: < 0)
    width: int  # of the picture, pixels
    height: int
    seen_ns: int = 0  # stream clock of the picture that the maps show, where nothing has moved since; 0: this one
    # How much a look speaks for a hand, as the model's calibration has it (vision/evidence.py); none: it has none.
    calibration: Annotated[np.ndarray, Array("float32", ("k",))] = _none()
    whole: bool = True  # False: only the windows were looked at
    # The same of each of w windows; none, if left out.
    window_values: Annotated[np.ndarray, Array("float32", ("w", "side", "side"))] = _none()
    window_open: Annotated[np.ndarray, Array("float32", ("w", "side", "side"))] = _none()
    window_radius: Annotated[np.ndarray, Array("float32", ("w", "side", "side"))] = _none()
    window_offset: Annotated[np.ndarray, Array("float32", ("w", "side", "side", 2))] = _none()
    window_scale: Annotated[np.ndarray, Array("float64", ("w", 2))] = _none()
    window_shift: Annotated[np.ndarray, Array("float64", ("w", 2))] = _none()


class State(IntEnum):
    """What a tracker knows of a hand; the numbers travel over OSC."""

    NEW = 0  # first message with this id
    TRACKED = 1
    PREDICTED = 2  # not seen in this frame, still believed
    LEAVING = 3  # last message with this id


class Hands(Message):
    """The hands of one frame. `Hands()` is none."""

    id: Annotated[np.ndarray, Array("int32", ("n",))] = _none()  # constant for as long as a hand is followed
    state: Annotated[np.ndarray, Array("int32", ("n",))] = _none()  # State
    xy: Annotated[np.ndarray, Array("float32", ("n", 2))] = _none()  # the centre
    velocity: Annotated[np.ndarray, Array("float32", ("n", 2))] = _none()  # per second, of width and height
    radius: Annotated[np.ndarray, Array("float32", ("n",))] = _none()  # half the longer side, 0..1 of the width
    score: Annotated[np.ndarray, Array("float32", ("n",))] = _none()  # 0..1, that it is a hand
    open: Annotated[np.ndarray, Array("float32", ("n",))] = _none()  # 0..1, that it is an open palm facing the camera
    is_open: Annotated[np.ndarray, Array("bool", ("n",))] = _none()  # `open` after hysteresis
    age: Annotated[np.ndarray, Array("float32", ("n",))] = _none()  # seconds since the hand was first seen
    # Zones come from a surface; without one, or if left out, every hand is in none.
    zone: Annotated[np.ndarray, Array("int32", ("n",), -1)] = _none()  # index in `zones`; -1: in none
    zone_s: Annotated[np.ndarray, Array("float32", ("n",), 0)] = _none()  # seconds that it has been in its zone
    dwelt: Annotated[np.ndarray, Array("bool", ("n",), 0)] = _none()  # in its zone for as long as that asks for
    zones: list[str] = field(default_factory=list)  # names of all zones there are
    width: int = 0  # of the picture, pixels
    height: int = 0
    doubtful: int = 0  # how many more may be hands, or hands no more: what looks should go on for


class Phase(IntEnum):
    """How far a gesture is; the numbers travel over OSC."""

    START = 0  # first message of it
    PROGRESS = 1
    END = 2  # last message of it


class Gestures(Message):
    """The gestures of one frame: those that begin, go on and end. `Gestures()` is none."""

    name: list[str] = field(default_factory=list)  # of each: wave, swipe_left ...
    hand: Annotated[np.ndarray, Array("int32", ("m", 2))] = _none()  # ids; the second is -1 where one hand does it
    phase: Annotated[np.ndarray, Array("int32", ("m",))] = _none()  # Phase
    progress: Annotated[np.ndarray, Array("float32", ("m",))] = _none()  # 0..1, of what is complete some time
    confidence: Annotated[np.ndarray, Array("float32", ("m",))] = _none()  # 0..1
    xy: Annotated[np.ndarray, Array("float32", ("m", 2))] = _none()  # the middle of its hands
    rate: Annotated[np.ndarray, Array("float32", ("m",), 0)] = _none()  # Hz: of waves and circles, else 0
    strength: Annotated[np.ndarray, Array("float32", ("m",), 0)] = _none()  # hand sizes: a wave's stroke, a radius


class Clock:
    """The stream clock: wall time at the graph's start plus the monotonic clock since.

    It never goes backwards on one machine and survives a step of the system clock. (`perf_counter` is the monotonic
    clock, the same in all processes; what Python calls monotonic on Windows ticks every 15.6 ms until 3.13.)
    """

    offset_ns: int = time.time_ns() - time.perf_counter_ns()  # a graph's processes share the offset taken at its start

    @classmethod
    def follow(cls, offset_ns: int) -> None:
        """In a process that is fed from another machine: takes that machine's stream clock, as measured just now.

        What was measured better is taken at once, save that steps back under 5 ms are made in ones of 0.1 ms.
        """
        step = offset_ns - cls.offset_ns
        cls.offset_ns += max(step, -100_000) if -5_000_000 < step < 0 else step


def move_times(message: Message, by_ns: int) -> None:
    """Takes a message over to a stream clock that is ahead of its own by so much: every time in it."""
    for name in layout_of(type(message)).plain:
        if name.endswith("_ns"):
            setattr(message, name, getattr(message, name) + by_ns)
    message.hops = [Hop(hop.node, hop.received_ns + by_ns, hop.sent_ns + by_ns) for hop in message.hops]


def now_ns() -> int:
    """The stream clock now, in nanoseconds."""
    return Clock.offset_ns + time.perf_counter_ns()

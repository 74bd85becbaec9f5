"""Shared memory for big arrays: a ring of slots that one process writes and any process of the same user reads.

The memory is a memfd that readers open through /proc/<pid>/fd/<n>, so a kill -9 leaves nothing behind (portable:
mapped_files.py). Each slot has a generation (a seqlock): odd while it is drawn, even once it is sent. A reader looks at
it before and after its work.
"""

import math
import mmap
import os
import secrets
import struct
import threading
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from handflow.errors import SetupError, StaleSlot

try:
    import fcntl
except ImportError:  # Windows, which has no memfd either
    fcntl = None  # type: ignore[assignment]

# 0.27 s of frames at 30 fps: time for a reader to finish with one.
SLOTS = 8
# Magic, ring id, slots, bytes per slot; then one generation (uint64) per slot.
_HEADER = struct.Struct("<8sQQQ")
_MAGIC = b"handflow"
# Header and slots begin on pages, so that arrays are aligned for every dtype.
_PAGE = 4096


class Ref(NamedTuple):
    """Names one sent array: what a message carries instead of the array."""

    pid: int
    fd: int  # -1: a mapped file
    ring: int  # random: a file descriptor's number is used again, this is not
    slot: int
    generation: int


class Memory(Protocol):
    """Where rings lie."""

    def make(self, ring: int, nbytes: int) -> tuple[int, mmap.mmap]:
        """Memory of zeros for this process's ring, and the number by which a `Ref` names it (`fd`). SetupError."""
        ...

    def reserve(self, ring: int, start: int, nbytes: int) -> None:
        """Takes room for a part of a ring before it is first written to. SetupError where there is none."""
        ...

    def open(self, ref: Ref) -> mmap.mmap:
        """The memory of another process's ring, read-only. StaleSlot."""
        ...

    def drop(self, ring: int) -> None:
        """Lets go of a ring of this process's own; readers keep what they have mapped."""
        ...

    def there(self, pid: int, ring: int) -> bool:
        """Whether the writer of another process's ring lives, as far as can be told at little cost."""
        ...

    def close(self) -> None:
        """Lets go of all."""
        ...


class Memfd:
    """Linux: memory without a name, which ends with the last process that has it."""

    def __init__(self) -> None:
        self._fds: dict[int, int] = {}  # by ring

    def make(self, ring: int, nbytes: int) -> tuple[int, mmap.mmap]:
        fd = self._fds[ring] = os.memfd_create("handflow", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(fd, nbytes)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
        return fd, mmap.mmap(fd, nbytes)

    def reserve(self, ring: int, start: int, nbytes: int) -> None:
        """It is not of a file system's room."""

    def open(self, ref: Ref) -> mmap.mmap:
        try:
            # Whatever lies there: a pipe must not hold us up, a terminal not become ours.
            flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
            fd = os.open(f"/proc/{int(ref.pid)}/fd/{int(ref.fd)}", flags)
        except OSError as error:
            raise StaleSlot(f"its writer {ref.pid} has ended") from error
        try:
            # Only a memfd of this user's: a message must not make us map whatever its writer has open.
            status = os.fstat(fd)
            if status.st_uid != os.getuid() or status.st_nlink != 0:
                raise StaleSlot("not this user's shared memory")
            if status.st_size < _PAGE or not fcntl.fcntl(fd, fcntl.F_GET_SEALS) & fcntl.F_SEAL_SHRINK:
                raise StaleSlot("not a handflow ring")  # one that could shrink under us would end us by SIGBUS
            return mmap.mmap(fd, 0, access=mmap.ACCESS_READ)
        finally:
            os.close(fd)

    def drop(self, ring: int) -> None:
        os.close(self._fds.pop(ring))

    def there(self, pid: int, ring: int) -> bool:
        return os.path.exists(f"/proc/{pid}")

    def close(self) -> None:
        for ring in list(self._fds):
            self.drop(ring)


class _Mapping:
    """One ring's memory as mapped in this process."""

    def __init__(self, memory: mmap.mmap) -> None:
        if len(memory) < _PAGE:
            raise StaleSlot("not a handflow ring")
        magic, self.ring, slots, self.slot_bytes = _HEADER.unpack_from(memory)
        if (
            magic != _MAGIC
            or not self.slot_bytes
            or len(memory) < _PAGE + slots * self.slot_bytes
            or slots > (_PAGE - _HEADER.size) // 8
        ):
            raise StaleSlot("not a handflow ring")
        self.memory = memory
        # Not numpy's: reading one number of an array costs microseconds at 30 Hz, with nothing in the cache.
        self.generations = memoryview(memory)[_HEADER.size : _HEADER.size + 8 * slots].cast("Q")
        self.first = np.frombuffer(memory, np.uint8, 1, _PAGE).__array_interface__["data"][0]
        self.reserved: set[int] = set()  # spare slots that have been written to
        self.known: dict[int, Ref] = {}  # what was last sent from, or read in, each slot

    def array(self, slot: int, shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
        return np.ndarray(shape, dtype, self.memory, _PAGE + slot * self.slot_bytes)

    def slot_at(self, address: int) -> int | None:
        """The slot that begins at `address`, if any does."""
        slot, rest = divmod(address - self.first, self.slot_bytes)
        return slot if rest == 0 and 0 <= slot < len(self.generations) else None


class Rings:
    """This process's own ring, and the others' rings that it reads."""

    def __init__(self, slots: int = SLOTS, memory: Memory | None = None) -> None:
        self._slots = slots
        self._memory = memory or Memfd()
        self._own: _Mapping | None = None
        self._own_fd = -1
        self._next = self._next_spare = 0
        # Whether an array of another's ring is sent by its name, and not copied. Off for a node that reads every
        # message: what it has done with its writer may draw over at once.
        self.passes_on = True
        # Readers of every message: more slots, for as many messages as they may be behind; whether there are any, and
        # no others.
        self._spare = 0
        self._kept = self._alone = False
        self._drawn: set[int] = set()  # slots that were given out since the last message
        self._named: set[int] = set()  # slots that the message in the making names
        self._held: dict[int, int] = {}  # slots that must not be overwritten, with the number of their message
        self._number = 0  # of the last message
        self._retired: list[tuple[int, int]] = []  # rings before the own one: last message's number, ring
        self._read: dict[tuple[int, int, int], _Mapping] = {}  # by pid, fd and ring id
        self._barrier = threading.Lock()

    def empty(self, shape: int | Sequence[int], dtype: npt.DTypeLike = float) -> np.ndarray:
        """Like numpy.empty, but lying in the slot that is sent next. To be drawn now and sent soon."""
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        dtype = np.dtype(dtype)
        drawn = self._drawable(math.prod(shape) * dtype.itemsize)
        return np.empty(shape, dtype) if drawn is None else drawn[0].array(drawn[1], shape, dtype)

    def ref(self, array: np.ndarray) -> Ref | None:
        """Names `array` for sending: where it lies if that is a ring (drawn in place or passed on), else copied in.

        None: there is no room, for readers of every message are behind.
        """
        if array.flags.c_contiguous:
            address = array.__array_interface__["data"][0]
            if self._own is not None and (slot := self._own.slot_at(address)) is not None:
                self._named.add(slot)
                return self._own.known.get(slot) or self._sent(self._own, slot)
            # A slot of another's cannot be kept for those who must read every message: it is copied.
            for mapping in self._read.values() if self.passes_on and not self._kept else ():
                if (slot := mapping.slot_at(address)) is not None and slot in mapping.known:
                    return mapping.known[slot]
        if (drawn := self._drawable(array.nbytes)) is None:
            return None
        own, slot = drawn
        own.array(slot, array.shape, array.dtype)[...] = array
        self._named.add(slot)
        return self._sent(own, slot)

    def view(self, ref: Ref, shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
        """The array that `ref` names, read-only and without a copy. StaleSlot if it is not there any more."""
        mapping = self._mapping(ref)
        if not 0 <= ref.slot < len(mapping.generations) or math.prod(shape) * dtype.itemsize > mapping.slot_bytes:
            raise StaleSlot("no such slot")
        if mapping.generations[ref.slot] != ref.generation:
            raise StaleSlot("overwritten")
        mapping.known[ref.slot] = ref
        array = mapping.array(ref.slot, shape, dtype)
        if mapping is self._own:  # another's is mapped for reading only
            array.flags.writeable = False
        return array

    def intact(self, ref: Ref) -> bool:
        """Whether the slot still holds what `ref` names: to be asked after the work on it."""
        # On ARM the reads before this line must be done before the generation is read.
        with self._barrier:
            try:
                return self._mapping(ref).generations[ref.slot] == ref.generation
            except StaleSlot:
                # Its writer has made a new ring meanwhile (frames of another size), or has ended.
                return False

    def close(self) -> None:
        """Lets go of the own ring; readers keep what they have mapped."""
        self._memory.close()

    def keep(self, messages: int, alone: bool = False) -> None:
        """For readers of every message, who may be so many behind; 0: there are none any more.

        `alone`: nobody else reads, so what they have done with can be drawn over at once.
        """
        self._spare = max(self._spare, messages)
        self._kept = messages > 0
        self._alone = alone

    def settle(self, number: int, read: int) -> None:
        """Told after each message: its number, and up to which one all that must be kept has been read."""
        self._number = number
        if self._kept or self._held:
            self._held |= dict.fromkeys(self._named, number)
            self._held = {slot: sent for slot, sent in self._held.items() if sent > read}
        self._named.clear()
        self._drawn.clear()
        while self._retired and self._retired[0][0] <= read - self._slots:
            self._memory.drop(self._retired.pop(0)[1])

    def crowded(self) -> bool:
        """Whether so much is kept that the usual round of slots would not be free."""
        return len(self._held) > self._spare

    def _drawable(self, nbytes: int) -> tuple[_Mapping, int] | None:
        """The own ring and a slot of it to be drawn now; None: there is no room."""
        own = self._grown(nbytes)
        slot = self._free()
        if slot is None:
            return None
        if slot >= self._slots and slot not in own.reserved:
            try:
                self._memory.reserve(own.ring, _PAGE + slot * own.slot_bytes, own.slot_bytes)
            except SetupError:
                return None
            own.reserved.add(slot)
        own.known.pop(slot, None)
        own.generations[slot] |= 1  # odd: readers of what lay here see that it goes
        return own, slot

    def _free(self) -> int | None:
        """The next slot in the round, or a spare one where that must be kept; None: all must.

        Without readers of the newest, whom the round gives time, the first that need not be kept.
        """
        if self._kept and self._alone:  # few slots in use stay in the processor's cache
            taken = self._held.keys() | self._drawn
            first = next((n for n in range(self._slots + self._spare) if n not in taken), None)
            self._drawn |= {first} if first is not None else set()
            return first
        slot, self._next = self._next, (self._next + 1) % self._slots
        if slot not in self._held:
            return slot
        for _ in range(self._spare):
            slot, self._next_spare = self._slots + self._next_spare, (self._next_spare + 1) % self._spare
            if slot not in self._held:
                return slot
        return None

    def _sent(self, own: _Mapping, slot: int) -> Ref:
        with self._barrier:
            own.generations[slot] += 1  # even: whole
        ref = Ref(os.getpid(), self._own_fd, own.ring, slot, own.generations[slot])
        own.known[slot] = ref
        return ref

    def _grown(self, nbytes: int) -> _Mapping:
        """The own ring, made anew if its slots are smaller than `nbytes` or too few. What was sent from the old one can
        still be read for a round, and readers keep their mapping.
        """
        own, slots = self._own, self._slots + self._spare
        if own is None or own.slot_bytes < nbytes or len(own.generations) < slots:
            if own is not None:
                self._retired.append((self._number, own.ring))
                self._held = {}
                nbytes = max(nbytes, own.slot_bytes)
            slot_bytes = -(-nbytes // _PAGE) * _PAGE
            ring = secrets.randbits(63)
            # Spare slots take up no memory until they are drawn. The others have theirs before they are written to:
            # where there was no room then, the system would end the process (SIGBUS).
            self._own_fd, memory = self._memory.make(ring, _PAGE + slots * slot_bytes)
            self._memory.reserve(ring, 0, _PAGE + self._slots * slot_bytes)
            _HEADER.pack_into(memory, 0, _MAGIC, ring, slots, slot_bytes)
            own = self._own = _Mapping(memory)
            self._next = self._next_spare = 0
        return own

    def _mapping(self, ref: Ref) -> _Mapping:
        if self._own is not None and ref.ring == self._own.ring:
            return self._own
        key = (ref.pid, ref.fd, ref.ring)
        mapping = self._read.get(key)
        if mapping is None:
            mapping = _Mapping(self._memory.open(ref))
            if mapping.ring != ref.ring:
                raise StaleSlot("another ring has taken its place")
            # A writer has one ring at a time: what was mapped of it before (smaller frames) can go, and so can what
            # dead writers left: it would stay in memory for as long as it is mapped.
            there = self._memory.there
            self._read = {k: m for k, m in self._read.items() if k[0] != ref.pid and there(k[0], k[2])}
            self._read[key] = mapping
        return mapping

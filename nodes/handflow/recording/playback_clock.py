"""How several replays of one recording keep time together, are paused and go on frame by frame.

They share a folder. Each replay tells there that it is ready; the conductor, in the command that started them, then
writes how time goes. Every change of that is one file, put in place at once.
"""

import contextlib
import json
import os
import select
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from handflow.messages import now_ns

LOOK_S = 0.02  # between two looks at how time goes
KEY_S = 0.1
IDLE_S = 0.25  # a source says at least this often that nothing new has come
READY_S = 30.0  # a node that is not ready by then is not waited for
SOON_S = 0.05  # from the last that is ready to the first message: all have seen by then that it begins


class Tempo(NamedTuple):
    """How time goes. Positions are seconds since the recording's first frame, clocks the stream clock."""

    began_ns: int  # when `begin_s` was, or would have been without pauses
    begin_s: float
    at_ns: int = 0  # the position was `from_s` then
    from_s: float = 0.0
    until_s: float | None = None  # holds after the frames up to here; None: plays


class Player:
    """A replay's side: waits until a message is due."""

    def __init__(self, folder: Path | None, node: str, rate: float, begin_s: float) -> None:
        self._ready = folder and folder / f"{node}.ready"
        self._file = folder and folder / "tempo.json"
        self._rate, self._begin_s = rate, begin_s
        self._tempo: Tempo | None = None
        self._seen: tuple[int, int] | None = None  # the file as it was read last
        self._look()
        # Started again after a crash: goes on where the others are.
        self.resume_s = self._position(self._tempo) if self._tempo and rate else begin_s

    @property
    def tempo(self) -> Tempo:
        assert self._tempo is not None
        return self._tempo

    def wait(self, frame_s: float, sent_s: float) -> bool:
        """Waits for a message of the frame captured at `frame_s`, sent at `sent_s`; False: it is not due yet."""
        if self._tempo is None:
            self._arrive()
        until = time.monotonic() + IDLE_S
        while True:
            self._look()
            left_s = self._left(frame_s, sent_s)
            if left_s <= 0:
                return True
            if left_s < LOOK_S:
                time.sleep(left_s)
                return True
            if time.monotonic() >= until:
                return False
            time.sleep(LOOK_S)

    def _arrive(self) -> None:
        if self._ready is None:
            now = now_ns()
            self._tempo = Tempo(now, self._begin_s, now, self._begin_s)
        else:
            self._ready.touch()

    def _left(self, frame_s: float, sent_s: float) -> float:
        """Seconds until the message is due."""
        tempo = self._tempo
        if tempo is None:
            return float("inf")
        if tempo.until_s is not None:
            return 0.0 if frame_s <= tempo.until_s else float("inf")
        if not self._rate:
            return 0.0
        return (tempo.at_ns - now_ns()) / 1e9 + (sent_s - tempo.from_s) / self._rate

    def _position(self, tempo: Tempo) -> float:
        if tempo.until_s is not None:
            return tempo.until_s
        return tempo.from_s + (now_ns() - tempo.at_ns) / 1e9 * self._rate

    def _look(self) -> None:
        """Reads how time goes, if that has changed."""
        if self._file is None:
            return
        try:
            found = os.stat(self._file)
            if (seen := (found.st_ino, found.st_mtime_ns)) != self._seen:
                self._tempo, self._seen = Tempo(*json.loads(self._file.read_text("utf-8"))), seen
        except FileNotFoundError:
            return


class Conductor:
    """The command's side: begins when all are ready, and obeys keys.

    `read` gives the next key, "" at the end of the input, None while there is none; `step` says where the frame after a
    position is, None at the end.
    """

    KEYS = "space: pause and go on, n: next frame, q: end"

    def __init__(
        self,
        folder: Path,
        nodes: Sequence[str],
        rate: float,
        begin_s: float,
        step: Callable[[float], float | None],
        say: Callable[[str], None],
        paused: bool = False,
    ) -> None:
        self._folder, self._nodes, self._rate, self._step, self._say = folder, nodes, rate, step, say
        self._paused = paused
        self._tempo = Tempo(0, begin_s)

    def conduct(self, read: Callable[[], str | None] | None, quit_: Callable[[], None], ended: threading.Event) -> None:
        """Runs until the input of keys or the replay ends."""
        deadline = time.monotonic() + READY_S
        while not all((self._folder / f"{node}.ready").exists() for node in self._nodes):
            if ended.wait(LOOK_S) or time.monotonic() > deadline:
                break
        begin_s, at_ns = self._tempo.begin_s, now_ns() + round(SOON_S * 1e9)
        self._tell(Tempo(at_ns, begin_s, at_ns, begin_s, self._step(begin_s - 1e-9) if self._paused else None))
        while read is not None and not ended.is_set():
            key = read()
            if key is None:
                continue
            if not key:  # nobody can let it go on any more
                self._play()
                return
            if key == " ":
                self._hold(self._now()) if self._tempo.until_s is None else self._play()
            elif key == "n":
                self._next()
            elif key == "q":
                quit_()
                return

    def _now(self) -> float:
        """The position."""
        tempo = self._tempo
        return tempo.from_s + max(0, now_ns() - tempo.at_ns) / 1e9 * self._rate

    def _next(self) -> None:
        """One frame more; pauses where it was playing."""
        held = self._tempo.until_s
        position = self._step(self._now() if held is None else held)
        if position is None:
            self._say("the recording has no further frame")
        else:
            self._hold(position)

    def _hold(self, position_s: float) -> None:
        self._tell(self._tempo._replace(until_s=position_s))
        self._say(f"at {position_s:.3f} s")

    def _play(self) -> None:
        tempo = self._tempo
        if tempo.until_s is not None:
            self._tell(tempo._replace(at_ns=now_ns(), from_s=tempo.until_s, until_s=None))

    def _tell(self, tempo: Tempo) -> None:
        self._tempo = tempo
        part = self._folder / "tempo.part"
        part.write_text(json.dumps(tempo), "utf-8")
        part.replace(self._folder / "tempo.json")


@contextlib.contextmanager
def keys() -> Iterator[Callable[[], str | None]]:
    """What reads the next key from standard input; "" at its end, None while there is none."""
    fd = sys.stdin.fileno()
    before = None
    if hasattr(os, "tcgetpgrp") and os.isatty(fd) and os.tcgetpgrp(fd) == os.getpgrp():
        import termios
        import tty

        before = termios.tcgetattr(fd)
        tty.setcbreak(fd)  # Ctrl-C stays what it is
    try:
        yield lambda: os.read(fd, 1).decode(errors="replace") if select.select([fd], [], [], KEY_S)[0] else None
    finally:
        if before is not None:
            termios.tcsetattr(fd, termios.TCSADRAIN, before)

"""The clock that several replays of one recording follow, and the command's side that starts, holds and steps it.

The clock is a small value. `handflow replay` sends it to all replays at once, as a command of theirs (Node.commands),
whenever time is to go another way; between two such changes each replay reads it for itself.
"""

import contextlib
import os
import select
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from handflow.errors import SetupError
from handflow.messages import now_ns
from handflow.runtime.awake_clock import Countdown

FOLLOW = "clock"  # the command that gives a replay the clock
KEY_S = 0.1
READY_S = 30.0  # a replay that is not ready by then is not waited for
CHANGE_S = 1.0  # the same for a change while they play
AWAKE_S = 1.0  # nothing between two looks at the clock takes so long, unless the process or the machine was stopped
SOON_S = 0.05  # from the last that is ready to the first message: all know by then that it begins


class PlaybackClock(msgspec.Struct, frozen=True):
    """How a recording's time goes. Positions are seconds since its first frame, clocks the stream clock."""

    began_ns: int  # when `begin_s` was, or would have been without pauses
    begin_s: float
    at_ns: int  # the position was `from_s` then
    from_s: float
    until_s: float | None = None  # holds after the frames up to here; None: plays

    @classmethod
    def starting(cls, begin_s: float, at_ns: int, until_s: float | None = None) -> "PlaybackClock":
        return cls(at_ns, begin_s, at_ns, begin_s, until_s)

    @classmethod
    def of(cls, value: Any) -> "PlaybackClock":
        """From what `plain` gave. SetupError."""
        try:
            return msgspec.convert(value, cls)
        except msgspec.ValidationError as error:
            raise SetupError(f"expected a playback clock, got something else: {error}") from error

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return msgspec.structs.asdict(self)

    def position_s(self, rate: float) -> float:
        """Where the recording is now."""
        if self.until_s is not None:
            return self.until_s
        return self.from_s + max(0, now_ns() - self.at_ns) / 1e9 * rate

    def wait_s(self, frame_s: float, sent_s: float, rate: float) -> float:
        """Seconds until a message is due that was sent at `sent_s`, of the frame captured at `frame_s`.

        Infinite while the clock holds before that frame. `rate` 0: as fast as it goes.
        """
        if self.until_s is not None:
            return 0.0 if frame_s <= self.until_s else float("inf")
        if not rate:
            return 0.0
        return (self.at_ns - now_ns()) / 1e9 + (sent_s - self.from_s) / rate

    def after_stop(self, began_ns: int, ended_ns: int) -> "PlaybackClock":
        """The clock behind a short wait, which goes on where it was if this process was stopped meanwhile."""
        lost_ns = ended_ns - began_ns
        if lost_ns < AWAKE_S * 1e9 or self.at_ns > began_ns:
            return self
        return msgspec.structs.replace(self, at_ns=self.at_ns + lost_ns)

    def held(self, position_s: float) -> "PlaybackClock":
        return msgspec.structs.replace(self, until_s=position_s)

    def resumed(self) -> "PlaybackClock":
        if self.until_s is None:
            return self
        return msgspec.structs.replace(self, at_ns=now_ns(), from_s=self.until_s, until_s=None)


class PlaybackControl:
    """The command's side: starts the clock when all replays are ready, then follows keys.

    `send` gives all replays a clock, and returns once they have it or so many seconds are over. `next_frame` says where
    the frame after a position is, None at the end.
    """

    KEYS = "space: pause and go on, n: next frame, q: end"

    def __init__(
        self,
        send: Callable[[PlaybackClock, float], None],
        next_frame: Callable[[float], float | None],
        say: Callable[[str], None],
        rate: float = 1.0,
        begin_s: float = 0.0,
        paused: bool = False,
    ) -> None:
        self._send, self._next_frame, self._say = send, next_frame, say
        self._rate, self._begin_s, self._paused = rate, begin_s, paused
        self._clock = PlaybackClock.starting(begin_s, now_ns())

    def run(self, read: Callable[[], str | None] | None, quit_: Callable[[], None], ended: threading.Event) -> None:
        """Until the input of keys or the replay ends. `read` gives the next key, "" at the end of the input, None while
        there is none."""
        begin_s = self._begin_s
        before = PlaybackClock.starting(
            begin_s, now_ns(), until_s=begin_s - 1
        )  # a replay is ready when it follows this
        self._send(before, READY_S)
        until_s = self._next_frame(begin_s - 1e-9) if self._paused else None
        self._set(PlaybackClock.starting(begin_s, now_ns() + round(SOON_S * 1e9), until_s))
        while read is not None and not ended.is_set():
            began_ns = now_ns()
            key = read()
            # The replays have lost the same time, and have seen it themselves.
            self._clock = self._clock.after_stop(began_ns, now_ns())
            if key is None:
                continue
            if not key:  # nobody can let it go on any more
                self._play()
                return
            if key == " ":
                self._hold(self._clock.position_s(self._rate)) if self._clock.until_s is None else self._play()
            elif key == "n":
                self._step()
            elif key == "q":
                quit_()
                return

    def _step(self) -> None:
        """One frame more; pauses where it was playing."""
        position = self._next_frame(self._clock.position_s(self._rate))
        if position is None:
            self._say("the recording has no further frame")
        else:
            self._hold(position)

    def _hold(self, position_s: float) -> None:
        self._set(self._clock.held(position_s))
        self._say(f"at {position_s:.3f} s")

    def _play(self) -> None:
        if self._clock.until_s is not None:
            self._set(self._clock.resumed())

    def _set(self, clock: PlaybackClock) -> None:
        self._clock = clock
        self._send(clock, CHANGE_S)


@contextlib.contextmanager
def pressed_keys() -> Iterator[Callable[[], str | None]]:
    """What reads the next key from standard input; "" at its end, None while there is none."""
    fd = sys.stdin.fileno()
    if os.name == "nt":
        yield _console_key if os.isatty(fd) else lambda: os.read(fd, 1).decode(errors="replace")
        return
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


def _console_key() -> str | None:
    """The next key that was pressed in Windows' console, which is no file that could be waited for."""
    import msvcrt

    wait = Countdown(KEY_S)
    while not wait.over():
        if msvcrt.kbhit():  # type: ignore[attr-defined, unused-ignore]
            return str(msvcrt.getwch())  # type: ignore[attr-defined, unused-ignore]
        time.sleep(KEY_S / 10)
    return None

"""A camera's newest picture, whatever its driver does: buffers, hangs, freezes, goes black or vanishes."""

import logging
import threading
import time
from collections.abc import Callable, Iterator

import cv2
import numpy as np

from handflow.messages import Clock, now_ns
from handflow.runtime.awake_clock import AwakeClock
from handflow.runtime.backoff import pause_s
from handflow.runtime.names import text_of

from .devices import Capture
from .frames import WAIT_S, CapturedFrame
from .picture_watch import ADVICE, BLACK

LOST_S = 1.0  # a camera that is silent for longer is lost
OPENING_S = 5.0  # time it has for its first picture: webcams take up to two seconds
HANG_S = 30.0  # OpenCV gives up waiting for a V4L2 driver after 10 s; what takes so much longer never returns
PAUSES_S = (0.2, 0.5, 1.0, 2.0, 5.0)  # before opening a camera again; the last one for ever
WAITED_S = 0.002  # what comes quicker lay in the driver's buffer
BUFFERED = 8  # more pictures than any driver holds
DAMAGED = 30  # one damaged JPEG now and then is normal, so many in a row are not


class Health:
    """Tells from one picture after the other whether a camera lives: "fine", "same", "frozen" or "black"."""

    def __init__(self, frozen_s: float = 2.0, black_s: float = 1.0) -> None:
        self.frozen_s, self.black_s = frozen_s, black_s  # frozen_s 0: never frozen
        self._last: np.ndarray | None = None
        self._changed_s = self._light_s = -1.0

    def opened(self, now_s: float) -> None:
        """Both times start again: a camera just opened may show its old picture, or a dark one, for a moment."""
        self._changed_s = self._light_s = now_s

    def check(self, image: np.ndarray, now_s: float) -> str:
        sample = image[::8, ::8]
        # Noise keeps two real pictures from being equal, unless all is black or all is burnt out.
        if self.frozen_s and np.ptp(sample) > 2 and self._same(image, sample):
            return "frozen" if now_s - self._changed_s >= self.frozen_s else "same"
        self._last, self._changed_s = image, now_s
        if sample.mean() > BLACK:
            self._light_s = now_s
        return "black" if now_s - self._light_s >= self.black_s else "fine"

    def _same(self, image: np.ndarray, sample: np.ndarray) -> bool:
        last = self._last
        return (
            last is not None
            and last.shape == image.shape
            and np.array_equal(last[::8, ::8], sample)
            and np.array_equal(last, image)
        )


class CameraReader:
    """A thread that always holds a camera's newest picture, so that the driver's buffer never makes it stale.

    `connect` opens the camera, or returns None; it is called for ever, after growing pauses. Each change between
    "fine", "lost", "frozen" and "black" is logged once. A picture equal to the one before is old, and not handed out.
    """

    def __init__(
        self,
        connect: Callable[[], Capture | None],
        log: logging.Logger,
        health: Health | None = None,
        give_up: bool = False,  # end if nothing opens at the first try
        pauses_s: tuple[float, ...] = PAUSES_S,
    ) -> None:
        self.state = ""  # none yet
        self.fault = ""  # the same with what to do, as Node.fault; "" while it is fine
        self._connect, self._log, self._give_up, self._pauses_s = connect, log, give_up, pauses_s
        self._health = health or Health()
        self._newest: CapturedFrame | None = None
        self._error: Exception | None = None
        self._arrived = threading.Condition()
        self._state_lock = threading.Lock()
        self._closing = threading.Event()
        # Both threads read it: this one at least every WAIT_S.
        self._clock = AwakeClock(2 * WAIT_S)
        self._state_s = self._grabbed_s = self._responded_s = self._clock.now()
        self._first_ns, self._count, self._failures = now_ns(), 0, 0
        self._thread = threading.Thread(target=self._run, name="reader", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[CapturedFrame | None]:
        """Waits for a new picture; None for each 0.25 s without one. RuntimeError if the driver hangs for good."""
        while True:
            with self._arrived:
                self._arrived.wait_for(lambda: self._newest is not None or not self._thread.is_alive(), WAIT_S)
                captured, self._newest = self._newest, None
            if captured is None:
                if not self._thread.is_alive():
                    break
                self._watch()
            yield captured
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        self._closing.set()
        # A driver that hangs keeps its thread, which ends with the process.
        self._thread.join(0.2)

    def _watch(self) -> None:
        now = self._clock.now()
        if now - self._responded_s > HANG_S:
            raise RuntimeError(f"the camera's driver hangs for {HANG_S:.0f} s: only a new process gets rid of it")
        patience_s = LOST_S if self.state else OPENING_S
        if self.state in ("", "fine", "black") and now - self._grabbed_s > patience_s:
            self._report("lost", f"no picture for {patience_s:.0f} s")

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                if not self._try() and self._give_up and not self.state:
                    break
                self._responded_s = self._clock.now()
                self._closing.wait(pause_s(self._pauses_s, self._failures))
                self._failures += 1
        except Exception as error:
            # It belongs to whoever reads.
            self._error = error

    def _try(self) -> bool:
        """Opens the camera and reads it for as long as it lives; whether it opened."""
        self._responded_s = self._clock.now()
        capture, why = None, "it does not open"
        try:
            capture = self._connect()
            if capture is not None:
                self._read(capture)
        except (cv2.error, OSError) as error:
            # Of a stream also why it does not open.
            why = text_of(error)
            if capture is not None:
                self._report("lost", why)
        finally:
            if capture is not None:
                capture.release()
        if capture is None and (self.state or not self._give_up):
            self._report("lost", why)
        return capture is not None

    def _read(self, capture: Capture) -> None:
        """Reads until the camera is lost or frozen, or the reader is closed."""
        damaged = 0
        self._health.opened(self._clock.now())
        while damaged <= DAMAGED:
            if not self._grab(capture):
                break
            if self._closing.is_set():
                return
            taken_ns = self._taken_ns(capture)
            good, image = capture.retrieve()
            damaged = 0 if good else damaged + 1
            if not good or image is None:
                continue
            state = self._health.check(image, self._clock.now())
            if state == "same":
                continue
            self._report(state)
            if state == "frozen":
                return
            self._failures = 0
            self._count += 1
            with self._arrived:
                self._newest = CapturedFrame(image, taken_ns, self._count - 1, (taken_ns - self._first_ns) / 1e9)
                self._arrived.notify()
        self._report("lost", "its driver gives no more pictures")

    def _grab(self, capture: Capture) -> bool:
        """Grabs until it had to wait: what comes at once lay in the driver's buffer, and something newer may follow.

        So it may after a wait of seconds: this process may have been stopped, and the driver's buffer be full.
        """
        for _ in range(BUFFERED):
            self._responded_s, begun_s = self._clock.now(), time.perf_counter()
            if not capture.grab():
                return False
            self._grabbed_s = self._clock.now()
            if self._closing.is_set() or WAITED_S < time.perf_counter() - begun_s < LOST_S:
                break
        return True

    def _taken_ns(self, capture: Capture) -> int:
        """When the picture was taken: V4L2 says it, by the monotonic clock; else now, right after the grab."""
        now = now_ns()
        taken = Clock.offset_ns + round(capture.get(cv2.CAP_PROP_POS_MSEC) * 1e6)
        return taken if 0 <= now - taken < LOST_S * 1e9 else now

    def _report(self, state: str, why: str = "") -> None:
        with self._state_lock:
            before, since = self.state, self._state_s
            if state == before or self._closing.is_set():
                return
            self.state, self._state_s = state, self._clock.now()
            self.fault = {
                "lost": f"lost: {why}; trying again until it is back",
                "frozen": f"frozen: the same picture for {self._health.frozen_s:g} s; opening it anew",
                "black": f"black: {ADVICE['black']}",
            }.get(state, "")
        if self.fault:
            self._log.warning("camera %s", self.fault)
        elif before:
            self._log.info("camera back: pictures again after %.1f s %s", self._clock.now() - since, before)

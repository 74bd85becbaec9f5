"""Signals that stop: which there are, one sent by a thread of ours, and one that comes while modules are imported.

A module of C that is torn out of its start says something else instead (ImportError), or loses the exception.
"""

import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

# Of these each system has some. A closed terminal: SIGHUP, on Windows SIGBREAK (as Ctrl-Break does).
STOP_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)
)


def stop_this_process() -> None:
    """From any thread: what a signal to stop from outside would do, also out of a wait of the main thread."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
    else:
        # Windows: the one signal that ends a sleep; its `os.kill` would end the process on the spot.
        signal.raise_signal(signal.SIGINT)


def importing(frame: FrameType | None) -> bool:
    """Whether a module is being imported where the signal came: nothing has been sent, and nobody waits for an end."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Ends this process where it imports; else it is a KeyboardInterrupt, as before."""
    if importing(frame):
        os._exit(0)
    signal.default_int_handler(number, frame)


def _is_command() -> bool:
    """Whether this process is `handflow` itself, not somebody's program that imports it."""
    words = sys.orig_argv
    module = words[words.index("-m") + 1 :][:1] if "-m" in words[:-1] else []
    return module == ["handflow"] or (not module and Path(sys.argv[0]).stem == "handflow")


# At once: most of what a command imports comes before its first line. A shell's background jobs are born deaf to it.
if _is_command() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, _interrupt)

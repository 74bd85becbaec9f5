"""A signal that comes while modules are imported.

A module of C that is torn out of its start says something else instead (ImportError), or loses the exception.
"""

import os
import signal
import sys
from pathlib import Path
from types import FrameType


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

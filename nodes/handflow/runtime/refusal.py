"""What the operating system refuses (files, sockets, processes, room), as one line with what to do."""

import errno

import zmq

from handflow.errors import RunError

from .names import text_of

try:
    import resource
except ImportError:  # Windows, which has no such limit
    resource = None  # type: ignore[assignment]

# ZeroMQ's are no OSError, though their `errno` is the system's.
REFUSALS = (OSError, zmq.ZMQError)
ROOM = "make room (temporary files go where TMPDIR says)"
REMEDIES = {
    errno.EMFILE: "allow more open files: ulimit -n 1024",
    errno.ENFILE: "the whole system has too many open files: end other programs",
    errno.ENOSPC: ROOM,
    errno.EDQUOT: ROOM,
}


def line_of_refusal(error: OSError | zmq.ZMQError) -> str:
    """Which file, why not, and what to do."""
    file = getattr(error, "filename", None)
    why = (error.strerror or text_of(error)) + remedy(error)
    return f"{file}: {why}" if file else why


def remedy(error: Exception) -> str:
    """What to do, behind a semicolon; nothing where that is not known."""
    known = REMEDIES.get(getattr(error, "errno", None) or 0)
    if isinstance(error, FileNotFoundError) and not error.filename:  # what Python's `tempfile` says
        known = "set TMPDIR to a folder that can be written"
    return f"; {known}" if known else ""


def allow_open_files(count: int) -> None:
    """Sees to it that this process, and those that it starts, may have so many open files and sockets. RunError.

    Before, for ZeroMQ ends a process that has too few in the middle of its work.
    """
    if resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= count:
        return
    if hard != resource.RLIM_INFINITY and hard < count:
        raise RunError(f"expected {count} open files to be allowed, got {hard}; allow more: ulimit -n 1024")
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))

"""Every exception of ours: what went wrong, in one line for whoever runs handflow."""

from collections.abc import Iterable


class SetupError(Exception):
    """This node cannot run as it is set, and no restart will help: one line saying what was found and what to do."""


class GraphError(Exception):
    """What is wrong with a graph: `lines`, one per fault."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = list(lines)
        super().__init__("\n".join(self.lines))


class RecipeError(GraphError):
    """What is wrong with a recipe of training: `lines`, one per fault."""


class StageError(Exception):
    """A stage that cannot be had, or is not what a stage must be: one line."""


class RunError(Exception):
    """The graph cannot run, or cannot go on: one line."""


class WireError(Exception):
    """Bytes that are no message of the expected kind."""


class StaleSlot(LookupError):  # noqa: N818 (an everyday event, not an error)
    """The memory or slot that a message names is not there (its writer ended, or went round the ring)."""


class Refused(Exception):  # noqa: N818 (said to whoever asked; nothing has failed)
    """What cannot be done: one line."""


class OutputError(SetupError):
    """What was asked for cannot be written where it was to go: one line that names the file."""


class ReaderGone(Exception):  # noqa: N818 (`| head` has what it wants)
    """Nobody reads any more what goes to standard output."""


class RecordingError(SetupError):
    """A file that cannot be read as, or written as, a recording: one line."""


class DamagedChunk(RecordingError):  # noqa: N818 (an event that whoever reads expects)
    """A part of a recording whose bytes are not what was written."""


class LabelError(SetupError):
    """What is wrong with which line of which label file, in one line."""


class OscError(Exception):
    """Bytes that are no OSC."""


class PeerError(Exception):
    """A peer that cannot be had or does not run here: one line."""


def first_line(error: BaseException) -> str:
    """The first line of what a library's error says; its name if it says nothing."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__

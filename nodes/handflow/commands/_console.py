"""What commands say on the terminal."""

import sys

from handflow.runtime.address import masked
from handflow.runtime.names import escape_in, one_line


def escape_names() -> None:
    """From now on what is printed may have names in it that are no text: their bytes are escaped."""
    escape_in(sys.stdout)
    escape_in(sys.stderr)


def say(*lines: str) -> None:
    """Says what came of it, on stdout."""
    for line in lines:
        print(one_line(masked(line)), flush=True)


def complain(*lines: str) -> None:
    """Says what is wrong, on stderr; passwords in URLs are hidden."""
    for line in lines:
        print(one_line(masked(line)), file=sys.stderr, flush=True)


class LeftOut:
    """Says what a command leaves out of its input, and remembers that it did."""

    def __init__(self) -> None:
        self.status = 0  # of the command that goes on: 1 once something was left out

    def report(self, line: str) -> None:
        complain(line)
        self.status = 1

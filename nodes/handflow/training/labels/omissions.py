"""What of a data set cannot be used: told line by line and counted, or refused."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

from handflow.errors import LabelError
from handflow.runtime.names import one_line, text_of

TOLD = 20  # lines; what is over is only counted
# What a value of another type or shape than expected raises where it is used.
MISSHAPEN = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError)


class Omissions:
    """Boxes, pictures and lines that are left out. `strict`: the first one is a LabelError."""

    def __init__(self, strict: bool = False, within: Self | None = None) -> None:
        self.strict = strict
        # Where these are told and counted as well.
        self._within = within
        self.first: str | None = None
        self._counts: Counter[str] = Counter()
        self._notes: set[str] = set()
        self._told = 0

    def __getitem__(self, what: str) -> int:
        """How many boxes, pictures or lines were left out."""
        return self._counts[what]

    def leave_out(self, what: str, why: str, count: int = 1) -> None:
        """Tells that a "box", "picture" or "line", or `count` of them, cannot be used, and why. LabelError."""
        if self.strict:
            raise LabelError(why)
        self.first = self.first or why
        self._counts[what] += count
        if self._within is not None:
            self._within.leave_out(what, why, count)
            return
        self._told += 1
        if self._told <= TOLD:
            tell(f"{why}; left out" + (f" ({counted(count, what)})" if count > 1 else ""))

    def accepts(self, what: str, check: Callable[[], None]) -> bool:
        """Whether a check passes; what does not is left out. LabelError."""
        try:
            check()
        except LabelError as error:
            self.leave_out(what, str(error))
            return False
        return True

    @contextmanager
    def guarding(self, what: str, where: str, format_: str) -> Iterator[None]:
        """Leaves out what the block is about if it is not as `format_` has it. LabelError."""
        try:
            yield
        except LabelError as error:
            self.leave_out(what, str(error))
        except MISSHAPEN as error:
            self.leave_out(what, misshapen(where, format_, error))

    def note(self, line: str) -> None:
        """Tells, once, what was taken for granted."""
        if self._within is not None:
            self._within.note(line)
        elif line not in self._notes:
            self._notes.add(line)
            tell(line)

    def summarise(self) -> None:
        """Says how much was left out, if anything was."""
        if self._counts:
            more = f", {self._told - TOLD} of them not listed" if self._told > TOLD else ""
            what = ", ".join(counted(count, what) for what, count in sorted(self._counts.items()))
            tell(f"left out of the labels: {what}{more}; --strict refuses such labels")


def misshapen(where: str, format_: str, error: Exception) -> str:
    """A value of another type or shape than expected, as a line."""
    return f"{where}: not as {format_} has it: {type(error).__name__} {text_of(error)[:120]}"


def counted(count: int, what: str) -> str:
    """1 box, 2 boxes."""
    return f"{count} {what}" + ("" if count == 1 else "es" if what.endswith("x") else "s")


def tell(line: str) -> None:
    """Says a line about labels on stderr, whatever names are in it."""
    print(one_line(line), file=sys.stderr, flush=True)

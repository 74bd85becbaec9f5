"""Ctrl-C while a command imports ends it at once and in silence."""

import importlib
import signal
import sys
from pathlib import Path

import pytest

from handflow.runtime.interrupts import _interrupt, _is_command, importing


def test_an_import_is_told_from_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "imports_now.py").write_text(
        "import sys\nfrom handflow.runtime.interrupts import importing\nseen = importing(sys._getframe())\n"
    )
    assert importlib.import_module("imports_now").seen
    assert not importing(sys._getframe())
    with pytest.raises(KeyboardInterrupt):
        _interrupt(signal.SIGINT, sys._getframe())


@pytest.mark.parametrize(
    ("words", "first", "is_command"),
    [
        (["python", "-m", "handflow", "run"], "-m", True),
        (["python", "/usr/bin/handflow", "run"], "/usr/bin/handflow", True),
        (["python", "-m", "pytest"], "/lib/pytest/__main__.py", False),
        (["python", "-m", "mine", "-m", "handflow"], "-m", False),
        (["python", "game.py"], "game.py", False),
        (["python"], "", False),
    ],
)
def test_only_the_command_itself_is_ended(
    words: list[str], first: str, is_command: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "orig_argv", words)
    monkeypatch.setattr(sys, "argv", [first])
    assert _is_command() == is_command

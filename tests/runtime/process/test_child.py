"""How a stage's process is started."""

import os
import sys

import pytest

from handflow.runtime.process.child import this_python


def test_a_stage_runs_in_this_python() -> None:
    assert this_python() == (sys.executable, {})


def test_windows_launcher_of_a_virtual_environment_is_passed_by(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be a process between the supervisor and the stage."""
    monkeypatch.setattr(os, "name", "nt")
    monkeypatch.setattr(sys, "executable", r"C:\game\.venv\Scripts\python.exe")
    monkeypatch.setattr(sys, "_base_executable", r"C:\Python311\python.exe")
    python, environment = this_python()
    monkeypatch.undo()
    assert python == r"C:\Python311\python.exe"
    assert environment == {"__PYVENV_LAUNCHER__": r"C:\game\.venv\Scripts\python.exe"}

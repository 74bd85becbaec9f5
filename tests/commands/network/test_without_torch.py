"""torch is for training: what only runs networks works where it is not installed."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("command", ["evaluate", "teach", "annotate", "detect", "synthesize"])
def test_the_command_is_there_without_torch(command):
    code = f"import sys; sys.modules['torch'] = None; from handflow.__main__ import main; main(['{command}', '--help'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"handflow {command}" in done.stdout

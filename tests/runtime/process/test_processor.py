"""A node's process keeps to its cores, and stands back for others."""

import os
import subprocess
import sys

import psutil
import pytest

from handflow import SetupError
from handflow.runtime.process.processor import confine

SCRIPT = """
import os, psutil
from handflow.runtime.process.processor import confine
core = psutil.Process().cpu_affinity()[0]
confine([core], 7)
confine([core], 7)
print(psutil.Process().cpu_affinity() == [core], os.getpriority(os.PRIO_PROCESS, 0))
"""


def test_a_process_keeps_to_its_cores_and_stands_back_once() -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    said = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True).stdout.split()
    assert said == ["True", str(max(7, before))]


def test_cores_that_are_not_there_are_one_line() -> None:
    there = ", ".join(map(str, psutil.Process().cpu_affinity()))
    with pytest.raises(SetupError, match=f"cores: expected some of {there}, got 4095"):
        confine([psutil.Process().cpu_affinity()[0], 4095], 0)

"""Which processor cores a node's process may use, and how it stands back for others."""

import os
import sys
from collections.abc import Sequence

import psutil

from handflow.errors import SetupError


def confine(cores: Sequence[int], nice: int) -> None:
    """From now on this process runs on `cores` alone ((): on any), and stands back by `nice` (0 to 19). SetupError.

    To be called before libraries count the cores and start their threads.
    """
    if cores:
        if not hasattr(psutil.Process, "cpu_affinity"):
            raise SetupError(f"cores: {sys.platform} binds no process to cores; leave it out")
        # Those that the supervisor, or a container, leaves us.
        there = psutil.Process().cpu_affinity()
        if missing := sorted(set(cores) - set(there)):
            raise SetupError(f"cores: expected some of {_listed(there)}, got {_listed(missing)}")
        psutil.Process().cpu_affinity(list(cores))
    if nice and hasattr(os, "setpriority"):
        # Not added to what it has: a process that is started again has the same.
        os.setpriority(os.PRIO_PROCESS, 0, max(nice, os.getpriority(os.PRIO_PROCESS, 0)))


def _listed(cores: Sequence[int]) -> str:
    return ", ".join(map(str, cores))

"""`doctor`: the machine itself, whatever runs on it."""

import ctypes
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from handflow.runtime.transport.rundir import portable

from .checks import Finding

CPUINFO = Path("/proc/cpuinfo")
GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
SHARED_MEMORY = Path("/dev/shm")
# What makes int8 quick: products of four bytes added up in one instruction. Linux' names, x86 and ARM.
DOT_PRODUCTS = {"avx512_vnni": "AVX-512 VNNI", "avx_vnni": "AVX-VNNI", "asimddp": "dot product", "i8mm": "i8mm"}
VECTORS = {"avx512f": "AVX-512", "avx2": "AVX2", "asimd": "NEON"}
CORES, FREE_MB, FREE_GB, FILES = 2, 500, 1.0, 256
# Older than this version: the clock is not set.
BUILT_S = 1_760_000_000
UNSYNCHRONISED = 5  # TIME_ERROR of adjtimex(2)
TIMEX_BYTES = 256  # struct timex has 208


def processor() -> Finding:
    """Its name, its cores and what it has for networks."""
    name, flags = _processor()
    dot = [word for flag, word in DOT_PRODUCTS.items() if flag in flags]
    vectors = [word for flag, word in VECTORS.items() if flag in flags]
    features = ", ".join([*vectors[:1], *(dot or ["no VNNI or dot product: int8 gains less"])])
    found = f"{name}, {os.cpu_count()} cores; {features if flags else 'features unknown'}"
    governor = _read(GOVERNOR).strip()
    if governor == "powersave" and "intel_pstate" not in _read(GOVERNOR.with_name("scaling_driver")):
        advice = "the processor is kept slow: sudo cpupower frequency-set -g performance"
        return Finding("processor", "warning", f"{found}; governor {governor}", advice)
    if flags and not vectors:
        return Finding("processor", "warning", found, "without AVX2 or NEON take profile near and 15 fps")
    if (os.cpu_count() or 1) < CORES:
        return Finding("processor", "warning", found, f"expected {CORES} cores or more: take profile near")
    return Finding("processor", "ok", found)


def _processor() -> tuple[str, set[str]]:
    """Its name, and its features by Linux' names."""
    lines = (line.partition(":") for line in _read(CPUINFO).splitlines())
    fields = {key.strip(): value.strip() for key, _, value in lines}
    name = fields.get("model name") or platform.processor() or platform.machine()
    return name, set((fields.get("flags") or fields.get("Features") or "").split())


def memory() -> Finding:
    """What is free, and how busy the machine is."""
    free = psutil.virtual_memory().available / 2**20
    load = _load()
    asked = "" if load is None else f", the processor is asked for {load:.0%} of what it has"
    found = f"{free:.0f} MB of memory are free{asked}"
    if free < FREE_MB:
        return Finding("memory", "warning", found, f"expected {FREE_MB} MB: end other programs")
    if load is not None and load > 1:
        return Finding("memory", "warning", found, "frames will be late: end other programs (top shows which)")
    return Finding("memory", "ok", found)


def _load() -> float | None:
    """What the processor is asked for, of what it has; None where the system does not tell.

    Windows counts only once somebody asked: what it says first is 0.
    """
    if sys.platform == "win32":
        return None
    return psutil.getloadavg()[0] / (os.cpu_count() or 1)


def permissions() -> Iterator[Finding]:
    """Where the graph's processes meet, and their shared memory."""
    temporary = Path(tempfile.gettempdir())
    if not os.access(temporary, os.W_OK):
        advice = "set TMPDIR to a folder that you may write in"
        yield Finding("files", "fault", f"{temporary} cannot be written", advice)
    elif not portable() and len(os.fsencode(temporary)) > 60:
        yield Finding("files", "warning", f"{temporary} is a long name for sockets", "set TMPDIR to a shorter one")
    else:
        yield Finding("files", "ok", f"{temporary} can be written")
    if sys.platform == "linux" and not hasattr(os, "memfd_create"):
        yield Finding("files", "warning", "no memfd", "transport: portable in the graph does without")
    elif SHARED_MEMORY.exists():
        free = shutil.disk_usage(SHARED_MEMORY).free / 2**20
        if free < 64:
            advice = "in a container: --shm-size 256m; else end what fills it, or transport: portable in the graph"
            yield Finding("files", "warning", f"{SHARED_MEMORY} has {free:.0f} MB left", advice)


def limits() -> Finding:
    """How many files a process may open."""
    try:
        import resource
    except ImportError:  # not on Windows
        return Finding("limits", "ok", "none known on this system")
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if 0 <= files < FILES:
        return Finding("limits", "warning", f"{files} open files", f"expected {FILES}: ulimit -n 1024")
    return Finding("limits", "ok", f"{files} open files")


def clock() -> Finding:
    """Whether the time of day is right. The graph's own clock is monotonic, and machines measure each other's."""
    now = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    if time.time() < BUILT_S:
        advice = "set it: sudo timedatectl set-ntp true; a board without a battery needs a network for that"
        return Finding("clock", "warning", f"{now}: it is not set", advice)
    state = _clock_state()
    if state == UNSYNCHRONISED:
        advice = "sudo timedatectl set-ntp true; it matters to recordings only, and not to graphs on one machine"
        return Finding("clock", "warning", f"{now}, not synchronised", advice)
    return Finding("clock", "ok", f"{now}{'' if state is None else ', synchronised'}")


def _clock_state() -> int | None:
    """What adjtimex(2) says; None: this system has none."""
    if sys.platform != "linux":
        return None
    try:
        return int(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(TIMEX_BYTES)))
    except (OSError, AttributeError):
        return None


def disk(folder: Path) -> Iterator[Finding]:
    """Room in the graph's folder, here, and where temporary files lie."""
    folders = {Path(tempfile.gettempdir()), Path.cwd(), folder}
    seen = set()
    for folder in sorted(folders):
        try:
            device, free = os.stat(folder).st_dev, shutil.disk_usage(folder).free / 2**30
        except OSError as error:
            yield Finding("disk", "fault", f"{folder}: {error.strerror}", "make it, or run handflow elsewhere")
            continue
        if device in seen:
            continue
        seen.add(device)
        if free < FREE_GB:
            advice = f"expected {FREE_GB:g} GB: a minute of recording takes 50 to 200 MB"
            yield Finding("disk", "warning", f"{folder}: {free:.1f} GB are free", advice)
        else:
            yield Finding("disk", "ok", f"{folder}: {free:.1f} GB are free")


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8", "replace")
    except OSError:
        return ""

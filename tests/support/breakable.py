"""What a running graph stands on, to be broken by tests: a small disk that only it sees, a clock that can be set."""

import contextlib
import os
import subprocess
from pathlib import Path

CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile long *step;

__attribute__((constructor)) static void begin(void) {
    int file = open(getenv("CLOCK_STEP"), O_RDONLY);
    void *seen = mmap(0, sizeof(long), PROT_READ, MAP_SHARED, file, 0);
    if (file >= 0) close(file);
    if (seen != MAP_FAILED) step = seen;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(clock, now);
    if (!failed && step && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += *step;
    return failed;
}

time_t time(time_t *told) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return told ? (*told = now.tv_sec) : now.tv_sec;
}

int gettimeofday(struct timeval *told, void *zone) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    told->tv_sec = now.tv_sec;
    told->tv_usec = now.tv_nsec / 1000;
    return 0;
}
"""


class SettableClock:
    """The time of day as programs with `environment` see it; this machine's own stays as it is."""

    def __init__(self, folder: Path) -> None:
        self._step = folder / "clock-step"
        self.set(0)
        source, library = folder / "clock.c", folder / "clock.so"
        source.write_text(CLOCK)
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
        self.environment = {"LD_PRELOAD": str(library), "CLOCK_STEP": str(self._step)}

    def set(self, step_s: int) -> None:
        """So many seconds later than it is."""
        with open(self._step, "r+b" if self._step.exists() else "wb") as file:  # written over: programs have it mapped
            file.write(step_s.to_bytes(8, "little", signed=True))


class SmallDisk:
    """A disk of `size_mb` at `place` that only programs started `within` see; it goes with the last of them. For root.

    `files` are copied to it first; the programs start there, and have it for temporary files.
    """

    def __init__(self, place: Path, files: Path, size_mb: int) -> None:
        self.place = place
        script = """
            mount -t tmpfs -o size="$1" none "$2" && cp -r "$3/." "$2" && cd "$2" && mkdir tmp && export TMPDIR="$2/tmp"
            shift 3 && exec "$@"
        """
        self.within = ["unshare", "--mount", "sh", "-c", script, "sh", f"{size_mb}m", str(place), str(files)]

    def seen(self, pid: int) -> Path:
        """The disk, as a program sees it that is not within but knows one that is."""
        return Path(f"/proc/{pid}/root{self.place}")

    def fill(self, pid: int) -> None:
        """Until nothing more goes onto it."""
        with open(self.seen(pid) / "fill", "wb", buffering=0) as file, contextlib.suppress(OSError):
            for size in (1 << 16, 1 << 12, 1):
                with contextlib.suppress(OSError):
                    while file.write(bytes(size)):
                        pass

    def free(self, pid: int) -> None:
        """As it was before."""
        os.unlink(self.seen(pid) / "fill")

"""Windows' own Python under wine, with our dependencies' wheels: what .ci/run puts into the folder .wine."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

from support.graphs import Run

TOP = Path(__file__).parents[2]
FOLDER = TOP / ".wine"
# What Windows writes into pipes in.
CODE_PAGE = "cp1252"
PYTHON = FOLDER / "python" / "python.exe"
# wine says it where it crashes itself, as now and then in what asks for cameras; so often a command is tried.
CRASH, TRIES = "nhandled exception: page fault", 3


def missing() -> str:
    """What keeps Windows' Python from running here; "": nothing."""
    if not all(map(shutil.which, ("wine", "wineserver"))):
        return "wine is not installed"
    # Written last.
    if not (FOLDER / "made").exists():
        return "there is no Python for Windows in .wine; .ci/windows brings it"
    return ""


def windows_path(file: Path) -> str:
    """A file's name there: wine's drive Z is the whole file system."""
    return "Z:" + str(file).replace("/", "\\")


class Wine:
    """A Windows that is up until `close`."""

    def __init__(self) -> None:
        self._started: list[WindowsRun] = []
        self.environment = os.environ | {
            "WINEPREFIX": str(FOLDER / "prefix"),
            "WINEARCH": "win64",
            "WINEDEBUG": "-all",
            # Neither .NET nor a browser, which wine would offer to download.
            "WINEDLLOVERRIDES": "mscoree=;mshtml=",
            "DISPLAY": "",
            "PYTHONPATH": windows_path(TOP / "nodes"),
        }
        # Its services would keep the pipes of the first program that starts them open: that is one without.
        self.close()
        self._do("wineserver", "-p")
        self._do("wine", "reg", "add", r"HKCU\Software\Wine", "/v", "Version", "/d", "win10", "/f")

    def close(self) -> None:
        """Shuts it down, with whatever still runs."""
        self._do("wineserver", "-k", check=False)
        self._do("wineserver", "-w", check=False)
        self.end_commands()

    def start(self, *arguments: object, cwd: Path) -> "WindowsRun":
        self._started.append(WindowsRun(self, *map(str, arguments), cwd=cwd))
        return self._started[-1]

    def lines(self, *arguments: object, cwd: Path) -> list[str]:
        """What a command says that ends well; one that changes nothing, for it is started again where wine crashes."""
        for _ in range(TRIES):
            run = self.start(*arguments, cwd=cwd)
            status = run.end()
            if not any(CRASH in line for line in [*run.out, *run.err]):
                break
        assert status == 0, (run.out, run.err)
        return run.out

    def end_commands(self) -> None:
        """Ends the commands that still run. Their stages notice and stop."""
        while self._started:
            run = self._started.pop()
            if run.process.returncode is None:
                run.process.kill()
                run.end()

    def end_process(self, pid: int) -> None:
        """Ends one of Windows' processes at once, by TerminateProcess. (wine's taskkill gives it the exit status 0.)"""
        self._do("wine", str(PYTHON), "-c", f"import os; os.kill({pid}, 9)")

    def _do(self, *command: str, check: bool = True) -> None:
        subprocess.run(
            command, env=self.environment, check=check,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip


class WindowsRun(Run):
    """A `handflow` command of Windows'."""

    def __init__(self, wine: Wine, *arguments: str, cwd: Path) -> None:
        super().__init__(
            *arguments,
            cwd=cwd,
            within=["wine"],
            python=str(PYTHON),
            environment=wine.environment,
            encoding=CODE_PAGE,
        )

    def end(self, timeout: float = 240) -> int:
        return super().end(timeout)

    def stop(self, how: int = signal.SIGINT) -> int:
        """By Ctrl-C, which is what wine makes of this signal."""
        self.process.send_signal(how)
        return self.end()

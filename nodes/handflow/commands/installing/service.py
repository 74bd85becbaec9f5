"""`handflow service install|status|remove`: the graph starts with the machine and is kept running, by systemd.

Its lines are in the journal, which keeps itself small: journalctl --user -u handflow (-u alone with --system).
"""

import argparse
import getpass
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from handflow.commands._arguments import add_graph
from handflow.commands._console import complain, say
from handflow.commands._graphs import apply_settings, apply_source, graph_of
from handflow.errors import RunError, SetupError
from handflow.runtime.files import replacing
from handflow.runtime.graph.resolve import resolve
from handflow.runtime.names import dumps
from handflow.runtime.process.control_client import ask

from .systemd_unit import unit, unit_name

SHOWN = ("ActiveState", "SubState", "StatusText", "NRestarts", "ActiveEnterTimestamp")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("do_what", metavar="install|status|remove", choices=("install", "status", "remove"))
    add_graph(parser)
    parser.add_argument("--name", help="of the unit; default: handflow, with the graph's name unless that is pipeline")
    parser.add_argument("--system", action="store_true", help="the system's, not the user's own (needs sudo)")
    parser.add_argument("--as", dest="user", metavar="USER", help="as whom the system's runs; default: whoever asks")
    parser.add_argument("--source", help="install: as of handflow run")
    parser.add_argument("--set", action="append", default=[], metavar="NODE.KEY=VALUE", help="install: the same")
    parser.add_argument("--print", dest="only_print", action="store_true", help="install: prints the unit instead")
    parser.add_argument("--json", action="store_true", help="status: as a map")


def run(args: argparse.Namespace) -> int:
    file = graph_of(args.graph).file.absolute()
    service = Service(args.name or unit_name(file), args.system)
    if args.do_what == "install":
        return _install(service, args, file)
    if args.do_what == "status":
        return _status(service, file, args.json)
    service.remove()
    say(f"{service.file} is removed; the graph has stopped")
    return 0


def _install(service: "Service", args: argparse.Namespace, file: Path) -> int:
    graph = graph_of(args.graph)
    apply_settings(graph, args.set)
    command = [sys.executable, "-m", "handflow", "run", str(file)]
    if args.source is not None:
        # The service runs in the graph's folder.
        source = os.path.abspath(args.source) if os.path.exists(args.source) else args.source
        apply_source(graph, source)
        command += ["--source", source]
    stages = resolve(graph)
    for setting in args.set:
        command += ["--set", setting]
    user = (args.user or os.environ.get("SUDO_USER") or getpass.getuser()) if args.system else None
    text = unit(service.name, file, command, user)
    if args.only_print:
        print(text, end="")
        return 0
    service.install(text)
    say(f"{service.file} is installed; the graph runs, and starts with the machine")
    if any(stage.settings.get("source") == "auto" for stage in stages.values()):
        complain("source auto shows the demo where no camera opens at the start: name yours, with --source 0")
    if not args.system and not service.lingers():
        complain("it starts when you log in; for a machine where nobody does: sudo loginctl enable-linger $USER")
    return 0


def _status(service: "Service", file: Path, as_json: bool) -> int:
    shown: dict[str, Any] = dict(service.status())
    active = shown["ActiveState"] == "active"
    faults: list[str] = []
    if active:
        try:
            faults = [fault["text"] for fault in ask(file, "stats")["health"]["faults"]]
        except RunError as error:
            faults = [str(error)]
    if as_json:
        print(dumps({"name": service.name, **shown, "faults": faults}))
    else:
        since = f" since {shown['ActiveEnterTimestamp']}" if active else ""
        say(f"{service.name}: {shown['ActiveState']} ({shown['SubState']}){since}, {shown['NRestarts']} restarts")
        say(*([shown["StatusText"]] if shown["StatusText"] else []), *faults)
    return 0 if active else 1


class Service:
    """A unit of systemd's: the system's, or the user's own. SetupError where there is no systemd, or it refuses."""

    def __init__(self, name: str, system: bool) -> None:
        self.name, self.system = name, system
        settings = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
        folder = Path("/etc/systemd/system") if system else settings / "systemd" / "user"
        self.file = folder / f"{name}.service"

    def install(self, text: str) -> None:
        """Writes the unit, and has it started now and with the machine."""
        _program("systemctl")
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with replacing(self.file) as part:
                part.write_text(text, "utf-8")
                part.chmod(0o600)  # a source may have a password
        except OSError as error:
            hint = "; run it with sudo" if self.system else ""
            raise SetupError(f"{self.file}: cannot be written: {error.strerror}{hint}") from error
        self._systemctl("daemon-reload")
        self._systemctl("enable", "--now", self.file.name)

    def remove(self) -> None:
        """Stops it, and forgets the unit."""
        if not self.file.exists():
            raise SetupError(f"{self.file}: there is no such service; handflow service install makes one")
        self._systemctl("disable", "--now", self.file.name)
        try:
            self.file.unlink()
        except OSError as error:
            raise SetupError(f"{self.file}: cannot be removed: {error.strerror}") from error
        self._systemctl("daemon-reload")

    def status(self) -> dict[str, str]:
        """What systemd knows of it."""
        if not self.file.exists():
            raise SetupError(f"{self.file}: there is no such service; handflow service install makes one")
        lines = self._systemctl("show", self.file.name, *(f"--property={name}" for name in SHOWN)).splitlines()
        found = dict(line.split("=", 1) for line in lines if "=" in line)
        return {name: found.get(name, "") for name in SHOWN}

    def lingers(self) -> bool:
        """Whether the user's services run while nobody is logged in."""
        return Path("/var/lib/systemd/linger", getpass.getuser()).exists()

    def _systemctl(self, *words: str) -> str:
        command = [_program("systemctl"), *([] if self.system else ["--user"]), *words]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
        if done.returncode:
            why = (done.stderr or done.stdout).strip().splitlines() or [f"exit {done.returncode}"]
            raise SetupError(f"systemctl {' '.join(words[:2])}: {why[0]}")
        return done.stdout


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise SetupError(f"expected systemd, got a machine without {name}; --print shows the unit for another one")
    return found

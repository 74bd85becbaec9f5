"""The unit by which systemd runs a graph: started with the machine, again when it ends, and when it hangs."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from handflow.errors import SetupError

TEMPLATE = """\
[Unit]
Description=handflow {graph}
{after}StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart={command}
WorkingDirectory={folder}
{user}Restart=always
RestartSec=2
# What a graph file is wrong about stays wrong until somebody has edited it.
RestartPreventExitStatus=2
# The supervisor says once a second that it lives; it looks after the other processes itself.
WatchdogSec=30
KillMode=mixed
TimeoutStopSec=15
SyslogIdentifier={name}

[Install]
WantedBy={target}
"""
# Cameras on the network are there before it; a graph without them waits no longer than systemd lets it.
AFTER_NETWORK = "Wants=network-online.target\nAfter=network-online.target\n"


def unit_name(graph: Path) -> str:
    """handflow for pipeline.yaml, else with the file's name behind it."""
    stem = re.sub(r"[^\w.-]+", "-", graph.stem, flags=re.ASCII).strip("-")
    return "handflow" if stem in ("pipeline", "") else f"handflow-{stem}"


def unit(name: str, graph: Path, arguments: Sequence[str], user: str | None) -> str:
    """The unit's text. `arguments`: the whole command; `user`: of the system's unit; None: a unit of the user's own."""
    return TEMPLATE.format(
        graph=_words(graph.name),
        name=name,
        # systemd takes fewer signs in the name of a program than in what follows it.
        command=" ".join(["/usr/bin/env", *map(quoted, arguments)]),
        folder=_path(graph.parent),
        after="" if user is None else AFTER_NETWORK,
        user="" if user is None else f"User={_words(user)}\nSupplementaryGroups=video\n",
        target="default.target" if user is None else "multi-user.target",
    )


def quoted(argument: str) -> str:
    """An argument of ExecStart, whatever bytes are in it (man systemd.syntax)."""
    plain = "".join(
        chr(byte) if (chr(byte).isalnum() and byte < 0x80) or chr(byte) in "/._-=:,+@ []{}" else f"\\x{byte:02x}"
        for byte in os.fsencode(argument)
    )
    # Percent signs and dollars are written as bytes too, but systemd looks for them after it has read those.
    return '"' + plain.replace("\\x25", "%%").replace("\\x24", "$$") + '"'


def _path(folder: Path) -> str:
    """A path where nothing can be quoted. SetupError."""
    text = str(folder)
    if re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", text) or text != text.strip():
        raise SetupError(f"{text}: expected a folder whose name systemd takes; move the graph to another one")
    return text.replace("%", "%%")


def _words(text: str) -> str:
    return re.sub(r"[^\w .,+@-]", "?", text)

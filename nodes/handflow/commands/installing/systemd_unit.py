"""The units by which systemd runs a graph, whole or node by node: started with the machine, and again when it fails."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from handflow.errors import SetupError

TEMPLATE = """\
[Unit]
Description=handflow {what}
{after}StartLimitIntervalSec=0

[Service]
{kind}ExecStart={command}
WorkingDirectory={folder}
{user}RestartSec=2
# What a graph file is wrong about stays wrong until somebody has edited it.
RestartPreventExitStatus=2
TimeoutStopSec=15
SyslogIdentifier={name}

[Install]
WantedBy={target}
"""
# Who is started says once a second that he lives. The supervisor looks after the other processes itself.
WATCHED = "Type=notify\nNotifyAccess=main\nWatchdogSec=30\n"
SUPERVISOR = WATCHED + "KillMode=mixed\nRestart=always\n"
# A node whose clip has ended is done.
NODE = WATCHED + "Restart=on-failure\n"
TARGET = """\
[Unit]
Description=handflow {graph}

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
    return _unit(name, graph, graph.name, arguments, user, SUPERVISOR, _boot(user))


def node_unit(name: str, graph: Path, node: str, arguments: Sequence[str], user: str | None) -> str:
    """The unit of one node, which belongs to the graph's target and stops with it; likewise."""
    target = f"{unit_name(graph)}.target"
    return _unit(name, graph, f"{graph.name}: {node}", arguments, user, NODE, target, f"PartOf={target}\n")


def target_unit(graph: Path, user: str | None) -> str:
    """What starts and stops the nodes of a graph together."""
    return TARGET.format(graph=_words(graph.name), target=_boot(user))


def _boot(user: str | None) -> str:
    return "default.target" if user is None else "multi-user.target"


def _unit(
    name: str, graph: Path, what: str, arguments: Sequence[str], user: str | None, kind: str, target: str, of: str = ""
) -> str:
    return TEMPLATE.format(
        what=_words(what),
        name=name,
        kind=kind,
        # systemd takes fewer signs in the name of a program than in what follows it.
        command=" ".join(["/usr/bin/env", *map(quoted, arguments)]),
        folder=_path(graph.parent),
        after=of + ("" if user is None else AFTER_NETWORK),
        user="" if user is None else f"User={_words(user)}\nSupplementaryGroups=video\n",
        target=target,
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
    return re.sub(r"[^\w .,:+@-]", "?", text)

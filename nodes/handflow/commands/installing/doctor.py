"""`handflow doctor`: what this machine has for hands in a camera picture, what is wrong with it, and what to do.

Exit 1 if anything keeps a graph from running; warnings alone leave it at 0.
"""

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from handflow.commands._arguments import add_graph
from handflow.commands._graphs import graph_of
from handflow.errors import GraphError
from handflow.runtime.graph.resolve import resolve
from handflow.runtime.graph.stage import Stage
from handflow.runtime.names import dumps, one_line
from handflow.runtime.transport.rundir import RunDir

from .checks import Finding
from .machine_checks import clock, disk, limits, memory, permissions, processor
from .use_checks import cameras, network_speed, ports

SIGNS = {"ok": "ok  ", "warning": "look", "fault": "BAD "}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_graph(parser, "whose ports, model and cameras are looked at; default: ./pipeline.yaml, else the packaged one")
    parser.add_argument("--json", action="store_true", help="a list of maps: check, state, found, advice, figures")


def run(args: argparse.Namespace) -> int:
    findings = []
    for finding in _all(args.graph):
        findings.append(finding)
        if not args.json:
            advice = f"\n{' ' * 16}{finding.advice}" if finding.advice else ""
            print(f"{SIGNS[finding.state]} {finding.check:<10} {one_line(finding.found)}{advice}", flush=True)
    if args.json:
        print(dumps([asdict(finding) for finding in findings]))
    return int(any(finding.state == "fault" for finding in findings))


def _all(given: str | None) -> Iterator[Finding]:
    stages: list[Stage] = []
    folder, runs = Path.cwd(), False
    try:
        graph = graph_of(given)
        folder, runs = graph.file.parent, RunDir(graph.file, graph.portable, graph.on).running()
        stages = list(resolve(graph).values())
        yield Finding("graph", "ok", f"{graph.file}: {len(stages)} nodes{', it runs' if runs else ''}")
    except GraphError as error:
        yield Finding("graph", "fault", error.lines[0], "handflow check says all that is wrong with it")
    yield processor()
    yield memory()
    yield from network_speed(stages)
    yield from cameras(stages, runs)
    yield from ports(stages, runs)
    yield from permissions()
    yield limits()
    yield clock()
    yield from disk(folder)

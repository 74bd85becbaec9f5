"""`handflow trace`: what each stage of the running graph did when, for ui.perfetto.dev.

A track per stage: waiting, work, sending; arrows follow each frame; skipped messages are marked. The stages record it
only while this runs. (`handflow run --trace FILE` does so for a whole run.)
"""

import argparse
import secrets
import time
from pathlib import Path
from typing import Any

import msgspec

from handflow.commands._arguments import add_running, positive, running_file
from handflow.commands._console import say
from handflow.runtime.call_trace import CallRecord
from handflow.runtime.graph.graph import Graph
from handflow.runtime.process.control_client import only_running, request
from handflow.runtime.process.tracing.trace_file import trace_file

FETCH_S = 0.5
# Stages tell what they did once a second.
LATE_S = 1.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--for", dest="for_s", type=positive, default=10.0, metavar="SECONDS", help="default: 10")
    add("-o", "--output", type=Path, default=Path("trace.json"), metavar="FILE", help="default: trace.json")
    add_running(parser)


def run(args: argparse.Namespace) -> int:
    directory, token = only_running(running_file(args), args.on), secrets.token_hex(8)
    calls = 0

    def fetch(**more: Any) -> int:
        """Writes what has come, and begins it the first time; how many calls that was."""
        answer = request(directory, "trace", token=token, **more)
        trace.tracks(answer["nodes"])
        records = msgspec.convert(answer["records"], list[tuple[str, CallRecord]])
        inside = [(node, record) for node, record in records if record.ended_ns <= until_ns]
        for node, record in inside:
            trace.add(node, record)
        return len(inside)

    with trace_file(args.output, Graph.read_copy(directory.graph).file) as trace:
        until_ns = time.perf_counter_ns() + round(args.for_s * 1e9)
        try:
            while (left_ns := until_ns + round(LATE_S * 1e9) - time.perf_counter_ns()) > 0:
                calls += fetch()
                time.sleep(min(FETCH_S, left_ns / 1e9))
        except KeyboardInterrupt:
            # What there was until then is kept.
            pass
        calls += fetch(end=True)
    say(f"{args.output}: {calls} calls; open it at https://ui.perfetto.dev")
    return 0

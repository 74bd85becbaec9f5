"""Traces: what the nodes did, as Perfetto opens it, and the same times as in the table."""

import io
import json
import statistics
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.graphs import Run, until

from handflow import Frame, Hands
from handflow.messages import Clock, Hop
from handflow.runtime.call_trace import CallRecord, InputRecord, SentRecord
from handflow.runtime.node import Call, Node, run_node
from handflow.runtime.process.control_client import ask
from handflow.runtime.process.tracing.trace_file import TraceFile
from handflow.runtime.profile import SAMPLES, Profile

MS = 1_000_000


def events(out: io.StringIO) -> list[dict[str, Any]]:
    return json.loads(out.getvalue())["traceEvents"]


def check(found: list[dict[str, Any]]) -> dict[str, list[float]]:
    """Slices lie in each other or beside each other, arrows begin and end in slices; how long each node worked, ms."""
    names = {e["tid"]: e["args"]["name"] for e in found if e["name"] == "thread_name"}
    slices: dict[int, list[tuple[int, int, str]]] = defaultdict(list)
    work: dict[str, list[float]] = defaultdict(list)
    for e in found:
        if e["ph"] == "X":
            began = round(e["ts"] * 1000)
            slices[e["tid"]].append((began, began + round(e["dur"] * 1000), e["name"]))
            if e["name"] == "work":
                work[names[e["tid"]]].append(e["dur"] / 1000)
    for track in slices.values():
        open_: list[int] = []
        for began, ended, name in sorted(track, key=lambda each: (each[0], -each[1])):
            while open_ and open_[-1] <= began:
                open_.pop()
            assert not open_ or ended <= open_[-1], f"{name} overlaps"
            open_.append(ended)
    ends: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for e in found:
        if e["ph"] in "sf":
            ends[e["id"]].append(e)
            at = round(e["ts"] * 1000)
            assert any(began <= at <= ended for began, ended, _ in slices[e["tid"]]), "an arrow ends nowhere"
    for start, end in ends.values():
        assert (start["ph"], end["ph"], end["bp"]) == ("s", "f", "e")
        assert start["ts"] <= end["ts"]
    return work


def call(began: int, ended: int, seq: int, inputs: list[str] = [], sent: int = 0, **more: int) -> CallRecord:  # noqa: B006
    """A call from and to these ms."""
    read = [InputRecord(node, 1, seq, seq) for node in inputs]
    sends = [SentRecord((ended - 1) * MS, ended * MS + (0 if inputs else MS // 2), sent)] if sent else []
    end = ended if inputs else ended - 1
    return CallRecord(began * MS, end * MS, 1, seq, more.get("skipped", 0), more.get("lost", 0), read, sends)


def test_a_track_per_node_with_its_times_and_arrows_along_the_frame() -> None:
    out = io.StringIO()
    trace = TraceFile(out, "pipeline.yaml")
    trace.tracks(["camera", "flow", "tracker"])
    trace.add("flow", call(6, 9, 1, ["camera"], sent=1))  # before what sent it is known
    trace.add("camera", call(0, 5, 1, sent=1))
    trace.add("camera", call(33, 38, 2, sent=2))
    trace.add("tracker", call(10, 12, 1, ["flow", "gone"]))
    trace.add("tracker", call(90, 92, 4, ["flow"], skipped=2, lost=1))
    trace.finish()
    found = events(out)
    work = check(found)
    zero = min(e["ts"] for e in found if e["ph"] == "X")

    def since(event: dict[str, Any]) -> float:
        """ms since the first slice."""
        return round((event["ts"] - zero) / 1000, 3)

    assert work == {"camera": [4.0, 4.0], "flow": [3.0], "tracker": [2.0, 2.0]}
    arrows = [(e["ph"], e["tid"], since(e)) for e in found if e["ph"] in "sf"]
    assert arrows == [("s", 1, 4), ("f", 2, 6), ("s", 2, 8), ("f", 3, 10)]
    marks = [(e["name"], e["tid"], since(e)) for e in found if e["ph"] == "i"]
    assert marks == [("skipped 2", 3, 90), ("lost 1", 3, 90)]
    waits = [(e["tid"], e["dur"] / 1000) for e in found if e["name"] == "waiting"]
    assert waits == [(1, 27.5), (3, 78.0)]


def test_what_overlaps_is_cut_off() -> None:
    out = io.StringIO()
    trace = TraceFile(out, "pipeline.yaml")
    for record in (call(0, 40, 1, sent=1), call(33, 80, 2, sent=2), call(66, 70, 3, sent=3)):
        trace.add("camera", record)
    trace.finish()
    assert check(events(out)) == {"camera": [39.0, 38.5, 0.0]}


class Passer(Node):
    """Passes hands on."""

    def process(self, hands: Hands, frame: Frame | None) -> Hands:
        return Hands(width=hands.width)


class Sink:
    """What is sent is numbered."""

    def __init__(self) -> None:
        self.count = 0

    def send(self, message: Any) -> None:
        self.count += 1
        message.sent = self.count

    def ready(self, done: Any = None) -> None:
        pass


def hands(seq: int) -> Hands:
    now = Clock.offset_ns + 1
    return Hands(stream=1, seq=seq, captured_ns=now, sent=seq + 5, hops=[Hop("tracker", now, now)])


def calls(*messages: Hands) -> list[Call]:
    return [Call({"hands": each, "frame": None}, each, each.captured_ns) for each in messages]


def test_a_node_records_what_it_did_only_while_it_is_asked_to() -> None:
    profile, sink = Profile("passer", 1), Sink()
    run_node(Passer(), "passer", calls(hands(1)), sink, profile)
    assert profile.status()["trace"] == []
    profile.skipped = 7
    profile.trace_calls(True)
    profile.skipped = 9
    run_node(Passer(), "passer", calls(hands(2), hands(3)), sink, profile)
    second, third = profile.status()["trace"]
    assert (second.seq, second.skipped, third.skipped) == (2, 2, 0)
    assert second.inputs == [InputRecord("tracker", 1, 2, 7)]
    (sent,) = second.sends
    assert sent.sent == 2
    assert second.began_ns <= sent.began_ns <= sent.ended_ns <= second.ended_ns <= third.began_ns
    assert profile._work[-1] == third.ended_ns - third.began_ns  # what the table shows
    assert profile.status()["trace"] == []
    profile.trace_calls(False)
    run_node(Passer(), "passer", calls(hands(4)), sink, profile)
    assert profile.status()["trace"] == []


GRAPH = """nodes:
  camera: {run: camera, with: {source: demo, size: [320, 180]}}
  flow: {run: flow, in: camera}
  osc: {run: lines.py, in: {flow: flow, frame: camera}}
"""
LINES = """
from handflow import Flow, Frame, Node

class Lines(Node):
    def process(self, flow: Flow, frame: Frame | None) -> None:
        self.note = str(flow.seq)
"""


@pytest.mark.slow
def test_a_trace_of_a_run_has_the_times_of_the_table(
    run: Callable[..., Run], command: Callable[..., list[str]], tmp_path: Path
) -> None:
    (tmp_path / "lines.py").write_text(LINES)
    (tmp_path / "graph.yaml").write_text(GRAPH)
    started = run("run", "graph.yaml", "--trace", "run.json", cwd=tmp_path)

    def table() -> list[dict[str, Any]]:
        return ask(tmp_path / "graph.yaml", "top")

    until(lambda: started.out and all(row["fps_in"] + row["fps_out"] > 5 for row in table()), "it does not run")
    command("trace", "--for", "12", "-o", "twelve.json", "--graph", "graph.yaml", cwd=tmp_path)
    rows = {row["node"]: row for row in table()}
    found = json.loads((tmp_path / "twelve.json").read_text())["traceEvents"]
    work = check(found)
    assert work.keys() == rows.keys()
    assert all(len(spent) > 30 for spent in work.values())
    assert sum(e["ph"] == "s" for e in found) > 2 * len(work["osc"])
    assert started.stop() == 0
    assert started.err == ["camera: drawing the demo: no camera is used\n"]
    whole = check(json.loads((tmp_path / "run.json").read_text())["traceEvents"])
    for node, spent in whole.items():
        assert len(spent) > len(work[node])
        # The table has the median of the last ones, as of some moment in the last seconds.
        medians = [statistics.median(spent[max(0, end - SAMPLES) : end]) for end in range(len(spent) - 100, len(spent))]
        assert 0.95 * min(medians) <= rows[node]["work_ms"]["p50"] <= 1.05 * max(medians), node

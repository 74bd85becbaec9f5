"""What is wrong with a graph, told from its table."""

from typing import Any

from handflow.runtime.process.health import HealthRecord, NodeFault
from handflow.runtime.process.status_table import EMPTY_ROW, Row


def row(name: str, **changed: Any) -> Row:
    return EMPTY_ROW | {"node": name, "state": "running"} | changed


def test_a_graph_is_well_once_all_its_nodes_have_run() -> None:
    health = HealthRecord()
    health.update([row("camera"), row("osc", state="starting")])
    assert (health.report()["ok"], health.faults) == (False, [])
    health.update([row("camera"), row("osc")])
    assert health.report()["ok"]


def test_faults_begin_and_end_and_are_remembered() -> None:
    health = HealthRecord()
    health.update([row("camera", fault="black: is the lens covered?"), row("osc")])
    black = {"node": "camera", "kind": "black", "text": "camera black: is the lens covered?"}
    report = health.report()
    assert (report["ok"], report["faults"]) == (False, [black])
    assert [event["lasted_s"] for event in report["events"]] == [None]
    health.update([row("camera"), row("osc", state="restarting")])
    assert [fault["kind"] for fault in health.faults] == ["restarting"]
    health.update([row("camera"), row("osc")])
    report = health.report()
    assert (report["ok"], report["faults"], report["fault_count"]) == (True, [], 2)
    assert [event["kind"] for event in report["events"]] == ["black", "restarting"]
    assert all(event["lasted_s"] is not None for event in report["events"])


def test_what_is_over_before_the_table_shows_it_is_remembered_too() -> None:
    health = HealthRecord()
    health.update([row("osc")])
    health.note(NodeFault(node="osc", kind="ended", text="osc was killed by SIGKILL; restart 1 in 0.1 s"), 0.1)
    report = health.report()
    assert (report["ok"], report["fault_count"], report["events"][0]["lasted_s"]) == (True, 1, 0.1)


def test_a_machine_that_does_not_answer_and_a_node_that_starts_anew_are_faults() -> None:
    health = HealthRecord()
    health.update([row("camera")])
    health.update([row("camera", state="unreachable", on="stage"), row("osc", state="starting", restarts=1)])
    assert [fault["text"] for fault in health.faults] == [
        "camera: machine stage does not answer; look at its network and power", "osc does not run yet; see the log",
    ]  # fmt: skip

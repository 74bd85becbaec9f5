"""Changes of settings: checked in one place, none lost, whatever is under way at the same time."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from handflow.errors import Refused
from handflow.runtime.graph.parse import read
from handflow.runtime.graph.resolve import resolve
from handflow.runtime.process.changes.settings import SettingChanges, all_values, from_osc
from handflow.runtime.process.child import Child
from handflow.runtime.process.running_graph import RunningGraph
from handflow.runtime.process.swap import Swaps

LIMITS = """
from dataclasses import field
from typing import Annotated, Literal
from handflow import Hands, Node, Range

class Limits(Node):
    low: Annotated[float, Range(0, 1), "where it begins"] = 0.2
    high: Annotated[float, Range(0, 1), "where it ends"] = 0.8
    count: int = 3
    on: bool = False
    kind: Literal["near", "far"] = "near"
    size: list[int] = field(default_factory=lambda: [1, 2])

    def __post_init__(self):
        if self.low > self.high:
            raise ValueError(f"expected low below high, got {self.low} and {self.high}")

    def process(self, hands: Hands) -> Hands:
        return hands
"""
SOURCE = """
from collections.abc import Iterator
from handflow import Hands, Node

class Source(Node):
    def process(self) -> Iterator[Hands]:
        yield Hands()
"""


class Sent:
    """What the nodes were sent; `answer` is each one's."""

    def __init__(self) -> None:
        self.values: list[dict[str, Any]] = []
        self.answers: list[Callable[[str], None]] = []

    def __call__(self, child: Child, values: dict[str, Any], done: Callable[[str], None]) -> None:
        self.values.append(values)
        self.answers.append(done)


@pytest.fixture
def sent() -> Sent:
    return Sent()


@pytest.fixture
def changes(tmp_path: Path, sent: Sent, monkeypatch: pytest.MonkeyPatch) -> SettingChanges:
    (tmp_path / "limits.py").write_text(LIMITS)
    (tmp_path / "source.py").write_text(SOURCE)
    (tmp_path / "graph.yaml").write_text("nodes: {source: {run: source.py}, limits: {run: limits.py, in: source}}")
    graph = read(tmp_path / "graph.yaml")
    running = RunningGraph(graph, resolve(graph), print)
    monkeypatch.setattr(running, "write", lambda: None)
    running.children["limits"].process = SimpleNamespace(pid=1)  # type: ignore[assignment]
    return SettingChanges(running, Swaps(running), sent)


def value(changes: SettingChanges, key: str) -> Any:
    return all_values(changes.running.children["limits"].stage)[key]


def test_a_change_counts_once_the_node_has_made_it(changes: SettingChanges, sent: Sent) -> None:
    said: list[str] = []
    changes.begin("limits", {"count": 4}, said.append)
    assert (sent.values, said, value(changes, "count")) == ([{"count": 4}], [], 3)
    sent.answers[0]("")
    assert (said, value(changes, "count")) == ([""], 4)
    changes.begin("limits", {"count": 5}, said.append)
    sent.answers[1]("limits: no")
    assert (said, value(changes, "count")) == (["", "limits: no"], 4)
    assert changes.running.graph.nodes["limits"].settings == {"count": 4}


def test_changes_under_way_are_all_kept_and_go_together(changes: SettingChanges, sent: Sent) -> None:
    changes.begin("limits", {"low": 0.6}, print)
    changes.begin("limits", {"count": 9}, print)
    with pytest.raises(Refused, match=r"^limits: expected low below high, got 0\.6 and 0\.5$"):
        changes.begin("limits", {"high": 0.5}, print)
    assert changes.under_way("limits")
    for answer in reversed(sent.answers):
        answer("")
    assert not changes.under_way("limits")
    assert changes.running.graph.nodes["limits"].settings == {"low": 0.6, "count": 9}
    assert (value(changes, "low"), value(changes, "count")) == (0.6, 9)


def test_several_settings_are_changed_all_or_none(changes: SettingChanges, sent: Sent) -> None:
    changes.begin("limits", {"low": 0.9, "high": 1.0}, print)
    sent.answers[0]("")
    with pytest.raises(Refused, match="no setting 'hihg'"):
        changes.begin("limits", {"count": 1, "hihg": 0.1}, print)
    assert len(sent.values) == 1
    changes.begin("limits", {}, print, dropped=["low", "high"])
    assert sent.values[1] == {"low": 0.2, "high": 0.8}
    sent.answers[1]("")
    assert changes.running.graph.nodes["limits"].settings == {}
    assert (value(changes, "low"), value(changes, "high")) == (0.2, 0.8)


def test_a_node_that_does_not_run_just_now_starts_with_it(changes: SettingChanges, sent: Sent) -> None:
    changes.running.children["limits"].process = None
    said: list[str] = []
    changes.begin("limits", {"kind": "far"}, said.append)
    assert (sent.values, said, value(changes, "kind")) == ([], [""], "far")


def test_what_is_not_allowed_reaches_no_node(changes: SettingChanges, sent: Sent) -> None:
    for key, given in (("low", 2), ("low", "0.5"), ("low", float("nan")), ("count", 1.5), ("on", 1), ("kind", "mid")):
        with pytest.raises(Refused, match=f"^limits: {key}: expected "):
            changes.begin("limits", {key: given}, print)
    with pytest.raises(Refused, match=r"there is no node 'limit' .did you mean 'limits'"):
        changes.begin("limit", {"low": 0}, print)
    changes.running.graph.exact = True
    with pytest.raises(Refused, match="an exact run is not changed"):
        changes.begin("limits", {"low": 0}, print)
    assert sent.values == []


@pytest.mark.parametrize(
    ("key", "arguments", "meant"),
    [
        ("low", [1], 1), ("low", [0.5], 0.5), ("count", [4.0], 4), ("count", [4.5], 4.5), ("count", [True], 1),
        ("on", [1.0], True), ("on", [0], False), ("on", [2], 2), ("on", [True], True), ("kind", ["far"], "far"),
        ("size", [3, 4], [3, 4]), ("size", [5], [5]), ("count", [float("inf")], float("inf")), ("sizes", [1], 1),
    ],
)  # fmt: skip
def test_osc_arguments_mean_what_the_setting_can_be(
    changes: SettingChanges, key: str, arguments: list[Any], meant: Any
) -> None:
    found = from_osc(changes.running.children["limits"].stage, key, arguments)
    assert (found, type(found)) == (meant, type(meant))

"""What is wrong with a running graph now, and what was: for whoever watches over an installation from elsewhere."""

import time
from collections import deque
from collections.abc import Sequence
from typing import Any, TypedDict

from handflow.runtime.awake_clock import Countdown
from handflow.runtime.remote.peers import UNREACHABLE

from .status_table import Row

EVENTS = 100  # of the past that are remembered
AWAKE_STEP_S = 2.0  # the table comes once a second
STARTING_S = 60.0  # a node that takes longer to start is stuck: models are loaded in seconds


class NodeFault(TypedDict):
    """What is wrong with a node."""

    node: str
    kind: str  # a word or two: black, restarting
    text: str  # the same in a line, with what to do


class FaultEvent(NodeFault):
    """A fault that there was."""

    at: float  # seconds since 1970
    lasted_s: float | None  # None: it is there still


class Report(TypedDict):
    """What `handflow_healthy` and /healthz say."""

    ok: bool
    faults: list[NodeFault]
    events: list[FaultEvent]  # the newest last
    fault_count: int  # since the start
    uptime_s: float


class HealthRecord:
    """Told of the table once a second, and of what happens in between."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()
        self._starting = Countdown(STARTING_S, AWAKE_STEP_S)
        self._ready = False  # whether all nodes have run
        self._events: deque[FaultEvent] = deque(maxlen=EVENTS)
        self._present: dict[tuple[str, str], tuple[FaultEvent, float]] = {}  # with when it began
        self._count = 0

    @property
    def faults(self) -> list[NodeFault]:
        """Those of now."""
        return [NodeFault(node=e["node"], kind=e["kind"], text=e["text"]) for e, _ in self._present.values()]

    def update(self, rows: Sequence[Row]) -> None:
        """Takes the table."""
        self._ready |= all(row["state"] not in ("starting", UNREACHABLE) for row in rows)
        late = self._starting.over()
        found = {(fault["node"], fault["kind"]): fault for fault in _faults(rows, self._ready or late)}
        now_s = time.monotonic()
        for key in self._present.keys() - found.keys():
            event, since_s = self._present.pop(key)
            event["lasted_s"] = round(now_s - since_s, 1)
        for key, fault in found.items():
            if key not in self._present:
                self._present[key] = self.note(fault), now_s

    def note(self, fault: NodeFault, lasted_s: float | None = None) -> FaultEvent:
        """Remembers a fault, also one that is over before the table shows it."""
        event = FaultEvent(**fault, at=round(time.time(), 3), lasted_s=lasted_s)
        self._events.append(event)
        self._count += 1
        return event

    def report(self) -> Report:
        """All of it, as JSON has it."""
        return Report(
            ok=self._ready and not self._present,
            faults=self.faults,
            events=list(self._events),
            fault_count=self._count,
            uptime_s=round(time.monotonic() - self._began_s, 1),
        )


def _faults(rows: Sequence[Row], starting_counts: bool) -> list[NodeFault]:
    found = []
    for row in rows:
        name, state = row["node"], row["state"]
        if state == "restarting":
            found.append(NodeFault(node=name, kind=state, text=f"{name} has ended and is started again; see the log"))
        elif state == UNREACHABLE:
            where = f"machine {row.get('on', '')} does not answer"
            found.append(NodeFault(node=name, kind=state, text=f"{name}: {where}; look at its network and power"))
        elif state == "starting" and (row["restarts"] or starting_counts):
            found.append(NodeFault(node=name, kind=state, text=f"{name} does not run yet; see the log"))
        elif row["fault"]:
            kind = row["fault"].partition(":")[0]
            found.append(NodeFault(node=name, kind=kind, text=f"{name} {row['fault']}"))
    return found


def stats(graph: str, rows: Sequence[Row], health: HealthRecord) -> dict[str, Any]:
    """What the control server answers to `stats`, and /stats.json shows."""
    return {"graph": graph, "health": health.report(), "nodes": list(rows)}

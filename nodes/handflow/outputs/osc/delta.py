"""What has changed between two frames: who came and went, opened and closed, entered and left a zone."""

from dataclasses import dataclass, field
from typing import NamedTuple

from handflow.messages import State

from .coordinates import SLOT, ZONE
from .frame_state import FrameState


class ZoneEvent(NamedTuple):
    """A hand that has come into a zone or left it, or has been in it for as long as it asks for."""

    id: int
    slot: int
    zone: str


@dataclass(eq=False)
class Delta:
    """What a frame says beyond the one before it."""

    entered: list[int] = field(default_factory=list)  # rows of the state
    toggled: list[int] = field(default_factory=list)  # rows: opened or closed
    left: FrameState = field(default_factory=FrameState)  # those that are no longer there, as they were last
    zones_left: list[ZoneEvent] = field(default_factory=list)
    zones_entered: list[ZoneEvent] = field(default_factory=list)
    zones_dwelt: list[ZoneEvent] = field(default_factory=list)


NO_CHANGE = Delta()


def delta(state: FrameState, before: FrameState) -> Delta:
    """What has changed from one state to another."""
    facts, facts_before = [(s.ids, s.is_open, s.dwelt, s.zones) for s in (state, before)]
    if facts == facts_before and (state.integers[:, ZONE] == before.integers[:, ZONE]).all():
        return NO_CHANGE
    found = Delta()
    rows_before = {id_: row for row, id_ in enumerate(before.ids)}
    for row, id_ in enumerate(state.ids):
        row_before = rows_before.pop(id_, None)
        if row_before is None:
            found.entered.append(row)
        if state.is_open[row] != (row_before is not None and before.is_open[row_before]):
            found.toggled.append(row)
        _compare_zones(found, state, row, before, row_before)
    if rows_before:
        found.left = before.pick(list(rows_before.values()), State.LEAVING)
        for row, id_ in enumerate(found.left.ids):
            zone = found.left.zone_of(row)
            if zone is not None:
                found.zones_left.append(ZoneEvent(id_, int(found.left.integers[row, SLOT]), zone))
    return found


def _compare_zones(found: Delta, state: FrameState, row: int, before: FrameState, row_before: int | None) -> None:
    id_, slot = state.ids[row], int(state.integers[row, SLOT])
    zone = state.zone_of(row)
    zone_before = None if row_before is None else before.zone_of(row_before)
    if zone != zone_before:
        if zone_before is not None:
            found.zones_left.append(ZoneEvent(id_, slot, zone_before))
        if zone is not None:
            found.zones_entered.append(ZoneEvent(id_, slot, zone))
    dwelt_before = row_before is not None and before.dwelt[row_before] and zone == zone_before
    if zone is not None and state.dwelt[row] and not dwelt_before:
        found.zones_dwelt.append(ZoneEvent(id_, slot, zone))

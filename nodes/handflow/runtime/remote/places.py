"""Which of several machines runs a node (`on: [stage, spare]`): the first that is alive, by rules that need no vote.

Each machine decides by what it sees of the others, for itself and for whom its own nodes read. One that has come back
takes its nodes only once it has been there for a while, longer each time that it was lost: nothing flaps. It begins
before the one that stood in for it ends, so that readers lose as little as can be.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec

# A machine that has said nothing for so long is gone: the next takes its nodes. One that is silent for longer than
# LOST_S has been lost; one that was only too busy to answer for a moment has its nodes back at once.
GONE_S, LOST_S = 2.0, 4.0
# At the start: the machines before this one in a list may come so much later, those behind it say what they run.
EXPECTED_S, GREETED_S = 10.0, 2.0
# A machine that has been there for so long and can still not run a node is not waited for.
ABLE_S = 20.0
# What has come back is trusted after so long, twice as long for each time that it was lost, up to a quarter of an hour.
STEADY_S, MAX_STEADY_S = 5.0, 900.0
# Losses longer ago are forgotten.
FORGOTTEN_S = 1800.0


class Holding(msgspec.Struct, omit_defaults=True):
    """What a machine says of the nodes that several may run."""

    runs: list[str] = []  # that it runs, or just begins to
    works: list[str] = []  # those of them whose messages come
    able: list[str] = []  # that it could run at once
    stored: dict[str, bytes] = {}  # Node.persistent of those that it runs, packed
    losses: dict[str, int] = {}  # by machine, how often that was lost
    leaving: bool = False  # its supervisor is being stopped


class MachineView(NamedTuple):
    """A machine as another one sees it, for one node."""

    state: Literal["unknown", "there", "gone"]
    runs: bool = False  # runs the node, or just begins to
    works: bool = False  # and its messages come
    able: bool = True  # could run it, or may be about to
    steady: bool = True  # has been there for long enough to rely on


def takes(places: Sequence[str], here: str, seen: Mapping[str, MachineView]) -> bool:
    """Whether `here`, which could at once, begins to run a node."""
    at = places.index(here)
    for each in (seen[name] for name in places[:at]):
        if each.state == "unknown" or (each.state == "there" and (each.runs or each.able)):
            return False
    for each in (seen[name] for name in places[at + 1 :]):
        if each.state == "unknown" or (each.state == "there" and each.runs and not each.steady):
            return False
    return True


def gives_way(places: Sequence[str], here: str, seen: Mapping[str, MachineView]) -> bool:
    """Whether `here`, which runs a node, leaves it to a machine before it that runs it too."""
    before = (seen[name] for name in places[: places.index(here)])
    return any(each.state == "there" and each.works and each.steady for each in before)


def followed(places: Sequence[str], at: str, seen: Mapping[str, MachineView]) -> str:
    """The machine on which a node is read that was read on `at` so far."""
    running = [name for name in places if seen[name].state == "there" and seen[name].runs]
    for name in running:
        if name == at or at not in running or (seen[name].works and seen[name].steady):
            return name
    return at


def steady_after_s(losses: int) -> float:
    """How long a machine must have been there before it is relied on; one that was never lost is at once."""
    return min(STEADY_S * 2 ** (losses - 1), MAX_STEADY_S) if losses else 0.0

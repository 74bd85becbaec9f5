"""A running graph's settings: one place where changes are checked, whoever asks (a command, OSC, the file, the page).

The check is that of a graph file. The node's own process has the last word, for it alone knows what it can start with.
"""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, Field, fields
from typing import Any

import msgspec

from handflow.errors import Refused
from handflow.runtime.graph.stage import Stage, checked_settings, hint, misfit
from handflow.runtime.process.child import Child
from handflow.runtime.process.running_graph import RunningGraph
from handflow.runtime.process.swap import Swaps

Done = Callable[[str], None]  # is given "", or why nothing was changed
Send = Callable[[Child, dict[str, Any], Done], None]  # the values, to a node that runs


class SettingChanges:
    """Changes settings of the nodes on this machine. `send` gives a node that runs its new values. Refused."""

    def __init__(self, running: RunningGraph, swaps: Swaps, send: Send) -> None:
        self.running, self._swaps, self._send = running, swaps, send
        # Values that were sent and are not answered yet, by node: what comes meanwhile must go with them.
        self._coming: dict[str, dict[str, Any]] = {}

    def child(self, node: str) -> Child:
        """A node of this machine."""
        children = self.running.children
        if node in self.running.stages and self.running.stages[node].on != self.running.graph.on:
            raise Refused(f"{node} runs on machine {self.running.stages[node].on}; run this command there")
        if node not in children:
            raise Refused(f"there is no node {node!r}{hint(node, list(children))}; there are {', '.join(children)}")
        return children[node]

    def under_way(self, node: str) -> bool:
        """Whether a node has still to answer a change."""
        return bool(self._coming.get(node))

    def begin(self, node: str, values: Mapping[str, Any], done: Done, dropped: Collection[str] = ()) -> None:
        """Gives a node other values, all of them or none; the next message is worked on with them.

        `dropped`: settings that the file has no longer, and that have their default again.
        """
        child = self.child(node)
        if self.running.graph.exact:
            raise Refused("an exact run is not changed: it would not be the same the next time")
        if node in self._swaps.under_way:
            raise Refused(f"{node} is being swapped; try again when that is done")
        defaults = {key: value for key, value in default_values(child.stage).items() if key in dropped}
        coming = {**values, **defaults}
        before = {**self.running.graph.nodes[node].settings, **self._coming.get(node, {})}
        good = checked(child.stage, before, coming)
        if child.process is None:
            self._keep(child, coming, good, dropped)
            done("")  # it starts with them
            return
        under_way = self._coming.setdefault(node, {})

        def answered(error: str) -> None:
            for key, value in coming.items():
                if under_way.get(key) is value:
                    del under_way[key]
            if not error:
                self._keep(self.running.children[node], coming, good, dropped)
            done(error)

        self._send(child, coming, answered)
        under_way.update(coming)

    def _keep(self, child: Child, values: Mapping[str, Any], good: Mapping[str, Any], dropped: Collection[str]) -> None:
        settings = self.running.graph.nodes[child.name].settings
        for key in values:
            # Only these: others may have been changed since the check.
            child.stage.settings[key] = good[key]
            settings[key] = values[key]
            if key in dropped:
                del settings[key]
        self.running.write_again()


def checked(stage: Stage, before: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """All of a stage's settings as its class has them, once `values` are in the place of those `before`. Refused."""
    good, wrong = checked_settings(stage.declaration, {**before, **values})
    if wrong:
        # What was wrong before is said only where nothing else is.
        raise Refused(f"{stage.name}: {next(wrong[key] for key in (*values, *wrong) if key in wrong)}")
    if line := misfit(stage.node, good):
        raise Refused(f"{stage.name}: {line}")
    return good


def from_osc(stage: Stage, key: str, values: list[Any]) -> Any:
    """What OSC arguments mean for a setting: senders have 1.0 where 1 or true is meant, and arguments for a list."""
    annotation = stage.declaration.settings.get(key)
    (first, *others) = values
    guesses = [values] if others else [first, [first]]
    if not others and isinstance(first, int | float) and math.isfinite(first):
        guesses[1:1] = [int(first)] * (first == int(first)) + [bool(first)] * (first in (0, 1))
    for guess in guesses:
        try:
            msgspec.convert(guess, annotation, strict=True)
        except msgspec.ValidationError:
            continue
        return guess
    return guesses[0]


def default_values(stage: Stage) -> dict[str, Any]:
    """The defaults of a stage's settings, as JSON has them; None for those without."""
    return {each.name: msgspec.to_builtins(_default(each)) for each in fields(stage.node)}  # type: ignore[arg-type]


def all_values(stage: Stage) -> dict[str, Any]:
    """All of a stage's settings, as JSON has them."""
    return {**default_values(stage), **msgspec.to_builtins(stage.settings)}


def _default(of: "Field[Any]") -> Any:
    if of.default_factory is not MISSING:
        return of.default_factory()
    return of.default if of.default is not MISSING else None

"""A graph's file, followed while it runs: changed settings are applied, changed stages swapped, each with one line.

A file that is wrong anywhere changes nothing. What was changed in the running graph by other ways stays, unless the
file changes the same. A stage's own .py file counts too. Other nodes, or other edges, take a new start.
"""

import functools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from handflow.errors import GraphError, Refused
from handflow.runtime.graph.graph import Graph
from handflow.runtime.graph.resolve import resolve
from handflow.runtime.graph.stage import Stage
from handflow.runtime.graph.yaml_edit import flow
from handflow.runtime.process.running_graph import RunningGraph
from handflow.runtime.process.swap import Swaps

from .settings import SettingChanges

# A file that is being written looks different at the next look.
LOOK_S = 0.2

Stamp = tuple[int, int, int] | None


class GraphWatch:
    """Follows the file that `reread` reads (with what the command line has set). `step` is called again and again."""

    def __init__(
        self, running: RunningGraph, settings: SettingChanges, swaps: Swaps, reread: Callable[[], Graph]
    ) -> None:
        self.running, self.settings, self.swaps, self.reread = running, settings, swaps, reread
        self.name = running.graph.file.name
        self._before = running.graph.copy()  # what the file said when it was right
        self._named = running.graph  # what it says
        self._taken = self._seen = self._stamps()
        self._looked_at = 0.0
        self._under_way = 0  # changes that nodes have still to make

    def step(self, now: float) -> None:
        """Looks at the files, and takes over what has changed once they stay as they are."""
        if now - self._looked_at < LOOK_S:
            return
        self._looked_at = now
        seen_before, self._seen = self._seen, self._stamps()
        # A file that was not looked at before has not changed.
        self._taken = {**self._seen, **self._taken}
        changed = {file for file, stamp in self._seen.items() if stamp != self._taken[file]}
        # What is under way comes first: what is changed then is compared with what came of it.
        if changed and self._seen == seen_before and not self._busy():
            self._taken = self._seen
            self._take_over(changed)

    def _busy(self) -> bool:
        return bool(self._under_way or self.swaps.under_way)

    def _stamps(self) -> dict[Path, Stamp]:
        """Of the graph's file, and of the .py stages that run or are to run."""
        file = self.running.graph.file
        runs = [child.stage.run for child in self.running.children.values()]
        runs += [node.run for node in self._named.nodes.values()]
        own = [(file.parent / run).resolve() for run in runs if run.endswith(".py")]
        return {each: _stamp(each) for each in [file, *own]}

    def _take_over(self, changed: set[Path]) -> None:
        try:
            after = self._named = self.reread()
            stages = resolve(after)
        except (GraphError, ImportError) as error:
            line, *more = error.lines if isinstance(error, GraphError) else [str(error)]
            rest = f" (and {len(more)} more: handflow check)" if more else ""
            self.running.say(f"{self.name} was changed and nothing is taken over: {line}{rest}")
            return
        before, self._before = self._before, after
        if names := self._rewired(after):
            self.running.say(f"{self.name}: {', '.join(names)}: other nodes or edges; start the graph again for that")
        for name, child in self.running.children.items():
            if name in names or name not in stages:
                continue
            try:
                if stages[name].run != child.stage.run or Path(child.stage.run) in changed:
                    self._swap(name, stages[name], before, after)
                else:
                    self._set(name, before, after)
            except Refused as error:
                self.running.say(f"{self.name}: {error}")

    def _rewired(self, after: Graph) -> list[str]:
        """The nodes that are new, gone, elsewhere or read others than those that run."""
        running, names = self.running.graph, {**self.running.graph.nodes, **after.nodes}
        found = []
        for name in names:
            old, new = running.nodes.get(name), after.nodes.get(name)
            if old is None or new is None or old.inputs != new.inputs or running.places(name) != after.places(name):
                found.append(name)
        if (running.machines, running.key, running.portable) != (after.machines, after.key, after.portable):
            found.append("machines, key or transport")
        return found

    def _difference(self, name: str, before: Graph, after: Graph) -> tuple[dict[str, Any], list[str]]:
        """The settings that a node has other values for now, and those that it has no longer."""
        runs, old, new = (graph.nodes[name].settings for graph in (self.running.graph, before, after))
        # Those of another stage say nothing about this one's.
        same = before.nodes[name].run == after.nodes[name].run
        keys = [key for key in {**runs, **new} if not (same and key in old and key in new and old[key] == new[key])]
        values = {key: new[key] for key in keys if key in new and not (key in runs and runs[key] == new[key])}
        return values, [key for key in keys if key not in new and (key in old or not same)]

    def _set(self, name: str, before: Graph, after: Graph) -> None:
        values, dropped = self._difference(name, before, after)
        if values or dropped:
            what = [f"{name}.{key}={flow(value)}" for key, value in values.items()]
            what += [f"{name}.{key} as it is by default" for key in dropped]
            self._under_way += 1
            try:
                self.settings.begin(name, values, functools.partial(self._done, what), dropped)
            except Refused:
                self._under_way -= 1
                raise

    def _swap(self, name: str, stage: Stage, before: Graph, after: Graph) -> None:
        spec, old = after.nodes[name], self.running.graph.nodes[name]
        settings = spec.settings
        if stage.run == self.running.children[name].stage.run:
            values, dropped = self._difference(name, before, after)
            settings = {key: value for key, value in {**old.settings, **values}.items() if key not in dropped}
        self.swaps.begin(name, spec.run, settings, functools.partial(self._swapped, f"{name} runs {spec.run}"))

    def _done(self, what: Iterable[str], error: str) -> None:
        self._under_way -= 1
        self._swapped(", ".join(what), error)

    def _swapped(self, what: str, error: str) -> None:
        self.running.say(f"{self.name}: {error or what}")


def _stamp(file: Path) -> Stamp:
    """What is different once a file was written; None: it is not there."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino

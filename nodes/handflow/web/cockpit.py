"""What the page asks of the graph that it shows, and has it do: settings, their saving, recordings, log lines.

All of it goes to the supervisor, which checks it as it checks what commands ask for.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from handflow.errors import GraphError, RunError
from handflow.runtime.address import masked_in
from handflow.runtime.files import packaged
from handflow.runtime.process.control_client import ANSWER_S, CHANGE_S, ask, runs

from .server import Document, WebServer

PORT = "port"  # under this name a view keeps where its page is
SNAPSHOT_S = 30.0  # until the disk has the last seconds
Given = dict[str, Any]  # what the page sends


class Cockpit:
    """Answers for the graph in `file`, which runs as machine `on`."""

    def __init__(self, file: str, on: str) -> None:
        self._file, self._on = Path(file), on or None
        self._saved: tuple[int, dict[str, dict[str, Any]]] = (-1, {})  # when the file was written, what it has

    def add_to(self, web: WebServer) -> None:
        """Adds what the page asks for to a server that has not started."""
        web.document("/graph.json", lambda: Document.json(self.graph()))
        web.document("/graphs.json", lambda: Document.json(self.graphs()))
        for path, answer in (
            ("/log", self.log),
            ("/set", self.set),
            ("/save", self.save),
            ("/snapshot", self.snapshot),
        ):
            web.post(path, _with_lines(answer), waits=True)

    def graph(self) -> dict[str, Any]:
        """The nodes with their settings: their values, bounds and help, and those that the file has."""
        try:
            nodes, given = self._ask("describe"), self._ask("changes")["nodes"]
        except RunError as error:  # nodes started one by one have no supervisor
            return {"file": str(self._file), "nodes": {}, "differing": [], "fault": str(error)}
        fault = ""
        try:
            before = self._saved_settings()
        except (GraphError, OSError) as error:
            before, fault = {}, str(error)
        differing = []
        for name, changed in given.items():
            settings = nodes.get(name, {}).get("settings", {})
            saved = before.get(name, {})
            for key, setting in settings.items():
                if key in saved:
                    setting["saved"] = masked_in(saved[key])
                default = setting.get("default")
                if name in before and not _same(changed["with"].get(key, default), saved.get(key, default)):
                    differing.append([name, key])
        return {"file": str(self._file), "nodes": nodes, "differing": differing, "fault": fault}

    def graphs(self) -> dict[str, Any]:
        """The graphs that run on this machine, with the ports of their pages."""
        found = []
        for directory, graph in runs():
            # What a view keeps: another port than its graph says, if that was taken.
            stored = [directory.stored(name).get(PORT) for name, node in graph.nodes.items() if node.run == "view"]
            ports = [port for port in stored if isinstance(port, int)]
            here = graph.file == self._file and graph.on == (self._on or "")
            found.append({"file": str(graph.file), "on": graph.on, "ports": ports, "here": here})
        return {"graphs": found}

    def log(self, given: Given) -> dict[str, Any]:
        """The lines after the one with the number `after`."""
        return {"lines": self._ask("log", after=given["after"])}

    def set(self, given: Given) -> dict[str, Any]:
        """Changes the setting `key` of `node` to `value`."""
        self._ask("set", CHANGE_S, node=given["node"], key=given["key"], value=given["value"])
        return {}

    def save(self, _: Given) -> dict[str, Any]:
        """Writes what differs into the graph's file; the packaged one is not the user's, so a copy is made of it."""
        from handflow.runtime.process.saving import save_changes, unsaved

        target = self._file
        if target == packaged("pipeline.yaml").absolute():
            target = Path("pipeline.yaml").absolute()
            if target.exists():
                raise RunError(f"{target} is there already; to write another file: handflow save FILE")
        changes = self._ask("changes")
        differing = {tuple(each) for each in self.graph()["differing"]}
        found = unsaved(changes, target.parent)
        found = {path: value for path, value in found.items() if "with" not in path or _setting(path) in differing}
        written = save_changes(changes, target, found)
        return {"done": f"{target.name}: {', '.join(written) or 'nothing has been changed'}"}

    def snapshot(self, given: Given) -> dict[str, Any]:
        """Has the recorder `node` write the last seconds."""
        node = given["node"]
        answer = self._ask("command", SNAPSHOT_S, name="snapshot", nodes=[node], within_s=SNAPSHOT_S)[node]
        if "error" in answer:
            raise RunError(answer["error"])
        return {"file": answer["answer"]}

    def _saved_settings(self) -> dict[str, dict[str, Any]]:
        # Reading YAML takes a library, and who never looks at settings does without it.
        from handflow.runtime.graph.parse import read

        written_ns = self._file.stat().st_mtime_ns
        if self._saved[0] != written_ns:
            self._saved = written_ns, {name: node.settings for name, node in read(self._file).nodes.items()}
        return self._saved[1]

    def _ask(self, verb: str, wait_s: float = ANSWER_S, **arguments: Any) -> Any:
        return ask(self._file, verb, wait_s, self._on, **arguments)


def _setting(path: tuple[str, ...]) -> tuple[str, str]:
    return path[1], path[-1]


def _same(one: Any, other: Any) -> bool:
    """As JSON: a tuple of a class's default is a file's list, and 1 is 1.0."""
    return bool(masked_in([one]) == masked_in([other]))


def _with_lines(answer: Callable[[Given], dict[str, Any]]) -> Callable[[Given], dict[str, Any]]:
    """`answer`, with what is wrong as the ValueError that the server tells the page."""

    def handle(given: Given) -> dict[str, Any]:
        try:
            return answer(given)
        except (RunError, GraphError) as error:
            raise ValueError(str(error)) from error
        except KeyError as error:
            raise ValueError(f"expected {error.args[0]!r} in the request") from error

    return handle

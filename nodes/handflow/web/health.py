"""What a watchdog, a monitoring system or a script asks of a running graph: /healthz, /metrics and /stats.json."""

import threading
import time
from pathlib import Path
from typing import Any

from handflow import __version__
from handflow.errors import RunError
from handflow.runtime.process.control_client import ask

from .server import Document, WebServer

ANSWER_S = 1.0  # the supervisor answers in milliseconds, or hangs
# Whoever asks oftener is told the same.
FRESH_S = 0.5


class HealthPages:
    """Answers for the graph in `file`, which runs as machine `on`; its supervisor knows."""

    def __init__(self, file: str, on: str) -> None:
        self._file, self._on = file, on
        self._lock = threading.Lock()
        self._stats: dict[str, Any] = {}
        self._asked_s = -FRESH_S

    def add_to(self, web: WebServer) -> None:
        """Adds the three pages to a server that has not started."""
        web.document("/healthz", self._healthz)
        web.document("/metrics", self._metrics)
        web.document("/stats.json", lambda: Document.json(self.stats()))

    def stats(self) -> dict[str, Any]:
        """Of now, or of a moment ago."""
        with self._lock:
            if time.monotonic() - self._asked_s > FRESH_S:
                self._stats = self._ask()
                self._asked_s = time.monotonic()
            return self._stats

    def _ask(self) -> dict[str, Any]:
        try:
            return ask(Path(self._file), "stats", ANSWER_S, self._on or None)
        except RunError as error:
            fault = {"node": "", "kind": "no supervisor", "text": f"{error}; start it with handflow run"}
            health = {"ok": False, "faults": [fault], "events": [], "fault_count": 1, "uptime_s": 0.0}
            return {"graph": self._file, "health": health, "nodes": []}

    def _healthz(self) -> Document:
        health = self.stats()["health"]
        return Document.json({"ok": health["ok"], "faults": health["faults"]}, 200 if health["ok"] else 503)

    def _metrics(self) -> Document:
        # Whoever never asks for it does without the library.
        from .metrics import CONTENT_TYPE, exposition

        return Document(200, CONTENT_TYPE, exposition(self.stats(), __version__))

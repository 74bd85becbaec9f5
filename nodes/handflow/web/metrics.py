"""How a graph does, in the format that Prometheus reads."""

from collections.abc import Callable, Iterator
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = CONTENT_TYPE_LATEST
Row = dict[str, Any]  # of `top`

GAUGES: dict[str, tuple[str, Callable[[Row], float]]] = {
    "node_running": ("Whether the node's process is at work.", lambda row: row["state"] == "running"),
    "input_frames_per_second": ("Messages that drove the node.", lambda row: row["fps_in"]),
    "output_frames_per_second": ("Messages that it sent.", lambda row: row["fps_out"]),
    "cpu_cores": ("Processor time that its process uses, in cores.", lambda row: row["cpu_percent"] / 100),
    "resident_memory_bytes": ("Memory of its process.", lambda row: row["rss_mb"] * 2**20),
}
COUNTERS: dict[str, tuple[str, Callable[[Row], float]]] = {
    "skipped_messages": ("Messages that its inputs passed over.", lambda row: row["skipped"]),
    "lost_messages": ("Messages that it read too late.", lambda row: row["lost"]),
    "refused_messages": ("Messages that were none of the expected kind.", lambda row: row["refused"]),
    "restarts": ("How often its process was started again.", lambda row: row["restarts"]),
    "swaps": ("How often another process took over.", lambda row: row["swaps"]),
}
SPREADS = {
    "work_seconds": ("Work at one message.", "work_ms"),
    "age_seconds": ("From a picture's capture to the sending of what was made of it.", "age_ms"),
}


def exposition(stats: dict[str, Any], version: str) -> bytes:
    """The text of /metrics for the supervisor's `stats`."""
    registry = CollectorRegistry()
    registry.register(_Stats(stats, version))
    return generate_latest(registry)


class _Stats(Collector):
    def __init__(self, stats: dict[str, Any], version: str) -> None:
        self._stats, self._version = stats, version

    def collect(self) -> Iterator[Metric]:
        health, rows = self._stats["health"], self._stats["nodes"]
        graph = {"graph": self._stats["graph"], "version": self._version}
        yield InfoMetricFamily("handflow", "Which graph runs.", graph)
        yield GaugeMetricFamily("handflow_healthy", "Whether nothing is wrong.", health["ok"])
        yield GaugeMetricFamily("handflow_uptime_seconds", "Since the graph's start.", health["uptime_s"])
        yield CounterMetricFamily("handflow_faults", "Things that went wrong.", health["fault_count"])
        present = GaugeMetricFamily("handflow_fault", "What is wrong now.", labels=["node", "kind"])
        for fault in health["faults"]:
            present.add_metric([fault["node"], fault["kind"]], 1)
        yield present
        for name, (help_, value) in GAUGES.items():
            gauge = GaugeMetricFamily(f"handflow_{name}", help_, labels=["node"])
            for row in rows:
                gauge.add_metric([row["node"]], value(row))
            yield gauge
        for name, (help_, value) in COUNTERS.items():
            counter = CounterMetricFamily(f"handflow_{name}", help_, labels=["node"])
            for row in rows:
                counter.add_metric([row["node"]], value(row))
            yield counter
        for name, (help_, key) in SPREADS.items():
            spread = GaugeMetricFamily(f"handflow_{name}", help_, labels=["node", "percentile"])
            for row in rows:
                for percentile in (50, 99):
                    spread.add_metric([row["node"], str(percentile)], row[key][f"p{percentile}"] / 1000)
            yield spread

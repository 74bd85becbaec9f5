"""What a recording says of itself: the graph, its models, how pictures are stored, the version and the machine."""

import hashlib
import json
import os
import platform
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

from handflow import __version__
from handflow.errors import SetupError, StageError
from handflow.runtime.address import masked_in
from handflow.runtime.graph.stage import load
from handflow.runtime.transport.wire import VERSION


class PictureFormat(NamedTuple):
    """How pictures are stored."""

    form: Literal["jpeg", "png"] = "jpeg"
    quality: int = 90  # of JPEG: 104 kB for a picture of the demo at 720p, 1.9 ms


class RecordingMetadata(NamedTuple):
    """What a recording says of itself."""

    handflow: str = __version__
    wire: int = VERSION
    started: str = ""  # UTC
    graph: dict[str, Any] = {}  # as its processes read it: file, nodes with run, in, with
    models: dict[str, dict[str, str]] = {}  # node -> file name -> SHA-256
    pictures: str = ""
    machine: dict[str, Any] = {}

    def text(self) -> dict[str, str]:
        """As the metadata record has it, with a checksum: MCAP has none for it."""
        values = {key: json.dumps(value) for key, value in self._asdict().items()}
        return values | {"crc": str(_crc(values))}

    @staticmethod
    def read(values: Mapping[str, str]) -> "RecordingMetadata":
        """ValueError if it is not what was written."""
        if values.get("crc") != str(_crc(values)):
            raise ValueError("its metadata is damaged")
        return RecordingMetadata(**{key: json.loads(values[key]) for key in RecordingMetadata._fields if key in values})


def _crc(values: Mapping[str, str]) -> int:
    return zlib.crc32("\n".join(f"{key}={values[key]}" for key in sorted(values) if key != "crc").encode())


def metadata_of(graph: Mapping[str, Any], pictures: PictureFormat) -> RecordingMetadata:
    """`graph`: as a running graph's processes read it, or {} where there is none."""
    form = f"{pictures.form} {pictures.quality}" if pictures.form == "jpeg" else pictures.form
    machine = {
        "name": platform.node(),
        "system": platform.platform(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }
    started = datetime.now(UTC).isoformat(timespec="seconds")
    shown = masked_in(graph)  # recordings are given to others: no camera's password in them
    return RecordingMetadata(started=started, graph=shown, models=models_of(graph), pictures=form, machine=machine)


def models_of(graph: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The model files that a graph's nodes open, with their SHA-256; a file that is not there is left out."""
    from handflow.vision.model import model_path  # not before there is a graph: a converted clip has none

    found: dict[str, dict[str, str]] = {}
    for name, entry in graph.get("nodes", {}).items():
        try:
            node = load(entry["run"], Path(graph["file"]).parent)
            model = entry["with"].get("model", getattr(node, "model", None))
            precision = entry["with"].get("precision", getattr(node, "precision", None))
            if not isinstance(model, str):
                continue
            for each in ("fp32", "int8") if precision == "auto" else (precision or "fp32",):
                file = model_path(model, each)
                found.setdefault(name, {})[file.name] = hashlib.sha256(file.read_bytes()).hexdigest()
        except (StageError, SetupError, OSError):
            continue
    return found

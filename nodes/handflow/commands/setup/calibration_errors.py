"""`handflow calibrate --errors`: how well the cameras over one floor fit its plan, and each other."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from handflow.errors import RunError, SetupError
from handflow.runtime.graph.graph import Graph
from handflow.runtime.graph.resolve import resolve
from handflow.runtime.graph.stage import Stage
from handflow.runtime.process.control_client import ask
from handflow.stages.surface import Surface
from handflow.vision.floor_points import point_arrays
from handflow.vision.homography import fitted, points_fault, warp

WORTH_CM = 2.0  # what is nearer than this nobody can measure better
OFFSETS = "offsets"  # the command of nodes that know how far cameras lie apart


def show_errors(graph: Graph, as_json: bool) -> int:
    """Prints the errors of each surface's points, and between cameras if the graph runs. GraphError, SetupError."""
    points = point_errors(resolve(graph))
    cameras = between_cameras(graph.file)
    if not points and not cameras:
        raise SetupError(
            f"{graph.file}: expected a surface with `points`, or a running graph with `fusion`, got neither"
        )
    if as_json:
        print(json.dumps({"points": points, "cameras": cameras}))
        return 0
    for name, rows in points.items():
        print(f"{name}: how far each point lies beside the floor through all of them")
        suspect = _suspect(rows)
        for number, row in enumerate(rows):
            error = "-" if row["cm"] is None else f"{row['cm']:.0f} cm"
            if number == suspect:
                error += f": measure it again, without it the others fit within {row['others_cm']:.0f} cm"
            x, y = row["floor"]
            print(f"  {x:g}, {y:g}: {error}")
        if rows and rows[0]["cm"] is None:
            print("  four points fit always: a fifth would tell how well")
    for pair in cameras:
        x, y = (100 * part for part in pair["offset"])
        first, second = pair["cameras"]
        far = f"{np.hypot(x, y):.0f} cm apart ({x:+.0f} across, {y:+.0f} down the plan)"
        print(f"{first} and {second}: {far}, {100 * pair['spread']:.0f} cm of scatter, {pair['votes']:.0f} looks")
    if not cameras:
        print("between cameras: run the graph with `fusion`, let somebody walk where two see, and ask again")
    return 0


def point_errors(stages: Mapping[str, Stage]) -> dict[str, list[dict[str, Any]]]:
    """For each surface with points: `cm`, how far each lies beside the plane through all of them (None of four: they
    fit always), and `others_cm`, how far the others do without it (RMS; None of five: the four left fit always).
    """
    found = {}
    for stage in stages.values():
        if not issubclass(stage.node, Surface) or not stage.settings.get("points"):
            continue
        points, size = stage.settings["points"], stage.settings["size"]
        picture, floor = point_arrays(points, size)
        beside_cm = 100 * _beside(picture, floor, size)
        rows = []
        for number, point in enumerate(points):
            others, others_cm = np.arange(len(points)) != number, None
            if len(points) > 5 and points_fault(picture[others], floor[others]) is None:
                others_cm = 100 * float(np.sqrt((_beside(picture[others], floor[others], size) ** 2).mean()))
            cm = float(beside_cm[number]) if len(points) > 4 else None
            rows.append({"picture": list(point.picture), "floor": list(point.floor), "cm": cm, "others_cm": others_cm})
        found[stage.name] = rows
    return found


def _beside(picture: np.ndarray, floor: np.ndarray, size: tuple[float, float]) -> np.ndarray:
    """How far points lie beside the plane through all of them, in the unit of `size`: (n,)."""
    apart = (warp(fitted(picture, floor), picture) - floor) * size
    return np.hypot(apart[:, 0], apart[:, 1])


def _suspect(rows: list[dict[str, Any]]) -> int | None:
    """The point that was measured wrong: without it the others fit several times as well."""
    if any(row["others_cm"] is None for row in rows):
        return None
    all_cm = np.sqrt(np.mean([row["cm"] ** 2 for row in rows]))
    best = min(range(len(rows)), key=lambda number: rows[number]["others_cm"])
    return best if all_cm > WORTH_CM and rows[best]["others_cm"] < all_cm / 3 else None


def between_cameras(file: Path) -> list[dict[str, Any]]:
    """What the running graph's fusion has measured of each two cameras; []: nobody walked there, or it does not run."""
    try:
        answers = ask(file, "command", name=OFFSETS, within_s=2.0)
    except RunError:
        return []
    return [pair for said in answers.values() for pair in said.get("answer", {}).get("pairs", [])]

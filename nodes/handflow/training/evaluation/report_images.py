"""What `evaluate` found, drawn: curves, the worst pictures, and what models see."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from handflow.messages import Heatmap
from handflow.runtime.files import result_file
from handflow.runtime.names import one_line
from handflow.training.targets import IGNORE, OPEN
from handflow.vision.thresholds import START_SCORE

from .matching import MODES, Detections, Matches, curve, match

TILE = (320, 240)  # width and height of a picture on the contact contact_sheet


ACROSS = 6


def draw_detections(seen: Detections, image: np.ndarray) -> np.ndarray:
    """`image`, the picture at any size, with its labels (thin) and the detections (circles; green: open)."""
    picture, peaks, _ = seen
    size = np.array(image.shape[1::-1])
    scale = size / [picture.width, picture.height]
    for box, kind in zip(picture.boxes, picture.kinds, strict=True):
        colour = (255, 0, 0) if kind == IGNORE else (0, 255, 0) if kind == OPEN else (0, 200, 255)
        first, last = ((corner * scale).astype(int).tolist() for corner in (box[:2], box[:2] + box[2:]))
        cv2.rectangle(image, first, last, colour, 1)
    for xy, value, opened, radius in zip(*peaks, strict=True):
        if value < 0.2:
            continue
        centre = (xy * size).astype(int).tolist()
        colour = (0, 255, 0) if opened > 0.5 else (0, 0, 255)
        cv2.circle(image, centre, max(2, int(radius * size[0])), colour, 2 if value >= START_SCORE else 1)
        cv2.putText(image, f"{value:.2f}", centre, cv2.FONT_HERSHEY_SIMPLEX, 0.35, (255, 255, 255), 1, cv2.LINE_AA)
    return image


class Failure(NamedTuple):
    """How bad a picture is, and why."""

    cost: float
    seen: Detections
    missed: int
    false: int


def worst_pictures(seen: Iterable[Detections], threshold: float, count: int) -> list[Failure]:
    """The worst pictures, worst first: hands that score low and false alarms that score high, each for itself.

    No source fills more than a third of them, so that one hard set does not hide the others.
    """
    bad = []
    for one in seen:
        found = match(one.picture, one.peaks, "all")
        hit, strong = found.hit >= 0, found.score >= threshold
        cost = float((1 - found.score[hit]).sum() + len(found.size) - hit.sum() + found.score[~hit].sum())
        missed, false = len(found.size) - int((hit & strong).sum()), int((~hit & strong).sum())
        if missed or false:
            bad.append(Failure(cost, one, missed, false))
    kept: list[Failure] = []
    for worse in sorted(bad, key=lambda b: -b.cost):
        same = sum(k.seen.picture.source == worse.seen.picture.source for k in kept)
        if same < -(-count // 3) and len(kept) < count:
            kept.append(worse)
    return kept


def contact_sheet(bad: list[Failure]) -> np.ndarray:
    """A contact sheet: each picture with its labels and detections, and below it what is wrong."""
    foot = 18
    tiles = []
    for one in bad:
        picture = one.seen.picture
        zoom = min(TILE[0] / picture.width, TILE[1] / picture.height)
        size = max(1, round(picture.width * zoom)), max(1, round(picture.height * zoom))
        way = cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
        image = draw_detections(one.seen, np.asarray(cv2.resize(picture.read(), size, interpolation=way)))
        tile = np.zeros((TILE[1] + foot, TILE[0], 3), np.uint8)
        left, top = (TILE[0] - size[0]) // 2, (TILE[1] - size[1]) // 2
        tile[top : top + size[1], left : left + size[0]] = image
        name = picture.path.name if picture.frame is None else f"{picture.path.name} {picture.frame}"
        words = one_line(f"{one.missed} missed, {one.false} false: {picture.source} {name}")
        cv2.putText(
            tile, one_line(words), (3, TILE[1] + 13), cv2.FONT_HERSHEY_SIMPLEX, 0.36, (255, 255, 255), 1, cv2.LINE_AA
        )
        tiles.append(tile)
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % ACROSS)
    return np.vstack([np.hstack(tiles[n : n + ACROSS]) for n in range(0, len(tiles), ACROSS)])


def draw_maps(maps: dict[str, Heatmap], image: np.ndarray) -> np.ndarray:
    """What each model sees in a picture: a row of the picture darkened and lit by its two maps, and its name.

    The brightest cell of each map is fully lit; the words say how much it is.
    """
    height = round(TILE[0] * image.shape[0] / image.shape[1])
    small = np.asarray(cv2.resize(image, (TILE[0], height), interpolation=cv2.INTER_AREA))
    rows = []
    for name, heatmap in maps.items():
        tiles = []
        for title, values in (("any hand", heatmap.values), ("open palm", heatmap.open)):
            # From the tile's pixels to the map's: cells have their middles at (column + 0.5) * scale + shift.
            zoom = 1 / (heatmap.scale * [TILE[0], height])
            matrix = np.column_stack([np.diag(zoom), -heatmap.shift / heatmap.scale - 0.5 + 0.5 * zoom])
            lit = cv2.warpAffine(
                values.clip(0, 1) / max(values.max(), 1e-6),
                matrix,
                (TILE[0], height),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            )
            tile = small // 3
            tile[..., 2 if title == "any hand" else 1] = np.maximum(tile[..., 1], (255 * lit).astype(np.uint8))
            words = one_line(f"{name}: {title}, up to {values.max():.2f}")
            cv2.putText(tile, words, (5, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.38, (255, 255, 255), 1, cv2.LINE_AA)
            tiles.append(tile)
        rows.append(np.hstack(tiles))
    return np.vstack(rows)


def draw_curves(seen: list[Detections], path: Path, title: str) -> None:
    """Precision over recall, a line per source and one for all, `all` beside `native`, as a PNG.

    The dot on each line is the threshold that is shipped.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(15, 6))
    for axis, mode in zip(axes, MODES, strict=True):
        groups: dict[str, list[Matches]] = {}
        for one in seen:
            groups.setdefault(one.picture.source, []).append(match(one.picture, one.peaks, mode))
        together = [f for group in groups.values() for f in group]
        for source, found in [*sorted(groups.items()), ("total", together)]:
            values, _, precision, recall, hands = curve(found)
            if hands and len(values):
                wide = 2.5 if source == "total" else 1.2
                (line,) = axis.plot(recall, precision, label=f"{_as_text(source)} ({hands})", linewidth=wide)
                at = int((values >= START_SCORE).sum()) - 1
                if mode == "all" and at >= 0:
                    axis.plot(recall[at], precision[at], "o", color=line.get_color())
        axis.set(
            xlabel="recall", ylabel="precision", xlim=(0, 1.01), ylim=(0, 1.01), title=f"{mode}: {_as_text(title)}"
        )
        axis.grid(alpha=0.3)
        if axis.lines:
            axis.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=8)
    figure.tight_layout()
    with result_file(path) as part:
        figure.savefig(part, dpi=110)
    pyplot.close(figure)


def draw_costs(results: list[dict], path: Path) -> None:
    """AP of any hand over ms a picture, as a PNG: a panel for each joined set, else for all pictures together.

    A line joins a model's profiles.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    sets = list(results[0]["all"]["joined"]) or ["total"]
    figure, axes = pyplot.subplots(1, len(sets), figsize=(1 + 5 * len(sets), 5), squeeze=False)
    for axis, name in zip(axes[0], sets, strict=True):
        for model in dict.fromkeys(result["model"] for result in results):
            mine = [result for result in results if result["model"] == model and result["ms"] is not None]
            parts = [result["all"]["total" if name == "total" else "joined"] for result in mine]
            ap = [part["ap"] if name == "total" else part[name]["ap"] for part in parts]
            axis.plot([result["ms"] for result in mine], ap, "o-", label=_as_text(model.removesuffix(".onnx")))
            for result, height in zip(mine, ap, strict=True):
                if height is not None:
                    where = (result["ms"], height)
                    axis.annotate(result["profile"], where, textcoords="offset points", xytext=(4, -10), fontsize=8)
        axis.set(xscale="log", xlabel="ms a picture, one thread", ylabel="AP, any hand", title=_as_text(name))
        axis.grid(alpha=0.3, which="both")
        axis.legend(fontsize=8)
    figure.tight_layout()
    with result_file(path) as part:
        figure.savefig(part, dpi=110)
    pyplot.close(figure)


def _as_text(name: str) -> str:
    """A name as matplotlib draws it; between two dollars it would read mathematics."""
    return one_line(name).replace("$", r"\$")

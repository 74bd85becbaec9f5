"""What `evaluate` found, to look at: tables as text; curves and the worst pictures as PNG."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from handflow.messages import Heatmap
from handflow.training.targets import IGNORE, OPEN
from handflow.vision.thresholds import START_SCORE

from .matching import BIN_NAMES, MODES, Detections, Matches, curve, match

TILE = (320, 240)  # width and height of a picture on the contact sheet
ACROSS = 6


def columns(lines: list[list[str]]) -> str:
    """Lines of cells as text: the first column to the left, the others to the right."""
    widths = [max(len(line[n]) for line in lines) for n in range(len(lines[0]))]
    rows = [
        [c.ljust(w) if n == 0 else c.rjust(w) for n, (c, w) in enumerate(zip(line, widths, strict=True))]
        for line in lines
    ]
    return "\n".join("  ".join(row) for row in rows)


def table(result: dict, mode: str) -> str:
    """The figures of one mode, a line per source."""
    head = [
        "source",
        "pictures",
        "hands",
        "AP",
        "P",
        "R",
        "F1",
        "R@P.9",
        *(f"R {n}" for n in BIN_NAMES),
        "error %",
        "radius",
        "FA",
    ]
    lines = [head]
    for source, row in [*sorted(result[mode]["sources"].items()), ("total", result[mode]["total"])]:
        figures = [row["ap"], row["precision"], row["recall"], row["f1"], row["recall_at_p90"]]
        cells = [text(v, 3) for v in [*figures, *row["recall_by_size"].values()]]
        cells += [text(row["centre_error"], 1), text(row["radius"], 2), text(row["false_alarms"], 2)]
        lines.append([source, str(row["pictures"]), str(row["hands"]), *cells])
    title = f"{mode}: {result['model']}, {result['profile']}, threshold {result[mode]['threshold']:.2f}"
    return f"{title}\n{columns(lines)}"


def compared(results: list[dict]) -> str:
    """Several models or profiles side by side: what each costs, and what it finds by source and by the hands' size.

    Of several models at one profile (one recipe with other seeds) also the mean and half the range.
    """
    models = list(dict.fromkeys(r["model"] for r in results))
    profiles = list(dict.fromkeys(r["profile"] for r in results))
    heads = [f"{r['model'].removesuffix('.onnx')} {r['profile']}" if len(models) > 1 else r["profile"] for r in results]
    lines = [["", *heads, *(f"{profile} mean" for profile in profiles if len(models) > 1)]]

    def row(name: str, figures: list[float | None], digits: int = 3) -> None:
        lines.append([name, *(text(figure, digits) for figure in figures)])
        for profile in profiles if len(models) > 1 else ():
            mine = [f for f, r in zip(figures, results, strict=True) if r["profile"] == profile and f is not None]
            half = (max(mine) - min(mine)) / 2 if mine else 0.0
            lines[-1].append(f"{np.mean(mine):.{digits}f} ±{half:.{digits}f}" if mine else "-")

    row("ms a picture", [r["ms"] for r in results], 1)
    for mode in MODES:
        for source in sorted(results[0][mode]["sources"]):
            if results[0][mode]["sources"][source]["hands"]:
                row(f"AP {mode}, {source}", [r[mode]["sources"][source]["ap"] for r in results])
        row(f"AP {mode}", [r[mode]["total"]["ap"] for r in results])
    totals = [r["all"]["total"] for r in results]
    for name, key in (("R at P .9", "recall_at_p90"), ("R at best F1", "recall"), ("P there", "precision")):
        row(name, [total[key] for total in totals])
    for size in BIN_NAMES:
        row(f"R there, {size}", [total["recall_by_size"][size] for total in totals])
    row("error %", [total["centre_error"] for total in totals], 1)
    row("radius", [total["radius"] for total in totals], 2)
    row("false alarms, shipped", [r["empty"]["per_picture"] for r in results])
    return columns(lines)


def palms_line(palms: dict) -> str:
    """How well palms and other hands are told apart, in one line."""
    parts = [f"palms: area under the ROC curve {text(palms['area'], 3)}"]
    for name in ("open", "other"):
        hands, median, above = palms[name].values()
        parts.append(f"{name}: {hands} hands, median {text(median, 2)}, {text(above, 2)} above {palms['threshold']}")
    return "; ".join(parts)


def empty_line(empty: dict) -> str:
    """What is found where there is nothing to find, in one line."""
    return (
        f"pictures without hands: {empty['pictures']}; highest peak {text(empty['highest'], 2)}; false alarms at the "
        f"shipped threshold {empty['threshold']}: {empty['false_alarms']}, {text(empty['per_picture'], 3)} a picture"
    )


def tracking_table(clips: dict[str, dict]) -> str:
    """The figures of clips, a line each."""
    head = [
        "clip",
        "frames",
        "hands",
        "found",
        "precision",
        "found@P.95",
        "ghosts",
        "switches",
        "/100 frames",
        "jitter %",
        "lag ms",
    ]
    lines = [head]
    for name, row in clips.items():
        shares = [text(row[key], 3) for key in ("found", "precision", "found_at_p95", "ghosts")]
        rest = [text(row["switches_per_100_frames"], 2), text(row["jitter"], 2), text(row["lag_ms"], 0)]
        lines.append([name, str(row["frames"]), str(row["hands"]), *shares, str(row["switches"]), *rest])
    return columns(lines)


def text(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def drawn(seen: Detections, image: np.ndarray) -> np.ndarray:
    """`image`, the picture at any size, with its labels (thin) and what was found (circles; green: open)."""
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


class Bad(NamedTuple):
    """How bad a picture is, and why."""

    cost: float
    seen: Detections
    missed: int
    false: int


def worst(seen: Iterable[Detections], threshold: float, count: int) -> list[Bad]:
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
            bad.append(Bad(cost, one, missed, false))
    kept: list[Bad] = []
    for worse in sorted(bad, key=lambda b: -b.cost):
        same = sum(k.seen.picture.source == worse.seen.picture.source for k in kept)
        if same < -(-count // 3) and len(kept) < count:
            kept.append(worse)
    return kept


def sheet(bad: list[Bad]) -> np.ndarray:
    """A contact sheet: each picture with its labels and detections, and below it what is wrong."""
    foot = 18
    tiles = []
    for one in bad:
        picture = one.seen.picture
        zoom = min(TILE[0] / picture.width, TILE[1] / picture.height)
        size = max(1, round(picture.width * zoom)), max(1, round(picture.height * zoom))
        way = cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
        image = drawn(one.seen, np.asarray(cv2.resize(picture.read(), size, interpolation=way)))
        tile = np.zeros((TILE[1] + foot, TILE[0], 3), np.uint8)
        left, top = (TILE[0] - size[0]) // 2, (TILE[1] - size[1]) // 2
        tile[top : top + size[1], left : left + size[0]] = image
        name = picture.path.name if picture.frame is None else f"{picture.path.name} {picture.frame}"
        words = f"{one.missed} missed, {one.false} false: {picture.source} {name}"
        cv2.putText(tile, words, (3, TILE[1] + 13), cv2.FONT_HERSHEY_SIMPLEX, 0.36, (255, 255, 255), 1, cv2.LINE_AA)
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
            words = f"{name}: {title}, up to {values.max():.2f}"
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
                (line,) = axis.plot(recall, precision, label=f"{source} ({hands})", linewidth=wide)
                at = int((values >= START_SCORE).sum()) - 1
                if mode == "all" and at >= 0:
                    axis.plot(recall[at], precision[at], "o", color=line.get_color())
        axis.set(xlabel="recall", ylabel="precision", xlim=(0, 1.01), ylim=(0, 1.01), title=f"{mode}: {title}")
        axis.grid(alpha=0.3)
        if axis.lines:
            axis.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)

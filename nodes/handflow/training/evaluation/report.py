"""What `evaluate` found, as tables of text."""

import numpy as np

from .matching import BIN_NAMES, MODES


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
        "R@P.7",
        *(f"R {n}" for n in BIN_NAMES),
        "error %",
        "radius",
        "FA",
    ]
    lines = [head]
    rows = [*sorted(result[mode]["sources"].items()), ("total", result[mode]["total"]), *result[mode]["joined"].items()]
    for source, row in rows:
        figures = [row[key] for key in ("ap", "precision", "recall", "f1", "recall_at_p90", "recall_at_p70")]
        cells = [text(v, 3) for v in [*figures, *row["recall_by_size"].values()]]
        cells += [text(row["centre_error"], 1), text(row["radius"], 2), text(row["false_alarms"], 2)]
        lines.append([source, str(row["pictures"]), str(row["hands"]), *cells])
    title = f"{mode}: {result['model']}, {result['profile']}, threshold {result[mode]['threshold']:.2f}"
    return f"{title}\n{columns(lines)}"


def comparison(results: list[dict]) -> str:
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
                row("  R at P .9", [r[mode]["sources"][source]["recall_at_p90"] for r in results])
        row(f"AP {mode}", [r[mode]["total"]["ap"] for r in results])
        for name in results[0][mode]["joined"]:
            parts = [r[mode]["joined"][name] for r in results]
            if parts[0]["hands"]:
                row(f"AP {mode}, {name}", [part["ap"] for part in parts])
                row(f"R at P .9 {mode}, {name}", [part["recall_at_p90"] for part in parts])
                row(f"R at P .7 {mode}, {name}", [part["recall_at_p70"] for part in parts])
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


def thresholds_text(result: dict) -> str:
    """Where the thresholds should lie, and the curves that say so."""
    found = result["thresholds"]
    chosen = ", ".join(f"{name} {text(found[name], 2)}" for name in ("start_score", "open_at"))
    lines = [["at", "P", "R", "false alarms a picture", "palms told", "others taken for palms"]]
    for start, opened in zip(found["start_curve"], found["open_curve"], strict=True):
        cells = [start["precision"], start["recall"], start["false_alarms"], opened["palms"], opened["others"]]
        lines.append([text(start["at"], 2), *(text(cell, 3) for cell in cells)])
    return f"thresholds: {result['model']}, {result['profile']}: best {chosen}\n{columns(lines)}"


TRACKING_SHARES = ("found", "precision", "found_at_p95", "ghosts", "palms_open", "others_open")


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
        "palms open",
        "others open",
        "switches",
        "/100 frames",
        "jitter %",
        "lag ms",
    ]
    lines = [head]
    for name, row in clips.items():
        shares = [text(row[key], 3) for key in TRACKING_SHARES]
        rest = [text(row["switches_per_100_frames"], 2), text(row["jitter"], 2), text(row["lag_ms"], 0)]
        lines.append([name, str(row["frames"]), str(row["hands"]), *shares, str(row["switches"]), *rest])
    return columns(lines)


def evidence_table(rows: list[dict]) -> str:
    """What trackers with and without evidence find, a line each."""
    head = ["tracker", "palms", "found", "false/minute", "first told ms", "/100 frames", "jitter %", "lag ms"]
    lines = [head]
    for row in rows:
        figures = (("found", 3), ("false_a_minute", 1), ("first_told_ms", 0), ("switches_per_100_frames", 2))
        rest = (("jitter", 2), ("lag_ms", 0))
        lines.append([row["tracker"], str(row["palms"]), *(text(row[key], digits) for key, digits in figures + rest)])
    return columns(lines)


def text(value: float | None, digits: int) -> str:
    """A figure for a table; - if there is none."""
    return "-" if value is None else f"{value:.{digits}f}"

"""How a training goes: a bar on the terminal, the losses as a PNG, and waiting while others need the processor."""

import math
import time
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from handflow.runtime.files import result_file

POLL_S = 1.0  # how often a paused training looks whether it may go on
NO_LOSS = ("step", "minutes", "lr")  # of a log's entry


def draw_curves(log: list[dict[str, Any]], path: Path) -> None:
    """The losses over the minutes, as a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 5))
    for name in dict.fromkeys(name for entry in log for name in entry if name not in NO_LOSS):
        axes.plot([e["minutes"] for e in log], [e.get(name, math.nan) for e in log], label=name)
    if log:
        axes.legend()
    axes.set(xlabel="minutes", ylabel="loss", yscale="log", title="handflow train")
    figure.tight_layout()
    with result_file(path) as part:
        figure.savefig(part)
    pyplot.close(figure)


def progress_bar() -> Progress:
    """Part done, time gone, time left, and a note (`fields['note']`)."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>5.1f} %"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.fields[note]}"),
    )


def wait_while_paused(file: str) -> None:
    """Waits while there is a file of this name: somebody needs the processor, to measure times."""
    while file and Path(file).exists():
        time.sleep(POLL_S)

"""A graph to calibrate, and its page."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from support.calibrating import GRAPH, Shown


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "floor.yaml"
    made.write_text(GRAPH)
    return made


@pytest.fixture
def shown(file: Path) -> Iterator[Callable[..., Shown]]:
    made: list[Shown] = []

    def show(image: np.ndarray | None = None) -> Shown:
        made.append(Shown(file, np.full((360, 640, 3), 90, np.uint8) if image is None else image))
        return made[-1]

    yield show
    for each in made:
        if each.page is not None:
            each.browser.leave(each.page)
            assert not each.wrong
        each.web.close()

"""A graph to calibrate."""

from pathlib import Path

import pytest
from support.calibrating import GRAPH


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "floor.yaml"
    made.write_text(GRAPH)
    return made

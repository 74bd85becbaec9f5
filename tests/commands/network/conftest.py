"""A clip to annotate, and where its labels go."""

from pathlib import Path

import pytest
from support.annotating import FRAMES, write
from support.moving import place, scene


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip in which a textured square moves as `place` says."""
    file = tmp_path_factory.mktemp("clips") / "square.mp4"
    write(file, [scene(*place(n)) for n in range(FRAMES)])
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "labels"

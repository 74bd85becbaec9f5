"""The files of a folder, without those that nobody put there."""

from pathlib import Path

import pytest

from handflow.errors import SetupError
from handflow.runtime.files import files_in

MADE = [
    "a.jpg", "b.txt", "._a.jpg", ".DS_Store", ".hidden.jpg", "__MACOSX/a.jpg", "__MACOSX/in/._b.jpg", "@eaDir/a.jpg",
    "in/c.jpg", "in/._c.jpg", "in/.cache/d.jpg", "$RECYCLE.BIN/e.jpg",
]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    # What lies above the folder says nothing of what is in it.
    folder = tmp_path / ".cache" / "__MACOSX"
    for name in MADE:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    (folder / "folder.jpg").mkdir()
    return folder


def names(folder: Path, files: list[Path]) -> list[str]:
    return [str(file.relative_to(folder)) for file in files]


def test_what_systems_leave_in_a_folder_is_not_listed(folder: Path) -> None:
    assert names(folder, files_in(folder)) == ["a.jpg", "b.txt"]
    assert names(folder, files_in(folder, "*.jpg")) == ["a.jpg"]
    assert names(folder, files_in(folder, "*.jpg", deep=True)) == ["a.jpg", "in/c.jpg"]
    assert names(folder, files_in(folder, "in/*.jpg")) == ["in/c.jpg"]


def test_a_folder_that_cannot_be_listed_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("absent", "file"):
        with pytest.raises(SetupError, match=f"{name}: cannot be read: "):
            files_in(tmp_path / name)

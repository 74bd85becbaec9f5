"""The key of a graph's machines: made once, secret, and refused when damaged."""

from pathlib import Path

import pytest

from handflow.__main__ import main
from handflow.errors import SetupError
from handflow.runtime import keys


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "game.key"
    keys.make(made)
    return made


def test_a_key_is_read_as_it_was_made_and_each_is_another(file: Path, tmp_path: Path) -> None:
    keys.make(tmp_path / "other.key")
    assert keys.read(file) == keys.read(file)
    assert keys.read(file) != keys.read(tmp_path / "other.key")


def test_a_key_is_this_users_alone(file: Path) -> None:
    assert file.stat().st_mode & 0o077 == 0
    file.chmod(0o644)
    with pytest.raises(SetupError, match="other users may read it; chmod 600"):
        keys.read(file)


def test_a_key_is_never_overwritten(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = file.read_text()
    assert main(["key", str(file)]) == 1
    assert "File exists; expected the name of a new file" in capsys.readouterr().err
    assert file.read_text() == before


@pytest.mark.parametrize("change", [("1:", "2:"), ("\n", "\n\n"), ("handflow", "x"), (" ", "\x80")])
def test_a_damaged_key_is_refused(file: Path, change: tuple[str, str]) -> None:
    file.write_text(file.read_text().replace(*change, 1), "latin-1")
    with pytest.raises(SetupError, match=r"game\.key"):
        keys.read(file)


def test_halves_of_two_keys_are_no_key(file: Path, tmp_path: Path) -> None:
    keys.make(tmp_path / "other.key")
    other = (tmp_path / "other.key").read_text().splitlines()
    head, public, _ = file.read_text().splitlines()
    file.write_text("\n".join([head, public, other[2]]))
    with pytest.raises(SetupError, match="damaged"):
        keys.read(file)

"""`handflow gestures`: pictures of those that are known, and a name for one of your own."""

from pathlib import Path

import pytest

from handflow.__main__ import main
from handflow.synthetic.gestures import GESTURES
from handflow.vision import gestures

PICTURES = Path(gestures.__file__).parent / "pictures"


def test_the_pictures_beside_the_readme_are_those_that_are_drawn(tmp_path: Path) -> None:
    assert main(["gestures", "draw", "-o", str(tmp_path / "drawn")]) == 0
    drawn = {file.stem: file.read_text() for file in (tmp_path / "drawn").iterdir()}
    assert drawn.keys() == GESTURES.keys()
    assert drawn == {file.stem: file.read_text() for file in PICTURES.iterdir()}


@pytest.mark.parametrize("name", ["wave", "Zorro", "a b", "player"])
def test_a_gesture_of_ones_own_has_a_name_of_its_own(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gestures", "teach", name, "clip.mp4"]) == 1
    assert f"no gesture of ours, got '{name}'" in capsys.readouterr().err

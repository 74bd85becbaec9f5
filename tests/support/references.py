"""Recordings of before, and what the stages gave for them."""

from pathlib import Path

from handflow import Frame
from handflow.recording.reader import Recording

FOLDER = Path(__file__).parents[1] / "recordings"


def recorded(name: str) -> list[Frame]:
    return [m for m in Recording(FOLDER / f"{name}.mcap").messages("camera") if isinstance(m, Frame)]

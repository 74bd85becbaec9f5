"""Every command that writes a file ends with exit status 1 and one line on a full disk, and leaves nothing behind."""

import sys
from pathlib import Path

import pytest
from support.pictures import clip

from handflow.__main__ import main

resource = pytest.importorskip("resource")
RECORDING = Path(__file__).parent.parent / "recordings" / "three-hands.mcap"
WRITERS = {
    "x.jsonl": "detect clip.mp4 --json x.jsonl",
    "x.csv": "detect clip.mp4 --csv x.csv",
    "x.mp4": "detect clip.mp4 --video x.mp4",
    "x.avi": "detect clip.mp4 --video x.avi",
    "x.svg": "graph --svg x.svg",
    "x.mcap": "convert clip.mp4 -o x.mcap",
    "y.mcap": f"recover {RECORDING} -o y.mcap",
    "y.webp": f"convert {RECORDING} -o y.webp",
    "y.mp4": f"convert {RECORDING} -o y.mp4",
    "x.key": "key x.key",
}


SLOW = {"y.webp": pytest.mark.slow}
# What holds the file back until its last bytes fails there.
LIMITS_BYTES = {"y.mp4": 1000, "x.mp4": 500, "x.avi": 6000}


@pytest.mark.parametrize("name", [pytest.param(name, marks=SLOW.get(name, ())) for name in WRITERS])
def test_a_full_disk_is_one_line_and_leaves_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # half a module's would be left for the next start
    clip(tmp_path / "clip.mp4")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMITS_BYTES.get(name, 40), limits[1]))
    try:
        status = main(WRITERS[name].split())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    said = capsys.readouterr().err
    assert status == 1
    assert said.startswith(f"{name}: cannot be written")
    assert said.count("\n") == 1
    assert [each.name for each in tmp_path.iterdir()] == ["clip.mp4"]

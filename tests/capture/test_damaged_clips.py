"""Clips with flipped bits, holes and cut ends: all that FFmpeg decodes comes out, or a line says that some is missing.

More tries than a test has: PYTHONPATH=tests python tests/capture/test_damaged_clips.py 10000
"""

import random
import sys
import tempfile
import time
from pathlib import Path

import av
import pytest
from support.pictures import FORMATS, write_clip

from handflow.capture.files import read_frames
from handflow.errors import SetupError

SILENT_SHARE = 0.02  # of what can be decoded may be missing without a line
LONGEST_S = 10.0
TRIES = 300


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole")
    return {ending: write_clip(folder / f"a{ending}") for ending in FORMATS}


def damaged(data: bytes, dice: random.Random) -> bytes:
    """The bytes with one kind of damage, sometimes with two."""
    changed = bytearray(data)
    for _ in range(dice.choice([1, 1, 2])):
        kind = dice.choice(["flips", "zeros", "noise", "removed", "doubled", "cut"])
        size = min(len(changed), dice.choice([1, 16, 300, 2000, len(data) // 5]))
        at = dice.randrange(max(1, len(changed) - size))
        if kind == "flips":
            for _ in range(dice.choice([1, 3, 20])):
                changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
        elif kind == "cut":
            del changed[dice.randrange(1, max(2, len(changed))) :]
        elif kind == "removed":
            del changed[at : at + size]
        elif kind == "doubled":
            changed[at:at] = changed[at : at + size]
        else:
            changed[at : at + size] = bytes(size) if kind == "zeros" else dice.randbytes(size)
    return bytes(changed)


def decodable(file: Path) -> int:
    """How many frames FFmpeg makes of a file, one after the other and whatever it finds fault with."""
    count = errors = 0
    try:
        with av.open(str(file), metadata_errors="ignore") as container:
            stream = container.streams.video[0]
            stream.thread_count = 1
            while errors < 100:
                try:
                    for packet in container.demux(stream):
                        try:
                            count += len(packet.decode())
                        except (av.FFmpegError, EOFError):
                            continue
                    break
                except av.FFmpegError:
                    errors += 1
    except (av.FFmpegError, IndexError, ValueError):
        return count
    return count


def attempt(data: bytes, ending: str, seed: int, folder: Path) -> str:
    """What is wrong with how a damaged clip is read; "" if nothing is."""
    file = folder / f"damaged{ending}"
    file.write_bytes(damaged(data, random.Random(seed)))
    begun, lines, found = time.monotonic(), list[str](), 0
    try:
        for captured in read_frames(file, report=lines.append, say=lambda _: None):
            assert captured.image.ndim == 3
            found += 1
    except SetupError as error:
        lines.append(str(error))
    took_s = time.monotonic() - begun
    if took_s > LONGEST_S:
        return f"took {took_s:.1f} s"
    if any("\n" in line for line in lines) or len(lines) > 1:
        return f"expected one line, got {lines}"
    expected = decodable(file)
    if found < (1 - SILENT_SHARE) * expected and (not lines or not found):
        return f"{found} of {expected} frames, lines: {lines}"
    return ""


@pytest.mark.slow
@pytest.mark.parametrize("ending", FORMATS)
def test_of_a_damaged_clip_nothing_that_can_be_decoded_is_lost_in_silence(
    ending: str, whole: dict[str, bytes], tmp_path: Path
) -> None:
    for seed in range(TRIES // len(FORMATS)):
        assert attempt(whole[ending], ending, seed, tmp_path) == "", f"seed {seed}"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        clips = {ending: write_clip(Path(scratch) / f"a{ending}") for ending in FORMATS}
        faults = 0
        for number in range(int(sys.argv[1])):
            ending = list(FORMATS)[number % len(FORMATS)]
            if wrong := attempt(clips[ending], ending, number, Path(scratch)):
                faults += 1
                print(f"{ending} seed {number}: {wrong}", flush=True)
            if number % 1000 == 999:
                print(f"{number + 1} tries, {faults} faults", flush=True)

"""What `handflow diff` finds between two recordings."""

import json
from pathlib import Path

import numpy as np
import pytest
from support.recorded import hands, write

from handflow.__main__ import main
from handflow.messages import Hands
from handflow.recording.channels import output_of
from handflow.recording.difference import FrameHands, compare, load
from handflow.recording.message_format import pack
from handflow.recording.metadata import RecordingMetadata
from handflow.recording.writer import Recorder


def seen(frame: int, places: dict[int, tuple[float, float]], stream: int = 1, t: float | None = None) -> FrameHands:
    """A frame with hands at the places, by identity."""
    xy = np.reshape(list(places.values()), (-1, 2))
    more = np.tile([0.1, 0.9, 0.2], (len(places), 1))
    return FrameHands((stream, frame), frame / 30 if t is None else t, np.array(list(places), np.int64), xy, more)


def found(a: list[FrameHands], b: list[FrameHands]) -> dict[str, float]:
    return {line.what.split(",")[0]: line.found for line in compare(a, b) if "99" not in line.what}


def past(a: list[FrameHands], b: list[FrameHands]) -> list[str]:
    return [line.what.split(",")[0] for line in compare(a, b) if line.past]


def test_a_recording_is_equal_to_itself() -> None:
    frames = [seen(n, {1: (0.2, 0.3), 2: (0.7, 0.1)}) for n in range(10)]
    assert set(found(frames, frames).values()) == {0}


def test_a_hand_elsewhere_is_a_difference_in_place() -> None:
    a, b = [seen(n, {1: (0.2, 0.3)}) for n in range(10)], [seen(n, {1: (0.2, 0.34)}) for n in range(10)]
    assert found(a, b)["place"] == pytest.approx(0.04)
    assert past(a, b) == ["place"] * 2


def test_other_numbers_for_the_same_hands_are_no_difference() -> None:
    a = [seen(n, {1: (0.2, 0.3), 2: (0.7, 0.1)}) for n in range(10)]
    b = [seen(n, {5: (0.2, 0.3), 1: (0.7, 0.1)}) for n in range(10)]
    assert past(a, b) == []


def test_hands_that_swap_their_identities_are_counted() -> None:
    a = [seen(n, {1: (0.2, 0.3), 2: (0.7, 0.1)}) for n in range(10)]
    b = a[:5] + [seen(n, {2: (0.2, 0.3), 1: (0.7, 0.1)}) for n in range(5, 10)]
    assert found(a, b)["hands that change identity"] == 2


def test_a_hand_that_only_one_has_is_counted() -> None:
    a = [seen(n, {1: (0.2, 0.3)}) for n in range(10)]
    b = [*a[:9], seen(9, {1: (0.2, 0.3), 2: (0.9, 0.3)})]
    assert found(a, b)["hands that only one has"] == pytest.approx(1 / 11)
    assert past(a, b) == ["hands that only one has"]


def test_frames_of_other_streams_are_paired_by_time() -> None:
    a = [seen(n, {1: (0.2 + n / 100, 0.3)}) for n in range(10)]
    b = [seen(n + 40, {1: (0.2 + n / 100, 0.3)}, stream=2, t=n / 30 + 0.004) for n in range(10)]
    assert found(a, b)["frames that only one has"] == 0
    assert found(a, b)["place"] == pytest.approx(0)
    assert found(a, b)["time of paired frames"] == pytest.approx(0.004)


def test_frames_that_one_has_not_are_counted() -> None:
    a = [seen(n, {}) for n in range(10)]
    assert found(a, a[:8])["frames that only one has"] == pytest.approx(0.2)


def recorded(file: Path, x: float) -> Path:
    recorder = Recorder(file, RecordingMetadata(), [output_of("tracker", Hands)])
    for number in range(1, 20):
        recorder.add("tracker", pack(hands(number, x)), number, number, number)
    recorder.close()
    return file


def test_the_command_ends_with_1_past_a_tolerance(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = str(recorded(tmp_path / "a.mcap", 0.5)), str(recorded(tmp_path / "b.mcap", 0.52))
    assert main(["diff", a, a]) == 0
    assert main(["diff", a, b]) == 1
    assert "past" in capsys.readouterr().out
    assert main(["diff", a, b, "--place", "0.03", "--json"]) == 0
    lines = {line["what"]: line["found"] for line in json.loads(capsys.readouterr().out)}
    assert lines["place, largest, widths"] == pytest.approx(0.02, abs=1e-6)


def test_json_lines_are_compared_as_recordings_are(tmp_path: Path) -> None:
    line = {"source": "a.mp4", "frame": 3, "t": 0.1, "width": 200, "height": 100}
    hand = {"id": 4, "x": 0.5, "y": 0.5, "radius": 0.1, "score": 0.9, "open": 0.3}
    (tmp_path / "a.jsonl").write_text(json.dumps(line | {"hands": [hand]}) + "\n")
    ((frame, t, ids, xy, more),) = load(tmp_path / "a.jsonl")
    assert (frame, t, ids.tolist()) == (("a.mp4", 3), 0.1, [4])
    assert xy.tolist() == [[0.5, 0.25]]  # in widths
    assert more.tolist() == [[0.1, 0.9, 0.3]]


def test_a_recording_without_hands_says_what_it_has(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a.mcap"
    write(file)
    assert main(["diff", str(file), str(file), "--output", "nobody"]) == 1
    assert "expected an output 'nobody', got camera, tracker" in capsys.readouterr().err

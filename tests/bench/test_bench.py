"""The benchmark measures real runs; how fast they were is no test's business."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from handflow.__main__ import main
from handflow.bench import cameras, clips, peers, transport
from handflow.bench.candidates.measure import Case, PictureFeed, ReaderNotes
from handflow.bench.whole import clip, scaled
from handflow.commands.debugging.bench import PARTS
from handflow.runtime.graph.parse import read
from handflow.runtime.graph.resolve import resolve

SMALL = transport.Kind("small", shape=transport.SMALL)


def case(folder: Path, **changed: object) -> Case:
    return Case(**{
        "shape": (4, 4, 3), "fps": 0, "warm": 2, "counted": 3, "hops": 1, "readers": 1, "folder": str(folder),
    } | changed)  # type: ignore[arg-type]  # fmt: skip


def test_every_clip_is_scaled_to_fill_720p(tmp_path: Path) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "tall.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 25, (90, 160))
    for grey in (50, 200):
        writer.write(np.full((160, 90, 3), grey, np.uint8))
    writer.release()
    read = cv2.VideoCapture(str(scaled(str(tmp_path / "tall.mp4"), 30, tmp_path)))
    shapes = [read.read()[1].shape for _ in range(2)]
    assert shapes == [(720, 1280, 3)] * 2
    assert read.get(cv2.CAP_PROP_FPS) == pytest.approx(30)
    assert not read.read()[0]


def test_the_graph_of_several_cameras_has_one_network(tmp_path: Path) -> None:
    file = tmp_path / "cameras.yaml"
    file.write_text(json.dumps(cameras.graph_of(3, 10)))
    stages = resolve(read(file))
    assert [name for name, stage in stages.items() if stage.run == "heatmap"] == ["heatmap"]
    assert [stages[f"hands{n}"].edges[0].stream for n in (1, 2, 3)] == ["camera1", "camera2", "camera3"]


def test_what_comes_before_the_counting_is_left_out_and_wrong_pictures_are_counted(tmp_path: Path) -> None:
    source, sink = PictureFeed(case(tmp_path)), ReaderNotes(case(tmp_path), "sink0")
    image = np.empty((4, 4, 3), np.uint8)
    for number, wait_s in source.due():
        assert wait_s == 0
        source.draw(number, image)
        if number == 3:
            image[-1, -1, -1] ^= 1  # its end is another picture's
        assert (tmp_path / "warm").exists() == (number > 2)
        sink.take(number, number * 1_000_000, image)
    notes = json.loads((tmp_path / "sink0.json").read_text())
    assert (notes["ms"], notes["wrong"]) == ([2.0, 3.0, 4.0], 1)


def test_a_sender_that_was_held_up_does_not_make_up_for_it_in_a_burst(tmp_path: Path) -> None:
    waits = []
    for number, wait_s in PictureFeed(case(tmp_path, fps=1e-3, warm=0, counted=2)).due():
        waits.append(wait_s)
        if number == 1:
            break
    assert waits[0] == 0
    assert waits[1] == pytest.approx(1000, abs=10)


def test_ours_is_compared_with_the_better_of_the_peers_that_ran() -> None:
    figures = {"p99_ms": 2.0, "cpu_ms": 1.0, "fps": 30.0}
    rows = [
        {"case": "hop", "candidate": transport.OURS, "p50_ms": 0.5, **figures},
        {"case": "hop", "candidate": "ezmsg", "p50_ms": 1.0, **figures},
        {"case": "hop", "candidate": "dora", "p50_ms": 2.0, **figures},
        {"case": "hop", "candidate": "zenoh", "p50_ms": 0.1, **figures},
        {"case": "small", "candidate": transport.OURS, "p50_ms": 0.5, **figures},
    ]
    told = {"case": "hop", "candidate": transport.OURS, "p50_ms": 0.5, "p99_ms": 1.0, "cpu_ms": 1.0, "fps": 1.0}
    assert transport.ratios(rows) == [told]


def test_a_candidate_that_fails_is_one_line_with_its_last_word(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("import sys; print('loading'); sys.exit('no such luck')")
    with pytest.raises(peers.PeerError, match=r"it ended before its pictures had arrived \(no such luck\)"):
        transport.one(SMALL, "bad", [sys.executable, str(tmp_path / "bad.py")], 0.1, 30)


@pytest.mark.slow
def test_a_peer_that_cannot_be_installed_is_one_line_and_is_tried_again(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(peers.PACKAGES, "ezmsg", [str(tmp_path / "nothing.whl")])
    for _ in range(2):
        with pytest.raises(peers.PeerError, match=r"ezmsg cannot be installed here: .*nothing\.whl"):
            peers.command("ezmsg", lambda text: None, tmp_path / "cache")


def test_an_unknown_part_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "grahp"]) == 2
    assert f"expected parts of {', '.join(PARTS)}, got 'grahp'" in capsys.readouterr().err


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_tables_grow_turn_by_turn(monkeypatch, capsys: pytest.CaptureFixture[str], flags: list[str]) -> None:
    """Each row is told when it has changed, and not when the last turn has ended minutes later."""
    figures = iter([0.5, 2.0, 1.0, 4.0])
    shown: list[str] = []

    def one(kind: transport.Kind, candidate: str, *_: object) -> dict:
        said = capsys.readouterr()
        shown.append(said.err if flags else said.out)
        return {"p50_ms": next(figures)}

    monkeypatch.setattr(transport, "one", one)
    assert main(["bench", "transport", "--case", "lossless", "--rounds", "2", *flags]) == 0
    assert [text.count("\n") for text in shown] == [0, 1, 1, 1]
    assert "transport: case lossless, candidate handflow, p50 ms 0.5" in shown[1]
    said = capsys.readouterr()
    if flags:
        assert json.loads(said.out)["transport"][0]["rounds"] == 2
    else:
        assert "from one process to the next" in said.out


@pytest.mark.slow
def test_the_whole_graph_and_a_slow_reader_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--rounds", "1", "--seconds", "2", "--variant", "near-int8", "--slow", "2", "--json"]
    assert main(["bench", "graph", *arguments]) == 0
    told = json.loads(capsys.readouterr().out)
    (row,) = told["graph"]
    assert (row["profile"], row["precision"]) == ("near", "int8")
    assert 0 < row["p50_ms"] <= row["p99_ms"]
    assert row["fps"] > 5
    assert row["hands"] > 0
    assert row["pss_mb"] > 50
    assert row["start_s"] > 0
    (behind,) = told["slow_reader"]
    assert behind["frame_interval_ms"] == 33.3
    assert behind["age_ms_p50"] > 0


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_graph_is_measured_with_viewers_and_without(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "viewers", "--rounds", "1", "--seconds", "2", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["viewers"]
    assert [row["viewers"] for row in rows] == ["3 pages", "3 readers of lines", "3 films"]
    for row in rows:
        assert row["p50_ratio"] > 0
        assert row["p50_ms_alone"] > 0
        assert 0 <= row["view_percent_alone"] < row["view_percent"] < row["graph_percent"]


@pytest.mark.slow
@pytest.mark.parametrize("name", list(transport.KINDS))
def test_our_own_transport_is_measured_and_no_picture_is_wrong(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert main(["bench", "transport", "--case", name, "--rounds", "1", "--seconds", "1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["ratios"] == []
    for row in told["transport"]:
        assert 0 < row["p50_ms"] <= row["p99_ms"]
        assert row["wrong"] == 0
        assert row["lost"] == 0 or name != "lossless"
        assert row["cpu_ms"] > 0


@pytest.mark.slow
def test_every_stage_is_measured_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "stages", "--rounds", "1"]) == 0
    told = capsys.readouterr().out
    for stage in ("flow", "tracker", "heatmap near int8", "heatmap far fp32"):
        assert stage in told


@pytest.mark.slow
@pytest.mark.timeout(900)  # of which most is spent on the first installation
@pytest.mark.parametrize("peer", ["ezmsg", "dora", "zenoh", "imagezmq"])
def test_a_peer_carries_the_same_pictures(peer: str) -> None:
    command = peers.command(peer, print)
    kinds = [kind for kind in transport.KINDS.values() if peer in kind.candidates and not kind.lossless]
    for kind in kinds:
        figures = transport.one(kind._replace(shape=transport.SMALL), peer, command, 1, 30)
        assert figures["wrong"] == 0, kind.title
        assert figures["p50_ms"] > 0, kind.title


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_mediapipe_looks_through_the_same_clip(tmp_path: Path) -> None:
    file = clip("demo", 10, tmp_path)
    *_, rows = clips.measure(file, {"mediapipe": peers.command("mediapipe", print)}, 1, print, pytest.fail)
    assert [row["candidate"] for row in rows] == ["handflow, int8", "handflow, fp32", "mediapipe"]
    assert all(row["fps"] > 0 for row in rows)
    assert rows[0]["hands"] > 0.5


def test_the_peers_files_need_nothing_of_ours(tmp_path: Path) -> None:
    """They run in environments without handflow: what they share must not import it."""
    code = (
        f"import sys; sys.path.insert(0, {str(peers.CANDIDATES)!r}); import measure; print('handflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.strip() == "False", done.stderr

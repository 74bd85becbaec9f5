"""The calibrate command: the pictures it shows, and what it says when there are none."""

import signal
import socket
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.calibrating import GRAPH, on_two_machines
from support.graphs import Run, until
from support.recorded import write

from handflow import SetupError
from handflow.__main__ import main
from handflow.commands.setup import calibrate
from handflow.commands.setup.calibrate import opened, running
from handflow.commands.setup.calibration_edits import calibrated_nodes
from handflow.runtime.graph.parse import read
from handflow.runtime.graph.resolve import explicit, resolve
from handflow.runtime.transport.rundir import RunDir


def test_pictures_of_another_machine_are_not_waited_for(file: Path) -> None:
    on_two_machines(file)
    graph, directory = read(file), RunDir(file)
    graph.place_on("stage")
    explicit(graph, resolve(graph)).write_copy(directory.graph)
    with pytest.raises(SetupError, match="the pictures of 'camera' are seen on booth: calibrate there"):
        running(directory, None)


def test_a_stored_picture_is_seen_as_the_graphs_camera_would_show_it(file: Path, tmp_path: Path) -> None:
    image = np.zeros((360, 640, 3), np.uint8)
    image[:, :320] = 255
    cv2.imwrite(str(tmp_path / "still.png"), image)
    file.write_text(GRAPH.replace("source: demo", "mirror: true, source: demo"))
    stages = resolve(read(file))
    frames = [seen[0] for seen in opened(stages, "camera", str(tmp_path / "still.png")) if seen]
    assert len(frames) == 1
    assert (frames[0].image[0, 0, 0], frames[0].image[0, -1, 0]) == (0, 255)


def test_a_recording_is_seen_as_a_clip_is(file: Path, tmp_path: Path) -> None:
    stages = resolve(read(file))
    feed = opened(stages, "camera", str(write(tmp_path / "a.mcap", messages=3)))
    first = next(seen for seen in feed if seen)
    assert first[0].image.shape == (45, 80, 3)
    feed.close()


def test_a_node_between_camera_and_network_is_seen_through(file: Path, tmp_path: Path) -> None:
    (tmp_path / "negative.py").write_text(
        "from dataclasses import replace\nfrom handflow import Frame, Node\n\n\n"
        "class Negative(Node):\n    def process(self, frame: Frame) -> Frame:\n"
        "        return replace(frame, image=255 - frame.image)\n"
    )
    file.write_text(GRAPH.replace("frame: camera, prior", "frame: n, prior") + "  n: {run: negative.py, in: camera}\n")
    cv2.imwrite(str(tmp_path / "still.png"), np.full((36, 64, 3), 55, np.uint8))
    stages = resolve(read(file))
    where = calibrated_nodes(stages)
    assert where.frames == "n"
    (seen,) = [seen for seen in opened(stages, where.frames, str(tmp_path / "still.png")) if seen]
    assert (seen[0].image == 200).all()


def test_the_command_stops_by_an_interrupt_in_the_background_too(file: Path, tmp_path: Path) -> None:
    """A shell starts background jobs with SIGINT ignored."""
    cv2.imwrite(str(tmp_path / "still.png"), np.full((36, 64, 3), 90, np.uint8))
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        started = Run("calibrate", str(file), "--image", str(tmp_path / "still.png"), "--port", "0")
    finally:
        signal.signal(signal.SIGINT, before)
    until(lambda: started.out, "no page")
    assert started.stop(signal.SIGINT) == 0


def test_pages_for_other_machines_must_be_meant(file: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["calibrate", str(file), "--address", "0.0.0.0"]) == 1
    assert "lets other machines in" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "status", "line"),
    [
        (["--image", "nothing.png"], 1, "nothing.png: no such file or folder"),
        (["--node", "a"], 2, "--node a: no such surface; the graph has none"),
        (["--port", "70000"], 2, "expected a whole number from 0 to 65535, got '70000'"),
    ],
)
def test_what_cannot_be_opened_is_one_line(
    file: Path, arguments: list[str], status: int, line: str, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(SystemExit) as ended:
        sys.exit(main(["calibrate", str(file), *arguments]))
    assert ended.value.code == status
    told = capsys.readouterr()
    assert line in told.err.splitlines()[-1]
    assert not told.out


def test_a_port_that_is_taken_is_one_line_before_a_camera_is_opened(
    file: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibrate, "opened", lambda *_: pytest.fail("the camera is opened"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["calibrate", str(file), "--port", str(port)]) == 1
    line = f"cannot listen on 127.0.0.1:{port}: Address already in use; choose another port or address\n"
    assert capsys.readouterr() == ("", line)

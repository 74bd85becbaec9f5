"""The password of a camera's address: nowhere in what a graph that runs shows, says or records."""

from pathlib import Path

import pytest
from support.graphs import Run, free_ports, until

from handflow.__main__ import main
from handflow.runtime.transport.rundir import RunDir

WORD = "xyzzy"


@pytest.mark.slow
def test_a_camera_s_password_is_in_nothing_that_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "g.yaml"
    port = free_ports(1)
    source = f"http://me:pa@{WORD}%23{WORD}@127.0.0.1:{port}/video?token={WORD}"
    file.write_text(
        "nodes:\n"
        f"  camera: {{run: camera, with: {{source: '{source}'}}}}\n"
        "  demo: {run: demo, with: {size: [64, 48]}}\n"
        f"  record: {{run: record, in: {{demo: demo}}, with: {{file: '{tmp_path / 'r.mcap'}', keep_free_mb: 1}}}}\n"
    )
    run = Run("run", str(file))
    try:
        until(lambda: any("camera lost" in line for line in run.err), "nobody says that there is no camera")
        until(lambda: RunDir(file).running() and (tmp_path / "r.mcap").exists(), "it does not record")
        for command in (["get"], ["get", "--json"], ["get", "camera.source"], ["top", "--once"], ["top", "--json"]):
            assert main([*command, "--graph", str(file)]) == 0
        assert main(["set", "camera.source=rtsp://me:xyzzy#@cam", "--graph", str(file)]) == 1
        assert main(["set", f"camera.sauce={source}", "--graph", str(file)]) == 1
    finally:
        run.stop()
    for command in (["check"], ["graph"], ["graph", "--dot"]):
        assert main([*command, str(file)]) == 0
    for command in (["info"], ["info", "--json"]):
        assert main([*command, str(tmp_path / "r.mcap")]) == 0
    out, err = capsys.readouterr()
    shown = "\n".join([out, err, *run.out, *run.err])
    assert f"http://***@127.0.0.1:{port}/video" in shown
    assert WORD not in shown
    assert WORD.encode() not in (tmp_path / "r.mcap").read_bytes()

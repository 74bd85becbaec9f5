"""A graph as a service: the unit, and what systemd is asked, by a systemctl made up here."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from handflow.__main__ import main
from handflow.commands.installing import service as verb
from handflow.commands.installing.systemd_unit import quoted, unit, unit_name
from handflow.errors import SetupError

SYSTEMCTL = """#!/bin/sh
echo "$@" >> {folder}/asked
[ "$2" = show ] && cat {folder}/shown
[ -e {folder}/refuse ] && {{ echo "Failed to connect to bus: No medium found" >&2; exit 1; }}
exit 0
"""
ACTIVE = "ActiveState=active\nSubState=running\nStatusText=camera 30 fps\nNRestarts=2\nActiveEnterTimestamp=Mon 10:00\n"


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch) -> Path:
    """A folder with a graph, and the user's units beside it."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "systemctl").write_text(SYSTEMCTL.format(folder=tmp_path))
    (tmp_path / "bin" / "systemctl").chmod(0o755)
    (tmp_path / "floor.yaml").write_text("nodes:\n  camera: {run: camera, with: {source: auto}}\n")
    (tmp_path / "shown").write_text(ACTIVE)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


def asked(systemd: Path) -> list[str]:
    return (systemd / "asked").read_text().splitlines()


def test_a_service_is_installed_shown_and_removed(systemd: Path, command: Callable, monkeypatch) -> None:
    file = systemd / "config/systemd/user/handflow-floor.service"
    command("service", "install", systemd / "floor.yaml", "--set", "camera.fps=15")
    assert asked(systemd) == ["--user daemon-reload", "--user enable --now handflow-floor.service"]
    assert f'"run" "{systemd}/floor.yaml" "--set" "camera.fps=15"\n' in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    answer = {"health": {"faults": [{"text": "camera black: is the lens covered?"}]}}
    monkeypatch.setattr(verb, "ask", lambda *_: answer)
    assert command("service", "status", systemd / "floor.yaml") == [
        "handflow-floor: active (running) since Mon 10:00, 2 restarts", "camera 30 fps",
        "camera black: is the lens covered?",
    ]  # fmt: skip
    (line,) = command("service", "status", systemd / "floor.yaml", "--json")
    assert json.loads(line)["faults"] == ["camera black: is the lens covered?"]
    (systemd / "shown").write_text(ACTIVE.replace("=active", "=failed"))
    assert main(["service", "status", str(systemd / "floor.yaml")]) == 1
    command("service", "remove", systemd / "floor.yaml")
    assert not file.exists()
    assert asked(systemd)[-2:] == ["--user disable --now handflow-floor.service", "--user daemon-reload"]


def test_what_keeps_an_installation_from_starting_by_itself_is_said(systemd: Path, capsys) -> None:
    assert main(["service", "install", str(systemd / "floor.yaml")]) == 0
    error = capsys.readouterr().err
    assert "source auto shows the demo where no camera opens at the start: name yours, with --source 0" in error
    assert "sudo loginctl enable-linger $USER" in error


@pytest.mark.parametrize(
    ("arguments", "status", "line"),
    [
        (["install", "--set", "camera.fps=fast"], 2, "fps"),
        (["remove"], 1, "there is no such service; handflow service install makes one"),
        (["status"], 1, "there is no such service; handflow service install makes one"),
    ],
)
def test_what_cannot_be_done_is_one_line(systemd: Path, arguments: list[str], status: int, line: str, capsys) -> None:
    assert main(["service", arguments[0], str(systemd / "floor.yaml"), *arguments[1:]]) == status
    error = capsys.readouterr().err
    assert line in error
    assert error.count("\n") == 1


def test_systemd_s_own_words_are_handed_on(systemd: Path, capsys) -> None:
    (systemd / "refuse").touch()
    assert main(["service", "install", str(systemd / "floor.yaml")]) == 1
    assert capsys.readouterr().err == "systemctl daemon-reload: Failed to connect to bus: No medium found\n"


def test_a_machine_without_systemd_is_told_of_print(systemd: Path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("PATH", str(systemd))
    assert main(["service", "install", str(systemd / "floor.yaml")]) == 1
    assert "--print shows the unit for another one" in capsys.readouterr().err
    assert main(["service", "install", str(systemd / "floor.yaml"), "--print", "--source", "0"]) == 0
    assert '"--source" "0"' in capsys.readouterr().out


def test_the_system_s_unit_has_a_user_the_camera_and_the_network(tmp_path: Path) -> None:
    text = unit("handflow", tmp_path / "pipeline.yaml", ["python"], "kiosk")
    assert "User=kiosk\nSupplementaryGroups=video\n" in text
    assert "After=network-online.target\n" in text
    assert "WantedBy=multi-user.target\n" in text
    assert "User=" not in unit("handflow", tmp_path / "pipeline.yaml", ["python"], None)


@pytest.mark.parametrize(
    ("file", "name"),
    [("pipeline.yaml", "handflow"), ("floor.yaml", "handflow-floor"), ("a b\u00fc%.yaml", "handflow-a-b")],
)
def test_units_are_named_after_their_graphs(file: str, name: str) -> None:
    assert unit_name(Path(file)) == name


def test_a_folder_that_systemd_cannot_name_is_refused() -> None:
    with pytest.raises(SetupError, match="expected a folder whose name systemd takes"):
        unit("handflow", Path("/a\nb/pipeline.yaml"), ["python"], None)


def test_arguments_are_quoted_byte_by_byte() -> None:
    assert quoted("/a b/50 %$\"'\\\n\u00fc") == r'"/a b/50 %%$$\x22\x27\x5c\x0a\xc3\xbc"'
    assert quoted(os.fsdecode(b"\xff")) == r'"\xff"'


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd")
@pytest.mark.parametrize("user", [None, "root"])
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path, user: str | None) -> None:
    folder = tmp_path / "50 %u of a\u00fc $HOME's"
    folder.mkdir()
    program = folder / "my python"
    shutil.copy(shutil.which("true") or "", program)
    file = tmp_path / "handflow.service"
    file.write_text(unit("handflow", folder / "pipeline.yaml", [str(program), "50 %", "$HOME", '"'], user))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", file], capture_output=True, text=True)
    ours = [line for line in done.stderr.splitlines() if "handflow" in line]
    assert (done.returncode, ours) == (0, [])

"""What systemd is told, on a socket made up here."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.graphs import until

from handflow.runtime.process.process import HUNG_S, tell
from handflow.runtime.process.service_manager import SOCKET, ServiceManager
from handflow.runtime.profile import Profile


@pytest.fixture
def heard(tmp_path: Path, monkeypatch) -> Iterator[Callable[[], list[str]]]:
    """Everything that has been said so far."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.setblocking(False)
        monkeypatch.setenv(SOCKET, str(tmp_path / "notify"))
        said: list[str] = []

        def hear() -> list[str]:
            while True:
                try:
                    said.append(listener.recv(4096).decode())
                except BlockingIOError:
                    return said

        yield hear


def test_systemd_is_told_and_the_processes_below_are_not_taken_for_us(heard) -> None:
    manager = ServiceManager()
    assert SOCKET not in os.environ
    manager.ready()
    manager.alive("camera 30 fps\nREADY=0")
    manager.stopping()
    manager.close()
    manager.alive("after the end")
    assert heard() == ["READY=1", "WATCHDOG=1\nSTATUS=camera 30 fps READY=0", "STOPPING=1"]


@pytest.mark.parametrize("address", ["", "@handflow-nobody-listens", "/nosuch/socket"])
def test_nobody_who_listens_is_no_fault(address: str, monkeypatch) -> None:
    monkeypatch.setenv(SOCKET, address)
    manager = ServiceManager()
    manager.ready()
    manager.close()


def test_a_node_of_its_own_unit_that_hangs_is_silent(heard) -> None:
    manager, profile = ServiceManager(), Profile("camera", 1)
    status = profile.status()
    tell(manager, status | {"note": "30 fps"})
    tell(manager, status | {"note": "30 fps", "fault": "black"})
    tell(manager, status | {"busy_s": HUNG_S + 1})
    manager.close()
    assert heard() == ["WATCHDOG=1\nSTATUS=starting: 30 fps", "WATCHDOG=1\nSTATUS=starting: black"]


@pytest.mark.slow
def test_a_node_of_its_own_unit_is_ready_lives_and_ends(heard, run: Callable, tmp_path: Path) -> None:
    (tmp_path / "g.yaml").write_text("nodes:\n  camera: {run: demo}\n  flow: {run: flow, in: camera}\n")
    started = run("node", "camera", "--graph", tmp_path / "g.yaml")
    until(lambda: any("STATUS=running" in each for each in heard()), "it says nothing")
    assert started.stop() == 0
    assert heard()[0] in ("READY=1", "WATCHDOG=1\nSTATUS=starting")
    assert "READY=1" in heard()
    assert heard()[-1] == "STOPPING=1"


@pytest.mark.slow
def test_a_graph_under_systemd_is_ready_lives_and_says_how_it_does(heard, run: Callable, tmp_path: Path) -> None:
    (tmp_path / "g.yaml").write_text("nodes:\n  camera: {run: demo}\n  flow: {run: flow, in: camera}\n")
    started = run("run", tmp_path / "g.yaml", "--log", tmp_path / "log")
    until(lambda: any("STATUS=camera" in each and "fps" in each for each in heard()), "it says nothing")
    assert started.stop() == 0
    assert heard()[0] == "READY=1"
    assert heard()[-1] == "STOPPING=1"
    assert not any("fps" in line for line in started.out)  # the journal would be full of it

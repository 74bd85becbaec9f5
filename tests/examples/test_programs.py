"""The programs in Python, JavaScript and C++ hold the hands that were sent, a thousand frames long."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.engines import EXAMPLES, Engine, State, Step, came_and_went_once, follow
from support.needed import need
from support.osc_receivers import with_npm

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
# They print two digits.
ROUNDED = 0.0051


def said(line: str) -> State | None:
    """`3 at 0.25 0.50 open, 8 at 0.75 0.12`, or `no hands`."""
    if line != "no hands" and " at " not in line:
        return None
    hands = re.findall(r"(\d+) at (\S+) (\d\.\d+)", line)
    return {int(id_): (float(x), float(y)) for id_, x, y in hands}


def check(engine: Engine, steps: list[Step]) -> None:
    follow(engine, steps, abs_tol=ROUNDED)
    engine.said = [line.replace("enter", "came").replace("leave", "went") for line in engine.said]
    came_and_went_once(engine, steps)


def test_python(hands: list[Step]) -> None:
    check(Engine(lambda port: [sys.executable, EXAMPLES / "osc_hands.py", port], said, {}), hands)


def test_node(tmp_path: Path, hands: list[Step]) -> None:
    script = with_npm(EXAMPLES / "osc_hands.mjs", tmp_path)
    check(Engine(lambda port: ["node", script, port], said, {}), hands)


def test_node_with_tuio(tmp_path: Path, tuio: list[Step]) -> None:
    script = with_npm(EXAMPLES / "tuio_hands.mjs", tmp_path)
    check(Engine(lambda port: ["node", script, port], said, {}), tuio)


def test_cpp_with_oscpack(tmp_path: Path, hands: list[Step]) -> None:
    need(shutil.which("g++") and Path("/usr/include/oscpack").exists(), "apt-get install g++ liboscpack-dev")
    command = ["g++", "-std=c++17", EXAMPLES / "osc_hands.cpp", "-loscpack", "-o", tmp_path / "osc_hands"]
    subprocess.run(command, check=True, timeout=200)
    check(Engine(lambda port: [tmp_path / "osc_hands", port], said, {}), hands)

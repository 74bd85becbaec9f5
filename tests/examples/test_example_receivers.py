"""The examples that receive OSC are run, each with what it needs, and print the hands that were sent."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.graphs import until
from support.needed import need
from support.osc_receivers import free_port, some_hands, with_npm

from handflow.stages.osc import Osc, Target

pytestmark = pytest.mark.usefixtures("osc_in_no_time")


EXAMPLES = Path(__file__).parents[2] / "nodes" / "examples"
TWO = {"xy": [[0.25, 0.5], [0.75, 0.125]], "open": [0.875, 0.0]}


def follows(command: Callable[[str], list[str | Path]], protocol: str, lines: dict[str, str]) -> None:
    """Starts an example on a port, sends it hands that come, are there and go, and waits for its lines."""
    port = free_port()
    node = Osc(targets=[Target(protocol=protocol, port=port)])
    process = subprocess.Popen(
        command(str(port)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0
    )
    out = b""
    assert process.stdout
    node.start()
    try:
        os.set_blocking(process.stdout.fileno(), False)

        def said(line: str) -> bool:
            nonlocal out
            out += process.stdout.read() or b""  # type: ignore[union-attr]
            return line in out.decode().splitlines()

        seq = 0
        for stage, ids in (("empty", []), ("came", [3, 8]), ("went", [8])):
            fields = {key: values[-len(ids) :] for key, values in TWO.items()} if ids else {}

            def step(stage: str = stage, ids: list[int] = ids, fields: dict = fields) -> bool:
                nonlocal seq
                seq += 1
                node.process(some_hands(ids, seq=seq, **fields))
                return all(map(said, lines[stage].split("\n")))

            until(step, f"{stage}: {lines[stage]!r} is not said", 60)
        node.stop()
        until(lambda: said(lines["end"]), f"at the end {lines['end']!r} is not said", 60)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


PRINTED = {
    "empty": "no hands",
    "came": "3 at 0.25 0.50 open, 8 at 0.75 0.12\nenter 3 0 0.25 0.5",
    "went": "8 at 0.75 0.12\nleave 3 0 0.25 0.5",
    "end": "leave 8 1 0.75 0.125",
}
JAVASCRIPT = {key: line.replace("0.75 0.12\n", "0.75 0.13\n") for key, line in PRINTED.items()}  # rounds 0.125 up


def test_python(tmp_path: Path) -> None:
    follows(lambda port: [sys.executable, EXAMPLES / "osc_hands.py", port], "hands", PRINTED)


def test_node(tmp_path: Path) -> None:
    script = with_npm(EXAMPLES / "osc_hands.mjs", tmp_path)
    follows(lambda port: ["node", script, port], "hands", JAVASCRIPT)


def test_node_with_tuio(tmp_path: Path) -> None:
    script = with_npm(EXAMPLES / "tuio_hands.mjs", tmp_path)
    tuio = {key: line.replace(" open", "") for key, line in JAVASCRIPT.items()}
    follows(lambda port: ["node", script, port], "tuio11", tuio)


def test_cpp_with_oscpack(tmp_path: Path) -> None:
    need(shutil.which("g++") and Path("/usr/include/oscpack").exists(), "apt-get install g++ liboscpack-dev")
    built = tmp_path / "osc_hands"
    flags = ["-std=c++17", "-Wall", "-Wextra", "-Werror"]
    subprocess.run(["g++", *flags, EXAMPLES / "osc_hands.cpp", "-loscpack", "-o", built], check=True, timeout=110)
    follows(lambda port: [built, port], "hands", PRINTED)


def test_pure_data(tmp_path: Path) -> None:
    need(shutil.which("pd"), "apt-get install puredata-core")

    def command(port: str) -> list[str | Path]:
        patch = tmp_path / "puredata.pd"
        patch.write_text((EXAMPLES / "engines" / "puredata.pd").read_text().replace("-b 9000;", f"-b {port};"))
        return ["pd", "-nogui", "-noaudio", "-nomidi", "-stderr", patch]

    lines = {
        "empty": "alive: bang",
        "came": "enter: 3 0 0.25 0.5\nhand: 8 0.75 0.125\nalive: 3 8",
        "went": "leave: 3 0 0.25 0.5\nalive: 8",
        "end": "leave: 8 1 0.75 0.125",
    }
    follows(command, "hands", lines)


def test_every_example_is_in_the_list() -> None:
    for folder in (EXAMPLES, EXAMPLES / "engines"):
        listed = (folder / "README.md").read_text("utf-8")
        for file in folder.iterdir():
            assert file.name == "README.md" or file.name.startswith("__") or f"]({file.name}" in listed, file.name

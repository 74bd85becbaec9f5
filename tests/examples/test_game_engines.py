"""Godot and Blender themselves, Unity's and openFrameworks' examples against stubs: each holds what was sent."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.engines import ENGINES, HARNESSES, Engine, Step, came_and_went_once, example, flat, follow
from support.needed import need

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PROJECT = """config_version=4
[application]
run/main_scene="res://main.tscn"
"""
SCENE = """[gd_scene load_steps=2 format=2]
[ext_resource path="res://harness.gd" type="Script" id=1]
[node name="Main" type="Node2D"]
script = ExtResource( 1 )
"""
# The example, and a line for each frame and event.
HARNESS = """extends "res://godot3.gd"

func _init():
	connect("entered", self, "tell", ["came"])
	connect("left", self, "tell", ["went"])

func tell(id, what):
	print(what, " ", id)

func heard(address, values):
	.heard(address, values)
	if address == "/hands/alive":
		var line = "hands:"
		for id in hands:
			line += " %d %.7f %.7f %.7f" % [id, hands[id].place.x, hands[id].place.y, hands[id].open]
		print(line)
"""


def test_godot_3(tmp_path: Path, hands: list[Step]) -> None:
    need(shutil.which("godot3-server"), "apt-get install godot3-server")

    def command(port: str) -> list[str | Path]:
        example("godot3.gd", tmp_path, port)
        for name, text in {"project.godot": PROJECT, "main.tscn": SCENE, "harness.gd": HARNESS}.items():
            (tmp_path / name).write_text(text)
        return ["stdbuf", "-oL", "godot3-server", "--path", tmp_path]

    engine = Engine(command, flat, {"HOME": tmp_path})
    follow(engine, hands)
    came_and_went_once(engine, hands)


def test_the_script_for_godot_4_is_parsed() -> None:
    gdparse = Path(sys.executable).with_name("gdparse")
    need(gdparse.exists(), "pip install 'gdtoolkit==4.*'")
    subprocess.run([gdparse, ENGINES / "godot4.gd"], check=True, timeout=110)


BLENDER = Path(__file__).parents[2] / ".blender" / "bin" / "python"
# Blender's timer does not run without its window: step() is called as the timer would.
BLENDER_HARNESS = """
import sys, time
import blender, bpy

heard = blender.heard

def telling(address, values):
    heard(address, values)
    if address == "/hands/alive":
        there = [each for each in bpy.context.scene.objects if each.name.startswith("hand ")]
        assert {each.name for each in there} == {f"hand {id_}" for id_ in values}, (there, values)
        line = "hands:"
        for each in there:
            x, _, y = each.location
            line += f" {each.name.split()[1]} {x / 16 + 0.5:.7f} {0.5 - y / 9:.7f} {each['open']:.7f}"
        print(line, flush=True)

blender.heard = telling
assert bpy.app.timers.is_registered(blender.step)
while True:
    time.sleep(blender.step() / 10)
"""


def test_blender(tmp_path: Path, hands: list[Step]) -> None:
    need(BLENDER.exists(), "python3 -m venv .blender && .blender/bin/pip install --no-deps 'bpy>=4.2,<5'")

    def command(port: str) -> list[str | Path]:
        example("blender.py", tmp_path, port)
        (tmp_path / "harness.py").write_text(BLENDER_HARNESS)
        return [BLENDER, tmp_path / "harness.py"]

    follow(Engine(command, flat, {"HOME": tmp_path}), hands)


def test_unity_against_a_stub(tmp_path: Path, hands: list[Step]) -> None:
    need(
        shutil.which("mcs") and shutil.which("mono"), "apt-get install mono-mcs mono-runtime libmono-system-core4.0-cil"
    )
    program = tmp_path / "hands.exe"
    sources = [ENGINES / "HandsReceiver.cs", *sorted((HARNESSES / "unity").glob("*.cs"))]
    subprocess.run(["mcs", "-warnaserror", f"-out:{program}", *sources], check=True, timeout=110)
    engine = Engine(lambda port: ["mono", program, port], flat, {})
    follow(engine, hands, window=0)
    came_and_went_once(engine, hands)


def test_openframeworks_against_a_stub(tmp_path: Path, hands: list[Step]) -> None:
    need(shutil.which("g++") and Path("/usr/include/oscpack").exists(), "apt-get install g++ liboscpack-dev")

    def command(port: str) -> list[str | Path]:
        for name in ("ofApp.cpp", "ofApp.h"):
            text = (ENGINES / "openframeworks" / name).read_text("utf-8")
            (tmp_path / name).write_text(text.replace("setup(9000)", f"setup({port})"))
        sources = [tmp_path / "ofApp.cpp", HARNESSES / "openframeworks" / "main.cpp"]
        flags = ["-std=c++17", "-Wall", "-Wextra", "-Werror", f"-I{tmp_path}", f"-I{HARNESSES / 'openframeworks'}"]
        subprocess.run(
            ["g++", *flags, *sources, "-loscpack", "-pthread", "-o", tmp_path / "hands"], check=True, timeout=200
        )
        return [tmp_path / "hands"]

    engine = Engine(command, flat, {})
    follow(engine, hands, window=0)
    assert sum(line.endswith(" came") for line in engine.said) == len({id_ for step in hands for id_ in step.hands})

"""The C++ header finds what the stage finds, with OpenCV alone."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from support.needed import need

from handflow.pipeline import detect
from handflow.runtime.inline import started
from handflow.stages.heatmap import HeatmapNode
from handflow.synthetic.scene import Scene
from handflow.vision.model import model_path, open_model

FOLDER = Path(__file__).parents[2] / "nodes" / "examples" / "cpp"
SHAPES = [(1280, 720), (640, 480), (480, 640), (500, 500), (1920, 1080), (1600, 400), (97, 61)]


def test_the_headers_constants_are_those_of_the_model():
    text = (FOLDER / "hands.hpp").read_text("utf-8")
    model = open_model(model_path("hands"))
    said = dict(re.findall(r"const int (\w+) = (\d+);", text))
    assert (int(said["STRIDE"]), int(said["MULTIPLE"])) == (model.stride, model.multiple)
    sizes = re.findall(r"(NEAR|MID|FAR)_SIZE\((\d+), (\d+)\)", text)
    assert {name.lower(): (int(w), int(h)) for name, w, h in sizes} == model.sizes


def test_the_header_is_short():
    assert len((FOLDER / "hands.hpp").read_text("utf-8").splitlines()) <= 200


def test_the_model_keeps_to_operators_that_opencv_4_6_reads():
    graph = onnx.load(model_path("hands")).graph
    read = {
        "Add",
        "Cast",
        "Concat",
        "Constant",
        "Conv",
        "Exp",
        "MaxPool",
        "Mul",
        "Relu",
        "Resize",
        "Sigmoid",
        "Slice",
        "Transpose",
    }
    assert {
        node.op_type for node in graph.node
    } <= read  # not Clip, Split, Shape: there it needs fixed sizes or old forms
    assert [value.name for value in graph.input] == ["image"]


HEADERS = Path("/usr/include/opencv4")
DNN = HEADERS / "opencv2" / "dnn.hpp"
FLAGS = ["-O2", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-isystem", HEADERS]
FLAGS += ["-DNEAR=", "-DFAR=", "-Dnear=", "-Dfar="]  # as windows.h has it


@pytest.mark.slow
def test_the_header_compiles_for_windows(tmp_path):
    """As far as it goes here: Debian has OpenCV's headers, but no OpenCV for Windows to link with."""
    compiler = shutil.which("x86_64-w64-mingw32-g++-posix")
    need(compiler and DNN.is_file(), "apt-get install g++-mingw-w64-x86-64-posix libopencv-dnn-dev")
    source = tmp_path / "finder.cpp"
    source.write_text(
        '#include "hands.hpp"\n'
        "std::vector<handflow::Hand> found(const cv::Mat& picture) {\n"
        '    return handflow::Finder("hands.onnx", handflow::FAR_SIZE).find(picture);\n'
        "}\n"
    )
    made = source.with_suffix(".obj")
    subprocess.run([compiler, *FLAGS, "-I", FOLDER, "-c", source, "-o", made], check=True)
    assert made.read_bytes()[:2] == b"\x64\x86"  # COFF for x64


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The example, built as its first lines say."""
    need(shutil.which("g++") and DNN.is_file(), "apt-get install g++ libopencv-dnn-dev libopencv-imgcodecs-dev")
    made = tmp_path_factory.mktemp("cpp") / "hands"
    libraries = [f"-lopencv_{name}" for name in ("dnn", "imgcodecs", "imgproc", "core")]
    subprocess.run(["g++", *FLAGS, FOLDER / "hands.cpp", "-o", made, *libraries], check=True)
    return made


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for number, (width, height) in enumerate(SHAPES):
        image = np.empty((height, width, 3), np.uint8)
        Scene(seed=number, hands=4, size=(width, height)).draw(2.0 + number, image)
        if number == 1:
            image = (image * [0.15, 0.2, 1]).astype(np.uint8)  # in red light
        cv2.imwrite(str(folder / f"{number}.png"), image)
    return sorted(folder.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["near", "mid", "far"])
def test_its_hands_are_those_of_detect(program, pictures, profile):
    words = [program, model_path("hands"), profile, "0.1", *pictures]
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    with started(HeatmapNode(profile=profile, precision="fp32")) as stage:
        found = [next(detect(str(picture), stage, track=False, min_score=0.1)) for picture in pictures]
    hands = 0
    for picture, mine, seen in zip(pictures, lines, found, strict=True):
        assert {**mine, "hands": []} == {**seen.line, "hands": []}
        assert len(mine["hands"]) == len(seen.line["hands"]), picture.name
        for hand, theirs in zip(mine["hands"], seen.line["hands"], strict=True):
            assert hand == pytest.approx(theirs, abs=1e-3)
            hands += 1
    assert hands > 10


@pytest.mark.slow
def test_what_is_no_picture_or_no_model_is_said(program, pictures, tmp_path):
    for model, picture, said in (
        (model_path("hands"), "gone.png", "gone.png: no such picture"),
        (pictures[0], pictures[0], f"{pictures[0]}: "),
    ):
        done = subprocess.run([program, model, "near", "0.4", picture], capture_output=True, text=True)
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1].startswith(said) or said in done.stderr

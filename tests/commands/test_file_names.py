"""Any name that the system allows, wherever a name is taken: nothing crashes, and the file that was meant is read."""

import csv
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings, strategies
from hypothesis import given as generated
from support.models import FACTS, brightness_model
from support.pictures import clip

from handflow.__main__ import main
from handflow.capture.files import read_frames
from handflow.capture.images import write_image
from handflow.commands._settings import node_setting
from handflow.errors import GraphError
from handflow.messages import Frame
from handflow.pipeline import detect
from handflow.runtime import keys
from handflow.runtime.graph.graph import Graph
from handflow.runtime.graph.parse import read
from handflow.runtime.graph.resolve import resolve
from handflow.runtime.graph.yaml_edit import scalar
from handflow.runtime.inline import started
from handflow.runtime.names import read_back, written
from handflow.runtime.transport.rundir import RunDir
from handflow.stages.camera import Camera
from handflow.stages.heatmap import HeatmapNode
from handflow.training.annotation.session import Session, opened
from handflow.training.labels.data import read_labels
from handflow.vision.model import model_path, open_model

TRIES = int(os.environ.get("NAME_TRIES", "300"))
FRAMES = 3
STAGE = """from handflow import Hands, Node

class Own(Node):
    def process(self, hands: Hands) -> Hands:
        return hands
"""


class Files:
    """Files to copy under other names, and the model that looks at them."""

    def __init__(self, folder: Path) -> None:
        self.clip = clip(folder / "clip.mp4", FRAMES)
        self.picture = folder / "picture.png"
        write_image(self.picture, np.full((48, 64, 3), 90, np.uint8))
        self.model = brightness_model(folder / "model.onnx", FACTS)
        self.recording = folder / "recording.mcap"
        assert main(["convert", str(self.clip), "-o", str(self.recording)]) == 0
        self.node = HeatmapNode(model=str(self.model), precision="fp32")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Files]:
    made = Files(tmp_path_factory.mktemp("files"))
    with started(made.node), pytest.MonkeyPatch.context() as patch:
        patch.setattr("handflow.commands.running.detect.HeatmapNode", partial(HeatmapNode, model=str(made.model)))
        yield made


def put(file: Path, name: bytes, ending: str) -> str:
    """A copy of a file under a name with that ending, in the working directory; its name."""
    path = os.fsdecode(name[: 255 - len(ending)] + ending.encode())
    shutil.copy(file, os.fsencode(path))
    return path


def a_clip(files: Files, name: bytes) -> None:
    path = put(files.clip, name, ".mp4")
    lines = [seen.line for seen in detect(path, files.node)]
    assert len(lines) == FRAMES
    assert {read_back(json.loads(json.dumps(line))["source"]) for line in lines} == {Path(path)}


def pictures(files: Files, name: bytes) -> None:
    folder = os.fsdecode(name[:255])
    os.mkdir(folder)
    picture = put(files.picture, b"p" + name, ".png")  # hidden ones in a folder are not meant
    shutil.copy(files.picture, os.path.join(folder, picture))
    for path in (picture, folder):
        (seen,) = detect(path, files.node)
        assert read_back(seen.line["source"]).is_file()


def results(files: Files, name: bytes) -> None:
    path = os.fsdecode(name[:251])
    outs = [f"--json={path}.out", f"--csv={path}.csv", f"--video={path}.mp4"]
    assert main(["detect", "--no-track", "--min-score=0", *outs, "--", put(files.clip, name, ".avi")]) == 0
    assert len(Path(f"{path}.out").read_text("utf-8").splitlines()) == FRAMES
    with open(f"{path}.csv", encoding="utf-8", newline="") as lines:
        assert {read_back(row["source"]).is_file() for row in csv.DictReader(lines)} <= {True}
    assert len(list(read_frames(f"{path}.mp4"))) == FRAMES


def a_recording(files: Files, name: bytes) -> None:
    made, recorded = os.fsdecode(name[:250] + b".mcap"), put(files.recording, b"r" + name, ".mcap")
    assert main(["convert", "-o", f"./{made}", "--", put(files.clip, name, ".mp4")]) == 0
    assert main(["info", "--json", "--", made]) == main(["info", "--", recorded]) == 0
    assert main(["recover", f"-o=./{'y' + made[1:]}", "--", recorded]) == 0


def a_graph(files: Files, name: bytes) -> None:
    path, source = os.fsdecode(name[:250] + b".yaml"), put(files.clip, name, ".mp4")
    stage = os.fsdecode(b"s" + name[:251] + b".py")
    key = os.fsdecode(b"k" + name[:250] + b".key")
    Path(stage).write_text(STAGE)
    keys.make(Path(key))
    Path(path).write_text(
        f"key: {scalar(key)}\nnodes:\n  camera: {{run: camera, with: {{pace: max, source: {scalar(source)}}}}}\n"
        f"  heatmap: {{run: heatmap, in: camera}}\n  tracker: {{run: tracker, in: heatmap}}\n"
        f"  own: {{run: {scalar(stage)}, in: tracker}}\n",
        "utf-8",
    )
    assert main(["check", "--", path]) == main(["graph", f"--svg={path[:-5]}.svg", "--", path]) == 0
    graph = read(Path(path))
    directory = RunDir(graph.file)
    graph.write_copy(directory.graph)
    copy = Graph.read_copy(directory.graph)
    assert (copy.file, copy.key) == (Path(path).absolute(), str(Path(key).absolute()))
    camera = Camera(**resolve(copy)["camera"].settings)
    camera.start()
    assert isinstance(next(iter(camera.process())), Frame)
    camera.stop()


def a_model(files: Files, name: bytes) -> None:
    path = put(files.model, name, ".onnx")
    assert open_model(model_path(f"./{path}")).stride == open_model(model_path(path)).stride == 4


def labels(files: Files, name: bytes) -> None:
    picture, moving = put(files.picture, name, ".png"), put(files.clip, name, ".mp4")
    line = {"image": written(picture), "width": 64, "height": 48, "hands": [{"box": [1, 1, 9, 9], "kind": "open"}]}
    file = Path(os.fsdecode(name[:249] + b".jsonl"))
    file.write_text(f"{json.dumps(line)}\n")
    (read_,) = read_labels([file])
    assert os.path.samefile(read_.path, picture)
    for _ in range(2):  # the second time it reads what it wrote
        session = Session(*opened([moving, picture]), Path("labels"))
        session.show({"clip": 0, "frame": 1})
        for number in (0, 1):
            hands = [{"box": [1, 1, 9, 9], "kind": "open", "id": 1}]
            session.edit({"clip": number, "frame": 0, "hands": hands})
        assert json.dumps(session.state()).encode()
    found = {picture.path.resolve() for picture in read_labels(["labels"])}
    assert found == {Path(picture).resolve(), Path(moving).resolve()}


PLACES = [a_clip, pictures, results, a_recording, a_graph, a_model, labels]
ODD = [
    b"caf\xe9", "h\u00e4nde \U0001f590".encode(), b"a:b", b"http:x", b"rtsp", b"C:\\clips\\a", b"-x", b"--", b" ",
    b" a b ", b"a\nb\r", b"\x1b[2J", b"a%02d", b"#?[1]|&*$`'\"", b"\xff" * 255, "\u00e4".encode() * 127, b"~x",
    b"\\xe9", b"caf\xe9\\xe9", b"{a: b}", b"null", b"0", b"@", b"x" * 255, b"\xed\xa0\x80", "\u2028".encode(),
    b"a.part", b"...", b"$HOME$",
]  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", [b"caf\xe9\r\n :[", b"\xff" * 255])
def test_an_odd_name(
    place: Callable[[Files, bytes], None], name: bytes, files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    place(files, name)


PARTS = strategies.binary(min_size=1, max_size=6) | strategies.text("ä:.-~\\ x", min_size=1).map(str.encode)
NAMES = strategies.sampled_from(ODD) | strategies.lists(
    PARTS | strategies.sampled_from(ODD), min_size=1, max_size=4
).map(b"".join).filter(lambda name: not {0, ord("/")} & set(name) and name not in (b".", b".."))  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(0)
@settings(max_examples=TRIES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@generated(place=strategies.sampled_from(PLACES), name=NAMES)
def test_any_name(place: Callable[[Files, bytes], None], name: bytes, files: Files) -> None:
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            place(files, name)
        finally:
            os.chdir(before)


def test_a_name_that_begins_with_a_dash_is_a_file_where_there_is_one(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    put(files.clip, b"-x", ".mp4")
    for given in (["-x.mp4"], ["--", "-x.mp4"], ["./-x.mp4"]):
        assert main(["detect", "--no-track", *given]) == 0
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [line["source"] for line in lines] == [given[-1]] * FRAMES
    with pytest.raises(SystemExit):
        main(["detect", "-x.mp4", "--video", "-y.mp4"])
    assert "a name that begins with a dash is written ./-name" in capsys.readouterr().err


def test_a_setting_that_names_a_file_is_that_name_whatever_yaml_makes_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a: b.mp4", "[x].mp4", "#x", "blank ", "a\nb", os.fsdecode(b"caf\xe9.mp4"), "null", "@x"):
        Path(name).touch()
        assert node_setting(f"camera.source={name}", "--set").value == name
    assert node_setting("record.file=new\udce9.mcap", "--set").value == "new\udce9.mcap"
    assert node_setting("camera.source=rtsp://cam", "--set").value == "rtsp://cam"
    Path("7").touch()
    assert node_setting("camera.source=7", "--set").value == 7
    with pytest.raises(GraphError):
        node_setting("camera.source=[x", "--set")

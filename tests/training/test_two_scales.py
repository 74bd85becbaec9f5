"""A model file that looks at two scales gives what two runs of the one it was made of give together."""

import json
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch

from handflow import Frame
from handflow.__main__ import main
from handflow.errors import SetupError
from handflow.stages.heatmap import HeatmapNode
from handflow.training.export import export
from handflow.training.initial_weights import begin_from
from handflow.training.network import Network
from handflow.training.two_scales import FINE, HALF
from handflow.vision.model import open_model
from handflow.vision.model_choice import check_images

SMALL = {"widths": (16,) * 5, "blocks": (1,) * 5, "neck": 16}


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """Both files of a random network whose maps light up here and there."""
    folder = tmp_path_factory.mktemp("plain")
    torch.manual_seed(1)
    network = Network(**SMALL)
    torch.nn.init.constant_(network.out.bias[:2], -1)
    pictures = torch.from_numpy(np.random.default_rng(1).integers(0, 255, (8, 3, 192, 320), np.uint8))
    saved = {"network": network.settings, "mean": network.state_dict(), "calibration": pictures}
    saved |= {"data": "abc", "pictures": 8, "step": 5, "settings": {}}
    torch.save(saved, folder / "checkpoint.pt")
    return export(folder / "checkpoint.pt", folder, "plain")


@pytest.fixture(scope="module")
def made(plain, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    assert main(["export", str(plain[0]), "--two-scales", "--name", "large", "-o", str(folder)]) == 0
    return [folder / "large.onnx", folder / "large-int8.onnx"]


@pytest.mark.parametrize("precision", [0, 1])
@pytest.mark.parametrize(("width", "height"), [(320, 192), (192, 256), (352, 224)])
def test_its_maps_are_those_of_the_picture_and_of_its_half(plain, made, precision, width, height):
    picture = np.random.default_rng(3).integers(0, 255, (1, 3, height, width), np.uint8)
    small = np.round(picture.reshape(1, 3, height // 2, 2, width // 2, 2).mean(axis=(3, 5))).astype(np.uint8)
    # Black up to a multiple of 32.
    small = np.pad(small, ((0, 0), (0, 0), (0, -height // 2 % 32), (0, -width // 2 % 32)))
    model = open_model(plain[precision])
    rows, columns = height // 4, width // 4
    half = [cv2.resize(m, None, fx=2, fy=2)[:rows, :columns] for m in model.run(small)[:3]]
    fine = model.run(picture)
    found = open_model(made[precision]).run(picture)
    assert found[0] == pytest.approx(fine[0] ** FINE * half[0] ** HALF, abs=0.005)
    assert found[1] == pytest.approx((fine[1] + half[1]) / 2, abs=0.005)
    assert found[2] == pytest.approx((fine[2] + 2 * half[2]) / 2, rel=0.02)
    assert found[3] == pytest.approx(fine[3], abs=0.01)


def test_its_weights_are_there_once_and_stored_in_half(plain, made):
    before, after = (
        [tensor for tensor in onnx.load(path).graph.initializer if len(tensor.dims) == 4]
        for path in (plain[0], made[0])
    )
    assert {tensor.data_type for tensor in after} == {onnx.TensorProto.FLOAT16}
    assert len(before) == len(after)
    assert sum(len(tensor.raw_data) for tensor in before) == 2 * sum(len(tensor.raw_data) for tensor in after)


def test_it_says_what_it_is(plain, made):
    before = open_model(plain[0]).metadata
    for file, precision in zip(made, ("fp32", "int8"), strict=True):
        facts = open_model(file).metadata
        assert {name: facts[name] for name in ("data", "steps", "weights", "stride")} == {
            name: before[name] for name in ("data", "steps", "weights", "stride")
        }
        assert (facts["precision"], facts["scales"], facts["multiple"]) == (precision, "[1, 0.5]", "32")
        assert float(facts["strays"]) < 0.002
        sizes = json.loads(before["profiles"])
        assert json.loads(facts["profiles"]) == {name: [2 * side for side in size] for name, size in sizes.items()}


def test_its_profiles_have_the_sizes_that_are_asked_for(plain, tmp_path, capsys):
    command = ["export", str(plain[0]), "--two-scales", "--name", "large", "-o", str(tmp_path)]
    assert main([*command, "--sizes", "far=768x448"]) == 0
    assert open_model(tmp_path / "large-int8.onnx").sizes["far"] == (768, 448)
    assert main(["export", str(plain[0]), "--sizes", "far=768x448", "-o", str(tmp_path)]) == 1
    assert "--sizes is for a file that looks at two scales" in capsys.readouterr().err
    for wrong, said in (("far=608x360", "multiples of 32"), ("large=640x320", "near|mid|far=WIDTHxHEIGHT")):
        with pytest.raises(SystemExit):
            main([*command, "--sizes", wrong])
        assert said in capsys.readouterr().err


@pytest.mark.parametrize("profile", ["near", "gaze"])
def test_the_stage_runs_it(made, profile):
    for precision in ("fp32", "int8", "auto"):
        node = HeatmapNode(model=str(made[0]), precision=precision, profile=profile)
        node.start()
        heatmap = node.process(Frame(image=np.zeros((720, 1280, 3), np.uint8)), None)
        assert heatmap.values.shape[0] % 8 == 0


def test_no_training_begins_from_it(made):
    with pytest.raises(SetupError, match=r"large\.onnx: expected an fp32 model file that looks at one scale"):
        begin_from(Network(**SMALL), made[0], torch.zeros(1, 3, 192, 320))


def test_what_it_cannot_be_made_of_is_refused_in_one_line(plain, made, tmp_path, capsys):
    alone = tmp_path / "alone.onnx"
    alone.write_bytes(plain[0].read_bytes())
    for file, said in (
        (alone, "expected its int8 form alone-int8.onnx beside it"),
        (made[0], "expected a network that looks at one scale"),
        (plain[0].parent / "checkpoint.pt", "--two-scales and --sizes are for model files"),
    ):
        assert main(["export", str(file), "--two-scales", "-o", str(tmp_path / "out")]) == 1
        err = capsys.readouterr().err
        assert said in err
        assert err.count("\n") == 1
    assert not list(tmp_path.glob("out/*"))


SHIPPED = Path(__file__).parents[2] / "models"


def test_the_shipped_large_files_agree_and_see_no_hand_in_an_empty_room():
    files = [open_model(SHIPPED / name) for name in ("hands-large.onnx", "hands-large-int8.onnx")]
    assert files[0].sizes == files[1].sizes
    assert files[0].metadata["weights"] == files[1].metadata["weights"]
    room = np.full((1, 3, 192, 320), 120, np.uint8)
    room[:, :, 120:] = 70  # the floor
    plain, quantised = (model.run(room)[0] for model in files)
    assert plain.max() < 0.2
    assert quantised == pytest.approx(plain, abs=0.1)
    hands = check_images()[:1]
    assert files[0].run(hands)[0].max() > 0.3

"""Model files joined into one give the mean of their maps, in less than twice the bytes."""

import json

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
from handflow.vision.model import open_model

SMALL = {"widths": (16, 16, 16, 16), "neck": 16, "stem": 8}


def exported(folder, seed):
    """Both files of a random network whose maps light up here and there."""
    torch.manual_seed(seed)
    network = Network(**SMALL)
    torch.nn.init.constant_(network.out.bias[:2], seed - 2)
    pictures = torch.from_numpy(np.random.default_rng(seed).integers(0, 255, (8, 3, 192, 320), np.uint8))
    saved = {"network": network.settings, "mean": network.state_dict(), "calibration": pictures}
    saved |= {"data": f"data{seed}", "pictures": 8, "step": seed, "settings": {}}
    folder.mkdir()
    torch.save(saved, folder / "checkpoint.pt")
    return export(folder / "checkpoint.pt", folder, f"n{seed}")


@pytest.fixture(scope="module")
def members(tmp_path_factory):
    folder = tmp_path_factory.mktemp("members")
    return [exported(folder / str(seed), seed) for seed in (1, 2)]


@pytest.fixture(scope="module")
def joined(members, tmp_path_factory):
    folder = tmp_path_factory.mktemp("joined")
    (one, _), (other, _) = members
    assert main(["export", str(one), "--beside", str(other), "--name", "wide", "-o", str(folder)]) == 0
    return [folder / "wide.onnx", folder / "wide-int8.onnx"]


@pytest.mark.parametrize(("precision", "most"), [(0, 0.01), (1, 0.01)])
@pytest.mark.parametrize(("width", "height"), [(320, 192), (224, 288)])
def test_its_maps_are_the_mean_of_theirs(members, joined, precision, most, width, height):
    picture = np.random.default_rng(3).integers(0, 255, (1, 3, height, width), np.uint8)
    theirs = [open_model(files[precision]).run(picture) for files in members]
    assert abs(theirs[0][0] - theirs[1][0]).max() > 0.1
    for found, one, other in zip(open_model(joined[precision]).run(picture), *theirs, strict=True):
        # Of the weights' 16 bits radius and offset show most: they are cells, not 0..1.
        assert found == pytest.approx((one + other) / 2, abs=most, rel=most)


def test_its_profiles_can_be_larger(members, tmp_path, capsys):
    (one, _), (other, _) = members
    command = ["export", str(one), "--beside", str(other), "--name", "wide", "-o", str(tmp_path)]
    assert main([*command, "--sizes", "far=608x352"]) == 0
    assert open_model(tmp_path / "wide-int8.onnx").sizes == open_model(one).sizes | {"far": (608, 352)}
    assert main(["export", str(one), "--sizes", "far=608x352", "-o", str(tmp_path)]) == 1
    assert "--sizes is for files that are joined" in capsys.readouterr().err
    for wrong, said in (("far=600x352", "multiples of 32"), ("large=608x352", "near|mid|far=WIDTHxHEIGHT")):
        with pytest.raises(SystemExit):
            main([*command, "--sizes", wrong])
        assert said in capsys.readouterr().err


def test_its_weights_are_stored_in_half(members, joined):
    assert joined[0].stat().st_size < 0.6 * sum(files[0].stat().st_size for files in members)
    sizes = {tensor.data_type for tensor in onnx.load(joined[0]).graph.initializer if len(tensor.dims) == 4}
    assert sizes == {onnx.TensorProto.FLOAT16}


def test_it_says_of_whom_it_is_made(members, joined):
    for file, precision in zip(joined, ("fp32", "int8"), strict=True):
        facts = open_model(file).metadata
        assert [member["data"] for member in json.loads(facts["members"])] == ["data1", "data2"]
        assert facts["precision"] == precision
        assert facts["profiles"] == open_model(members[0][0]).metadata["profiles"]
        assert float(facts["strays"]) < 0.002
        assert "weights" not in facts


def test_the_stage_runs_it(joined):
    for precision in ("fp32", "int8", "auto"):
        node = HeatmapNode(model=str(joined[0]), precision=precision)
        node.start()
        assert node.process(Frame(image=np.zeros((720, 1280, 3), np.uint8)), None).values.shape == (48, 80)


def test_no_training_begins_from_several_networks(joined):
    with pytest.raises(SetupError, match=r"wide\.onnx: expected the fp32 model file of one network"):
        begin_from(Network(**SMALL), joined[0], torch.zeros(1, 3, 192, 320))


def test_what_cannot_be_joined_is_refused_in_one_line(members, joined, tmp_path, capsys):
    (one, quantised), (other, _) = members
    alone = tmp_path / "alone.onnx"
    alone.write_bytes(other.read_bytes())
    finer = tmp_path / "finer.onnx"
    model = onnx.load(other)
    next(fact for fact in model.metadata_props if fact.key == "profiles").value = '{"near": [64, 64]}'
    onnx.save(model, finer)
    (tmp_path / "finer-int8.onnx").write_bytes(quantised.read_bytes())
    for words, said in (
        ([str(one), "--beside", str(alone)], "expected its int8 form alone-int8.onnx beside it"),
        ([str(one), "--beside", str(finer)], "finer.onnx: expected profiles"),
        ([str(one.parent / "checkpoint.pt"), "--beside", str(other)], "--beside and --sizes are for model files"),
    ):
        assert main(["export", *words, "-o", str(tmp_path / "out")]) == 1
        err = capsys.readouterr().err
        assert said in err
        assert err.count("\n") == 1
    assert not list(tmp_path.glob("out/*"))

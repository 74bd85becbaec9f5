"""Model files say what torch says, and say what they are."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from matplotlib.cbook import get_sample_data

from handflow import Frame, SetupError
from handflow.__main__ import main
from handflow.stages.heatmap import HeatmapNode
from handflow.training.averaging import averaged
from handflow.training.checkpoint import read_checkpoint
from handflow.training.export import VOTES, Deployed, compare, export, torch_run
from handflow.training.initial_weights import begin_from
from handflow.training.network import Network
from handflow.training.quantisation import quantise
from handflow.vision.model import open_model
from handflow.vision.model_choice import check_images
from handflow.vision.model_input import prepare

SMALL = {"widths": (16,) * 5, "blocks": (1,) * 5, "neck": 16, "parts": True}


@pytest.fixture(scope="module")
def network():
    """Random, but with maps that light up here and there, as a trained one's do."""
    torch.manual_seed(1)
    network = Network(**SMALL)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.bias, 0, 0.2)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
    torch.nn.init.constant_(network.out.bias[:2], -1)
    torch.nn.init.constant_(network.parts[1].bias, -0.5)
    return network.eval()


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(0).integers(0, 255, (8, 3, 192, 320), np.uint8)


@pytest.fixture(scope="module")
def exported(network, pictures, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    saved = {"network": network.settings, "mean": network.state_dict(), "calibration": torch.from_numpy(pictures)}
    saved |= {
        "data": "abc",
        "pictures": 8,
        "step": 5,
        "settings": {"lr": 0.1, "out": "/home/somebody", "init": "/home/somebody/old.onnx"},
    }
    torch.save(saved, folder / "checkpoint.pt")
    return export(folder / "checkpoint.pt", folder / "models")


@pytest.mark.parametrize(("width", "height"), [(320, 192), (288, 224), (512, 288)])
def test_onnxruntime_says_what_torch_says_at_every_size(exported, network, width, height):
    picture = np.random.default_rng(1).integers(0, 255, (1, 3, height, width), np.uint8)
    with torch.no_grad():
        expected = Deployed(network)(torch.from_numpy(picture))
    mine = open_model(exported[0]).run(picture)
    for found, theirs in zip(mine, (*(m[0, 0] for m in expected[:3]), expected[3][0]), strict=True):
        assert found.shape[:2] == (height // 4, width // 4)
        assert found == pytest.approx(theirs.numpy(), abs=1e-4)


@pytest.mark.slow
def test_a_network_with_a_prior_hears_it_in_every_form(pictures, tmp_path):
    torch.manual_seed(4)
    network = Network(**SMALL, prior=True).eval()
    torch.nn.init.normal_(network.prior.weight, 0, 0.5)
    torch.nn.init.constant_(network.out.bias[:2], -1)
    saved = {"network": network.settings, "mean": network.state_dict(), "calibration": torch.from_numpy(pictures)}
    torch.save(saved | {"data": "abc", "pictures": 8, "step": 5, "settings": {}}, tmp_path / "checkpoint.pt")
    where = np.zeros((48, 80), np.float32)
    where[20:24, 30:34] = 1
    with torch.no_grad():
        expected = Deployed(network)(torch.from_numpy(pictures[:1]), torch.from_numpy(where[None, None]))[0][0, 0]
    plain, quantised = map(open_model, export(tmp_path / "checkpoint.pt", tmp_path))
    assert plain.run(pictures[:1], where)[0] == pytest.approx(expected.numpy(), abs=1e-4)
    for model in (plain, quantised):
        assert abs(model.run(pictures[:1], where)[0] - model.run(pictures[:1])[0])[18:26, 28:36].max() > 1e-3


def test_the_int8_file_comes_close(exported, network):
    picture = np.random.default_rng(2).integers(0, 255, (1, 3, 192, 320), np.uint8)
    plain, quantised = (open_model(path).run(picture)[0] for path in exported)
    assert abs(plain - quantised).mean() < 0.02
    assert (plain != quantised).any()


def test_the_last_convolutions_across_channels_are_int8_and_nothing_else(exported):
    graph = onnx.load(exported[1]).graph
    quantised = {output for n in graph.node if n.op_type == "DequantizeLinear" for output in n.output}
    convolutions = {n.name: quantised.issuperset(n.input[:2]) for n in graph.node if n.op_type == "Conv"}
    found = [name for name, q in convolutions.items() if q]
    assert [name.split("/")[2:4] for name in found] == [["smooth", "point"], ["head", "point"]]
    assert not any(quantised.intersection(n.input) for n in graph.node if n.op_type == "MaxPool")


def test_the_files_say_what_they_are(exported):
    for path, precision in zip(exported, ("fp32", "int8"), strict=True):
        facts = open_model(path).metadata
        assert facts["stride"] == "4"
        assert json.loads(facts["profiles"]) == {"near": [224, 128], "mid": [288, 160], "far": [352, 192]}
        assert json.loads(facts["settings"]) == {"lr": 0.1, "init": "old.onnx"}  # and no folder of the machine
        assert (facts["data"], facts["pictures"], facts["steps"], facts["precision"]) == ("abc", "8", "5", precision)
        assert facts["commit"]


def test_the_stage_runs_them(exported):
    for precision in ("fp32", "int8", "auto"):
        node = HeatmapNode(model=str(exported[0]), precision=precision)
        node.start()
        heatmap = node.process(Frame(image=np.zeros((720, 1280, 3), np.uint8)), None)
        assert heatmap.values.shape == (32, 56)
        assert (heatmap.radius > 0).all()


def test_the_int8_form_of_a_model_file_is_made_anew(exported, tmp_path, capsys):
    """From labelled pictures, for whoever has no checkpoint any more; the fp32 file stays as it is."""
    image = np.random.default_rng(3).integers(0, 255, (96, 160, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), image)
    label = {"image": "a.png", "width": 160, "height": 96, "hands": [{"box": [40, 30, 30, 30], "kind": "other"}]}
    (tmp_path / "labels.jsonl").write_text(json.dumps(label) + "\n")
    plain = shutil.copy(exported[0], tmp_path / "mine.onnx")
    command = ["export", str(plain), "-o", str(tmp_path)]
    assert main([*command, "--calibration", str(tmp_path / "labels.jsonl")]) == 0
    quantised = open_model(tmp_path / "mine-int8.onnx")
    assert quantised.metadata["precision"] == "int8"
    assert quantised.metadata["commit"] == open_model(plain).metadata["commit"]
    assert Path(plain).read_bytes() == exported[0].read_bytes()
    assert "mine-int8.onnx" in capsys.readouterr().out
    for words, said in (
        (command, "needs labelled pictures: --calibration DATA"),
        (["export", str(exported[1]), "--calibration", str(tmp_path)], "expected an fp32 file to quantise, got int8"),
        (["export", "checkpoint.pt", "--calibration", str(tmp_path)], "a checkpoint has pictures to calibrate with"),
    ):
        assert main(words) == 1
        err = capsys.readouterr().err
        assert said in err
        assert err.count("\n") == 1


@pytest.mark.parametrize(("loss", "shown"), [("focal", 1 / (1 + np.exp(-0.5))), ("mse", 0.5), ("mse255", 0.5 / 255)])
def test_what_a_map_means_follows_the_loss(loss, shown):
    assert Deployed(Network(**SMALL), loss).shown(torch.tensor(0.5)).item() == pytest.approx(shown, rel=1e-5)


@pytest.mark.parametrize("loss", ["quality", "mse", "mse255"])
def test_parts_vote_on_logits_only(loss, network, pictures):
    image = torch.from_numpy(pictures[:1])
    with torch.no_grad():
        voted, alone = (Deployed(network, loss, votes)(image)[0] for votes in (VOTES, {}))
    assert torch.equal(voted, alone) == loss.startswith("mse")


def test_training_can_begin_from_an_exported_file(exported, network, pictures):
    torch.manual_seed(7)
    another = Network(**SMALL)
    images = torch.from_numpy(pictures).float()
    floats = sum(tensor.is_floating_point() for tensor in another.state_dict().values())
    assert begin_from(another, exported[0], images) == floats
    for mode in (False, True):  # as it is run, and as it is trained on the same pictures
        with torch.no_grad():
            mine, theirs = another.train(mode)(images), network(images)
        assert all(mine[name] == pytest.approx(theirs[name], abs=1e-3) for name in ("any", "parts"))


@pytest.mark.slow
def test_training_can_begin_from_what_fits_of_another_network(exported, pictures):
    wider = Network(**{**SMALL, "neck": 24})
    images = torch.from_numpy(pictures).float()
    count = begin_from(wider, exported[0], images)
    assert 0 < count < sum(tensor.is_floating_point() for tensor in wider.state_dict().values())
    assert torch.isfinite(wider(images)["any"]).all()


def test_training_does_not_begin_from_anything_else(tmp_path, pictures):
    (tmp_path / "bad.onnx").write_text("nothing")
    with pytest.raises(SetupError, match=r"bad\.onnx: expected an fp32 model file that looks at one scale") as caught:
        begin_from(Network(**SMALL), tmp_path / "bad.onnx", torch.from_numpy(pictures).float())
    assert "\n" not in str(caught.value)


def test_the_mean_of_two_networks_has_means_of_activations_of_its_own(exported, network, tmp_path):
    torch.manual_seed(2)
    other = Network(**SMALL)
    checkpoint = exported[0].parent.parent / "checkpoint.pt"
    saved = read_checkpoint(checkpoint)
    torch.save(saved | {"mean": other.state_dict()}, tmp_path / "other.pt")
    mean = averaged(saved, tmp_path / "other.pt", 0.75)["mean"]
    assert torch.allclose(mean["out.bias"], 0.75 * network.out.bias + 0.25 * other.out.bias)
    first = next(name for name in mean if name.endswith("running_mean"))
    between = 0.75 * saved["mean"][first] + 0.25 * other.state_dict()[first]
    assert not torch.allclose(mean[first], between)
    made = export(checkpoint, tmp_path / "models", other=tmp_path / "other.pt", share=0.75)
    assert json.loads(open_model(made[0]).metadata["average"]) == {"share": 0.75, "other": "other.pt"}


def test_a_bias_makes_every_cell_more_of_a_hand(exported, pictures, tmp_path, capsys):
    checkpoint = exported[0].parent.parent / "checkpoint.pt"
    assert main(["export", str(checkpoint), "--bias", "0.5", "-o", str(tmp_path)]) == 0
    plain, raised = (open_model(path) for path in (exported[0], tmp_path / "hands.onnx"))
    before, after = (model.run(pictures[:1])[0] for model in (plain, raised))
    assert after == pytest.approx(1 / (1 + (1 - before) / before * np.exp(-0.5)), abs=1e-4)
    assert raised.metadata["bias"] == "0.5"
    assert main(["export", str(exported[0]), "--bias", "0.5", "-o", str(tmp_path)]) == 1
    assert "--bias is added to a checkpoint's map of any hand; got a model file" in capsys.readouterr().err


def test_what_parts_of_people_add_is_said_at_export(exported, network, pictures, tmp_path, capsys):
    checkpoint = exported[0].parent.parent / "checkpoint.pt"
    assert main(["export", str(checkpoint), "--votes", "foot=-1.5", "-o", str(tmp_path)]) == 0
    assert json.loads(open_model(tmp_path / "hands.onnx").metadata["votes"]) == {"foot": -1.5}
    assert json.loads(open_model(exported[0]).metadata["votes"]) == VOTES
    with torch.no_grad():
        parts = torch.sigmoid(network(torch.from_numpy(pictures[:1]).float())["parts"])
    feet = torch.nn.functional.interpolate(parts[:, 4:], scale_factor=2, mode="bilinear")[0, 0].numpy()
    assert main(["export", str(checkpoint), "--votes", "wrist=0", "-o", str(tmp_path / "alone")]) == 0
    files = tmp_path / "alone/hands.onnx", tmp_path / "hands.onnx"
    alone, voted = (open_model(file).run(pictures[:1])[0] for file in files)
    assert voted == pytest.approx(1 / (1 + (1 - alone) / alone * np.exp(1.5 * feet)), abs=1e-4)
    assert main(["export", str(exported[0]), "--votes", "wrist=1", "-o", str(tmp_path)]) == 1
    assert "--votes are of a checkpoint's parts of people; got a model file" in capsys.readouterr().err


def test_a_vote_of_no_part_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["export", str(tmp_path / "checkpoint.pt"), "--votes", "knee=1"])
    assert "expected person|head|elbow|wrist|foot=WEIGHT, got knee=1" in capsys.readouterr().err


def test_a_model_file_cannot_be_averaged(exported, tmp_path, capsys):
    asked = ["export", str(exported[0]), "--calibration", "nowhere", "--average", "hands", "-o", str(tmp_path)]
    assert main(asked) != 0
    assert "--average takes a checkpoint's weights and another model's; got a model file" in capsys.readouterr().err


def test_a_file_that_strays_from_torch_is_refused(exported, pictures):
    torch.manual_seed(2)
    another = Network(**SMALL)
    torch.nn.init.constant_(another.out.bias[:1], 3)
    with pytest.raises(
        SetupError, match=r"hands\.onnx: expected maps within 0\.0001 of what it was made of, got 0\.\d+"
    ):
        compare(torch_run(Deployed(another.eval())), open_model(exported[0]), pictures[:1], 1e-4)


def test_a_failed_export_leaves_the_old_files(exported, monkeypatch):
    before = exported[0].read_bytes()
    monkeypatch.setattr("handflow.training.export.quantise", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export(exported[0].parent.parent / "checkpoint.pt", exported[0].parent)
    assert exported[0].read_bytes() == before
    assert sorted(p.name for p in exported[0].parent.iterdir()) == ["hands-int8.onnx", "hands.onnx"]


def test_what_is_not_a_checkpoint_is_refused_in_one_line(tmp_path):
    (tmp_path / "bad.pt").write_text("nothing")
    with pytest.raises(SetupError, match=r"bad\.pt is not a whole checkpoint of `handflow train`") as caught:
        read_checkpoint(tmp_path / "bad.pt")
    assert "\n" not in str(caught.value)
    with pytest.raises(SetupError, match=r"no checkpoint .*gone\.pt"):
        read_checkpoint(tmp_path / "gone.pt")


SHIPPED = Path(__file__).parents[2] / "models"


def test_the_shipped_files_are_small_and_of_one_training():
    files = sorted(SHIPPED.glob("*.onnx"))
    assert [file.name for file in files] == [
        "hands-int8.onnx",
        "hands-large-int8.onnx",
        "hands-large.onnx",
        "hands.onnx",
    ]
    assert sum(file.stat().st_size for file in files) < 15e6
    facts = [open_model(file).metadata for file in (files[0], files[-1])]
    assert [f["precision"] for f in facts] == ["int8", "fp32"]
    assert facts[0]["data"] == facts[1]["data"]
    assert facts[0]["steps"] == facts[1]["steps"]


def test_the_shipped_files_agree_and_see_no_hand_in_an_empty_room():
    room = np.full((1, 3, 192, 320), 120, np.uint8)
    room[:, :, 120:] = 70  # the floor
    plain, quantised = (open_model(SHIPPED / name).run(room)[0] for name in ("hands.onnx", "hands-int8.onnx"))
    assert plain.max() < 0.2
    assert quantised == pytest.approx(plain, abs=0.1)


def photograph() -> np.ndarray:
    """A real picture (1, 3, 192, 320) uint8: of Grace Hopper, in the public domain; it comes with matplotlib."""
    with get_sample_data("grace_hopper.jpg") as file:
        image = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR)
    return prepare(image, 320, 192).tensor


def saturated_sums(path: Path, pictures: list[np.ndarray]) -> int:
    """How many sums of two products overflow 16 bits in the int8 convolutions of a file, over all pictures.

    Processors with AVX2 and without VNNI multiply bytes by int8 weights and add neighbours (`vpmaddubsw`): channels lie
    side by side there, then columns and rows of the kernel. A sum outside of -32768..32767 is cut off, in silence.
    """
    model = onnx.load(path)
    values = {i.name: onnx.numpy_helper.to_array(i) for i in model.graph.initializer}
    made_by = {output: node for node in model.graph.node for output in node.output}
    convolutions = []  # (input, weights, stride, padding)
    for node in model.graph.node:
        inputs = [made_by.get(name) for name in node.input[:2]]
        if node.op_type == "Conv" and all(i is not None and i.op_type == "DequantizeLinear" for i in inputs):
            given = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            convolutions.append((inputs[0].input[0], values[inputs[1].input[0]], given["strides"][0], given["pads"][0]))
    assert len(convolutions) == 2
    shown = sorted({name for name, *_ in convolutions if name != "image"})
    model.graph.output.extend(onnx.helper.make_tensor_value_info(n, onnx.TensorProto.UINT8, None) for n in shown)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    count = 0
    for picture in pictures:
        seen = dict(zip(shown, session.run(shown, {"image": picture}), strict=True)) | {"image": picture}
        for name, weights, stride, pad in convolutions:
            bytes_ = np.pad(seen[name][0].astype(np.int32), ((0, 0), (pad, pad), (pad, pad)))
            size = weights.shape[2]
            windows = np.lib.stride_tricks.sliding_window_view(bytes_, (size, size), (1, 2))[:, ::stride, ::stride]
            columns = windows.transpose(3, 4, 0, 1, 2).reshape(size * size * len(bytes_), -1)
            rows = weights.transpose(0, 2, 3, 1).reshape(len(weights), -1).astype(np.int32)
            if len(columns) % 2:
                columns, rows = np.pad(columns, ((0, 1), (0, 0))), np.pad(rows, ((0, 0), (0, 1)))
            for row in rows:
                sums = columns[::2] * row[::2, None] + columns[1::2] * row[1::2, None]
                count += int(((sums > 32767) | (sums < -32768)).sum())
    return count


def test_no_sum_of_the_shipped_int8_file_overflows_on_processors_without_vnni(tmp_path):
    pictures = [photograph(), check_images()[2:]]
    assert saturated_sums(SHIPPED / "hands-int8.onnx", pictures) == 0
    quantise(SHIPPED / "hands.onnx", tmp_path / "eight.onnx", np.concatenate(pictures), {}, weight_bits=8)
    assert saturated_sums(tmp_path / "eight.onnx", pictures) > 0

"""A training that begins from MediaPipe's palm detector sees what that sees."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from support.palm_file import PalmFile

from handflow.errors import SetupError
from handflow.training.export import Deployed, write
from handflow.training.initial_weights import begin_from
from handflow.training.network import Network, for_export
from handflow.vision.model import OUTPUTS

WIDTHS = (4, 6, 8, 10, 10)


def network(blocks: int = 1) -> Network:
    torch.manual_seed(0)
    return Network(WIDTHS, (blocks,) * 5, neck=8).eval()


def test_the_palm_detectors_weights_give_what_it_gives(tmp_path):
    file = PalmFile(WIDTHS).write(tmp_path / "palm.onnx")
    ours = network()
    image = np.random.default_rng(1).integers(0, 255, (1, 3, 64, 96), np.uint8)  # BGR
    count = begin_from(ours, file, torch.from_numpy(image).float())
    trained = ours.learned_before(5)
    assert count == len(trained[0]) + len(trained[1])
    seen = []
    ours.joined[1].register_forward_hook(lambda module, given, out: seen.append(out))
    with torch.no_grad():
        ours(torch.from_numpy(image).float())
    light = image[:, ::-1].transpose(0, 2, 3, 1).astype(np.float32) / 255  # RGB
    (expected,) = onnxruntime.InferenceSession(file).run(["eight"], {"input_1": light})
    assert expected.std() > 0.1
    assert seen[0].numpy() == pytest.approx(expected, abs=1e-4)


def test_what_began_as_a_palm_detector_is_exported_and_read_again(tmp_path):
    """Its kernels of 5x5 are of 6x6 in a training and of 5x5 in the file."""
    ours, again = network(), network()
    image = np.random.default_rng(2).integers(0, 255, (1, 3, 64, 96), np.uint8)
    shown = torch.from_numpy(image).float()
    begin_from(ours, PalmFile(WIDTHS).write(tmp_path / "palm.onnx"), shown)
    known = {name: value.clone() for name, value in ours.eval().state_dict().items()}
    with torch.no_grad():
        expected = Deployed(ours)(torch.from_numpy(image))
    for_export(ours)
    write(Deployed(ours), tmp_path / "ours.onnx", {})
    found = onnxruntime.InferenceSession(tmp_path / "ours.onnx").run(OUTPUTS, {"image": image})
    for map_, theirs in zip(found, expected, strict=True):
        assert map_ == pytest.approx(theirs.numpy(), abs=1e-4, rel=1e-5)  # a radius is an exponential
    graph = onnx.load(tmp_path / "ours.onnx").graph
    assert not any(node.op_type == "Identity" for node in graph.node)
    assert {tensor.dims[2] for tensor in graph.initializer if len(tensor.dims) == 4} == {1, 5}
    begin_from(again, tmp_path / "ours.onnx", shown)
    for name in known:
        if name.split(".")[0] in ("stem", "stages", "enlarged", "joined"):
            # Of slopes the file has 1 - slope, rounded.
            exact = known[name] if not name.endswith(".slope") else 1 - (1 - known[name])
            assert torch.equal(again.state_dict()[name], exact), name


def test_slopes_of_files_from_before_are_read_as_they_were(tmp_path, monkeypatch):
    class Before(torch.nn.Module):
        """relu(x) - slope * relu(-x)"""

        def __init__(self, slope):
            super().__init__()
            self.negative, self.below = (torch.nn.Conv2d(len(slope), len(slope), 1, groups=len(slope), bias=False)
                                         for _ in range(2))  # fmt: skip
            torch.nn.init.constant_(self.negative.weight, -1)
            self.below.weight.data = -slope.detach().reshape(-1, 1, 1, 1)

        def forward(self, x):
            return self.below(torch.relu(self.negative(x))) + torch.relu(x)

    monkeypatch.setattr("handflow.training.network.SlopesApart", Before)
    ours, again = network(), network()
    begin_from(ours, PalmFile(WIDTHS).write(tmp_path / "palm.onnx"), torch.zeros(1, 3, 64, 64))
    known = {name: value.clone() for name, value in ours.eval().state_dict().items() if name.endswith(".slope")}
    for_export(ours)
    write(Deployed(ours), tmp_path / "before.onnx", {})
    begin_from(again, tmp_path / "before.onnx", torch.rand(1, 3, 64, 64))
    assert known
    assert all(torch.equal(again.state_dict()[name], slope) for name, slope in known.items())


def test_files_from_before_with_one_convolution_where_a_block_widens_are_read(tmp_path):
    ours, again = network(), network()
    begin_from(ours, PalmFile(WIDTHS).write(tmp_path / "palm.onnx"), torch.zeros(1, 3, 64, 64))
    known = {name: value.clone() for name, value in ours.eval().state_dict().items()}
    for_export(ours)
    write(Deployed(ours), tmp_path / "before.onnx", {})
    file = onnx.load(tmp_path / "before.onnx")
    stored = {tensor.name: tensor for tensor in file.graph.initializer}
    added = [node for node in file.graph.node if node.op_type == "Conv" and "/added/" in node.name]
    for node in added:
        for name in node.input[1:]:
            point = stored[name.replace(".added.", ".point.")]
            both = [onnx.numpy_helper.to_array(tensor) for tensor in (point, stored[name])]
            point.CopyFrom(onnx.numpy_helper.from_array(np.concatenate(both), point.name))
        file.graph.node.remove(node)
    onnx.save(file, tmp_path / "before.onnx")
    begin_from(again, tmp_path / "before.onnx", torch.rand(1, 3, 64, 64))
    parts = [name for name in known if ".added." in name]
    parts += [name.replace(".added.", ".point.") for name in parts]
    assert len(added) == 3
    assert len(parts) == 12
    assert all(torch.equal(again.state_dict()[name], known[name]) for name in parts)


def test_a_palm_detector_of_other_depth_is_refused(tmp_path):
    file = PalmFile(WIDTHS).write(tmp_path / "palm.onnx")
    with pytest.raises(SetupError, match=r"palm\.onnx: expected the palm detector that the network is built as, 20"):
        begin_from(network(blocks=2), file, torch.zeros(1, 3, 64, 64))


def test_levels_that_are_kept_are_not_trained():
    ours = network()
    early, late = ours.learned_before(2)
    assert {id(parameter) for parameter in early} == {
        id(parameter) for module in (ours.stem, ours.stages[0], ours.stages[1]) for parameter in module.parameters()
    }
    assert len(early) + len(late) == sum(
        1 for name, _ in ours.named_parameters() if name.split(".")[0] in ("stem", "stages", "enlarged", "joined")
    )
    assert ours.learned_before(0)[0] == []

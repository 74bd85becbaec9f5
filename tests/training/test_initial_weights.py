"""A training that begins from MediaPipe's palm detector sees what that sees."""

from pathlib import Path

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
from handflow.training.palm_levels import read_palm_levels
from handflow.training.settings import Settings
from handflow.training.teaching.imitation import imitation_losses
from handflow.training.train import parameter_groups
from handflow.vision.model import OUTPUTS

WIDTHS = (4, 6, 8, 10, 10)


def network(blocks: int = 1) -> Network:
    torch.manual_seed(0)
    return Network(WIDTHS, (blocks,) * 5, neck=8).eval()


def shown_to(file: Path, image: np.ndarray) -> np.ndarray:
    """What the palm detector's file has at /8 for an image (1, 3, h, w) BGR."""
    light = image[:, ::-1].transpose(0, 2, 3, 1).astype(np.float32) / 255  # RGB
    return onnxruntime.InferenceSession(file).run(["eight"], {"input_1": light})[0]


def test_the_palm_detectors_levels_give_what_it_gives(tmp_path):
    file = PalmFile(WIDTHS).write(tmp_path / "palm.onnx")
    palm, ours = read_palm_levels(file), network()
    image = np.random.default_rng(1).integers(0, 255, (1, 3, 64, 96), np.uint8)  # BGR
    count = begin_from(ours, file, torch.zeros(1))
    assert count == sum(len(module.state_dict()) for module in (ours.stages, ours.enlarged, ours.joined))
    # The fine levels are the network's own: in their place the detector's.
    ours.see_finely = palm.see_finely
    seen = []
    ours.joined[1].register_forward_hook(lambda module, given, out: seen.append(out))
    with torch.no_grad():
        ours(torch.from_numpy(image).float())
    expected = shown_to(file, image)
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
    assert all(map_ == pytest.approx(theirs.numpy(), abs=1e-4) for map_, theirs in zip(found, expected, strict=True))
    graph = onnx.load(tmp_path / "ours.onnx").graph
    assert not any(node.op_type == "Identity" for node in graph.node)
    sizes = {tensor.name: tensor.dims[2] for tensor in graph.initializer if len(tensor.dims) == 4}
    coarse = [node.input[1] for node in graph.node if node.op_type == "Conv" and "/stages." in node.name]
    assert {sizes[name] for name in coarse} == {1, 5}
    begin_from(again, tmp_path / "ours.onnx", shown)
    for name in known:
        if name.split(".")[0] in ("stem", "fine", "stages", "enlarged", "joined"):
            # The file has 1 - slope.
            assert again.state_dict()[name].numpy() == pytest.approx(known[name].numpy(), abs=1e-6), name


def test_a_palm_detector_of_other_depth_is_refused(tmp_path):
    file = PalmFile(WIDTHS).write(tmp_path / "palm.onnx")
    with pytest.raises(
        SetupError, match=r"palm\.onnx: expected a palm detector .* \(2, 2, 2\) blocks, got .* \(1, 1, 1\)"
    ):
        begin_from(network(blocks=2), file, torch.zeros(1, 3, 64, 64))


def test_fine_levels_learn_to_see_what_the_palm_detectors_see(tmp_path):
    file = str(PalmFile(WIDTHS).write(tmp_path / "palm.onnx"))
    ours = network()
    begin_from(ours, Path(file), torch.zeros(1))
    image = torch.from_numpy(np.random.default_rng(3).integers(0, 255, (2, 3, 64, 64)).astype(np.float32))
    optimizer = torch.optim.Adam([*ours.stem.parameters(), *ours.fine.parameters()], lr=0.01)
    sums = []
    for _ in range(60):
        losses = imitation_losses(ours.see_finely(image), image, file)
        sums.append(sum(losses.values()).item())
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
    assert losses.keys() == {"four", "eight"}
    assert sums[-1] < 0.7 * sums[0]


def test_who_sees_what_the_palm_detector_sees_has_nothing_to_learn(tmp_path):
    file = str(PalmFile(WIDTHS).write(tmp_path / "palm.onnx"))
    image = torch.rand(1, 3, 64, 64) * 255
    losses = imitation_losses(read_palm_levels(Path(file)).see_finely(image), image, file)
    assert losses.keys() == {"four", "eight"}
    assert all(loss.item() == 0 for loss in losses.values())


@pytest.mark.parametrize(
    ("options", "shares"),
    [
        ({}, {"out": 1.0, "stages": 0.015}),
        ({"lr_fine": 0.1}, {"out": 1.0, "stages": 0.015, "fine": 0.1}),
        ({"only_imitate": True}, {"fine": 1.0}),
        ({"init": "none"}, {"out": 1.0, "stages": 1.0, "fine": 1.0}),
    ],
)
def test_each_level_learns_at_its_own_share_of_the_rate(options, shares):
    ours = network()
    groups = parameter_groups(ours, Settings(**options))
    found = {}
    for module in ("out", "stages", "fine"):
        own = {id(parameter) for parameter in getattr(ours, module).parameters()}
        for group in groups:
            if own <= {id(parameter) for parameter in group["params"]}:
                found[module] = group["share"]
        assert all(parameter.requires_grad for parameter in getattr(ours, module).parameters()) is (module in found)
    assert found == shares

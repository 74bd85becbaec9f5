"""The network's shapes, its loss against a slow loop, and the training loop on a handful of pictures."""

import argparse
import json
import math

import cv2
import numpy as np
import pytest
import torch

from handflow import SetupError
from handflow.training import train
from handflow.training.network import Network
from handflow.training.train import focal


@pytest.mark.parametrize(("width", "height"), [(320, 180), (428, 240), (512, 288), (276, 208), (36, 20)])
def test_the_maps_have_a_cell_for_every_four_pixels(width, height):
    maps = Network(widths=(8, 8, 8, 8), neck=8, stem=8).eval()(torch.zeros(1, 3, height, width))
    channels = {"any": 1, "open": 1, "radius": 1, "offset": 2}
    assert {name: m.shape for name, m in maps.items()} == {
        name: (1, count, height // 4, width // 4) for name, count in channels.items()
    }


def test_a_new_network_sees_almost_no_hands():
    torch.manual_seed(0)
    maps = Network().eval()(torch.randint(0, 255, (1, 3, 180, 320)).float())
    assert torch.sigmoid(maps["any"]).mean().item() == pytest.approx(1 / (1 + math.exp(4)), rel=0.5)


def test_what_the_network_sees_moves_with_the_picture():
    torch.manual_seed(0)
    network = Network(widths=(8, 8, 8, 8), neck=8, stem=8).eval()
    image = torch.zeros(1, 3, 256, 256)
    image[:, :, 96:128, 96:128] = 255
    here = network(image)["any"]
    there = network(torch.roll(image, 32, dims=3))["any"]  # 32 pixels: a whole cell of the coarsest level
    assert torch.allclose(torch.roll(here, 8, dims=3)[..., 16:48], there[..., 16:48], atol=1e-4)


def slow_focal(logit, heat, mask, centre):
    total, hands = 0.0, 0.0
    for x, y, m, c in zip(*(t.flatten().tolist() for t in (logit, heat, mask, centre)), strict=True):
        p = 1 / (1 + math.exp(-x))
        total += m * ((1 - p) ** 2 * math.log(p) if c else (1 - y) ** 4 * p**2 * math.log(1 - p))
        hands += m * c
    return -total / max(hands, 1)


def test_the_focal_loss_is_that_of_the_paper():
    torch.manual_seed(0)
    logit, heat = torch.randn(2, 5, 7), torch.rand(2, 5, 7)
    mask, centre = (torch.rand(2, 5, 7) > 0.3).float(), (torch.rand(2, 5, 7) > 0.8).float()
    assert focal(logit, heat, mask, centre).item() == pytest.approx(slow_focal(logit, heat, mask, centre), rel=1e-4)


def test_the_loss_does_not_look_where_the_mask_is_zero():
    logit = torch.zeros(1, 4, 4, requires_grad=True)
    mask = torch.ones(1, 4, 4)
    mask[0, 1, 2] = 0
    focal(logit, torch.zeros(1, 4, 4), mask, torch.zeros(1, 4, 4)).backward()
    assert logit.grad[0, 1, 2] == 0
    assert (logit.grad != 0).sum() == 15


@pytest.fixture
def data(tmp_path):
    """Six pictures of a red square before a grey wall, and two without."""
    lines = []
    for n in range(8):
        image = np.full((90, 160, 3), 60 + 10 * n, np.uint8)
        hands = []
        if n < 6:
            image[20:50, 20 + 12 * n : 50 + 12 * n] = [30, 60, 220]
            hands = [{"box": [20 + 12 * n, 20, 30, 30], "kind": "open" if n % 2 else "other"}]
        cv2.imwrite(str(tmp_path / f"{n}.png"), image)
        lines.append({"image": f"{n}.png", "width": 160, "height": 90, "hands": hands, "group": f"person {n}"})
    (tmp_path / "desk.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path


def trained(data, *options):
    parser = argparse.ArgumentParser()
    train.add_arguments(parser)
    small = ["--batch=2", "--widths=8,8,8,8", "--neck=8", "--workers=0", "--large=0", f"--out={data / 'run'}"]
    assert train.run(parser.parse_args([str(data), *small, *options])) == 0
    return torch.load(data / "run" / "checkpoint.pt", weights_only=True)


def test_training_writes_a_checkpoint_a_log_and_curves(data):
    saved = trained(data, "--steps=3")
    assert saved["step"] == 3
    assert saved["settings"]["batch"] == 2
    assert saved["calibration"].shape == (80, 3, 180, 320)
    log = [json.loads(line) for line in (data / "run" / "log.jsonl").read_text().splitlines()]
    assert log[-1]["step"] == 3
    assert math.isfinite(log[-1]["any"])
    assert (data / "run" / "curves.png").stat().st_size > 1000


def test_a_stopped_run_goes_on_and_keeps_the_good_checkpoint_before(data):
    trained(data, "--steps=2")
    assert trained(data, "--steps=4")["step"] == 4
    assert torch.load(data / "run" / "previous.pt", weights_only=True)["step"] == 2
    assert not list((data / "run").glob("*.part"))


def test_the_same_seed_gives_the_same_weights(data, tmp_path):
    first = trained(data, "--steps=2", "--seed=3")["model"]
    (data / "run" / "checkpoint.pt").unlink()
    again = trained(data, "--steps=2", "--seed=3")["model"]
    (data / "run" / "checkpoint.pt").unlink()
    other = trained(data, "--steps=2", "--seed=4")["model"]
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_a_checkpoint_of_another_network_is_refused(data):
    trained(data, "--steps=1")
    with pytest.raises(SetupError, match=r"checkpoint\.pt: holds a network of .*'neck': 8.* choose another --out"):
        trained(data, "--steps=2", "--neck=16")


def test_a_loss_that_is_no_number_stops_the_run(data):
    with pytest.raises(SetupError, match=r"the loss is nan at step \d.*nothing was saved yet; try a smaller --lr"):
        trained(data, "--steps=400", "--lr=1e30")


def test_pictures_without_any_hand_are_refused(data):
    lines = (data / "desk.jsonl").read_text().splitlines()[6:]
    (data / "desk.jsonl").write_text("\n".join(lines))
    with pytest.raises(SetupError, match="no picture with a hand"):
        trained(data, "--steps=1")


def test_every_setting_has_a_comment_that_becomes_its_help():
    comments = train.setting_comments()
    assert set(comments) == {f.name for f in train.fields(train.Settings)}
    assert all(comments.values())

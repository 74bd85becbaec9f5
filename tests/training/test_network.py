"""The network's shapes, its loss against a slow loop, and the labels it is given."""

import math

import numpy as np
import pytest
import torch

from handflow.training.coarse_labels import assign_coarse
from handflow.training.losses import focal, loss_of, quality, soft_loss
from handflow.training.network import Block, Network, Slopes, for_export
from handflow.training.samples.batches import made_up_prior
from handflow.training.samples.compose import TrainingSample
from handflow.training.settings import Settings
from handflow.training.targets import OPEN

BLACK = np.zeros((192, 320, 3), np.uint8)
SMALL = {"widths": (8,) * 5, "blocks": (1,) * 5, "neck": 8}


@pytest.mark.parametrize(("width", "height"), [(320, 192), (448, 256), (512, 288), (288, 224), (64, 32)])
def test_the_maps_have_a_cell_for_every_four_pixels(width, height):
    maps = Network(**SMALL).eval()(torch.zeros(1, 3, height, width))
    channels = {"any": 1, "open": 1, "radius": 1, "offset": 2}
    assert {name: m.shape for name, m in maps.items()} == {
        name: (1, count, height // 4, width // 4) for name, count in channels.items()
    }


def test_heads_for_parts_of_people_are_there_where_they_are_asked_for():
    image = torch.zeros(2, 3, 64, 96)
    assert Network(**SMALL, parts=True)(image)["parts"].shape == (2, 5, 8, 12)
    assert "parts" not in Network(**SMALL)(image)


def test_a_network_rewritten_for_export_gives_the_same_maps():
    torch.manual_seed(0)
    network = Network(**{**SMALL, "widths": (8, 8, 16, 16, 24)}).eval()
    for module in network.modules():
        if isinstance(module, Slopes):
            torch.nn.init.uniform_(module.slope, -2, 2)
        if isinstance(module, Block):
            torch.nn.init.normal_(module.point.weight, std=0.3)
    image = torch.rand(1, 3, 64, 96) * 255
    before = network(image)
    for_export(network)
    assert not any(isinstance(module, Slopes) for module in network.modules())
    after = network(image)
    assert all(torch.allclose(before[name], after[name], atol=1e-4) for name in before)


def test_parts_of_people_are_learned_only_where_they_are_known():
    logit = torch.zeros(1, 5, 4, 4, requires_grad=True)
    mask = torch.zeros(1, 1, 4, 4)
    mask[0, 0, 1, 2] = 1
    soft_loss(logit, torch.rand(1, 5, 4, 4), mask).backward()
    assert (logit.grad != 0).sum() == 5
    assert (logit.grad[0, :, 1, 2] != 0).all()


def test_a_new_network_sees_almost_no_hands():
    torch.manual_seed(0)
    maps = Network().eval()(torch.randint(0, 255, (1, 3, 192, 320)).float())
    assert torch.sigmoid(maps["any"]).mean().item() == pytest.approx(1 / (1 + math.exp(4)), rel=0.5)


def test_what_the_network_sees_moves_with_the_picture():
    torch.manual_seed(0)
    network = Network(**SMALL).eval()
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


@pytest.mark.parametrize("loss", [focal, quality])
def test_the_loss_does_not_look_where_the_mask_is_zero(loss):
    logit = torch.zeros(1, 4, 4, requires_grad=True)
    mask = torch.ones(1, 4, 4)
    mask[0, 1, 2] = 0
    loss(logit, torch.zeros(1, 4, 4), mask, torch.zeros(1, 4, 4)).backward()
    assert logit.grad[0, 1, 2] == 0
    assert (logit.grad != 0).sum() == 15


def test_made_up_priors_are_mostly_near_their_hands_and_at_times_blank_or_wrong():
    sample = TrainingSample(BLACK, BLACK, np.array([[100, 80, 40, 40]], np.float32), np.array([OPEN]))
    priors = [made_up_prior(np.random.default_rng(n), sample, 80, 48)[0] for n in range(200)]
    blank = np.mean([p.max() == 0 for p in priors])
    near = np.mean([p[18:32, 23:37].max() > 0.8 for p in priors])  # within half a hand of cell (25, 30)
    assert 0.35 < blank < 0.6  # 40 in 100, and those whose only hand was left out
    assert 0.4 < near < 0.6
    assert any(p.max() > 0 and p[18:32, 23:37].max() < 0.2 for p in priors)


def coarse_batch(*hands):
    """One sample of 20x30 cells; hands as (x, y, side), in cells."""
    coarse = torch.tensor([[0.0, *hand] for hand in hands]).reshape(-1, 4)
    maps = {name: torch.zeros(1, 2, 20, 30) for name in ("heat", "mask", "centre")}
    return {"coarse": coarse, **maps}


def test_a_coarse_label_is_assigned_where_the_network_sees_one_near_its_label():
    logit = torch.full((1, 1, 20, 30), -4.0)
    logit[0, 0, 8, 12] = 3  # two cells from the label
    logit[0, 0, 8, 25] = 9  # somebody else's hand
    assigned = assign_coarse(logit, coarse_batch((10.5, 8.5, 8)))
    assert assigned["centre"][0, 0].nonzero().tolist() == [[8, 12]]
    assert assigned["heat"][0, 0, 8, 12] == 1
    assert assigned["heat"][0, 0, 8, 14] == pytest.approx(math.exp(-4 / (2 * (0.11 * 8) ** 2)))
    assert assigned["mask"][0, 0, 8, 12] == 1  # there it counts, whatever is forgiven around the label
    assert assigned["heat"][0, 1].max() == assigned["mask"][0, 1].max() == 0  # nothing is known of open palms


def test_a_coarse_label_of_which_the_network_sees_nothing_stays_where_it_is():
    assigned = assign_coarse(torch.full((1, 1, 20, 30), -4.0), coarse_batch((10.5, 8.5, 8), (3.5, 2.5, 4)))
    assert assigned["centre"][0, 0].nonzero().tolist() == [[2, 3], [8, 10]]


def test_assigning_leaves_the_batch_as_it_was():
    batch = coarse_batch((10.5, 8.5, 8))
    assign_coarse(torch.zeros(1, 1, 20, 30), batch)
    assert batch["heat"].max() == batch["mask"].max() == batch["centre"].max() == 0


def test_the_quality_loss_is_least_where_the_map_is_as_bright_as_the_target():
    """By its formula, cell by cell; two hands share it."""
    heat = torch.tensor([0.0, 0.3, 1.0, 0.8])
    p = torch.tensor([0.1, 0.3, 0.7, 0.2], requires_grad=True)
    centre = torch.tensor([0.0, 0.0, 1.0, 1.0])
    found = quality(torch.logit(p), heat, torch.ones(4), centre)
    rows = zip(p.tolist(), heat.tolist(), strict=True)
    slow = sum((y - q) ** 2 * -(y * math.log(q) + (1 - y) * math.log(1 - q)) for q, y in rows) / 2
    assert found.item() == pytest.approx(slow, rel=1e-5)
    found.backward()
    assert p.grad[1].item() == pytest.approx(0, abs=1e-6)
    assert p.grad[0] > 0
    assert (p.grad[2:] < 0).all()


@pytest.mark.parametrize(("loss", "top"), [("mse", 1), ("mse255", 255)])
def test_the_2017_loss_is_the_mean_square_over_all_cells(loss, top):
    torch.manual_seed(0)
    maps = {name: torch.randn(2, 1, 5, 7) for name in ("any", "open", "radius")} | {"offset": torch.randn(2, 2, 5, 7)}
    batch = {"heat": torch.rand(2, 2, 5, 7), "mask": (torch.rand(2, 2, 5, 7) > 0.3).float()}
    batch |= {"centre": torch.zeros(2, 2, 5, 7), "weight": torch.zeros(2, 2, 5, 7), "size": torch.zeros(2, 3, 5, 7)}
    rows = zip(
        *(t.flatten().tolist() for t in (maps["any"][:, 0], batch["heat"][:, 0], batch["mask"][:, 0])), strict=True
    )
    slow = sum(m * (out - top * heat) ** 2 for out, heat, m in rows) / 70
    assert loss_of(maps, batch, Settings(loss=loss))["any"].item() == pytest.approx(slow, rel=1e-4)

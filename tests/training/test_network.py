"""The network's shapes, its loss against a slow loop, and the training loop on a handful of pictures."""

import argparse
import json
import math
from typing import get_args, get_type_hints

import cv2
import numpy as np
import pytest
import torch

from handflow import SetupError
from handflow.commands.network import train as command
from handflow.training import progress
from handflow.training.checkpoint import alone_in, newest, weights_hash
from handflow.training.coarse_labels import assign_coarse
from handflow.training.losses import focal, loss_of, quality, soft_loss
from handflow.training.network import Network
from handflow.training.samples.batches import made_up_prior, parse_sizes
from handflow.training.samples.compose import TrainingSample
from handflow.training.settings import Settings
from handflow.training.targets import OPEN, draw_targets


@pytest.mark.parametrize(("width", "height"), [(320, 192), (448, 256), (512, 288), (288, 224), (64, 32)])
def test_the_maps_have_a_cell_for_every_four_pixels(width, height):
    maps = Network(widths=(8, 8, 8, 8), neck=8, stem=8).eval()(torch.zeros(1, 3, height, width))
    channels = {"any": 1, "open": 1, "radius": 1, "offset": 2}
    assert {name: m.shape for name, m in maps.items()} == {
        name: (1, count, height // 4, width // 4) for name, count in channels.items()
    }


def test_heads_for_parts_of_people_are_there_in_training_only():
    network = Network(widths=(8, 8, 8, 8), neck=8, stem=8, parts=True)
    image = torch.zeros(2, 3, 64, 96)
    assert network(image)["parts"].shape == (2, 5, 8, 12)
    assert "parts" not in network.eval()(image)


def test_a_new_block_changes_nothing_yet():
    torch.manual_seed(0)
    shallow, deep = (Network((8, 8, 8, 8), blocks, 8, 8).eval() for blocks in ((1, 1, 1, 1), (1, 2, 1, 3)))
    deep.load_state_dict(shallow.state_dict(), strict=False)
    image = torch.rand(1, 3, 64, 64) * 255
    assert torch.allclose(shallow(image)["any"], deep(image)["any"])


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


@pytest.mark.parametrize("loss", [focal, quality])
def test_the_loss_does_not_look_where_the_mask_is_zero(loss):
    logit = torch.zeros(1, 4, 4, requires_grad=True)
    mask = torch.ones(1, 4, 4)
    mask[0, 1, 2] = 0
    loss(logit, torch.zeros(1, 4, 4), mask, torch.zeros(1, 4, 4)).backward()
    assert logit.grad[0, 1, 2] == 0
    assert (logit.grad != 0).sum() == 15


def test_made_up_priors_are_mostly_near_their_hands_and_at_times_blank_or_wrong():
    sample = TrainingSample(
        np.zeros((192, 320, 3), np.uint8), np.array([[100, 80, 40, 40]], np.float32), np.array([OPEN])
    )
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


EVERY_WEIGHT = ("--parts", "--even", "--open_weight=0.4", "--sizes=64x64,96x64", "--blocks=1,1,2,2")


def trained(data, *options):
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    small = [
        "--init=none",
        "--batch=2",
        "--widths=8,8,8,8",
        "--neck=8",
        "--workers=0",
        "--large=0",
        f"--out={data / 'run'}",
    ]
    assert command.run(parser.parse_args([str(data), *small, *options])) == 0
    return torch.load(data / "run" / "checkpoint.pt", weights_only=True)


def test_training_writes_a_checkpoint_a_log_and_curves(data):
    saved = trained(data, "--steps=3", *EVERY_WEIGHT)
    assert saved["step"] == 3
    assert saved["network"]["parts"]
    assert saved["settings"]["batch"] == 2
    assert saved["calibration"].shape == (80, 3, 192, 320)
    log = [json.loads(line) for line in (data / "run" / "log.jsonl").read_text().splitlines()]
    assert log[-1]["step"] == 3
    assert math.isfinite(log[-1]["any"])
    assert math.isfinite(log[-1]["parts"])
    assert (data / "run" / "curves.png").stat().st_size > 1000


@pytest.mark.parametrize("sizes", ["320", "320x100", "0x32", "32x32,32x32,32x32,32x32,32x32", "x"])
def test_sizes_that_cannot_be_are_one_line(sizes):
    with pytest.raises(SetupError, match=r"sizes: expected one to 4 sizes as 320x192,288x224 in multiples of 32"):
        parse_sizes(sizes)


def test_training_waits_while_the_file_is_there(tmp_path, monkeypatch):
    pause = tmp_path / "PAUSE"
    pause.touch()
    waits = []
    monkeypatch.setattr(progress.time, "sleep", lambda seconds: waits.append(seconds) or pause.unlink())
    progress.wait_while_paused(str(pause))
    assert len(waits) == 1
    progress.wait_while_paused("")


def test_a_stopped_run_goes_on_and_keeps_the_good_checkpoint_before(data):
    trained(data, "--steps=2")
    assert trained(data, "--steps=4")["step"] == 4
    assert torch.load(data / "run" / "previous.pt", weights_only=True)["step"] == 2
    assert not list((data / "run").glob(".*.part*"))


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights(data, tmp_path):
    first = trained(data, "--steps=2", "--seed=3")["model"]
    (data / "run" / "checkpoint.pt").unlink()
    again = trained(data, "--steps=2", "--seed=3")["model"]
    (data / "run" / "checkpoint.pt").unlink()
    other = trained(data, "--steps=2", "--seed=4")["model"]
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def kept(folder, name, step):
    """A checkpoint as a training writes it, as far as `newest` looks at it."""
    network = Network(widths=(8, 8, 8, 8), neck=8, stem=8)
    torch.save({"network": network.settings, "mean": network.state_dict(), "step": step}, folder / name)


@pytest.mark.parametrize("left", [b"", b"half a checkpoint", None])
def test_what_a_kill_leaves_of_a_checkpoint_is_made_up_for_by_the_one_before(tmp_path, left, capsys):
    checkpoint = tmp_path / "checkpoint.pt"
    assert newest(checkpoint) is None
    kept(tmp_path, "previous.pt", 1)
    if left is not None:
        checkpoint.write_bytes(left)
    assert newest(checkpoint)["step"] == 1
    assert ("goes on from" in capsys.readouterr().out) is (left is not None)
    kept(tmp_path, "checkpoint.pt", 2)
    assert newest(checkpoint)["step"] == 2


def test_a_damaged_checkpoint_with_none_before_it_is_refused(tmp_path):
    (tmp_path / "checkpoint.pt").write_bytes(b"half")
    with pytest.raises(SetupError, match="is not a whole checkpoint"):
        newest(tmp_path / "checkpoint.pt")


def test_two_trainings_do_not_write_into_one_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("handflow.training.checkpoint.LEFT_OVER_S", 0)
    run, refused = tmp_path / "run", pytest.raises(SetupError, match=r"run: another training writes there")
    with alone_in(run), refused, alone_in(run):
        pass
    with alone_in(run):
        pass


def test_the_hash_of_weights_is_of_every_bit():
    torch.manual_seed(0)
    weights = Network(widths=(8, 8, 8, 8), neck=8, stem=8).state_dict()
    before = weights_hash(weights)
    assert before == weights_hash(dict(reversed(weights.items())))
    weights["out.bias"][0] = torch.nextafter(weights["out.bias"][0], torch.tensor(9.0))
    assert weights_hash(weights) != before


def test_a_checkpoint_of_another_network_is_refused(data):
    trained(data, "--steps=1")
    with pytest.raises(
        SetupError,
        match=r"checkpoint\.pt: expected a network of .*'neck': 16.* got .*'neck': 8.* choose another --out",
    ):
        trained(data, "--steps=2", "--neck=16")


def test_a_loss_that_is_no_number_stops_the_run(data):
    with pytest.raises(SetupError, match=r"the loss is nan at step \d.*nothing was saved yet; try a smaller --lr"):
        trained(data, "--steps=400", "--lr=1e30")


@pytest.mark.parametrize("loss", ["focal", "bce", "mse", "mse255"])
def test_every_loss_learns_to_light_up_where_the_hand_is(loss):
    torch.manual_seed(0)
    settings = Settings(loss=loss, size_weight=0)
    drawn = draw_targets(np.array([[5.5, 3.5, 4, 4]]), np.array([OPEN]), 16, 16)
    batch = {name: torch.from_numpy(getattr(drawn, name))[None] for name in drawn._fields[:-1]}
    image = torch.zeros(1, 3, 64, 64)
    image[:, :, 14:30, 22:38] = 255
    network = Network(widths=(8, 8, 8, 8), neck=8, stem=8)
    torch.nn.init.zeros_(network.out.bias)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.01)
    for _ in range(60):
        optimizer.zero_grad()
        sum(loss_of(network(image), batch, settings).values()).backward()
        optimizer.step()
    lit = network(image)["any"][0, 0]
    assert divmod(int(lit.argmax()), 16) == (5, 7)


def test_a_full_disk_at_a_checkpoint_is_one_line_and_leaves_the_last_good_one(data, monkeypatch):
    trained(data, "--steps=1")
    before = (data / "run" / "checkpoint.pt").read_bytes()

    def full(state, path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("handflow.training.checkpoint.torch.save", full)
    with pytest.raises(
        SetupError, match=r"checkpoint of step 2 cannot be written \(.*No space left.*holds the last good state"
    ) as caught:
        trained(data, "--steps=2")
    assert "\n" not in str(caught.value)
    assert (data / "run" / "checkpoint.pt").read_bytes() == before
    assert not list((data / "run").glob(".*.part*"))


def test_pictures_without_any_hand_are_refused(data):
    lines = (data / "desk.jsonl").read_text().splitlines()[6:]
    (data / "desk.jsonl").write_text("\n".join(lines))
    with pytest.raises(SetupError, match="no picture with a hand"):
        trained(data, "--steps=1")


def test_every_setting_of_a_training_is_an_argument_with_a_help_text():
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    text = " ".join(parser.format_help().split())
    for name, hint in get_type_hints(Settings, include_extras=True).items():
        assert f"--{name}" in text
        assert len(get_args(hint)[1]) > 5

"""The training loop, on a handful of pictures."""

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
from handflow.training.losses import loss_of
from handflow.training.network import Network
from handflow.training.samples.batches import parse_sizes
from handflow.training.settings import Settings
from handflow.training.targets import OPEN, draw_targets


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


SMALL = {"widths": (8,) * 5, "blocks": (1,) * 5, "neck": 8}
EVERY_WEIGHT = ("--parts", "--even", "--open_weight=0.4", "--sizes=64x64,96x64", "--blocks=1,1,1,2,2")


def trained(data, *options):
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    small = [
        "--init=none",
        "--batch=2",
        "--widths=8,8,8,8,8",
        "--blocks=1,1,1,1,1",
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


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--widths=8,8,8,8", r"--widths: expected 5 numbers from 1 up, for /2 to /32, as 4,4,4,4,4, got 8,8,8,8"),
        ("--widths=8,8,x,8,8", "--widths: expected 5 numbers"),
        ("--blocks=1,1,1,1,1,1", "--blocks: expected 5 numbers from 0 up"),
        ("--widths=16,8,8,8,8", "--widths: expected no level narrower than the one before it, got 16,8,8,8,8"),
    ],
)
def test_a_network_of_other_levels_is_refused_in_one_line(data, option, said):
    with pytest.raises(SetupError, match=said):
        trained(data, "--steps=1", option)


@pytest.mark.parametrize("share", [0.0, 0.015])
def test_what_is_known_of_strangers_is_kept(data, share):
    before = trained(data, "--steps=2")["mean"]  # what a training begins from
    (data / "run" / "checkpoint.pt").rename(data / "before.pt")
    (data / "run" / "previous.pt").unlink(missing_ok=True)
    options = [f"--init={data / 'before.pt'}", "--steps=3", "--lr=0.01", "--frozen=2", f"--lr_before={share}"]
    after = trained(data, *options)["model"]

    def moved(*modules):
        return max((after[name] - before[name]).abs().max().item() for name in before if name.startswith(modules))

    assert moved("stem", "stages.0", "stages.1.") == 0
    assert moved("smooth", "head", "out") > 0
    assert (moved("stages.2", "stages.3", "stages.4", "enlarged", "joined") > 0) is (share > 0)
    assert moved("stages.2", "joined") <= 4 * share * 0.01


def kept(folder, name, step):
    """A checkpoint as a training writes it, as far as `newest` looks at it."""
    network = Network(**SMALL)
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
    weights = Network(**SMALL).state_dict()
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
    network = Network(**SMALL)
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

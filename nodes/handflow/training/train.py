"""`handflow train DATA…`: labelled pictures in, a checkpoint out. Data, model, loop: `train` reads straight down.

The learning rate follows the share of `minutes` that has passed, so a run ends well whatever the machine.
Stopped runs go on where they were when the command is given again.
"""

import json
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from handflow.errors import SetupError
from handflow.training.labels.pictures import LabelledPicture, fingerprint, split
from handflow.training.samples.batches import Batch, Batches, make_batch
from handflow.training.samples.compose import calibration_pictures
from handflow.training.samples.pool import Pool
from handflow.training.teaching.matching import teachers_of
from handflow.vision.model import model_path

from .checkpoint import TrainingState, last_good, resume, save
from .coarse_labels import assign_coarse
from .initial_weights import begin_from
from .losses import loss_of
from .network import LEVELS, Network
from .progress import progress_bar, wait_while_paused
from .settings import Settings

LOG_STEPS = 100
WARM_UP_STEPS = 200  # in which the learning rate rises from nothing
PAUSE_S = 5.0  # a step that took longer was stopped or lay in a sleeping laptop: that is no training time


def train(pictures: list[LabelledPicture], settings: Settings, shares: Mapping[str, float] | None = None) -> None:
    """Trains on labelled pictures until the time or the steps of `settings` are over. Raises SetupError.

    `shares`: how often each of a recipe's data sets is drawn, by name.
    """
    out = Path(settings.out)
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(settings.seed)
    torch.set_num_threads(settings.threads)
    cv2.setNumThreads(1)

    dataset = parted(pictures, settings, shares)
    device = torch.device(best_device() if settings.device == "auto" else settings.device)
    state = make_state(settings, dataset.calibration, device)
    resume(state, out / "checkpoint.pt", device)
    origin = {
        "settings": asdict(settings),
        "data": dataset.fingerprint,
        "pictures": dataset.pictures,
        "calibration": dataset.calibration,
    }

    if settings.teachers and settings.loss.startswith("mse"):
        raise SetupError(f"--teachers: expected a loss whose maps are probabilities, got --loss={settings.loss}")
    teachers_of(settings.teachers)
    batches = endless_batches(dataset.pool, settings, state.step)
    sums: dict[str, float] = {}  # of each part of the loss since it was logged last
    logged, saved_s = state.step, time.monotonic()
    with progress_bar() as bar:
        task = bar.add_task("training", total=1.0, note="")
        while (done := share_done(state, settings)) < 1:
            wait_while_paused(settings.pause)
            began_s = time.monotonic()
            rate = learning_rate(state.step, done, settings)
            losses = take_step(state, to_device(next(batches), device), rate, settings)
            state.spent_s += min(time.monotonic() - began_s, PAUSE_S)
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + value.item()
            if state.step % LOG_STEPS == 0 or settings.steps == state.step:
                entry = log_entry(state, rate, sums, state.step - logged)
                if dataset.validation:
                    entry["validation"] = round(validate(state.mean, dataset.validation, settings, device), 5)
                state.log.append(entry)
                sums, logged = {}, state.step
                if not bar.console.is_terminal:
                    bar.console.print(json.dumps(entry), soft_wrap=True)
                bar.update(task, note=progress_note(entry, list(losses)))
            bar.update(task, completed=done)
            if time.monotonic() - saved_s > 60 * settings.save_minutes:
                save(state, out, origin)
                saved_s = time.monotonic()
        save(state, out, origin)
        bar.update(task, completed=1.0)


class Dataset(NamedTuple):
    """What a training learns from and is held against."""

    pool: Pool
    validation: list[Batch]  # of groups of pictures that are held out; none where they are too few
    calibration: Tensor  # (80, 3, 192, 320) uint8 samples for `handflow export`
    fingerprint: str  # of all labels
    pictures: int  # how many, held out or not


def parted(pictures: list[LabelledPicture], settings: Settings, shares: Mapping[str, float] | None) -> Dataset:
    """The pictures, parted into training and validation. Raises SetupError."""
    training, held = split(pictures, settings.holdout, settings.fold)
    if not any(p.hands.any() for p in training):
        raise SetupError("expected labelled hands to train on; no picture with a hand is left")
    pool = Pool(training, settings.rendered, shares)
    calibration = torch.from_numpy(calibration_pictures(pool, settings.seed))
    kept = Pool(held, settings.rendered, shares) if len(held) > 20 else None
    validation = [make_batch(kept, settings, -n - 1) for n in range(8)] if kept else []
    return Dataset(pool, validation, calibration, fingerprint(pictures), len(pictures))


def make_state(settings: Settings, calibration: Tensor, device: torch.device) -> TrainingState:
    """A network with its first weights, and its optimizer. Raises SetupError."""
    widths, blocks = numbers_of_levels("widths", settings.widths, 1), numbers_of_levels("blocks", settings.blocks, 0)
    if list(widths) != sorted(widths):
        raise SetupError(f"--widths: expected no level narrower than the one before it, got {settings.widths}")
    model = Network(widths, blocks, settings.neck, prior=settings.prior, parts=settings.parts)
    if settings.init != "none":
        start = Path(settings.init) if Path(settings.init).suffix else model_path(settings.init)
        if not (fitting := begin_from(model, start, calibration[:16].float())):
            raise SetupError(f"--init {start}: none of its weights fit this network")
        wanted = sum(tensor.is_floating_point() for tensor in model.state_dict().values())
        print(f"begins from {start}: {fitting} of {wanted} tensors fit")
    if settings.loss.startswith("mse"):
        torch.nn.init.zeros_(model.out.get_parameter("bias"))  # its maps are no logits
    model.to(device)
    mean = Network(**model.settings).to(device)
    mean.load_state_dict(model.state_dict())
    mean.requires_grad_(False).eval()
    groups = parameter_groups(model, settings)
    optimizer: torch.optim.Optimizer = (
        torch.optim.AdamW(groups, lr=settings.lr, weight_decay=settings.decay)
        if settings.optimizer == "adamw"
        else torch.optim.SGD(groups, lr=settings.lr, momentum=0.9)
    )
    return TrainingState(model, mean, optimizer)


def numbers_of_levels(name: str, text: str, least: int) -> tuple[int, ...]:
    """ "32,64,128,256,256" as a number for each level of the network. Raises SetupError."""
    numbers = tuple(int(n) for n in text.split(",") if n.strip().isdecimal())
    if len(numbers) != LEVELS or text.count(",") != LEVELS - 1 or min(numbers) < least:
        expected = f"expected {LEVELS} numbers from {least} up, for /2 to /32, as 4,4,4,4,4"
        raise SetupError(f"--{name}: {expected}, got {text}")
    return numbers


def parameter_groups(model: Network, settings: Settings) -> list[dict[str, Any]]:
    """What is trained, by the share of the learning rate that it gets; what is not is frozen.

    From nothing all of it learns alike.
    """
    levels, share = (0, 1.0) if settings.init == "none" else (settings.frozen, settings.lr_before)
    frozen, before = model.learned_before(levels)
    if not share:
        frozen, before = frozen + before, []
    for parameter in frozen:
        parameter.requires_grad_(False)
    apart = {id(parameter) for parameter in frozen + before}
    rest = [parameter for parameter in model.parameters() if id(parameter) not in apart]
    return [{"params": rest, "share": 1.0}, {"params": before, "share": share}]


def best_device() -> str:
    """A GPU where there is one."""
    return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"


def endless_batches(pool: Pool, settings: Settings, first: int) -> Iterator[Batch]:
    """The batches from step `first` on, made by other processes if there are to be any."""
    batches = Batches(pool, settings, first)
    if not settings.workers:
        return iter(batches)
    return iter(DataLoader(batches, batch_size=None, num_workers=settings.workers, prefetch_factor=8))


def to_device(batch: Batch, device: torch.device) -> Batch:
    """The batch where the network is."""
    return {name: tensor.to(device) for name, tensor in batch.items()}


def share_done(state: TrainingState, settings: Settings) -> float:
    """How much of the training lies behind, 0..1."""
    return state.step / settings.steps if settings.steps else state.spent_s / (60 * settings.minutes)


def learning_rate(step: int, done: float, settings: Settings) -> float:
    """Rises over the first steps, then falls along half a cosine (arXiv 1608.03983) to nothing at the end."""
    return settings.lr * min(1, (step + 1) / WARM_UP_STEPS) * 0.5 * (1 + math.cos(math.pi * done))


def take_step(state: TrainingState, batch: Batch, rate: float, settings: Settings) -> dict[str, Tensor]:
    """One step of the optimizer, and of the running mean; the parts of the loss. Raises SetupError."""
    for group in state.optimizer.param_groups:
        group["lr"] = rate * group["share"]
    image = batch["image"].float().contiguous(memory_format=torch.channels_last)
    with torch.autocast(image.device.type, torch.bfloat16, enabled=settings.bf16):
        maps = state.model(image, batch.get("prior"))
    losses = batch_losses({name: m.float() for name, m in maps.items()}, batch, settings)
    total = sum(losses.values(), torch.zeros((), device=image.device))
    if not torch.isfinite(total):
        reached = last_good(Path(settings.out) / "checkpoint.pt")
        raise SetupError(f"the loss is {total.item()} at step {state.step}, {reached}; try a smaller --lr ({rate:g})")
    state.optimizer.zero_grad(set_to_none=True)
    total.backward()
    torch.nn.utils.clip_grad_norm_(state.model.parameters(), 5.0)
    state.optimizer.step()
    update_mean(state, settings.ema)
    state.step += 1
    return losses


def batch_losses(maps: dict[str, Tensor], batch: Batch, settings: Settings) -> dict[str, Tensor]:
    """The parts of the loss of maps against a batch's targets."""
    return loss_of(maps, assign_coarse(maps["any"], batch) if settings.assign_coarse else batch, settings)


def update_mean(state: TrainingState, ema: float) -> None:
    """Moves the running mean of the weights; over fewer steps at the beginning, so that it forgets the first ones."""
    keep = min(ema, (state.step + 1) / (state.step + 10))
    for mean, new in zip(state.mean.state_dict().values(), state.model.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(new, 1 - keep)
        else:
            mean.copy_(new)


def log_entry(state: TrainingState, rate: float, sums: dict[str, float], steps: int) -> dict[str, Any]:
    """A line of the log: where the training is, and the mean losses of the last `steps`."""
    entry: dict[str, Any] = {"step": state.step, "minutes": round(state.spent_s / 60, 2), "lr": rate}
    return entry | {name: round(value / steps, 5) for name, value in sums.items()}


def progress_note(entry: dict[str, Any], parts: list[str]) -> str:
    """The last line of the log, as the bar shows it."""
    note = f"step {entry['step']}  loss {sum(entry[name] for name in parts):.3f}"
    return note + (f"  validation {entry['validation']:.3f}" if "validation" in entry else "")


def validate(model: Network, batches: list[Batch], settings: Settings, device: torch.device) -> float:
    """The mean loss of some batches."""
    total = 0.0
    with torch.no_grad():
        for batch in batches:
            there = to_device(batch, device)
            maps = model(there["image"].float(), there.get("prior"))
            total += sum(loss.item() for loss in batch_losses(maps, there, settings).values())
    return total / len(batches)

"""`handflow train DATA…`: labelled pictures in, a checkpoint out. Reads straight down the page.

The learning rate follows the share of `minutes` that has passed, so a run ends well whatever the machine.
Stopped runs go on where they were when the command is given again.
"""

import json
import math
import os
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from handflow.errors import SetupError
from handflow.training.labels.data import fingerprint, read_labels, split
from handflow.vision.model import blobs, model_path

from .augment import TrainingSample, calibration_pictures, compose
from .losses import loss_of, settle
from .network import STRIDE, Network, begin_from, read_checkpoint
from .pool import Pool
from .settings import Settings
from .targets import IGNORE, draw_targets

PAUSE_S = 5.0  # a step that took longer was stopped or lay in a sleeping laptop: that is no training time


def train(data: list[str], settings: Settings) -> None:
    """Trains on the labels in `data` until the time or the steps of `settings` are over. Raises SetupError."""
    out = Path(settings.out)
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(settings.seed)
    torch.set_num_threads(settings.threads)
    cv2.setNumThreads(1)

    # data
    pictures = read_labels(data)
    training, held = split(pictures, settings.holdout, settings.fold)
    if not any(p.hands.any() for p in training):
        raise SetupError(f"{', '.join(data)}: no picture with a hand is left to train on")
    pool = Pool(training)
    calibration = torch.from_numpy(calibration_pictures(pool, settings.seed))  # for `handflow export`
    validation = [make_batch(Pool(held), settings, -n - 1) for n in range(8)] if len(held) > 20 else []

    # model
    device = torch.device(best_device() if settings.device == "auto" else settings.device)
    widths, blocks = (tuple(int(n) for n in text.split(",")) for text in (settings.widths, settings.blocks))
    model = Network(widths, blocks, settings.neck, prior=settings.prior)
    if settings.init != "none":
        start = Path(settings.init) if Path(settings.init).suffix else model_path(settings.init)
        if not (fitting := begin_from(model, start, calibration[:16].float())):
            raise SetupError(f"--init {start}: none of its weights fit this network")
        wanted = sum(tensor.is_floating_point() for tensor in model.state_dict().values())
        print(f"begins from {start}: {fitting} of {wanted} tensors fit")
    if settings.loss.startswith("mse"):
        torch.nn.init.zeros_(model.out.get_parameter("bias"))  # its maps are no logits
    model.to(device)
    mean = Network(**model.settings).to(device)  # running mean of the weights
    mean.load_state_dict(model.state_dict())
    mean.requires_grad_(False).eval()
    optimizer: torch.optim.Optimizer = (
        torch.optim.AdamW(model.parameters(), lr=settings.lr, weight_decay=settings.decay)
        if settings.optimizer == "adamw"
        else torch.optim.SGD(model.parameters(), lr=settings.lr, momentum=0.9)
    )
    step, spent, log = 0, 0.0, []
    checkpoint = out / "checkpoint.pt"
    if checkpoint.exists():
        saved = read_checkpoint(checkpoint, str(device))
        if saved["network"] != model.settings:
            found, wanted = saved["network"], model.settings
            raise SetupError(f"{checkpoint}: holds a network of {found}, {wanted} is asked for; choose another --out")
        model.load_state_dict(saved["model"])
        mean.load_state_dict(saved["mean"])
        optimizer.load_state_dict(saved["optimizer"])
        step, spent, log = saved["step"], saved["spent"], saved["log"]

    def save() -> None:
        state = {
            "network": model.settings,
            "model": model.state_dict(),
            "mean": mean.state_dict(),
            "optimizer": optimizer.state_dict(),
            "step": step,
            "spent": spent,
            "log": log,
            "settings": asdict(settings),
            "data": fingerprint(pictures),
            "pictures": len(pictures),
            "calibration": calibration,
        }
        try:
            torch.save(state, out / "checkpoint.pt.part")
        except (OSError, RuntimeError) as error:  # torch has its own words for a full disk
            (out / "checkpoint.pt.part").unlink(missing_ok=True)
            kept = f"{checkpoint} of before is intact" if checkpoint.exists() else "nothing was saved yet"
            reason = str(error).splitlines()[0][:120]
            raise SetupError(f"{out}: the checkpoint of step {step} cannot be written ({reason}); {kept}") from error
        if checkpoint.exists():
            os.replace(checkpoint, out / "previous.pt")
        os.replace(out / "checkpoint.pt.part", checkpoint)
        (out / "log.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in log))
        draw_curves(log, out / "curves.png")

    # loop
    batches = iter(
        DataLoader(Batches(pool, settings, step), batch_size=None, num_workers=settings.workers, prefetch_factor=8)
        if settings.workers
        else Batches(pool, settings, step)
    )
    sums: dict[str, float] = {}
    logged = step
    saved_at = time.monotonic()
    with progress_bar() as bar:
        task = bar.add_task("training", total=1.0, note="")
        while (done := step / settings.steps if settings.steps else spent / (60 * settings.minutes)) < 1:
            began = time.monotonic()
            batch = {name: tensor.to(device) for name, tensor in next(batches).items()}
            rate = settings.lr * min(1, (step + 1) / 200) * 0.5 * (1 + math.cos(math.pi * done))
            for group in optimizer.param_groups:
                group["lr"] = rate
            with torch.autocast(device.type, torch.bfloat16, enabled=settings.bf16):
                maps = model(batch["image"].float().contiguous(memory_format=torch.channels_last), batch.get("prior"))
            maps = {name: m.float() for name, m in maps.items()}
            losses = loss_of(maps, settle(maps["any"], batch) if settings.settle else batch, settings)
            total = sum(losses.values(), torch.zeros((), device=device))
            if not torch.isfinite(total):
                kept_at = f"{checkpoint} holds the last good state" if checkpoint.exists() else "nothing was saved yet"
                raise SetupError(f"the loss is {total.item()} at step {step}, {kept_at}; try a smaller --lr ({rate:g})")
            optimizer.zero_grad(set_to_none=True)
            total.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            keep = min(settings.ema, (step + 1) / (step + 10))
            for kept, new in zip(mean.state_dict().values(), model.state_dict().values(), strict=True):
                if kept.is_floating_point():
                    kept.lerp_(new, 1 - keep)
                else:
                    kept.copy_(new)
            step += 1
            spent += min(time.monotonic() - began, PAUSE_S)
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + value.item()
            if step - logged == 100 or (step - logged and settings.steps == step):
                entry: dict[str, Any] = {"step": step, "minutes": round(spent / 60, 2), "lr": rate}
                entry |= {name: round(value / (step - logged), 5) for name, value in sums.items()}
                if validation:
                    entry["validation"] = round(validate(mean, validation, settings, device), 5)
                log.append(entry)
                sums, logged = {}, step
                if not bar.console.is_terminal:
                    bar.console.print(json.dumps(entry), soft_wrap=True)
                note = f"step {step}  loss {sum(entry[name] for name in losses):.3f}"
                bar.update(task, note=note + (f"  validation {entry['validation']:.3f}" if validation else ""))
            bar.update(task, completed=done)
            if time.monotonic() - saved_at > 120:
                save()
                saved_at = time.monotonic()
        save()
        bar.update(task, completed=1.0)


def best_device() -> str:
    return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"


class Batches(IterableDataset):
    """Batches without end, each made from its own number: the same whoever makes it."""

    def __init__(self, pool: Pool, settings: Settings, first: int) -> None:
        self.pool, self.settings, self.first = pool, settings, first

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        cv2.setNumThreads(1)
        worker = torch.utils.data.get_worker_info()
        number, workers = (worker.id, worker.num_workers) if worker else (0, 1)
        step = self.first + number
        while True:
            yield make_batch(self.pool, self.settings, step)
            step += workers


# Width and height of a batch, near and far: cameras, photographs, squares and pictures on end, of about the same area.
SHAPES = (((320, 192), (288, 224), (256, 256), (224, 288)), ((512, 288), (448, 352), (384, 384), (352, 448)))


def make_batch(pool: Pool, settings: Settings, step: int) -> dict[str, Tensor]:
    """Samples and targets of one step, stacked."""
    rng = np.random.default_rng((settings.seed, step % 2**32))
    large = rng.random() < settings.large
    count = max(1, settings.batch * 2 // 5) if large else settings.batch
    width, height = SHAPES[large][rng.choice(4, p=[0.45, 0.25, 0.15, 0.15])]
    samples = [compose(rng, pool, width, height) for _ in range(count)]
    drawn = [
        draw_targets(
            s.boxes / STRIDE, s.kinds, width // STRIDE, height // STRIDE, settings.target, settings.other_weight
        )
        for s in samples
    ]
    if not settings.mask:
        drawn = [t._replace(mask=np.ones_like(t.mask)) for t in drawn]
    rough = [np.insert(t.rough, 0, number, axis=1) for number, t in enumerate(drawn)]  # (k, 4): sample, x, y, side
    images = np.stack([s.image.transpose(2, 0, 1) for s in samples])  # (B, 3, h, w)
    maps = {name: np.stack([getattr(t, name) for t in drawn]) for name in drawn[0]._fields[:-1]}  # (B, c, h/4, w/4)
    whole = {"image": images, "rough": np.concatenate(rough), **maps}
    if settings.prior:
        whole["prior"] = np.stack([made_up_prior(rng, s, width // STRIDE, height // STRIDE) for s in samples])
    return {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in whole.items()}


def made_up_prior(rng: np.random.Generator, sample: TrainingSample, columns: int, rows: int) -> np.ndarray:
    """A map (1, rows, columns) of where a tracker might expect the sample's hands: off, missing, invented, or blank."""
    hands = sample.boxes[sample.kinds != IGNORE] / STRIDE
    if rng.random() < 0.4:
        return np.zeros((1, rows, columns), np.float32)
    hands = hands[rng.random(len(hands)) > 0.15]
    side = hands[:, 2:].max(axis=1, initial=0)
    centre = hands[:, :2] + hands[:, 2:] / 2 + rng.normal(0, 0.2, (len(hands), 2)) * side[:, None]
    false = rng.poisson(0.4)
    centre = np.concatenate([centre, rng.random((false, 2)) * [columns, rows]])
    side = np.concatenate([side, np.exp(rng.uniform(np.log(2), np.log(columns / 3), false))])
    return blobs(centre - 0.5, side / 2, rows, columns)[None].astype(np.float32)


def validate(model: Network, batches: list[dict[str, Tensor]], settings: Settings, device: torch.device) -> float:
    total = 0.0
    with torch.no_grad():
        for batch in batches:
            there = {name: tensor.to(device) for name, tensor in batch.items()}
            maps = model(there["image"].float(), there.get("prior"))
            there = settle(maps["any"], there) if settings.settle else there
            total += sum(v.item() for v in loss_of(maps, there, settings).values())
    return total / len(batches)


def draw_curves(log: list[dict[str, Any]], path: Path) -> None:
    """The losses over the minutes, as a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 5))
    for name in ("any", "open", "radius", "offset", "validation"):
        if any(name in entry for entry in log):
            axes.plot([e["minutes"] for e in log], [e.get(name, math.nan) for e in log], label=name)
    if log:
        axes.legend()
    axes.set(xlabel="minutes", ylabel="loss", yscale="log", title="handflow train")
    figure.tight_layout()
    figure.savefig(path)
    pyplot.close(figure)


def progress_bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>5.1f} %"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.fields[note]}"),
    )

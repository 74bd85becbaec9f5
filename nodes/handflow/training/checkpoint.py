"""What `handflow train` keeps: all that a stopped run needs to go on, and what `handflow export` makes files of."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from handflow.errors import SetupError, first_line
from handflow.runtime import locks
from handflow.runtime.files import replacing, result_file

from .network import Network
from .progress import draw_curves

LEFT_OVER_S = 20.0  # processes that make samples outlive a training that was killed by some seconds
PREVIOUS = "previous.pt"  # the checkpoint before, beside the newest


@dataclass
class TrainingState:
    """How far a training has come."""

    model: Network
    mean: Network  # running mean of the weights: what is exported
    optimizer: torch.optim.Optimizer
    step: int = 0
    spent_s: float = 0.0  # time in steps, pauses of the machine left out
    log: list[dict[str, Any]] = field(default_factory=list)  # the losses, an entry per 100 steps


def read_checkpoint(path: Path, device: str = "cpu") -> dict[str, Any]:
    """What `handflow train` wrote: `network` (Network's settings), `model`, `mean` and more. Raises SetupError."""
    if not path.is_file():
        raise SetupError(f"there is no checkpoint {path}; `handflow train` writes one")
    try:
        saved = torch.load(path, map_location=device, weights_only=True)
        Network(**saved["network"]).load_state_dict(saved["mean"])
    except Exception as error:  # torch, pickle and zip each raise their own
        reason = first_line(error)[:120]
        raise SetupError(f"{path} is not a whole checkpoint of `handflow train` ({reason})") from None
    return saved


def resume(state: TrainingState, checkpoint: Path, device: torch.device) -> None:
    """Goes on from a checkpoint, or from the one before it if it is no whole one; from the start if there is neither.

    Raises SetupError if it is of another network.
    """
    saved = newest(checkpoint, str(device))
    if saved is None:
        return
    if saved["network"] != state.model.settings:
        raise SetupError(
            f"{checkpoint}: expected a network of {state.model.settings}, got one of {saved['network']}; "
            "choose another --out"
        )
    state.model.load_state_dict(saved["model"])
    state.mean.load_state_dict(saved["mean"])
    state.optimizer.load_state_dict(saved["optimizer"])
    state.step, state.spent_s, state.log = saved["step"], saved["spent"], saved["log"]
    print(f"goes on at step {state.step}, after {state.spent_s / 60:.1f} minutes")


def newest(checkpoint: Path, device: str = "cpu") -> dict[str, Any] | None:
    """The checkpoint, or the one before it: a kill or a power cut may leave either. Raises SetupError."""
    before = checkpoint.with_name(PREVIOUS)
    if not checkpoint.exists():
        return read_checkpoint(before, device) if before.exists() else None
    try:
        return read_checkpoint(checkpoint, device)
    except SetupError as error:
        if not before.exists():
            raise
        print(f"{error}; goes on from {before}")
        return read_checkpoint(before, device)


def weights_hash(weights: Mapping[str, Tensor]) -> str:
    """SHA-256 of all weights: two trainings gave the same network to the bit if this is the same."""
    digest = hashlib.sha256()
    for name, tensor in sorted(weights.items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def save(state: TrainingState, out: Path, origin: dict[str, Any]) -> None:
    """Writes checkpoint, log and curves; the checkpoint before stays as `previous.pt`. Raises SetupError.

    `origin`: what the weights stem from: settings, data, pictures, calibration.
    """
    checkpoint = out / "checkpoint.pt"
    saved = {
        "network": state.model.settings,
        "model": state.model.state_dict(),
        "mean": state.mean.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "step": state.step,
        "spent": state.spent_s,
        "log": state.log,
        **origin,
    }
    try:
        with replacing(checkpoint) as part:
            torch.save(saved, part)
            if checkpoint.exists():
                os.replace(checkpoint, out / PREVIOUS)
    except (OSError, RuntimeError) as error:  # torch has its own words for a full disk
        reason = first_line(error)[:120]
        raise SetupError(
            f"{out}: the checkpoint of step {state.step} cannot be written ({reason}); {last_good(checkpoint)}"
        ) from error
    with result_file(out / "log.jsonl") as part:
        part.write_text("".join(json.dumps(entry) + "\n" for entry in state.log))
    draw_curves(state.log, out / "curves.png")


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Sees to it that no other training writes into the folder, which is made if need be. Raises SetupError."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = locks.take(folder, LEFT_OVER_S)
    if lock is None:
        raise SetupError(f"{folder}: another training writes there; wait for its end, or choose another --out")
    try:
        yield
    finally:
        lock.release()


def last_good(checkpoint: Path) -> str:
    """What is left after a failure, for its message."""
    return f"{checkpoint} holds the last good state" if checkpoint.exists() else "nothing was saved yet"

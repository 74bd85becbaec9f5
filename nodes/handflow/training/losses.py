"""What the network's maps are judged by, and where a hand is that was labelled only roughly."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from .targets import SIGMA

if TYPE_CHECKING:
    from .settings import Settings


def settle(logit: Tensor, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """The batch with a centre for each rough hand: where within half a hand of its label the network sees a hand most.

    A label guessed from a person's joints is off by up to half a hand. Trained on as it stands, it smears the map
    until no peak is left; settled, it says only that there is a hand thereabouts (multiple-instance learning:
    Dietterich et al. 1997; here with a Gaussian prior). `logit` (B, 1, rows, columns).
    """
    if not len(batch["rough"]):
        return batch
    number, place, side = batch["rough"][:, 0].long(), batch["rough"][:, 1:3], batch["rough"][:, 3]
    rows, columns = logit.shape[-2:]
    x = torch.arange(columns, device=logit.device) + 0.5
    y = torch.arange(rows, device=logit.device) + 0.5
    away = (x[None, None, :] - place[:, 0, None, None]) ** 2 + (y[None, :, None] - place[:, 1, None, None]) ** 2
    reach = (0.5 * side).clamp(min=1)[:, None, None]
    seen = functional.logsigmoid(logit.detach()[number, 0]) - away / (2 * (0.5 * reach) ** 2)  # (k, rows, columns)
    best = seen.masked_fill(away > reach**2, -1e9).flatten(1).argmax(dim=1)
    row, column = best // columns, best % columns
    away = (x[None, None, :] - x[column, None, None]) ** 2 + (y[None, :, None] - y[row, None, None]) ** 2
    blob = torch.exp(-away / (2 * (SIGMA * side).clamp(min=0.7)[:, None, None] ** 2))
    heat, mask, centre = (batch[name].clone() for name in ("heat", "mask", "centre"))
    for n, each in zip(number.tolist(), blob, strict=True):
        torch.maximum(heat[n, 0], each, out=heat[n, 0])
        torch.maximum(mask[n, 0], each, out=mask[n, 0])
    centre[number, 0, row, column] = 1
    return {**batch, "heat": heat, "mask": mask, "centre": centre}


def loss_of(maps: dict[str, Tensor], batch: dict[str, Tensor], settings: "Settings") -> dict[str, Tensor]:
    """The parts of the loss, each already weighted."""
    parts = {}
    for channel, name in enumerate(("any", "open")):
        out, heat = maps[name][:, 0], batch["heat"][:, channel]  # (B, rows, columns)
        mask, centre = batch["mask"][:, channel], batch["centre"][:, channel]
        if settings.loss == "quality":
            parts[name] = quality(out, heat, mask, centre)
        elif settings.loss == "focal":
            parts[name] = focal(out, heat, mask, centre)
        elif settings.loss == "bce":
            parts[name] = (functional.binary_cross_entropy_with_logits(out, heat, reduction="none") * mask).mean()
        else:  # the network's output is the map itself, in 0..1 or 0..255
            parts[name] = ((out - heat * (255 if settings.loss == "mse255" else 1)) ** 2 * mask).mean()
    counts, size = batch["weight"], batch["size"]
    off = (maps["offset"] - size[:, 1:]).abs().sum(1)  # (B, rows, columns)
    for name, wrong, weight in (
        ("radius", (maps["radius"][:, 0] - size[:, 0]).abs(), counts[:, 0]),
        ("offset", off, counts[:, 1]),
    ):
        parts[name] = settings.size_weight * (wrong * weight).sum() / weight.sum().clamp(min=1)
    return parts


def quality(logit: Tensor, heat: Tensor, mask: Tensor, centre: Tensor) -> Tensor:
    """Quality focal loss (arXiv 2006.04388) eq. 2 with beta 2, times the mask; per hand.

    Every cell of a blob is to be as bright as the blob is there, so a near hand, which has many, counts for more than a
    far one; `focal` looks at the centres alone, and is slow to learn hands that fill the picture.
    """
    entropy = functional.binary_cross_entropy_with_logits(logit, heat, reduction="none")
    wrong = (heat - torch.sigmoid(logit)) ** 2
    return (wrong * entropy * mask).sum() / centre.sum().clamp(min=1)


def focal(logit: Tensor, heat: Tensor, mask: Tensor, centre: Tensor) -> Tensor:
    """Penalty-reduced focal loss, CenterNet (arXiv 1904.07850) eq. 1, times the mask; per hand."""
    p = torch.sigmoid(logit)
    hit = (1 - p) ** 2 * functional.logsigmoid(logit) * centre
    miss = (1 - heat) ** 4 * p**2 * functional.logsigmoid(-logit) * (1 - centre)
    return -((hit + miss) * mask).sum() / (centre * mask).sum().clamp(min=1)

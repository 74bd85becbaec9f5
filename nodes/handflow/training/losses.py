"""The loss: `loss_of` adds up its parts, of which each formula stands below."""

import torch
from torch import Tensor
from torch.nn import functional

from .settings import Settings
from .targets import ELBOW, FOOT, HEAD, PERSON


def loss_of(maps: dict[str, Tensor], batch: dict[str, Tensor], settings: Settings) -> dict[str, Tensor]:
    """The parts of the loss, each already weighted: any hand, open palm, radius, offset, and where there
    are such targets people's parts and what teachers see.

    `maps`: what the network gives; `batch`: its targets (see targets.Targets), stacked.
    """
    parts = {}
    for channel, name in enumerate(("any", "open")):
        out, heat = maps[name][:, 0], batch["heat"][:, channel]  # (B, rows, columns)
        mask, centre = batch["mask"][:, channel], batch["centre"][:, channel]
        if name == "any" and "parts" in batch:
            mask = mask * mistaken_for_hands(batch["parts"], heat, settings.mistaken_weight)
        parts[name] = map_loss(settings.loss, out, heat, mask, centre)
    parts["open"] = settings.open_weight * parts["open"]
    counts, size = batch["weight"], batch["size"]
    off = (maps["offset"] - size[:, 1:]).abs().sum(1)  # (B, rows, columns)
    for name, wrong, weight in (
        ("radius", (maps["radius"][:, 0] - size[:, 0]).abs(), counts[:, 0]),
        ("offset", off, counts[:, 1]),
    ):
        parts[name] = settings.size_weight * (wrong * weight).sum() / weight.sum().clamp(min=1)
    if "parts" in maps:
        parts["parts"] = settings.parts_weight * soft_loss(maps["parts"], batch["parts"], batch["parts_mask"])
    if "taught" in batch:
        seen = torch.cat([maps["any"], maps["open"]], dim=1)
        parts["teachers"] = settings.teachers_weight * soft_loss(seen, batch["taught"], batch["taught_weight"])
    return parts


def mistaken_for_hands(parts: Tensor, heat: Tensor, weight: float) -> Tensor:
    """How much each cell counts (B, rows, columns): up to `weight` on heads, elbows and feet, 1 elsewhere and on hands.

    `parts` (B, 5, rows / 2, columns / 2) and `heat` (B, rows, columns): the targets of people's parts and of hands.
    """
    hard = parts[:, [part - PERSON for part in (HEAD, ELBOW, FOOT)]].amax(1, keepdim=True)
    hard = functional.interpolate(hard, size=heat.shape[-2:], mode="nearest")[:, 0]
    return 1 + (weight - 1) * hard * (heat < 0.1)


def soft_loss(logit: Tensor, heat: Tensor, mask: Tensor) -> Tensor:
    """Quality focal loss of maps (B, c, rows, columns) that have no single centre, times the mask; per lit cell."""
    entropy = functional.binary_cross_entropy_with_logits(logit, heat, reduction="none")
    return ((heat - torch.sigmoid(logit)) ** 2 * entropy * mask).sum() / (heat * mask).sum().clamp(min=1)


def map_loss(name: str, out: Tensor, heat: Tensor, mask: Tensor, centre: Tensor) -> Tensor:
    """The loss called `name` of one map, all of (B, rows, columns)."""
    if name == "quality":
        return quality(out, heat, mask, centre)
    if name == "focal":
        return focal(out, heat, mask, centre)
    if name == "bce":
        return (functional.binary_cross_entropy_with_logits(out, heat, reduction="none") * mask).mean()
    # The network's output is the map itself, in 0..1 or 0..255.
    return ((out - heat * (255 if name == "mse255" else 1)) ** 2 * mask).mean()


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

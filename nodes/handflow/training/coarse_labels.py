"""Where a hand is that was labelled only coarsely: where the network sees it most, near its label."""

import torch
from torch import Tensor
from torch.nn import functional

from .targets import SIGMA


def assign_coarse(logit: Tensor, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """The batch with a centre for each coarse label: where within half a hand of it the network sees a hand most.

    A label guessed from a person's joints is off by up to half a hand. Trained on as it stands, it smears the map
    until no peak is left; assigned, it says only that there is a hand thereabouts (multiple-instance learning:
    Dietterich et al. 1997; here with a Gaussian prior). `logit` (B, 1, rows, columns).
    """
    if not len(batch["coarse"]):
        return batch
    number, label, side = batch["coarse"][:, 0].long(), batch["coarse"][:, 1:3], batch["coarse"][:, 3]
    columns = logit.shape[-1]
    away = squared_distance(logit, label)
    reach = (0.5 * side).clamp(min=1)[:, None, None]
    likely = functional.logsigmoid(logit.detach()[number, 0]) - away / (2 * (0.5 * reach) ** 2)  # (k, rows, columns)
    best = likely.masked_fill(away > reach**2, -1e9).flatten(1).argmax(dim=1)
    row, column = best // columns, best % columns
    away = squared_distance(logit, torch.stack([column + 0.5, row + 0.5], dim=1))
    blobs = torch.exp(-away / (2 * (SIGMA * side).clamp(min=0.7)[:, None, None] ** 2))
    heat, mask, centre = (batch[name].clone() for name in ("heat", "mask", "centre"))
    for n, blob in zip(number.tolist(), blobs, strict=True):
        torch.maximum(heat[n, 0], blob, out=heat[n, 0])
        torch.maximum(mask[n, 0], blob, out=mask[n, 0])
    centre[number, 0, row, column] = 1
    return {**batch, "heat": heat, "mask": mask, "centre": centre}


def squared_distance(logit: Tensor, points: Tensor) -> Tensor:
    """(k, rows, columns): from the middle of each cell of the map to each of the points (k, 2) x, y."""
    rows, columns = logit.shape[-2:]
    x = torch.arange(columns, device=logit.device) + 0.5
    y = torch.arange(rows, device=logit.device) + 0.5
    return (x[None, None, :] - points[:, 0, None, None]) ** 2 + (y[None, :, None] - points[:, 1, None, None]) ** 2

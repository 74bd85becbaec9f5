"""The mean of two networks' weights, which is often better than either (WiSE-FT, arXiv 2109.01903).

A training that goes on from a model learns what is new and forgets some of what the model knew; the mean of both keeps
most of either, at no cost when it runs.
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from handflow.errors import SetupError

from .initial_weights import begin_from
from .network import Network

BATCH = 8  # pictures by which the batch normalisation's means are taken anew


def averaged(saved: dict[str, Any], other: Path, share: float) -> dict[str, Any]:
    """A checkpoint with `share` (0..1) of its own weights, the rest of those of the model or checkpoint `other`.

    Means of weights have other means of activations: these are taken anew, from the checkpoint's calibration pictures
    (n, 3, h, w). What only the checkpoint has, such as heads for training, stays. Raises SetupError.
    """
    pictures = saved["calibration"].float()
    network = Network(**saved["network"])
    network.load_state_dict(saved["mean"])
    if not begin_from(network, other, pictures[:16]):
        raise SetupError(f"{other}: none of its weights fit the network of the checkpoint")
    theirs = network.state_dict()
    network.load_state_dict({name: _mean(own, theirs[name], share) for name, own in saved["mean"].items()})
    renormalise(network, pictures)
    return saved | {"mean": network.state_dict()}


def _mean(own: Tensor, their: Tensor, share: float) -> Tensor:
    return torch.lerp(their, own, share) if own.is_floating_point() else own


def renormalise(network: nn.Module, pictures: Tensor) -> None:
    """Takes the means and spreads of all batch normalisations anew: the mean of those of batches of pictures."""
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.reset_running_stats()
            norm.momentum = None
    network.train()
    with torch.no_grad():
        for batch in pictures.split(BATCH):
            network(batch)
    network.eval()

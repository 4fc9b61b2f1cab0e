"""An exponential moving average (EMA) of a network's weights, with a decay that ramps up."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

RECALIBRATION_BATCHES = 64


class Ema:
    """A moving average of a network's weights and batch statistics.

    The decay after t steps is min(decay, (1 + t) / (10 + t)), so that the initial weights fade even in a short run.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).requires_grad_(False).eval()
        self.decay = decay
        self.steps = 0

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Update the average with the network's current weights."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for mine, theirs in zip(_tensors(self.network), _tensors(network), strict=True):
            mine.lerp_(theirs, 1 - decay)


@torch.no_grad()
def recalibrate(network: nn.Module, draw: Callable[[], Tensor], batches: int = RECALIBRATION_BATCHES) -> None:
    """Recompute batch statistics on drawn inputs, because averaged statistics do not match averaged weights."""
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            layer.reset_running_stats()
            layer.momentum = None  # PyTorch then computes a cumulative mean
    network.train()
    for _ in range(batches):
        network(draw())
    network.eval()


def _tensors(network: nn.Module) -> list[Tensor]:
    return [tensor for tensor in network.state_dict().values() if tensor.is_floating_point()]

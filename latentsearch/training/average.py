"""An exponential moving average of a network's weights, whose decay ramps up."""

from __future__ import annotations

import copy

import torch
from torch import nn


class Average:
    """A copy of a network that follows it: weights and batch statistics alike.

    The decay is min(decay, (1 + t) / (10 + t)) after t steps, so that a short run does not hold the initial weights.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).requires_grad_(False).eval()
        self.decay = decay
        self.steps = 0

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Follow the network by one step."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for mine, theirs in zip(_tensors(self.network), _tensors(network), strict=True):
            mine.lerp_(theirs, 1 - decay)


def _tensors(network: nn.Module) -> list[torch.Tensor]:
    return [tensor for tensor in network.state_dict().values() if tensor.is_floating_point()]

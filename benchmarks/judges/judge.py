"""Measures the distance between pictures in the features of a discriminator, which has learned how faces differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.judges.inverters import in_blocks
from benchmarks.methods.learned import NAMES
from indexer.errors import InputError
from latentsearch.training.engine import run as runs
from latentsearch.training.engine.family import Family
from latentsearch.training.engine.trained import load_family


class Judge:
    """Pictures float32 (n, 3, h, w) in [0, 1] -> features float32 (n, d): D's last convolution, flattened.

    family: the run's networks, all in eval mode. Raises InputError for a run without a discriminator, or with one that
    also reads codes.
    """

    def __init__(self, run: Path) -> None:
        self.run, self.family = run, load_family(run)
        self.name = NAMES.get(runs.read(run)["family"], "discriminator")
        self._network = _reader(self.family)
        if self._network is None:
            raise InputError(f"{run} has no discriminator of pictures alone: judge with a run of aegan or ivegan")
        flatten = next(module for module in self._network.modules() if isinstance(module, nn.Flatten))
        flatten.register_forward_hook(self._keep)
        self._kept = torch.empty(0)

    def features(self, images: Tensor) -> Tensor:
        """The features of a large batch, without gradients."""
        return in_blocks(self._read, images)

    def _read(self, images: Tensor) -> Tensor:
        assert self._network is not None
        framing = self.family.recipe.framing
        size = (framing.height, framing.width)
        if images.shape[2:] != size:
            images = F.interpolate(images, size, mode="bilinear", antialias=True)
        self._network(images)
        return self._kept

    def _keep(self, module: nn.Module, given: Any, flat: Tensor) -> None:
        self._kept = flat


def _reader(family: Family) -> nn.Module | None:
    """The part of D that reads pictures alone: D or its feature network; None if D also reads codes, as in BiGAN."""
    network = family.networks.get("features", family.networks.get("discriminator"))
    reads_codes = network is None or ("encoder" in family.networks and "features" not in family.networks)
    return None if reads_codes else network

"""Sheets of images on disk, for the eye."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from torchvision.utils import save_image


def save_sheet(path: Path, images: Tensor, columns: int = 8) -> None:
    """Write images (n, 3, h, w) in [0, 1] as one PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    save_image(images, part, nrow=columns, format="png")
    part.replace(path)


def beside(originals: Tensor, reconstructions: Tensor) -> Tensor:
    """Interleave two batches so that each original stands left of its reconstruction."""
    return torch.stack([originals, reconstructions], 1).flatten(0, 1)

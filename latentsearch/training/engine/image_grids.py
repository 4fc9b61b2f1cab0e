"""Write grids of images, to inspect a run by eye."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torchvision.utils import make_grid

from indexer.files.sheets import marked
from indexer.system.disk import atomic_write


def save_image_grid(path: Path, images: Tensor, columns: int = 8) -> None:
    """Write images (n, 3, h, w) in [0, 1] as one PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = make_grid(images, nrow=columns).mul(255).add_(0.5).clamp_(0, 255).to(torch.uint8)
    with atomic_write(path) as file:
        Image.fromarray(pixels.permute(1, 2, 0).cpu().numpy()).save(file, format="png", exif=marked())


def beside(originals: Tensor, reconstructions: Tensor) -> Tensor:
    """Interleave two batches, so that each original is to the left of its reconstruction in a grid."""
    return torch.stack([originals, reconstructions], 1).flatten(0, 1)

"""Plot the density of points in the plane as an image, as in IVE-GAN's Figure 2."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

EXTENT = 1.25
BLUR = 3  # pixels


def density(points: Tensor, size: int = 96, extent: float = EXTENT) -> Tensor:
    """Plot points (n, 2) as an image float32 (3, size, size) in [0, 1]; the densest pixel is black.

    The image covers (-extent, extent) in both dimensions, with the second axis upwards; other points are ignored.
    """
    cells = ((points.detach().cpu() / extent + 1) / 2 * size).floor().long()
    inside = ((cells >= 0) & (cells < size)).all(1)
    columns, rows = cells[inside].unbind(1)
    counts = torch.bincount((size - 1 - rows) * size + columns, minlength=size * size).float()
    smooth = F.avg_pool2d(counts.view(1, 1, size, size), BLUR, stride=1, padding=BLUR // 2)[0]
    return (1 - (smooth / smooth.max().clamp(min=1e-6)).sqrt()).expand(3, size, size)

"""The transformations T that a learned code shall not see: T(x) of IVE-GAN's section 4, on whole batches at once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

# A turn about the grey axis of RGB by an angle is cos * I + (1 - cos) * MEAN + sin * CROSS (Rodrigues).
MEAN = torch.full((3, 3), 1 / 3)
CROSS = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / math.sqrt(3)


@dataclass(frozen=True)
class Transformation:
    """How far pictures may be moved and coloured; each value is drawn evenly between minus and plus its limit.

    shift: pixels, across and down independently; rotation: degrees; flip: whether every second picture is mirrored;
    brightness: added, of 1; contrast: factor 1 + contrast about each channel's mean; hue: of a full turn.
    padding: what lies beyond the edges: "zeros" (black) or "reflection".
    """

    shift: float = 0.0
    rotation: float = 0.0
    flip: bool = False
    brightness: float = 0.0
    contrast: float = 0.0
    hue: float = 0.0
    padding: str = "reflection"

    def __call__(self, x: Tensor, random: torch.Generator) -> Tensor:
        """Transform square pictures (n, c, s, s) in [0, 1], each in its own way, drawn from `random`."""
        moved = self._move(x, random)
        return self._colour(moved, random) if self.brightness or self.contrast or self.hue else moved

    def _move(self, x: Tensor, random: torch.Generator) -> Tensor:
        size = x.shape[-1]
        angle = _draw(x, random, math.radians(self.rotation))
        across, down = (_draw(x, random, 2 * self.shift / size) for _ in range(2))
        mirrored = torch.sign(_draw(x, random, 1.0) + (1.0 if not self.flip else 0.0))
        cosine, sine = angle.cos(), angle.sin()
        rows = (torch.stack([cosine * mirrored, -sine, across], 1), torch.stack([sine * mirrored, cosine, down], 1))
        grid = F.affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=False)
        return F.grid_sample(x, grid, padding_mode=self.padding, align_corners=False)

    def _colour(self, x: Tensor, random: torch.Generator) -> Tensor:
        """M (x - mean) + mean + brightness with M the turn of the hue times the contrast: one product a picture."""
        angle = _draw(x, random, 2 * math.pi * self.hue)[:, None, None]
        contrast = 1 + _draw(x, random, self.contrast)[:, None, None]
        brightness = _draw(x, random, self.brightness)[:, None, None]
        mean, cross = MEAN.to(x.device), CROSS.to(x.device)
        turn = angle.cos() * torch.eye(3, device=x.device) + (1 - angle.cos()) * mean + angle.sin() * cross
        flat = x.flatten(2)
        middle = turn @ flat.mean(2, keepdim=True)
        coloured = torch.baddbmm((1 - contrast) * middle + brightness, turn * contrast, flat)
        return coloured.clamp(0, 1).view_as(x)


def _draw(x: Tensor, random: torch.Generator, limit: float) -> Tensor:
    """One number a picture, U(-limit, limit)."""
    return ((torch.rand(len(x), generator=random) * 2 - 1) * limit).to(x.device)


@dataclass(frozen=True)
class Jitter:
    """T of points: x + t with t ~ N(0, deviation^2) in every dimension (eq. 4)."""

    deviation: float

    def __call__(self, x: Tensor, random: torch.Generator) -> Tensor:
        """Shift points (n, d), each in its own way, drawn from `random`."""
        return x + self.deviation * torch.randn(x.shape, generator=random).to(x.device)

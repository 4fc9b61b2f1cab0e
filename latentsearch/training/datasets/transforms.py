"""The transformations T to which codes should be invariant (IVE-GAN, section 4), applied to whole batches."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

# A change of hue is a rotation of RGB about the grey axis: cos * I + (1 - cos) * MEAN + sin * CROSS (Rodrigues).
MEAN = torch.full((3, 3), 1 / 3)
BLUR = 1.2  # standard deviation of the Gaussian, pixels
HIDDEN = (0.1, 0.7)  # least and greatest side of a hidden rectangle, as a share of the picture's side
CROSS = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / math.sqrt(3)


@dataclass(frozen=True)
class Transformation:
    """The limits of random geometric and colour changes; values are drawn uniformly between minus and plus the limit.

    shift: pixels, horizontally and vertically. rotation: degrees. flip: whether a picture is mirrored with probability
    1/2. zoom: natural logarithm of the scale. brightness: added to values in [0, 1]. contrast: values are scaled by
    1 + contrast about each channel's mean. hue: share of a full turn. recoloured: share of pictures whose hue turns by
    any angle instead. padding: beyond the edges, "zeros" (black), "reflection" or "border" (the edge repeated).
    """

    shift: float = 0.0
    rotation: float = 0.0
    flip: bool = False
    brightness: float = 0.0
    contrast: float = 0.0
    hue: float = 0.0
    padding: str = "reflection"
    zoom: float = 0.0
    recoloured: float = 0.0

    def __call__(self, x: Tensor, random: torch.Generator) -> Tensor:
        """Transform square pictures (n, c, s, s) in [0, 1], each with its own parameters from `random`."""
        moved = self._move(x, random)
        colours = self.brightness or self.contrast or self.hue or self.recoloured
        return self._colour(moved, random) if colours else moved

    def _move(self, x: Tensor, random: torch.Generator) -> Tensor:
        size = x.shape[-1]
        angle = _draw(x, random, math.radians(self.rotation))
        across, down = (_draw(x, random, 2 * self.shift / size) for _ in range(2))
        mirrored = torch.sign(_draw(x, random, 1.0) + (1.0 if not self.flip else 0.0))
        scale = _draw(x, random, self.zoom).exp() if self.zoom else 1.0
        cosine, sine = angle.cos() * scale, angle.sin() * scale
        rows = (torch.stack([cosine * mirrored, -sine, across], 1), torch.stack([sine * mirrored, cosine, down], 1))
        grid = F.affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=False)
        return F.grid_sample(x, grid, padding_mode=self.padding, align_corners=False)

    def _colour(self, x: Tensor, random: torch.Generator) -> Tensor:
        """Compute contrast R (x - mean) + R mean + brightness, where R is the hue's rotation."""
        angle = self._hue(x, random)[:, None, None]
        contrast = 1 + _draw(x, random, self.contrast)[:, None, None]
        brightness = _draw(x, random, self.brightness)[:, None, None]
        mean, cross = MEAN.to(x.device), CROSS.to(x.device)
        turn = angle.cos() * torch.eye(3, device=x.device) + (1 - angle.cos()) * mean + angle.sin() * cross
        flat = x.flatten(2)
        middle = turn @ flat.mean(2, keepdim=True)
        coloured = torch.baddbmm((1 - contrast) * middle + brightness, turn * contrast, flat)
        return coloured.clamp(0, 1).view_as(x)

    def _hue(self, x: Tensor, random: torch.Generator) -> Tensor:
        angle = _draw(x, random, 2 * math.pi * self.hue)
        if not self.recoloured:
            return angle
        return torch.where(_chosen(x, random, self.recoloured), _draw(x, random, math.pi), angle)


def _draw(x: Tensor, random: torch.Generator, limit: float) -> Tensor:
    """Draw one number per picture from U(-limit, limit): (n,)."""
    return ((torch.rand(len(x), generator=random) * 2 - 1) * limit).to(x.device)


def _chosen(x: Tensor, random: torch.Generator, share: float) -> Tensor:
    """Choose each picture with probability `share`: bool (n,)."""
    return (torch.rand(len(x), generator=random) < share).to(x.device)


@dataclass(frozen=True)
class Alteration:
    """A transformation followed by blurring and hiding a rectangle in some pictures.

    blurred: share of pictures blended, with a random weight, with a copy that is blurred by a Gaussian with a standard
    deviation of 1.2 pixels. hidden: share of pictures with a rectangle of one shade, black with probability 1/2, that
    covers 0.1 to 0.7 of the width and of the height.
    """

    transformation: Transformation
    blurred: float = 0.3
    hidden: float = 0.5

    @property
    def mirrors(self) -> bool:
        """Whether a picture and its mirror image should have the same code."""
        return self.transformation.flip

    @property
    def zooms(self) -> bool:
        """Whether a picture and its middle should have the same code."""
        return self.transformation.zoom > 0

    def __call__(self, x: Tensor, random: torch.Generator) -> Tensor:
        """Alter square pictures (n, c, s, s) in [0, 1], each with its own parameters from `random`."""
        return self._hide(self._blur(self.transformation(x, random), random), random)

    def _blur(self, x: Tensor, random: torch.Generator) -> Tensor:
        strength = torch.rand(len(x), generator=random).to(x.device) * _chosen(x, random, self.blurred)
        weights = torch.exp(-(torch.arange(-2.0, 3.0, device=x.device) ** 2) / (2 * BLUR**2))
        weights = weights / weights.sum()
        kernel = (weights[:, None] * weights).expand(x.shape[1], 1, 5, 5)
        smooth = F.conv2d(F.pad(x, (2, 2, 2, 2), mode="replicate"), kernel, groups=x.shape[1])
        return torch.lerp(x, smooth, strength[:, None, None, None])

    def _hide(self, x: Tensor, random: torch.Generator) -> Tensor:
        rows, columns = (self._span(x, random) for _ in range(2))
        inside = rows[:, None, :, None] & columns[:, None, None, :]
        chosen = _chosen(x, random, self.hidden)
        black = _chosen(x, random, 0.5)
        shade = torch.rand(len(x), generator=random).to(x.device) * ~black
        return torch.where(inside & chosen[:, None, None, None], shade[:, None, None, None], x)

    def _span(self, x: Tensor, random: torch.Generator) -> Tensor:
        """Draw the interval of a side that is hidden: bool (n, s)."""
        least, most = HIDDEN
        length = least + (most - least) * torch.rand(len(x), generator=random)
        start = (1 - length) * torch.rand(len(x), generator=random)
        position = (torch.arange(x.shape[-1]) + 0.5) / x.shape[-1]
        return ((position >= start[:, None]) & (position < (start + length)[:, None])).to(x.device)


@dataclass(frozen=True)
class Jitter:
    """T for points: x + t with t ~ N(0, deviation^2) in each dimension (IVE-GAN eq. 4)."""

    deviation: float

    def __call__(self, x: Tensor, random: torch.Generator) -> Tensor:
        """Shift each of the points (n, d) by its own t from `random`."""
        return x + self.deviation * torch.randn(x.shape, generator=random).to(x.device)


def mirrored(x: Tensor, random: torch.Generator) -> Tensor:
    """Mirror each picture (n, c, h, w) left to right with probability 1/2, drawn from `random`."""
    chosen = (torch.rand(len(x), generator=random) < 0.5).to(x.device)
    return torch.where(chosen[:, None, None, None], x.flip(3), x)

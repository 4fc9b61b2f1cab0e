"""Make altered copies of pictures with Pillow: rotated, zoomed, shifted, and with other lighting."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image


@dataclass(frozen=True)
class Alterations:
    """The limits of random alterations; each value is drawn uniformly between plus and minus its limit.

    turn: degrees. zoom: natural logarithm of the scale. shift: horizontal and vertical, as a share of the side.
    contrast: the picture's values are scaled by 1 + contrast about their mean. brightness: added, as a share of white.
    gamma: natural logarithm of the exponent.
    """

    turn: float = 6.0
    zoom: float = 0.08
    shift: float = 0.031
    contrast: float = 0.25
    brightness: float = 0.12
    gamma: float = 0.275

    def __call__(self, pixels: NDArray[np.uint8], seed: Sequence[int]) -> NDArray[np.uint8]:
        """Return an altered copy of a square picture uint8 (s, s, 3); edge pixels are repeated beyond its borders."""
        random = np.random.default_rng(seed)
        turned = self._move(pixels, random)
        light = self._light(float(pixels.mean()) / 255, random)
        return np.asarray(turned.point(light * 3))

    def _move(self, pixels: NDArray[np.uint8], random: np.random.Generator) -> Image.Image:
        side = len(pixels)
        angle = math.radians(random.uniform(-self.turn, self.turn))
        scale = math.exp(random.uniform(-self.zoom, self.zoom))
        across, down = random.uniform(-self.shift, self.shift, 2) * side
        cosine, sine = math.cos(angle) / scale, math.sin(angle) / scale
        margin, centre = side // 4, side / 2
        # Pillow's matrix maps positions in the copy to positions in the padded picture; rotate about the centre.
        left = centre - cosine * centre + sine * centre + across + margin
        top = centre - sine * centre - cosine * centre + down + margin
        edged = Image.fromarray(np.pad(pixels, ((margin, margin), (margin, margin), (0, 0)), mode="edge"))
        matrix = (cosine, -sine, left, sine, cosine, top)
        return edged.transform((side, side), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)

    def _light(self, mean: float, random: np.random.Generator) -> list[int]:
        """Return the lookup table of the lighting change: a new value for each of the 256 values."""
        contrast = 1 + random.uniform(-self.contrast, self.contrast)
        brightness = random.uniform(-self.brightness, self.brightness)
        gamma = math.exp(random.uniform(-self.gamma, self.gamma))
        shades = (np.arange(256) / 255 - mean) * contrast + mean + brightness
        return [int(shade) for shade in np.rint(np.clip(shades, 0, 1) ** gamma * 255)]

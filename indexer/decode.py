"""Bytes -> the uint8 RGB array that an encoder wants, or the reason why not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.errors import UnreadableImage


@dataclass(frozen=True)
class Crop:
    """The part to use of pictures of one shape, in the pixels of a reference size.

    aspect: (width, height) of the reference size, e.g. (178, 218) for aligned CelebA faces.
    box: (left, top, right, bottom) in that size; scaled to pictures of the same shape.
    """

    aspect: tuple[int, int]
    box: tuple[int, int, int, int]


@dataclass(frozen=True)
class Framing:
    """How a picture becomes an encoder's input: a crop by its shape, else its centre square; then bilinear."""

    width: int
    height: int
    crops: tuple[Crop, ...] = ()

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Framing:
        """Read the `framing` of a bundle's model.json."""
        crops = tuple(Crop(tuple(crop["aspect"]), tuple(crop["box"])) for crop in data.get("crops", []))
        return cls(data["width"], data["height"], crops)

    def to_json(self) -> dict[str, Any]:
        """The `framing` of a bundle's model.json."""
        crops = [{"aspect": list(crop.aspect), "box": list(crop.box)} for crop in self.crops]
        return {"width": self.width, "height": self.height, "crops": crops}

    def box(self, width: int, height: int) -> tuple[float, float, float, float]:
        """The part of a picture of this size that is used: (left, top, right, bottom) in its pixels."""
        for crop in self.crops:
            scale = width / crop.aspect[0]
            if abs(height / crop.aspect[1] / scale - 1) < 0.005:
                left, top, right, bottom = (scale * edge for edge in crop.box)
                return left, top, min(right, width), min(bottom, height)
        side_by_height = min(width / self.width, height / self.height)
        used_width, used_height = side_by_height * self.width, side_by_height * self.height
        left, top = (width - used_width) / 2, (height - used_height) / 2
        return left, top, left + used_width, top + used_height


CELEBA = Framing(64, 64, (Crop((178, 218), (15, 40, 163, 188)),))


def decode(path: Path, framing: Framing) -> NDArray[np.uint8]:
    """Decode one picture as an encoder wants it: uint8 RGB, (framing.height, framing.width, 3).

    Raises UnreadableImage with the reason.
    """
    try:
        with Image.open(path) as picture:
            rgb = picture.convert("RGB")
    except OSError as error:
        raise UnreadableImage(f"{path}: {error}") from error
    resized = rgb.resize((framing.width, framing.height), Image.Resampling.BILINEAR, box=framing.box(*rgb.size))
    return np.asarray(resized)

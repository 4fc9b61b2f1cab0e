"""The part of a picture that an encoder sees, and the size it is scaled to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Crop:
    """The box to cut from pictures of one shape, in the pixels of a reference size.

    aspect: (width, height) of the reference size, such as (178, 218) for aligned CelebA faces.
    box: (left, top, right, bottom) at the reference size, scaled to pictures of the same shape.
    """

    aspect: tuple[int, int]
    box: tuple[int, int, int, int]


@dataclass(frozen=True)
class Framing:
    """How a picture becomes an encoder's input: the crop for its shape, or else the centre, scaled bilinearly."""

    width: int
    height: int
    crops: tuple[Crop, ...] = ()

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Framing:
        """Build a framing from the `framing` object of model.json."""
        crops = tuple(Crop(tuple(crop["aspect"]), tuple(crop["box"])) for crop in data.get("crops", []))
        return cls(data["width"], data["height"], crops)

    def to_json(self) -> dict[str, Any]:
        """Return the `framing` object for model.json."""
        crops = [{"aspect": list(crop.aspect), "box": list(crop.box)} for crop in self.crops]
        return {"width": self.width, "height": self.height, "crops": crops}

    def box(self, width: int, height: int) -> Box:
        """Return the box to cut from a picture of this size: (left, top, right, bottom) in its pixels."""
        for crop in self.crops:
            scale = width / crop.aspect[0]
            if abs(height / crop.aspect[1] / scale - 1) < 0.005:
                left, top, right, bottom = (scale * edge for edge in crop.box)
                return left, top, min(right, width), min(bottom, height)
        side_by_height = min(width / self.width, height / self.height)
        used_width, used_height = side_by_height * self.width, side_by_height * self.height
        left, top = max((width - used_width) / 2, 0.0), max((height - used_height) / 2, 0.0)
        return left, top, min(left + used_width, width), min(top + used_height, height)


class Whole(Framing):
    """A framing that uses the whole picture, stretched to width x height."""

    def box(self, width: int, height: int) -> Box:
        """Return the whole picture as the box."""
        return 0.0, 0.0, float(width), float(height)


ALIGNED = Crop((178, 218), (15, 40, 163, 188))
CELEBA = Framing(64, 64, (ALIGNED,))
# Where CelebA's aligned pictures of 178x218 pixels have the left and right eye (as seen), the nose, and the left and
# right corner of the mouth, on average.
CELEBA_POINTS = ((69.9, 112.5), (108.8, 111.8), (87.9, 134.9), (72.8, 153.2), (105.4, 152.6))


def template_of(framing: Framing) -> list[list[float]] | None:
    """Return where CELEBA_POINTS lie in the framing's pixels; None for a framing without CelebA's crop."""
    if ALIGNED not in framing.crops:
        return None
    left, top, right, bottom = ALIGNED.box
    across, down = framing.width / (right - left), framing.height / (bottom - top)
    return [[round((x - left) * across, 2), round((y - top) * down, 2)] for x, y in CELEBA_POINTS]

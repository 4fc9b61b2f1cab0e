"""Embedded ICC profiles -> sRGB. Pictures whose profile is sRGB, whatever it calls itself, are left as they are."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from PIL.ImageCms import ImageCmsProfile, ImageCmsTransform

# A profile of a press has up to 3 MB; a folder has few different ones.
PROFILES_AT_ONCE = 16
# The colour spaces that an ICC header may name, by the modes of pictures that they describe.
SPACES = {"RGB": b"RGB ", "RGBA": b"RGB ", "CMYK": b"CMYK", "L": b"GRAY"}
# A profile that changes no colour of a grid by more than this, of 255, is sRGB.
SAME = 2
GRID = 9


def convert_to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """The colours that a profile gives an 8-bit picture of mode RGB, RGBA, L or CMYK, in mode RGB, RGBA, L or RGB.

    May change the picture that is given. A profile that is broken, or meant for another kind of picture, is ignored.
    """
    transform = _transform(profile, picture.mode) if profile else None
    if transform is None:
        return picture if picture.mode != "CMYK" else picture.convert("RGB")
    if picture.mode == "L":
        return picture.point(_curve(transform))
    if picture.mode == "CMYK":
        return transform.apply(picture)
    return transform.apply_in_place(picture)


@lru_cache(PROFILES_AT_ONCE)
def _transform(profile: bytes, mode: str) -> ImageCmsTransform | None:
    """What a profile does to pictures of a mode; None where that is nothing."""
    if profile[16:20] != SPACES[mode]:
        return None
    import io

    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        transform = ImageCms.buildTransform(
            source,
            _srgb(),
            mode,
            "RGB" if mode in ("CMYK", "L") else mode,
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        return None if _changes_nothing(transform, mode) else transform
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


@lru_cache(1)
def _srgb() -> ImageCmsProfile:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def _changes_nothing(transform: ImageCmsTransform, mode: str) -> bool:
    if mode == "CMYK":
        return False
    if mode == "L":
        return max(abs(value - grey) for grey, value in enumerate(_curve(transform))) <= SAME
    levels = np.linspace(0, 255, GRID).astype(np.uint8)
    grid = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(GRID, -1, 3)
    colours = Image.fromarray(grid).convert(mode)
    changed = np.asarray(transform.apply(colours).convert("RGB"), np.int16)
    return bool(np.abs(changed - grid).max() <= SAME)


def _curve(transform: ImageCmsTransform) -> list[int]:
    """What becomes of each grey level."""
    ramp = Image.frombytes("L", (256, 1), bytes(range(256)))
    return list(transform.apply(ramp).getchannel("G").tobytes())

"""Converts colours from embedded ICC profiles to sRGB, and skips profiles that amount to sRGB, whatever their name."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from PIL.ImageCms import ImageCmsProfile, ImageCmsTransform

# How many transforms to cache. A printing profile takes up to 3 MB, and a folder holds few different ones.
PROFILES_AT_ONCE = 16
# For each Pillow mode, the colour space that an ICC header must name.
SPACES = {"RGB": b"RGB ", "RGBA": b"RGB ", "CMYK": b"CMYK", "L": b"GRAY"}
# A profile that changes no colour of a test grid by more than this, out of 255, counts as sRGB.
SAME = 2
GRID = 9


def convert_to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert an 8-bit picture of mode RGB, RGBA, L or CMYK to sRGB; CMYK becomes RGB, other modes stay.

    May modify the given picture. A profile that is broken or describes another kind of picture is ignored.
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
    """Build the transform from a profile to sRGB for one mode; None if it would change nothing or is unusable."""
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
    """Return the new value of each grey level."""
    ramp = Image.frombytes("L", (256, 1), bytes(range(256)))
    return list(transform.apply(ramp).getchannel("G").tobytes())

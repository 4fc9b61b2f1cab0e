"""A decoded picture of any mode -> 8-bit sRGB, with alpha where it has some."""

from __future__ import annotations

from PIL import Image

from indexer.files.colour import convert_to_srgb
from indexer.files.depth import Scale, is_deep, scale_of

WITH_ALPHA = ("RGBA", "LA", "PA", "RGBa", "La")
# Pictures of more pixels than this are converted a strip at a time.
STRIP_PIXELS = 2**22


def to_srgb(picture: Image.Image, scale: Scale | None = None) -> Image.Image:
    """The current frame in mode RGB, or RGBA where pixels may be transparent: 8 bits, colours in sRGB.

    scale: of the whole, where the picture is a part of a deep one. May change the picture that is given.
    """
    profile = picture.info.get("icc_profile")
    if is_deep(picture):
        picture = (scale or scale_of(picture)).to_8_bit(picture)
    alpha = picture.mode in WITH_ALPHA or "transparency" in picture.info
    if picture.mode in ("CMYK", "L") and not alpha:
        return convert_to_srgb(picture, profile).convert("RGB")
    if picture.mode in ("LA", "La"):
        return _grey_with_alpha(picture.convert("LA"), profile)
    wanted = "RGBA" if alpha else "RGB"
    plain = picture if picture.mode == wanted and "transparency" not in picture.info else picture.convert(wanted)
    return plain if picture.mode == "LAB" else convert_to_srgb(plain, profile)


def shrunk_srgb(picture: Image.Image, factor: int) -> Image.Image:
    """As to_srgb, each factor x factor pixels averaged to one; of a large picture, no copy is made at full size."""
    if factor == 1 and picture.width * picture.height <= STRIP_PIXELS:
        return to_srgb(picture)
    scale = scale_of(picture) if is_deep(picture) else None
    width, height = picture.size
    rows = max(STRIP_PIXELS // width // factor, 1) * factor
    shrunk: Image.Image | None = None
    for top in range(0, height, rows):
        strip = to_srgb(picture.crop((0, top, width, min(top + rows, height))), scale).reduce(factor)
        shrunk = shrunk or Image.new(strip.mode, (strip.width, -(-height // factor)))
        shrunk.paste(strip, (0, top // factor))
    assert shrunk is not None
    return shrunk


def over_white(picture: Image.Image) -> Image.Image:
    """A picture of mode RGB or RGBA in mode RGB, on white."""
    if picture.mode == "RGB":
        return picture
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")


def _grey_with_alpha(picture: Image.Image, profile: bytes | None) -> Image.Image:
    grey, alpha = picture.split()
    rgb = convert_to_srgb(grey, profile).convert("RGB")
    rgb.putalpha(alpha)
    return rgb

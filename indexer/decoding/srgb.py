"""Converts decoded pictures of any mode to upright 8-bit sRGB, with alpha where they have it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import ExifTags, Image

if TYPE_CHECKING:
    from indexer.decoding.depth import Scale


Part = tuple[int, int, int, int]
WITH_ALPHA = ("RGBA", "LA", "PA", "RGBa", "La")
# Pictures of more pixels than this are converted in strips.
STRIP_PIXELS = 2**20
DEEP_MODES = ("I", "F")
# The TIFF tag SampleFormat and two of its values.
SAMPLE_FORMAT, UNSIGNED, SIGNED = 339, 1, 2
ORIENTATION_TAG = ExifTags.Base.Orientation
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# These containers store rotation in properties of their own. Their plugins apply it or copy it into the Exif block in
# `info`; XMP must be ignored, because it does not count in these formats.
TURNED_BY_THEIR_CONTAINER = {"AVIF", "HEIF"}
# Key in a picture's `info`: the visible part, as left, top, right, bottom in stored pixels.
SHOWN = "latentsearch_shown"
# Key in a picture's `info`: full width and height of the visible part before rotation, even in a reduced decode.
STORED_SIZE = "latentsearch_stored_size"


def to_srgb(picture: Image.Image) -> Image.Image:
    """Convert the current frame to 8-bit sRGB: mode RGB, or RGBA if pixels may be transparent.

    May modify the given picture.
    """
    context = _Context.of(picture)
    part = picture if context.shown == (0, 0, *picture.size) else picture.crop(context.shown)
    return context.convert(part, context.shown[:2])


def shrunk_srgb(picture: Image.Image, factor: int, on_white: bool = False) -> Image.Image:
    """Convert as to_srgb does and average blocks of factor x factor pixels; large pictures are never copied in full.

    on_white: return mode RGB, with transparent pixels on white.
    """
    is_plain = picture.mode == "RGB" and "transparency" not in picture.info
    if factor == 1 and (is_plain or picture.width * picture.height <= STRIP_PIXELS):
        return over_white(to_srgb(picture)) if on_white else to_srgb(picture)
    context = _Context.of(picture)
    left, top, right, bottom = context.shown
    shrunk: Image.Image | None = None
    for start, end in _strips(right - left, bottom - top, factor):
        part = picture.crop((left, top + start, right, top + end))
        strip = context.convert(part, (left, top + start))
        strip = (over_white(strip) if on_white else strip).reduce(factor)
        shrunk = shrunk or Image.new(strip.mode, (strip.width, -(-(bottom - top) // factor)))
        shrunk.paste(strip, (0, start // factor))
    assert shrunk is not None
    return shrunk


def is_deep(picture: Image.Image) -> bool:
    """Return whether a picture's single channel has more than 8 bits, or signed values."""
    return picture.mode.startswith(DEEP_MODES) or (picture.mode == "L" and value_type(picture) == "i1")


def scale_of_deep(picture: Image.Image) -> Scale | None:
    """Find the black and white values of a decoded deep picture; None for other pictures."""
    if not is_deep(picture):
        return None
    from indexer.decoding.depth import scale_of

    return scale_of(picture, value_type(picture))


def value_type(picture: Image.Image) -> str:
    """Return the numpy type of values that Pillow misreads, "u4" or "i1"; otherwise an empty string."""
    stated = getattr(picture, "tag_v2", {}).get(SAMPLE_FORMAT, 0)
    stated = stated[0] if isinstance(stated, tuple) and stated else stated
    return {("I", UNSIGNED): "u4", ("L", SIGNED): "i1"}.get((picture.mode, stated), "")


def has_alpha(picture: Image.Image) -> bool:
    """Return whether a picture may have transparent pixels."""
    return picture.mode in WITH_ALPHA or "transparency" in picture.info


def over_white(picture: Image.Image) -> Image.Image:
    """Place an RGB or RGBA picture on white, in mode RGB."""
    if picture.mode == "RGB":
        return picture
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")


def colour_of(picture: Image.Image, ink: float | tuple[int, ...]) -> tuple[int, int, int]:
    """Return the sRGB colour, on white, of a pixel value in a decoded picture."""
    return _shown_as(picture, Image.new(picture.mode, (1, 1), ink)).getpixel((0, 0))  # type: ignore[return-value]


def palette_brightness(picture: Image.Image) -> list[int]:
    """Return the brightness, on white, of each of the 256 values of a picture with a palette."""
    ramp = Image.frombytes("P", (256, 1), bytes(range(256)))
    return list(_shown_as(picture, ramp.convert(picture.mode) if picture.mode != "P" else ramp).convert("L").tobytes())


def _shown_as(picture: Image.Image, pixels: Image.Image) -> Image.Image:
    if picture.palette is not None:
        pixels.putpalette(picture.palette)
    pixels.info = dict(picture.info)
    return over_white(_converted(pixels, scale_of_deep(picture)))


def _strips(width: int, height: int, factor: int) -> Iterator[tuple[int, int]]:
    rows = max(STRIP_PIXELS // width // factor, 1) * factor
    return ((start, min(start + rows, height)) for start in range(0, height, rows))


@dataclass(frozen=True)
class _Context:
    """Facts about a whole picture that are needed to convert a part of it.

    shown: the visible part of the stored picture. frame: the area of a GIF's first frame, None if it fills the picture;
    outside it, the picture is transparent, as in browsers. scale: of a deep picture.
    """

    shown: Part
    frame: Part | None
    scale: Scale | None

    @classmethod
    def of(cls, picture: Image.Image) -> _Context:
        picture.load()
        whole = (0, 0, *picture.size)
        frame = getattr(picture, "dispose_extent", None) if picture.format == "GIF" and picture.tell() == 0 else None
        partly = frame is not None and frame != whole
        return cls(
            picture.info.get(SHOWN, whole),
            frame if partly else None,
            scale_of_deep(picture),
        )

    def convert(self, part: Image.Image, corner: tuple[int, int]) -> Image.Image:
        """Convert a part of the stored picture whose upper left corner is at `corner`."""
        converted = _converted(part, self.scale)
        if self.frame is None:
            return converted
        canvas = Image.new("RGBA", part.size)
        left, top, right, bottom = (edge - corner[i % 2] for i, edge in enumerate(self.frame))
        box = (max(left, 0), max(top, 0), min(right, part.width), min(bottom, part.height))
        if box[0] < box[2] and box[1] < box[3]:
            canvas.paste(converted.crop(box).convert("RGBA"), box)
        return canvas


def _in_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert a picture to sRGB if it has an ICC profile; otherwise return it unchanged."""
    if not profile:
        return picture
    from indexer.decoding.icc_profiles import convert_to_srgb

    return convert_to_srgb(picture, profile)


def _converted(picture: Image.Image, scale: Scale | None) -> Image.Image:
    profile = picture.info.get("icc_profile")
    if scale is not None:
        picture = scale.to_8_bit(picture)
    transparent = has_alpha(picture)
    if picture.mode in ("CMYK", "L") and not transparent:
        return _in_srgb(picture, profile).convert("RGB")
    if picture.mode in ("LA", "La"):
        return _grey_with_alpha(picture.convert("LA"), profile)
    wanted = "RGBA" if transparent else "RGB"
    is_plain = picture.mode == wanted and "transparency" not in picture.info
    plain = picture if is_plain else picture.convert(wanted)
    picture.info.pop("icc_profile", None)  # the conversion happens in place and must not be repeated
    return plain if picture.mode == "LAB" else _in_srgb(plain, profile)


def _grey_with_alpha(picture: Image.Image, profile: bytes | None) -> Image.Image:
    grey, alpha = picture.split()
    rgb = _in_srgb(grey, profile).convert("RGB")
    rgb.putalpha(alpha)
    return rgb


def orientation_of(picture: Image.Image) -> int:
    """Return the Exif orientation of an opened picture, 1 (upright) to 8; 1 if its metadata is broken."""
    try:
        orientation = _exif_of(picture).get(ORIENTATION_TAG, 1)
    except Exception:  # broken Exif data does not make the picture unusable
        return 1
    return orientation if orientation in TURNS else 1


def _exif_of(picture: Image.Image) -> Image.Exif:
    if picture.format == "JXL" and not getattr(picture, "jpeg", None):
        return Image.Exif()  # libjxl has already rotated it; only a transcoded JPEG keeps its Exif orientation
    if picture.format not in TURNED_BY_THEIR_CONTAINER:
        return picture.getexif()
    exif = Image.Exif()
    exif.load(picture.info.get("exif", b""))
    return exif


def upright(picture: Image.Image, orientation: int) -> Image.Image:
    """Rotate or flip a picture to its displayed orientation; an upright one is returned unchanged."""
    return picture.transpose(TURNS[orientation]) if orientation in TURNS else picture


def upright_size(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Return the displayed width and height of a picture stored at this size."""
    return (size[1], size[0]) if orientation >= 5 else size

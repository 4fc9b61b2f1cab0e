"""Converts a TIFF page decoded by tifffile to an upright sRGB picture over white."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, SEPARATED, YCBCR, CIELAB, ICCLAB = 0, 1, 2, 3, 5, 6, 8, 9
SEPARATE_PLANES = 2
CHANNELS = {RGB: 3, SEPARATED: 4, YCBCR: 3, CIELAB: 3, ICCLAB: 3}
ALPHA = (1, 2)


def picture_of(page: Any) -> Image.Image:
    """A page in mode RGB. Raises what tifffile raises, and ValueError for unsupported pages."""
    stored = _rows_columns_channels(page)
    photometric = int(page.photometric)
    count = CHANNELS.get(photometric, 1)
    colours, extra = stored[..., :count], stored[..., count:]
    meanings = [int(meaning) for meaning in page.extrasamples]
    if photometric == RGB and extra.shape[2] == 1 and not meanings:  # a fourth channel of unspecified meaning is alpha
        meanings = [2]
    picture = _picture(colours, photometric, page)
    if extra.shape[2] and meanings and meanings[0] in ALPHA:
        picture = _over_white(picture, _unit(extra[..., 0], page), premultiplied=meanings[0] == 1)
    return ImageOps.exif_transpose(_with_orientation(picture, page))


def _rows_columns_channels(page: Any) -> NDArray[Any]:
    pixels = page.asarray()
    if page.planarconfig == SEPARATE_PLANES and pixels.ndim == 3:
        pixels = np.moveaxis(pixels, 0, -1)
    pixels = pixels.reshape(page.imagelength, page.imagewidth, -1)
    return np.asarray(pixels)


def _picture(colours: NDArray[Any], photometric: int, page: Any) -> Image.Image:
    if photometric == PALETTE:
        table = np.asarray(page.colormap).T
        return Image.fromarray((table[colours[..., 0]] >> 8).astype(np.uint8))
    if photometric in (CIELAB, ICCLAB):
        return Image.frombytes("LAB", colours.shape[1::-1], _lab(colours).tobytes()).convert("RGB")
    unit = _unit(colours, page)
    if photometric == WHITE_IS_ZERO:
        unit = 1 - unit
    levels = np.rint(unit * 255).clip(0, 255).astype(np.uint8)
    if photometric == SEPARATED:
        return _profiled(Image.fromarray(levels, "CMYK"), page)
    if photometric == YCBCR and int(page.compression) not in (6, 7):
        return Image.fromarray(levels, "YCbCr").convert("RGB")
    return _profiled(Image.fromarray(levels if levels.shape[2] == 3 else levels[..., 0]), page).convert("RGB")


def _lab(colours: NDArray[Any]) -> NDArray[np.uint8]:
    if colours.dtype == np.uint8:
        return np.asarray(colours)
    if colours.dtype == np.uint16:
        return np.asarray(colours >> 8, np.uint8)
    raise ValueError("L*a*b* of floats")


def _unit(values: NDArray[Any], page: Any) -> NDArray[np.float64]:
    """Scale to 0 to 1 by the white value: the maximum of the bit depth; for floats and 32 bits see the README."""
    bits = page.bitspersample if isinstance(page.bitspersample, int) else page.bitspersample[0]
    numbers = np.nan_to_num(values.astype(np.float64), posinf=0, neginf=0)
    if values.dtype.kind == "f" or bits == 32 or values.dtype.kind == "i":
        numbers -= min(numbers.min(), 0)
        brightest = numbers.max()
        whites = (1, 255, 65535) if values.dtype.kind == "f" else (255, 65535)
        white = next((white for white in whites if brightest <= white), brightest) or 1
        return np.asarray(numbers / white)
    stated = page.tags.get("MaxSampleValue")
    if bits == 16 and stated is not None and isinstance(stated.value, int) and stated.value >= numbers.max() > 1:
        return np.asarray(numbers / stated.value)
    if bits == 16 and int(page.photometric) in (WHITE_IS_ZERO, BLACK_IS_ZERO) and numbers.max() <= 4095:
        return np.asarray(numbers / 4095)
    return np.asarray(numbers / (2**bits - 1))


def _profiled(picture: Image.Image, page: Any) -> Image.Image:
    tag = page.tags.get("InterColorProfile")
    if tag is not None:
        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(bytes(tag.value)))
            srgb = ImageCms.createProfile("sRGB")
            return ImageCms.profileToProfile(picture, profile, srgb, outputMode="RGB") or picture
        except (ImageCms.PyCMSError, OSError):
            pass
    return picture.convert("RGB")


def _over_white(picture: Image.Image, alpha: NDArray[np.float64], premultiplied: bool) -> Image.Image:
    colours = np.asarray(picture.convert("RGB"), np.float64)
    shown = colours if premultiplied else colours * alpha[..., None]
    return Image.fromarray(np.rint(shown + 255 * (1 - alpha[..., None])).clip(0, 255).astype(np.uint8))


def _with_orientation(picture: Image.Image, page: Any) -> Image.Image:
    tag = page.tags.get("Orientation")
    if tag is not None:
        picture.getexif()[274] = int(tag.value)
    return picture

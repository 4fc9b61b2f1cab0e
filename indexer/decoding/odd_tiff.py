"""Reads TIFF files that Pillow cannot open, using tifffile: floating-point colours, 16-bit L*a*b*, many channels."""

from __future__ import annotations

import importlib.util
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.decoding.srgb import ORIENTATION_TAG
from indexer.errors import UnreadableImage
from indexer.system.limits import Reserve

WHITE_IS_ZERO, RGB, PALETTE, SEPARATED, YCBCR, CIELAB, ICCLAB = 0, 2, 3, 5, 6, 8, 9
CHANNELS = {RGB: 3, SEPARATED: 4, YCBCR: 3, CIELAB: 3, ICCLAB: 3}
MODES = {SEPARATED: "CMYK", YCBCR: "YCbCr"}
SEPARATE_PLANES, PREMULTIPLIED, ALPHA, PROFILE_TAG = 2, 1, 2, 34675
# Float-sized copies of the pixels in memory at once: the stored values, the same as floats, and the picture.
COPIES = 3
SIGNS = np.array([0, 128, 128], np.uint8)
NEEDS_EXTRA = "not supported: this kind of TIFF needs an extra: pip install 'latentsearch[tiff]'"


def has_tifffile() -> bool:
    """Return whether tifffile, which the extra `tiff` installs, is available."""
    return importlib.util.find_spec("tifffile") is not None


def read_tiff(data: bytes, reserve: Reserve) -> Image.Image:
    """Decode the first page of a TIFF to 8 bits per channel.

    Raises UnreadableImage if tifffile is missing or does not support the file; for a damaged file, tifffile's own
    error.
    """
    if not has_tifffile():
        raise UnreadableImage(NEEDS_EXTRA, may_pass=True)
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        values = page.imagewidth * page.imagelength * page.imagedepth * page.samplesperpixel
        if not values or not page.dataoffsets:
            raise ValueError("it states no pixels")
        if page.imagedepth > 1 or page.dtype is None:
            raise UnreadableImage("not supported: TIFF files of this kind")
        reserve(len(data) + values * (page.dtype.itemsize + 4 * COPIES))
        try:
            stored = page.asarray()
        except (ValueError, KeyError, NotImplementedError, ImportError) as error:
            if "corrupt" in str(error):
                raise
            raise UnreadableImage(f"not supported: TIFF files of this kind ({_in_a_line(error)})") from error
        return _as_picture(stored, page)


def _as_picture(stored: NDArray[Any], page: Any) -> Image.Image:
    if page.planarconfig == SEPARATE_PLANES and stored.ndim == 3:
        stored = np.moveaxis(stored, 0, -1)
    stored = stored.reshape(page.imagelength, page.imagewidth, -1)
    photometric = int(page.photometric)
    count = min(CHANNELS.get(photometric, 1), stored.shape[2])
    colours, extra = stored[..., :count], stored[..., count:]
    picture = _colours(colours, photometric, page)
    alpha = int(page.extrasamples[0]) if page.extrasamples and extra.shape[2] else 0
    if alpha in (PREMULTIPLIED, ALPHA) and picture.mode in ("L", "RGB"):
        picture.putalpha(Image.fromarray(_levels(extra[..., 0], page)))
        if alpha == PREMULTIPLIED and picture.mode == "RGBA":
            picture = Image.frombytes("RGBa", picture.size, picture.tobytes()).convert("RGBA")
    for tag, keep in ((PROFILE_TAG, _keep_profile), (int(ORIENTATION_TAG), _keep_orientation)):
        if tag in page.tags:
            keep(picture, page.tags[tag].value)
    return picture


def _colours(colours: NDArray[Any], photometric: int, page: Any) -> Image.Image:
    if photometric == PALETTE:
        table = np.asarray(page.colormap).T
        return Image.fromarray((table[np.minimum(colours[..., 0], len(table) - 1)] >> 8).astype(np.uint8))
    if photometric in (CIELAB, ICCLAB):
        return _lab(colours, is_signed=photometric == CIELAB)
    levels = _levels(colours, page)
    if photometric == WHITE_IS_ZERO:
        levels = 255 - levels
    if levels.shape[2] not in (3, 4):
        return Image.fromarray(np.ascontiguousarray(levels[..., 0]))
    mode = MODES.get(photometric, "RGB")
    is_converted = photometric == YCBCR and int(page.compression) in (6, 7, 34892)
    return Image.frombytes("RGB" if is_converted else mode, levels.shape[1::-1], np.ascontiguousarray(levels).tobytes())


def _lab(colours: NDArray[Any], is_signed: bool) -> Image.Image:
    """Convert to mode LAB; a* and b* are signed in `CIELAB` and offset in `ICCLAB`."""
    if colours.dtype.kind == "f":
        parts = colours / (100 / 255, 1, 1) + (0, 128, 128)
    else:
        deep = (colours.astype(np.float32) / 256 if colours.dtype.itemsize == 2 else colours.astype(np.float32)).copy()
        parts = np.where((np.arange(3) > 0) & is_signed, (deep + 128) % 256, deep)
    bands = np.rint(parts).clip(0, 255).astype(np.uint8)
    # Image.frombytes expects signed a* and b* in mode LAB; flipping the top bit makes the offset numbers signed.
    return Image.frombytes("LAB", bands.shape[1::-1], np.ascontiguousarray(bands ^ SIGNS).tobytes())


def _levels(values: NDArray[Any], page: Any) -> NDArray[np.uint8]:
    """Scale values to 8 bits. White is the maximum of the bit depth, or is chosen as in indexer.decoding.depth."""
    if values.dtype == np.uint8 and page.bitspersample in (8, (8,)):
        return np.asarray(values)
    numbers = np.nan_to_num(values.astype(np.float32), posinf=0, neginf=0)
    bits = page.bitspersample if isinstance(page.bitspersample, int) else page.bitspersample[0]
    if values.dtype.kind == "u" and bits < 32:
        white = float(2**bits - 1)
    else:
        numbers -= min(float(numbers.min()), 0.0)
        brightest = float(numbers.max())
        whites = (1, 255, 65535) if values.dtype.kind == "f" else (255, 65535)
        white = next((float(white) for white in whites if brightest <= white), brightest) or 1.0
    return np.asarray(np.rint(numbers * np.float32(255 / white)).clip(0, 255), np.uint8)


def _keep_profile(picture: Image.Image, value: Any) -> None:
    picture.info["icc_profile"] = bytes(value)


def _keep_orientation(picture: Image.Image, value: Any) -> None:
    picture.getexif()[ORIENTATION_TAG] = int(value)


def _in_a_line(error: Exception) -> str:
    return " ".join(str(error).split())[:150]

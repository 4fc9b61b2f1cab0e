"""Convert arrays and PIL images to the bytes of picture files.

They become lossless files in memory, TIFF or PNG. The same code that decodes files then decodes them, turns them
upright, converts them to sRGB and frames them, so that a query is prepared like the pictures of the index.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.errors import InputError, UnreadableImage

# A TIFF is written ten times as fast as a PNG, but decoders may take its 16 bits for 12, and alpha for a fourth colour.
TIFF_MODES = ("L", "RGB", "CMYK")
PNG_MODES = ("1", "L", "LA", "I", "I;16", "P", "RGB", "RGBA")
# zlib's level for PNG: the bytes are decoded at once and never stored, so compression would only cost time.
UNCOMPRESSED = 0


def file_of_array(pixels: NDArray[np.uint8]) -> bytes:
    """Return an array, uint8 (h, w, 3), as the bytes of a file. Raises InputError for any other array."""
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise InputError(f"an array of {pixels.dtype} {pixels.shape} is no picture: give uint8 (h, w, 3), RGB")
    return file_of_image(Image.fromarray(np.ascontiguousarray(pixels)))


def file_of_image(image: Image.Image) -> bytes:
    """Write a PIL image to a lossless file that keeps its orientation, colour profile and transparency.

    Raises InputError for mode F, UnreadableImage for an image that cannot be loaded.
    """
    from indexer.decoding.srgb import ORIENTATION_TAG, orientation_of

    if image.mode == "F":
        raise InputError("a PIL image of mode F has no known white: convert it to L or RGB first")
    try:
        image.load()  # turns a TIFF upright and drops its orientation tag
    except (OSError, ValueError) as error:
        raise UnreadableImage(f"a PIL image cannot be loaded: {error}") from error
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation_of(image)
    profile = image.info.get("icc_profile")
    file = io.BytesIO()
    if image.mode in TIFF_MODES and "transparency" not in image.info:
        # A copy has none of the tags of the TIFF that it may come from.
        image.copy().save(file, "TIFF", compression="raw", exif=exif, icc_profile=profile)
        return file.getvalue()
    if image.mode not in PNG_MODES:
        profile = None  # it describes the colours before the conversion
        image = image.convert("RGBA" if image.mode in ("RGBa", "La", "PA") else "RGB")
    image.save(file, "PNG", compress_level=UNCOMPRESSED, exif=exif, icc_profile=profile)
    return file.getvalue()

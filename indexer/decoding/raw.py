"""Reads camera raw files: the embedded preview, or else the sensor data developed at half size."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from PIL import Image

from indexer.decoding.srgb import ORIENTATION_TAG, STORED_SIZE
from indexer.errors import UnreadableImage
from indexer.system.limits import Reserve

# An embedded preview whose longer side is shorter than this, in pixels, is not used.
LEAST_PREVIEW = 512
# libraw's rotation codes and the corresponding Exif orientations.
ORIENTATIONS = {3: 3, 5: 8, 6: 6}
# Bytes per sensor pixel while developing: 16-bit sensor values, four 16-bit colours, and the picture.
BYTES_TO_DEVELOP = 2 + 8 + 3
Prepare = Callable[[Image.Image], None]


@contextmanager
def opened_raw(data: bytes, reserve: Reserve, prepare: Prepare) -> Iterator[Image.Image]:
    """Open a raw file as indexer.decoding.opened.opened does; a developed picture is already decoded."""
    import rawpy

    try:
        with rawpy.imread(io.BytesIO(data)) as raw:
            preview = _preview(raw, rawpy)
            if preview is None:
                reserve(len(data) + raw.sizes.raw_width * raw.sizes.raw_height * BYTES_TO_DEVELOP)
                pixels = raw.postprocess(half_size=True, use_camera_wb=True)
            orientation = ORIENTATIONS.get(raw.sizes.flip, 1)
    except rawpy.LibRawError as error:
        raise UnreadableImage(_reason(error, rawpy)) from error
    if preview is None:
        developed = Image.fromarray(pixels)
        developed.info[STORED_SIZE] = (2 * developed.width, 2 * developed.height)
        yield developed
        return
    with Image.open(io.BytesIO(preview), formats=["JPEG"]) as picture:
        if ORIENTATION_TAG not in picture.getexif():
            picture.getexif()[ORIENTATION_TAG] = orientation
        prepare(picture)
        reserve(len(data) + 4 * picture.width * picture.height)
        yield picture


def _preview(raw: Any, rawpy: Any) -> bytes | None:
    """Return the embedded JPEG preview; None if it is missing or too small."""
    try:
        thumb = raw.extract_thumb()
    except rawpy.LibRawError:
        return None
    if thumb.format != rawpy.ThumbFormat.JPEG:
        return None
    with Image.open(io.BytesIO(thumb.data), formats=["JPEG"]) as picture:
        return bytes(thumb.data) if max(picture.size) >= LEAST_PREVIEW else None


def _reason(error: Exception, rawpy: Any) -> str:
    if isinstance(error, rawpy.LibRawFileUnsupportedError | rawpy.LibRawNotImplementedError):
        return "not supported: RAW files of this camera"
    return f"not decodable as RAW: {error}"

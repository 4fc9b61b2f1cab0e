"""Contact sheets that this program wrote: pictures of pictures, which no collection wants among its own."""

from __future__ import annotations

from typing import Any

MARK = "latentsearch contact sheet"
SOFTWARE_TAG = 0x0131
# Where writers put metadata: before the pixels in PNG and JPEG, behind them in WebP.
BYTES_AT_EITHER_END = 1_024


def marked() -> Any:
    """EXIF metadata to save a sheet with, in any format."""
    from PIL import Image

    exif = Image.Exif()
    exif[SOFTWARE_TAG] = MARK
    return exif


def is_sheet(content: bytes) -> bool:
    """Whether a picture file's bytes bear the mark."""
    mark = MARK.encode()
    return mark in content[:BYTES_AT_EITHER_END] or mark in content[-BYTES_AT_EITHER_END:]

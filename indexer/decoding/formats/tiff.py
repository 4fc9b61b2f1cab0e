"""Corrects TIFF files that Pillow opens but would decode wrongly."""

from __future__ import annotations

from PIL import ImageFile, TiffImagePlugin

BITS_PER_SAMPLE, PLANAR_CONFIGURATION, SEPARATE_PLANES = 258, 284, 2


def mend_planes(picture: ImageFile.ImageFile) -> None:
    """Make Pillow read uncompressed 16-bit planes as 16-bit; by default it takes them for 8-bit."""
    assert isinstance(picture, TiffImagePlugin.TiffImageFile)
    tags = picture.tag_v2
    if tags.get(PLANAR_CONFIGURATION) != SEPARATE_PLANES or set(tags.get(BITS_PER_SAMPLE, (8,))) != {16}:
        return
    order = ";16L" if tags.prefix == b"II" else ";16B"
    for number, tile in enumerate(picture.tile):
        if tile.codec_name == "raw" and isinstance(tile.args, tuple):
            picture.tile[number] = tile._replace(args=(tile.args[0] + order, *tile.args[1:]))

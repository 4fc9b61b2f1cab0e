"""TIFF files that Pillow opens and would read wrongly."""

from __future__ import annotations

from PIL import ImageFile, TiffImagePlugin

BITS_PER_SAMPLE, PLANAR_CONFIGURATION, SEPARATE_PLANES = 258, 284, 2


def mend_planes(picture: ImageFile.ImageFile) -> None:
    """Make Pillow read uncompressed planes of 16 bits as such: it takes each for one of 8."""
    assert isinstance(picture, TiffImagePlugin.TiffImageFile)
    tags = picture.tag_v2
    if tags.get(PLANAR_CONFIGURATION) != SEPARATE_PLANES or set(tags.get(BITS_PER_SAMPLE, (8,))) != {16}:
        return
    order = ";16L" if tags.prefix == b"II" else ";16B"
    for number, tile in enumerate(picture.tile):
        if tile.codec_name == "raw" and isinstance(tile.args, tuple):
            picture.tile[number] = tile._replace(args=(tile.args[0] + order, *tile.args[1:]))

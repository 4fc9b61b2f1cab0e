"""Files of public suites whose colours differ from a careful decode on purpose, and the reasons."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

# A pattern for the end of the file's path, and the reason given on the page.
EXCEPTIONS = (
    ("border_touching_layers.gif", "outside its frame a GIF is white here and in browsers; libvips paints it black"),
    (
        "ojpeg-tile.tif",
        "libvips cannot show a TIFF with old-style JPEG; Pillow shows the same as we do",
    ),
    (
        "abc_color_irot_alpha_NOirot.avif",
        "its properties rotate only the colours; libheif also rotates alpha",
    ),
    ("clop_irot_imor.avif", "4 pixels wide; its unknown properties stop libheif from turning it, not libavif"),
    ("extended_pixi.avif", "4 x 4 pixels: libheif and libavif enlarge the subsampled colours differently"),
    ("hopper_bad_exif.jpg", "a broken stream of a noisy picture, decoded at half its size"),
    ("exif_imagemagick_orientation.png", "libvips does not read the orientation that ImageMagick writes as text"),
    ("xmp_tags_orientation*.png", "libvips does not read an orientation that only XMP states"),
    (
        "pil_sample_cmyk.jpg",
        "CMYK without a profile: a plain formula here and in browsers, a press's profile in libvips",
    ),
    ("crash-*.tif", "a corrupted stream, which every decoder shows differently"),
    ("10ct_32bit_128.tiff", "it does not state its white level; tifffile takes 0 for white, libvips refuses it"),
)


def reason_for_difference(row: dict[str, Any]) -> str:
    """The reason why a file is an exception; empty if it is not one."""
    if row.get("incomplete"):
        return "incomplete: the missing part is mid-grey here, black or white there"
    return next((why for pattern, why in EXCEPTIONS if fnmatchcase(row["file"], f"*{pattern}")), "")

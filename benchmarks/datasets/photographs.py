"""Drawn photographs of 12 megapixels, each with Exif data and an XMP document, and once more without any metadata."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

SIZE = (4000, 3000)
# Blocks of random colours, enlarged smoothly, and grain, which JPEG files of cameras have.
BLOCKS, GRAIN, QUALITY = (50, 38), 12, 90
# The bytes of a maker's note of usual size.
NOTE = 12_000
BASE, GPS, IFD = ExifTags.Base, ExifTags.GPS, ExifTags.IFD
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:aux="http://ns.adobe.com/exif/1.0/aux/" '
    b'xmp:CreateDate="2024-05-01T12:30:05" aux:Lens="24-70mm f/2.8"/></rdf:RDF></x:xmpmeta>'
)


def draw_photographs(folder: Path, count: int, seed: int = 0) -> tuple[Path, Path]:
    """Write `count` photographs as JPEG files with metadata, and the same without; return the two folders."""
    stated, bare = folder / "stated", folder / "bare"
    stated.mkdir()
    bare.mkdir()
    random = np.random.default_rng(seed)
    grain = random.normal(0, GRAIN, (SIZE[1], SIZE[0], 1)).astype(np.float32)
    for number in range(count):
        blocks = random.integers(0, 256, (BLOCKS[1], BLOCKS[0], 3)).astype(np.uint8)
        smooth = np.asarray(Image.fromarray(blocks).resize(SIZE, Image.Resampling.BICUBIC), np.float32)
        picture = Image.fromarray((smooth + grain).clip(0, 255).astype(np.uint8))
        picture.save(bare / f"{number:04}.jpg", quality=QUALITY)
        picture.save(stated / f"{number:04}.jpg", quality=QUALITY, exif=exif_of(number), xmp=XMP)
    return stated, bare


def exif_of(number: int) -> Image.Exif:
    """Exif data as a camera writes them: date, camera, place and a maker's note, but no lens, which is in the XMP."""
    exif = Image.Exif()
    exif.update({BASE.Make: "Maker", BASE.Model: f"Model {number % 7}", BASE.Orientation: 1})
    exif.get_ifd(IFD.Exif).update(
        {
            BASE.DateTimeOriginal: f"2024:05:{1 + number % 28:02} 12:30:05",
            BASE.OffsetTimeOriginal: "+02:00",
            BASE.MakerNote: bytes(NOTE),
            BASE.ExposureTime: 0.01,
            BASE.FNumber: 2.8,
            BASE.ISOSpeedRatings: 200,
        }
    )
    exif.get_ifd(IFD.GPSInfo).update(
        {
            GPS.GPSLatitudeRef: "N",
            GPS.GPSLatitude: (48.0, 12.0, float(number % 60)),
            GPS.GPSLongitudeRef: "E",
            GPS.GPSLongitude: (16.0, 22.0, 19.5),
        }
    )
    return exif

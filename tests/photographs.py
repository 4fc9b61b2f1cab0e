"""Drawn photographs with Exif data or an XMP document, written by Pillow."""

from __future__ import annotations

import io
from typing import Any

from PIL import ExifTags, Image

from tests.support import draw_picture

BASE, GPS, IFD = ExifTags.Base, ExifTags.GPS, ExifTags.IFD
VIENNA = (48.2085, 16.3721)
DESCRIPTION = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" '
    'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:aux="http://ns.adobe.com/exif/1.0/aux/" '
    'xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" {attributes}>{children}</rdf:Description>'
    "</rdf:RDF></x:xmpmeta>"
)


def exif_of(
    taken: str = "",
    offset: str = "",
    fraction: str = "",
    make: str = "",
    model: str = "",
    lens: str = "",
    place: tuple[float, float] | None = None,
    orientation: int = 0,
    changed: str = "",
) -> Image.Exif:
    """Exif data with these facts; changed: the time of the file's last change. place: degrees north and east."""
    exif = Image.Exif()
    given: dict[int, Any] = {
        BASE.Make: make, BASE.Model: model, BASE.Orientation: orientation, BASE.DateTime: changed,
    }  # fmt: skip
    details: dict[int, Any] = {
        BASE.DateTimeOriginal: taken, BASE.OffsetTimeOriginal: offset, BASE.SubsecTimeOriginal: fraction,
        BASE.LensModel: lens,
    }  # fmt: skip
    exif.update({tag: value for tag, value in given.items() if value})
    exif.get_ifd(IFD.Exif).update({tag: value for tag, value in details.items() if value})
    if place is not None:
        latitude, longitude = place
        exif.get_ifd(IFD.GPSInfo).update(
            {
                GPS.GPSLatitudeRef: "N" if latitude >= 0 else "S",
                GPS.GPSLatitude: sexagesimal(latitude),
                GPS.GPSLongitudeRef: "E" if longitude >= 0 else "W",
                GPS.GPSLongitude: sexagesimal(longitude),
            }
        )
    for tag in (IFD.Exif, IFD.GPSInfo):  # Pillow saves a TIFF's directories only if the main one names them
        if directory := exif.get_ifd(tag):
            exif[tag] = directory
    return exif


def sexagesimal(degrees: float) -> tuple[float, float, float]:
    """Degrees, minutes and seconds without a sign."""
    minutes, seconds = divmod(round(abs(degrees) * 3600, 4), 60)
    return (minutes // 60, minutes % 60, round(seconds, 4))


def xmp_of(children: str = "", **attributes: str) -> bytes:
    """An XMP document; attributes: properties such as exif__DateTimeOriginal, with __ for a colon."""
    written = " ".join(f'{name.replace("__", ":")}="{value}"' for name, value in attributes.items())
    return DESCRIPTION.format(attributes=written, children=children).encode()


def photograph(seed: int = 0, file_format: str = "JPEG", size: tuple[int, int] = (64, 48), **saved: Any) -> bytes:
    """A drawn picture as the bytes of a file; saved: options of Image.save, such as exif and xmp."""
    file = io.BytesIO()
    draw_picture(seed, size).save(file, file_format, **saved)
    return file.getvalue()

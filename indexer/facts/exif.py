"""Reads facts from Exif metadata with Pillow.

Broken directories and values count as missing. Only the tags that are needed are decoded: directories of cameras hold
hundreds, and decoding all of them takes four times as long.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from PIL import ExifTags, Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from indexer.facts.facts import Facts
from indexer.facts.moments import Moment, parse_moment
from indexer.facts.places import coordinate

BASE, GPS, IFD = ExifTags.Base, ExifTags.GPS, ExifTags.IFD
# The tags of a time with its fraction of a second and its offset, the most reliable first.
TIMES = (
    (BASE.DateTimeOriginal, BASE.SubsecTimeOriginal, BASE.OffsetTimeOriginal),
    (BASE.DateTimeDigitized, BASE.SubsecTimeDigitized, BASE.OffsetTimeDigitized),
)
# The first bytes of a TIFF structure, which most RAW files are.
TIFF_HEADS = (b"II*\0", b"MM\0*")
LONGEST_TEXT = 200

Tags = Mapping[int, Any]


def exif_of(picture: Image.Image, data: bytes) -> Image.Exif:
    """Return the Exif data of an opened picture; for RAW files and TIFF files that Pillow cannot open, of its bytes."""
    exif = Image.Exif()
    if picture.format != "TIFF" and data.startswith(TIFF_HEADS):
        with suppress(Exception):
            exif.load_from_fp(io.BytesIO(data))
    elif picture.format in ("JPEG", "MPO", "TIFF", "PNG"):
        with suppress(Exception):
            return picture.getexif()
    elif isinstance(block := picture.info.get("exif"), bytes):
        with suppress(Exception):
            exif.load(block)
    return exif


def exif_facts(exif: Image.Exif) -> tuple[Facts, Moment | None]:
    """Return the facts in Exif data, and the time of the file's last change by the camera's clock, if stated.

    The latter is the only time that some devices write, and says otherwise when a picture was edited.
    """
    details = _directory(exif, IFD.Exif)
    taken = next(filter(None, (_moment(details, *tags) for tags in TIMES)), None)
    changed = _moment(
        {**_some(exif, BASE.DateTime), **_some(details, BASE.OffsetTime)}, BASE.DateTime, 0, BASE.OffsetTime
    )
    latitude, longitude = _place(_directory(exif, IFD.GPSInfo))
    return (
        Facts(
            taken and taken.seconds,
            taken and taken.offset,
            camera_name(text_of(_value(exif, BASE.Make)), text_of(_value(exif, BASE.Model))),
            text_of(_value(details, BASE.LensModel)) or None,
            latitude,
            longitude,
            _orientation(exif),
        ),
        changed,
    )


def camera_name(make: str, model: str) -> str | None:
    """Return make and model as one name, without repeating the make: "Canon EOS 40D", "Apple iPhone 6"."""
    if not model or not make:
        return model or make or None
    words = make.casefold().split()
    repeats = model.casefold().startswith(words[0]) or model.casefold().split()[0] in words
    return model if repeats else f"{make} {model}"


def text_of(value: object) -> str:
    """Return the text of a tag on one line, up to a NUL or LONGEST_TEXT characters; empty if it is no text."""
    if isinstance(value, tuple | list) and value:
        value = value[0]
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if not isinstance(value, str):
        return ""
    with suppress(UnicodeError):  # Pillow decodes text as Latin-1, and many devices write UTF-8
        value = value.encode("latin-1").decode("utf-8")
    printable = "".join(letter if letter.isprintable() else " " for letter in value.partition("\0")[0])
    return " ".join(printable.split())[:LONGEST_TEXT].strip()


def _directory(exif: Image.Exif, tag: int) -> Tags:
    """Return one of the directories that the main one points to; empty if there is none or it is broken."""
    offset = _value(exif, tag)
    if isinstance(offset, dict):
        return offset
    try:
        directory = ImageFileDirectory_v2(exif.head, group=tag)
        exif.fp.seek(offset)
        directory.load(exif.fp)
    except Exception:  # whatever a hostile file makes Pillow raise
        return {}
    return directory


def _value(tags: Tags, tag: int) -> Any:
    """Return the value of a tag; None if it is missing or cannot be decoded."""
    try:
        return tags.get(tag)
    except Exception:
        return None


def _some(tags: Tags, tag: int) -> dict[int, Any]:
    value = _value(tags, tag)
    return {} if value is None else {tag: value}


def _moment(tags: Tags, time: int, fraction: int, offset: int) -> Moment | None:
    return parse_moment(*(text_of(_value(tags, tag)) for tag in (time, fraction, offset)))


def _place(tags: Tags) -> tuple[float | None, float | None]:
    latitude = _coordinate(tags, GPS.GPSLatitude, GPS.GPSLatitudeRef, 90)
    longitude = _coordinate(tags, GPS.GPSLongitude, GPS.GPSLongitudeRef, 180)
    return (None, None) if latitude is None or longitude is None else (latitude, longitude)


def _coordinate(tags: Tags, tag: int, hemisphere: int, most: float) -> float | None:
    value = _value(tags, tag)
    try:
        parts = tuple(map(float, value if isinstance(value, tuple) else (value,)))
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return coordinate(parts, text_of(_value(tags, hemisphere)), most)


def _orientation(exif: Image.Exif) -> int | None:
    value = _value(exif, BASE.Orientation)
    return value if isinstance(value, int) and 1 <= value <= 8 else None

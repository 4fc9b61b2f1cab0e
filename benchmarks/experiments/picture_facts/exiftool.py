"""Facts of pictures as exiftool reads them, an independent implementation, with the same rules for what comes first."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from indexer.errors import InputError
from indexer.facts.exif import camera_name

# exiftool's names of the tags, the most reliable first: time, fraction of a second, offset.
TIMES = (
    ("ExifIFD:DateTimeOriginal", "ExifIFD:SubSecTimeOriginal", "ExifIFD:OffsetTimeOriginal"),
    ("ExifIFD:CreateDate", "ExifIFD:SubSecTimeDigitized", "ExifIFD:OffsetTimeDigitized"),
    ("XMP-exif:DateTimeOriginal", "", ""),
    ("XMP-photoshop:DateCreated", "", ""),
    ("XMP-exif:DateTimeDigitized", "", ""),
    ("XMP-xmp:CreateDate", "", ""),
)
CHANGED = ("IFD0:ModifyDate", "", "ExifIFD:OffsetTime")
LENSES = ("ExifIFD:LensModel", "XMP-exifEX:LensModel", "XMP-aux:Lens")
GROUPS = ("IFD0", "ExifIFD", "GPS", "XMP-exif", "XMP-exifEX", "XMP-aux", "XMP-photoshop", "XMP-xmp", "XMP-tiff")
AT_ONCE = 200


def facts_by_exiftool(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Return each file's taken (text), offset (text), camera, lens, latitude and longitude; None where not stated.

    Raises InputError if exiftool is not installed.
    """
    program = shutil.which("exiftool")
    if program is None:
        raise InputError("exiftool is not installed: apt-get install libimage-exiftool-perl")
    found: list[dict[str, Any]] = []
    for start in range(0, len(paths), AT_ONCE):
        # -n: numbers instead of words; -c: decimal degrees; -G1: each tag with its group.
        words = [program, "-json", "-n", "-G1", "-q", "-q", *(f"-{group}:all" for group in GROUPS)]
        done = subprocess.run([*words, *map(str, paths[start : start + AT_ONCE])], capture_output=True, check=False)
        by_path = {Path(one["SourceFile"]): one for one in json.loads(done.stdout or b"[]")}
        found += [_facts(by_path.get(path, {})) for path in paths[start : start + AT_ONCE]]
    return found


def _facts(tags: dict[str, Any]) -> dict[str, Any]:
    camera = camera_name(*(_text(_first(tags, f"IFD0:{name}", f"XMP-tiff:{name}")) for name in ("Make", "Model")))
    taken = next(filter(None, (_time(tags, *names) for names in TIMES)), None)
    if taken is None and camera is not None:
        taken = _time(tags, *CHANGED)
    latitude, longitude = _place(tags)
    return {
        "taken": taken and taken[0],
        "offset": taken and taken[1],
        "camera": camera,
        "lens": _text(_first(tags, *LENSES)) or None,
        "latitude": latitude,
        "longitude": longitude,
    }


def _first(tags: dict[str, Any], *names: str) -> Any:
    return next((tags[name] for name in names if str(tags.get(name, "")).strip()), None)


def _text(value: Any) -> str:
    return "" if value is None else " ".join(str(value).split())


def _time(tags: dict[str, Any], name: str, fraction: str, offset: str) -> tuple[str, str] | None:
    """A time as exiftool writes it, to the second, with its offset; None for blank and impossible dates."""
    written = str(tags.get(name, "")).strip()
    day, _, rest = written.partition(" ")
    if len(day) < 4 or not day[:4].isdigit() or int(day[:4]) == 0:
        return None
    stated = next((sign + rest.partition(sign)[2] for sign in "+-" if sign in rest), "+00:00" if "Z" in rest else "")
    clock = rest.replace("Z", "").split("+")[0].split("-")[0].split(".")[0]
    return f"{day} {clock or '00:00:00'}", stated or str(tags.get(offset, "")).strip()


def _place(tags: dict[str, Any]) -> tuple[float | None, float | None]:
    latitude, longitude = tags.get("GPS:GPSLatitude"), tags.get("GPS:GPSLongitude")
    south, west = str(tags.get("GPS:GPSLatitudeRef", "")), str(tags.get("GPS:GPSLongitudeRef", ""))
    if isinstance(latitude, int | float) and isinstance(longitude, int | float) and south and west:
        return (-latitude if south.upper() == "S" else latitude, -longitude if west.upper() == "W" else longitude)
    latitude, longitude = tags.get("XMP-exif:GPSLatitude"), tags.get("XMP-exif:GPSLongitude")
    if isinstance(latitude, int | float) and isinstance(longitude, int | float):
        return latitude, longitude
    return None, None

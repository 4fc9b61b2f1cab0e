"""Read from a picture file everything that a copy of it may have lost, and a small grey version of the picture."""

from __future__ import annotations

import functools
import re
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from indexer.decoding.fingerprint import has_several_frames
from indexer.decoding.opened import opened
from indexer.decoding.srgb import STORED_SIZE, orientation_of, over_white, shrunk_srgb, upright, upright_size
from indexer.system.limits import Reserve, refuse_above_cap
from latentsearch.duplicates.compare.frames import ANIMATED, all_frames, draft, small, without_repeats

# Transparency: none, a mask, or gradual.
OPAQUE, ON_OR_OFF, SOFT = 0, 1, 2
# Alpha of NEARLY_OPAQUE or more counts as opaque. It is gradual if more than SOFT_SHARE of the pixels lie in NEITHER.
NEARLY_OPAQUE, NEITHER, SOFT_SHARE = 250, slice(8, 248), 0.001
# A picture is coloured if the channels of a pixel of its small version differ by more; grey JPEGs differ by up to 3.
COLOUR = 10
# Colours are counted up to this number; beyond it, and for lossy files, their number is MANY.
COLOURS_AT_MOST = 1_024
MANY = 2**24
LOSSLESS = ("PNG", "GIF", "BMP", "DIB")
LOSSY_TIFF = ("jpeg", "tiff_jpeg", "webp", "jpeg2000")
# How many bits a JPEG needs for the quality of one bit in this format.
EFFICIENCY = {"WEBP": 1.4, "AVIF": 2.0, "HEIF": 2.0, "JXL": 2.0}
BITS_A_SAMPLE = 258  # the TIFF tag BitsPerSample
DATES = (ExifTags.Base.DateTimeOriginal, ExifTags.Base.DateTimeDigitized, ExifTags.Base.DateTime)
CAMERA = (ExifTags.Base.Make, ExifTags.Base.Model)
XMP_DATE = re.compile(rb"exif:DateTimeOriginal|photoshop:DateCreated|xmp:CreateDate")
XMP_CAMERA = re.compile(rb"tiff:(Make|Model)")
# Lossy files are decoded to at least this many pixels on the shorter side, which is enough for the small version.
ENOUGH = 128


class Facts(NamedTuple):
    """Properties of a file that a copy may lack.

    width, height: of the first frame, upright, in pixels. frames, pages: their number, without consecutive repeats.
    alpha: OPAQUE, ON_OR_OFF or SOFT. colours: their number; MANY if not counted. depth: bits per sample.
    fineness: bits per pixel that a JPEG of equal quality would need; infinite for a lossless file.
    date, camera: whether the metadata name the date and the camera.
    """

    width: int = 1
    height: int = 1
    frames: int = 1
    pages: int = 1
    alpha: int = OPAQUE
    is_coloured: bool = True
    colours: int = MANY
    depth: int = 8
    fineness: float = 0.0
    date: bool = False
    camera: bool = False


def facts_of(data: bytes, side: int, reserve: Reserve = refuse_above_cap) -> tuple[Facts, NDArray[np.uint8]]:
    """Return a file's facts, and its first frame over white in grey, uint8 (side, side). Raises UnreadableImage."""
    with opened(data, reserve, functools.partial(draft, side=ENOUGH)) as picture:
        lossless = is_lossless(picture, data)
        several = has_several_frames(picture)
        orientation = orientation_of(picture)
        size = upright_size(picture.info[STORED_SIZE], orientation)
        is_animated = picture.format in ANIMATED
        fineness = np.inf if lossless else _fineness(picture, data)
        date, camera = _metadata(picture)
        picture.load()
        depth = _depth(picture, data)
        shown = upright(shrunk_srgb(picture, 1), orientation)
    rgb = np.asarray(over_white(shown.resize((side, side), Image.Resampling.BOX, reducing_gap=2.0)), np.float32)
    colours = _colours(shown) if lossless else MANY
    is_coloured = _has_colour(rgb)
    frames = 1
    if several:
        smalls = []
        for frame in all_frames(data):
            smalls.append(small(frame))
            colours = max(colours, _colours(frame) if lossless else MANY)
        is_coloured = is_coloured or any(map(_has_colour, smalls))
        frames = len(without_repeats(smalls))
    facts = Facts(
        *size,
        frames if is_animated else 1,
        1 if is_animated else frames,
        _alpha(shown),
        is_coloured,
        colours,
        depth,
        float(fineness),
        date,
        camera,
    )
    return facts, np.asarray(np.rint(rgb @ np.array([0.299, 0.587, 0.114], np.float32)), np.uint8)


def is_lossless(picture: Image.Image, data: bytes) -> bool:
    """Whether an opened file stores its pixels without loss."""
    if picture.format == "WEBP":
        return b"VP8L" in data and b"VP8 " not in data
    if picture.format == "TIFF":
        return picture.info.get("compression") not in LOSSY_TIFF
    return picture.format in LOSSLESS


def _colours(shown: Image.Image) -> int:
    """Count the colours over white, so that the colours of fully transparent pixels do not count."""
    colours = over_white(shown).getcolors(COLOURS_AT_MOST)
    return MANY if colours is None else len(colours)


def _has_colour(rgb: NDArray[np.float32]) -> bool:
    # Channel by channel: reducing over an axis of length three takes ten times as long.
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    highest, lowest = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    return bool((highest - lowest).max() > COLOUR)


def _alpha(shown: Image.Image) -> int:
    if shown.mode != "RGBA":
        return OPAQUE
    counts = shown.getchannel("A").histogram()
    if not sum(counts[:NEARLY_OPAQUE]):
        return OPAQUE
    return SOFT if sum(counts[NEITHER]) > SOFT_SHARE * sum(counts) else ON_OR_OFF


def _fineness(picture: Image.Image, data: bytes) -> float:
    frames = getattr(picture, "n_frames", 1) or 1
    width, height = picture.info[STORED_SIZE]
    return float(8 * len(data) * EFFICIENCY.get(picture.format or "", 1.0) / (width * height * frames))


def _depth(picture: Image.Image, data: bytes) -> int:
    """Return the bits per sample that the file states; 8 for 16-bit grey whose values came from 8 bits."""
    if picture.mode == "F":
        return 32
    if picture.mode.startswith("I"):
        values = np.asarray(picture)
        return 8 if values.max(initial=0) <= 255 or not (values % 257).any() else 16
    if picture.format == "PNG":
        return max(data[24], 8)
    if picture.format == "TIFF":
        bits = dict(getattr(picture, "tag_v2", {})).get(BITS_A_SAMPLE, 8)
        return max(8, *bits) if isinstance(bits, tuple) else max(8, int(bits))
    return _depth_of_boxes(data) if picture.format in ("AVIF", "HEIF") else 8


def _depth_of_boxes(data: bytes) -> int:
    """Read the bit depth from the decoder configuration box: two flags in AVIF (av1C), three bits in HEIC (hvcC)."""
    at = data.find(b"av1C")
    if 0 < at < len(data) - 7:
        flags = data[at + 6]
        return 8 + 2 * bool(flags & 0x40) + 2 * bool(flags & 0x20)
    at = data.find(b"hvcC")
    return 8 + (data[at + 21] & 7) if 0 < at < len(data) - 22 else 8


def _metadata(picture: Image.Image) -> tuple[bool, bool]:
    try:
        exif = picture.getexif()
        values: dict[int, Any] = {**exif, **exif.get_ifd(ExifTags.IFD.Exif)}
    except Exception:  # a broken EXIF block counts as none
        values = {}
    xmp = picture.info.get("xmp") or picture.info.get("XML:com.adobe.xmp") or b""
    xmp = xmp if isinstance(xmp, bytes) else str(xmp).encode()

    def says(tags: tuple[int, ...]) -> bool:
        return any(str(values.get(tag, "")).strip(" \0:0") for tag in tags)

    return says(DATES) or bool(XMP_DATE.search(xmp)), says(CAMERA) or bool(XMP_CAMERA.search(xmp))

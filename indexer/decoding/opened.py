"""Opens picture files with Pillow up to their header, and estimates from it how much memory decoding takes.

Every failure becomes a one-sentence error.
"""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import math
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from PIL import Image, ImageFile, UnidentifiedImageError

from indexer.decoding.file_types import AVIF, HEIC, JPEG, JXL, PNG, RAW, TIFF, Format, identify, load_plugin
from indexer.decoding.srgb import ORIENTATION_TAG, SHOWN, STORED_SIZE, STRIP_PIXELS, is_deep
from indexer.errors import UnreadableImage
from indexer.system.limits import Reserve, refuse_above_cap

# Without a handler, Python would print the libraries' warnings about files to stderr.
for library in ("PIL", "tifffile"):
    logging.getLogger(library).addHandler(logging.NullHandler())

# Formats that contain pictures in other formats, whose size their headers may misstate: Pillow's own limit stays.
NESTED = ("ICO", "CUR", "ICNS", "BLP", "DCX", "IM")
# TIFF compressions that many builds of libtiff lack.
RARELY_BUILT_IN = ("webp", "zstd", "lzma")
# Pictures of more pixels than this are shrunk before framing, since full-size copies would take too much memory.
LARGE = 2**24
# Pillow modes that take one or two bytes per pixel; all others take four.
ONE_BYTE, TWO_BYTES = ("1", "L", "P"), ("I;16", "I;16L", "I;16B", "I;16N")
# Additional bytes per pixel used by the format's library, for its own planes and for the decoded picture as bytes.
BESIDE = {"WEBP": 13.0, "AVIF": 6.8, "HEIF": 3.5, "JPEG2000": 16.0, "DDS": 8.5}
# Bytes per pixel of a strip during conversion (deep, other), and of a full copy in mode RGB.
A_DEEP_STRIP, A_STRIP, A_COPY = 24, 8, 4
# The most pixels per byte of file, for formats in which a tiny file could otherwise cost much time or memory.
MOST_PIXELS_A_BYTE = {"GIF": 3_000, "PNG": 8_400, "DDS": 100, "BLP": 100, "FTEX": 100, "QOI": 100, "ICNS": 100}
# Bytes per coefficient of a progressive JPEG. libjpeg keeps all coefficients at full size, even for a reduced decode.
A_COEFFICIENT = 2

Prepare = Callable[[Image.Image], None]


class Unlimited:
    """Lifts Pillow's pixel limit for formats whose header states their size, since latentsearch limits memory instead.

    The limit is global to the process: the first thread to enter lifts it, and the last to leave restores it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._pixels = Image.MAX_IMAGE_PIXELS

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._pixels, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                Image.MAX_IMAGE_PIXELS = self._pixels


class Silence:
    """Keeps Pillow's warnings from being printed or raised.

    The warning filters are global to the process: the first thread to enter sets them, and the last to leave restores
    them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._filters = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._filters = warnings.catch_warnings()
                self._filters.__enter__()
                warnings.filterwarnings("ignore", module="PIL|pillow_heif|pillow_jxl|tifffile")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._filters.__exit__(None, None, None)


silence = Silence()
unlimited = Unlimited()


def _unprepared(picture: Image.Image) -> None:
    """Do nothing with the opened picture."""


@contextmanager
def opened(data: bytes, reserve: Reserve = refuse_above_cap, prepare: Prepare = _unprepared) -> Iterator[Image.Image]:
    """Open a picture file: its size, mode, frames and metadata are available, its pixels not yet decoded.

    prepare: called with the picture before it is decoded, for example to request a draft. reserve: called once with the
    bytes that decoding will need. Raises only UnreadableImage, with the reason only, whatever the bytes are and
    whatever the block does with the picture; prints nothing. Thread-safe.
    """
    try:
        with silence:
            file_type = identify(data)
            load_plugin(file_type)
            limits = contextlib.nullcontext() if file_type.pillow in NESTED else unlimited
            with limits, _reader(file_type)(data, reserve, prepare) as picture:
                yield picture
    except UnreadableImage:
        raise
    except MemoryError as error:
        raise UnreadableImage("not enough memory to decode it", may_pass=True) from error
    except Exception as error:  # Pillow raises nearly any exception for malicious bytes
        from indexer.decoding.reasons import reason_of

        raise UnreadableImage(reason_of(error, data, identify(data))) from error


def _reader(file_type: Format) -> Callable[[bytes, Reserve, Prepare], AbstractContextManager[Image.Image]]:
    if file_type is RAW:
        from indexer.decoding.raw import opened_raw

        return opened_raw
    return _opened_tiff if file_type is TIFF else functools.partial(_open_prepared, file_type)


def _open_prepared(file_type: Format, data: bytes, reserve: Reserve, prepare: Prepare) -> Image.Image:
    """Open a picture with Pillow. The picture is its own context manager; another would slow down small pictures."""
    if file_type is JXL:  # its plugin decodes on opening, so reserve memory first
        from indexer.decoding.formats.jxl import BYTES_A_PIXEL, size_of_jxl

        width, height = size_of_jxl(data)
        reserve(len(data) + int(width * height * BYTES_A_PIXEL))
    if file_type is HEIC:
        from indexer.decoding.formats.heic import lift_limit_of_libheif

        lift_limit_of_libheif(data)
    picture = _open(data, file_type)
    refuse_impossible(picture, file_type, len(data))
    prepare(picture)
    if file_type is not JXL:
        reserve(needed_bytes(picture, file_type, len(data)))
    return _with_exact_key(picture, data)


@contextmanager
def _opened_tiff(data: bytes, reserve: Reserve, prepare: Prepare) -> Iterator[Image.Image]:
    from indexer.decoding.odd_tiff import read_tiff

    with contextlib.ExitStack() as stack:
        try:
            picture = stack.enter_context(_open(data, TIFF))
        except UnidentifiedImageError:
            yield read_tiff(data, reserve)
            return
        prepare(picture)
        reserve(needed_bytes(picture, TIFF, len(data)))
        yield read_tiff(data, _reserved) if _is_beyond_pillow(picture) else picture


def _is_beyond_pillow(picture: Image.Image) -> bool:
    """Return whether Pillow's libtiff lacks the file's compression and tifffile can read it instead."""
    from indexer.decoding.odd_tiff import has_tifffile

    if picture.info.get("compression") not in RARELY_BUILT_IN or not has_tifffile():
        return False
    try:
        picture.load()
    except OSError:
        return True
    return False


def _reserved(needed: int) -> None:
    """Do nothing, since the memory is already reserved."""


def _open(data: bytes, file_type: Format) -> ImageFile.ImageFile:
    if file_type is PNG:
        return _open_png(data)
    picture = _open_any(data, file_type)
    if file_type is AVIF:
        _note_aperture(picture, data)
    if file_type is TIFF:
        from indexer.decoding.formats.tiff import mend_planes

        mend_planes(picture)
    return picture


def _open_any(data: bytes, file_type: Format) -> ImageFile.ImageFile:
    picture = Image.open(io.BytesIO(data), formats=[file_type.pillow])
    if picture.width < 1 or picture.height < 1:
        raise UnreadableImage(f"the picture has no pixels ({picture.width}x{picture.height})")
    picture.info[STORED_SIZE] = picture.size
    return picture


def _open_png(data: bytes) -> ImageFile.ImageFile:
    from indexer.decoding.formats.png import without_ballast

    data, profile = without_ballast(data)
    picture = _open_any(data, PNG)
    if profile:
        picture.info["icc_profile"] = profile
    return picture


def _note_aperture(picture: ImageFile.ImageFile, data: bytes) -> None:
    """Record the visible part of an AVIF picture that has a clean aperture."""
    from indexer.decoding.formats.avif_boxes import clean_aperture

    if shown := clean_aperture(data, *picture.size):
        picture.info[SHOWN] = shown
        picture.info[STORED_SIZE] = (shown[2] - shown[0], shown[3] - shown[1])


def _with_exact_key(picture: ImageFile.ImageFile, data: bytes) -> Image.Image:
    """Return the picture, or decode it with exact alpha if it has a transparent colour of 16 bits per channel."""
    key = picture.info.get("transparency")
    if picture.format != "PNG" or picture.mode != "RGB" or not key or picture.tile[0].args != "RGB;16B":
        return picture
    from indexer.decoding.formats.png import with_transparent_colour

    with picture, _open(data, PNG) as again:
        return with_transparent_colour(picture, again)


# The memory that decoding takes, estimated from the header, based on measurements at 27 megapixels


def refuse_impossible(picture: Image.Image, file_type: Format, file_size: int) -> None:
    """Raise UnreadableImage if a header states more pixels than its file can hold. Call before decoding."""
    if picture.width * picture.height > file_size * MOST_PIXELS_A_BYTE.get(file_type.pillow, math.inf):
        raise UnreadableImage(
            f"not decodable as {file_type.name}: it states {picture.width}x{picture.height} pixels, more than "
            f"{file_size:,} bytes can hold"
        )


def needed_bytes(picture: Image.Image, file_type: Format, file_size: int) -> int:
    """Estimate the peak memory in bytes for decoding a picture whose header has been read, including its file."""
    pixels = picture.width * picture.height
    needed = file_size + pixels * (_bytes_a_pixel(picture.mode) + BESIDE.get(file_type.pillow, 0))
    if file_type is JPEG and picture.info.get("progressive"):
        needed += _coefficients(picture) * A_COEFFICIENT
    if pixels <= LARGE and picture.mode != "RGB":
        needed += pixels * A_COPY
    if _is_turned(picture):
        needed += pixels * _bytes_a_pixel(picture.mode)
    return int(needed) + min(pixels, STRIP_PIXELS) * (A_DEEP_STRIP if is_deep(picture) else A_STRIP)


def _bytes_a_pixel(mode: str) -> int:
    return 1 if mode in ONE_BYTE else 2 if mode in TWO_BYTES else 4


def _is_turned(picture: Image.Image) -> bool:
    """Return whether decoding makes a rotated copy: always for a rotated TIFF, otherwise only if it is not shrunk."""
    if (tags := getattr(picture, "tag_v2", None)) is not None:
        return bool(tags.get(ORIENTATION_TAG, 1) != 1)
    return "exif" in picture.info and picture.width * picture.height <= LARGE


def _coefficients(picture: Image.Image) -> float:
    width, height = picture.info[STORED_SIZE]
    layers = [(across, down) for _, across, down, *_ in getattr(picture, "layer", [])] or [(1, 1)]
    most = max(across for across, _ in layers) * max(down for _, down in layers)
    return float(width * height * sum(across * down for across, down in layers) / most)

"""The first bytes of a file -> its picture format, whatever its name says."""

from __future__ import annotations

import contextlib
import functools
import importlib
from dataclasses import dataclass

from indexer.errors import UnreadableImage

KNOWN = "JPEG, PNG, WebP, AVIF, HEIC, GIF, BMP or TIFF"


@dataclass(frozen=True)
class Format:
    """A format: its name, what Pillow calls it, and the module of the plugin that reads it."""

    name: str
    pillow: str
    plugin: str


JPEG = Format("JPEG", "JPEG", "PIL.JpegImagePlugin")
PNG = Format("PNG", "PNG", "PIL.PngImagePlugin")
GIF = Format("GIF", "GIF", "PIL.GifImagePlugin")
BMP = Format("BMP", "BMP", "PIL.BmpImagePlugin")
TIFF = Format("TIFF", "TIFF", "PIL.TiffImagePlugin")
WEBP = Format("WebP", "WEBP", "PIL.WebPImagePlugin")
AVIF = Format("AVIF", "AVIF", "PIL.AvifImagePlugin")
HEIC = Format("HEIC", "HEIF", "pillow_heif")

SIGNATURES = (
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"BM", BMP),
    (b"II*\0", TIFF),
    (b"MM\0*", TIFF),
    (b"II+\0", TIFF),
    (b"MM\0+", TIFF),
)
AVIF_BRANDS = {b"avif", b"avis"}
HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}


def identify(data: bytes) -> Format:
    """The format of a picture's bytes. Raises UnreadableImage when they are none that is known."""
    for signature, known in SIGNATURES:
        if data.startswith(signature):
            return known
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return WEBP
    if data[4:8] == b"ftyp":
        # The major brand, a version, then the compatible brands; a generic brand may come first.
        length = min(int.from_bytes(data[:4]), 256)
        brands = {data[start : start + 4] for start in (8, *range(16, length, 4))}
        if brands & AVIF_BRANDS:
            return AVIF
        if brands & HEIC_BRANDS:
            return HEIC
    raise UnreadableImage(_why_unknown(data))


@functools.cache
def load_plugin(wanted: Format) -> None:
    """Import what reads a format, and nothing else: all of Pillow's plugins take longer than a query may.

    Raises UnreadableImage where an extra is missing.
    """
    try:
        plugin = importlib.import_module(wanted.plugin)
    except ImportError as error:
        if wanted is not HEIC:
            raise
        needed = "HEIC pictures need an extra: pip install 'latentsearch[heic]'"
        raise UnreadableImage(needed, may_pass=True) from error
    if wanted is HEIC:
        plugin.register_heif_opener()
    if wanted is TIFF:
        _silence_libtiff()


def _silence_libtiff() -> None:
    """Stop libtiff from printing its errors to stderr; Pillow raises them as well."""
    import ctypes

    from PIL import _imaging

    with contextlib.suppress(AttributeError, OSError):  # a Pillow with libtiff built in hides its functions
        ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler(None)


def _why_unknown(data: bytes) -> str:
    if not data:
        return "the file is empty"
    if not any(data[:512]):
        return "not a picture: it starts with zeros"
    try:
        data[:512].decode("ascii")
    except UnicodeDecodeError:
        return f"not a picture in a known format ({KNOWN})"
    return "not a picture: it holds text"

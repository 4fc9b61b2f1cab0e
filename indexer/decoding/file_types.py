"""Identifies the picture format of a file from its first bytes, ignoring its name."""

from __future__ import annotations

import contextlib
import functools
import importlib
import re
import struct
from dataclasses import dataclass

from indexer.errors import UnreadableImage

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
TGA_HEADER = 18
KNOWN = "JPEG, PNG, WebP, AVIF, HEIC, GIF, BMP, TIFF, JPEG XL, RAW or an older format"


@dataclass(frozen=True)
class Format:
    """A picture format: its name, Pillow's identifier for it, and the module that reads it.

    extra: the extra of latentsearch that installs the module, if any.
    """

    name: str
    pillow: str
    plugin: str
    extra: str = ""


JPEG = Format("JPEG", "JPEG", "PIL.JpegImagePlugin")
PNG = Format("PNG", "PNG", "PIL.PngImagePlugin")
GIF = Format("GIF", "GIF", "PIL.GifImagePlugin")
BMP = Format("BMP", "BMP", "PIL.BmpImagePlugin")
TIFF = Format("TIFF", "TIFF", "PIL.TiffImagePlugin")
WEBP = Format("WebP", "WEBP", "PIL.WebPImagePlugin")
AVIF = Format("AVIF", "AVIF", "PIL.AvifImagePlugin")
HEIC = Format("HEIC", "HEIF", "pillow_heif", "heic")
JXL = Format("JPEG XL", "JXL", "pillow_jxl", "jxl")
RAW = Format("RAW", "", "rawpy", "raw")
JPEG_2000 = Format("JPEG 2000", "JPEG2000", "PIL.Jpeg2KImagePlugin")
NETPBM = Format("Netpbm", "PPM", "PIL.PpmImagePlugin")
FLIC = Format("FLIC", "FLI", "PIL.FliImagePlugin")
TGA = Format("TGA", "TGA", "PIL.TgaImagePlugin")
ICO = Format("ICO", "ICO", "PIL.IcoImagePlugin")
CUR = Format("CUR", "CUR", "PIL.CurImagePlugin")
XBM = Format("XBM", "XBM", "PIL.XbmImagePlugin")

DIB = Format("BMP", "DIB", "PIL.BmpImagePlugin")
GBR = Format("GIMP brush", "GBR", "PIL.GbrImagePlugin")
PHOTO_CD = Format("Photo CD", "PCD", "PIL.PcdImagePlugin")

SIGNATURES = (
    (b"\xff\xd8\xff", JPEG),
    (PNG_SIGNATURE, PNG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"BM", BMP),
    (b"II*\0", TIFF),
    (b"MM\0*", TIFF),
    (b"II+\0", TIFF),
    (b"MM\0+", TIFF),
    (b"MM*\0", TIFF),
    (b"II\0*", TIFF),
    (b"\xff\x0a", JXL),
    (b"\0\0\0\x0cJXL \r\n\x87\n", JXL),
    (b"FUJIFILMCCD-RAW", RAW),
    (b"IIRO", RAW),
    (b"IIRS", RAW),
    (b"MMOR", RAW),
    (b"IIU\0", RAW),
    (b"FOVb", RAW),
    (b"\0MRM", RAW),
    (b"\xff\x4f\xff\x51", JPEG_2000),
    (b"\0\0\0\x0cjP  \r\n\x87\n", JPEG_2000),
    (b"icns", Format("ICNS", "ICNS", "PIL.IcnsImagePlugin")),
    (b"8BPS", Format("PSD", "PSD", "PIL.PsdImagePlugin")),
    (b"qoif", Format("QOI", "QOI", "PIL.QoiImagePlugin")),
    (b"DDS ", Format("DDS", "DDS", "PIL.DdsImagePlugin")),
    (b"BLP1", Format("BLP", "BLP", "PIL.BlpImagePlugin")),
    (b"BLP2", Format("BLP", "BLP", "PIL.BlpImagePlugin")),
    (b"FTEX", Format("FTEX", "FTEX", "PIL.FtexImagePlugin")),
    (b"\0\0\0\0\0\0\0\4", Format("McIDAS", "MCIDAS", "PIL.McIdasImagePlugin")),
    *((bytes([size, 0, 0, 0]), DIB) for size in (12, 40, 52, 56, 64, 108, 124)),
    (b"\x01\xda", Format("SGI", "SGI", "PIL.SgiImagePlugin")),
    (b"\x59\xa6\x6a\x95", Format("Sun raster", "SUN", "PIL.SunImagePlugin")),
    (b"\xb1\x68\xde\x3a", Format("DCX", "DCX", "PIL.DcxImagePlugin")),
    *((bytes([10, version, 1]), Format("PCX", "PCX", "PIL.PcxImagePlugin")) for version in (0, 2, 3, 4, 5)),
    (b"SIMPLE  =", Format("FITS", "FITS", "PIL.FitsImagePlugin")),
    (b"DanM", Format("MSP", "MSP", "PIL.MspImagePlugin")),
    (b"LinS", Format("MSP", "MSP", "PIL.MspImagePlugin")),
    (b"Image type:", Format("IM", "IM", "PIL.ImImagePlugin")),
    (b"/* XPM */", Format("XPM", "XPM", "PIL.XpmImagePlugin")),
    (b"P7 332", Format("XV thumbnail", "XVTHUMB", "PIL.XVThumbImagePlugin")),
    (b"\200\350\0\0", Format("PIXAR", "PIXAR", "PIL.PixarImagePlugin")),
)
# Formats that other programs open as pictures and latentsearch does not support.
UNSUPPORTED = (
    (b"%PDF-", "PDF"),
    (b"%!PS", "PostScript"),
    (b"\xc5\xd0\xd3\xc6", "PostScript"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"#?RGBE", "Radiance HDR"),
    (b"farbfeld", "farbfeld"),
    (b"gimp xcf", "XCF"),
    (b"II\xbc\x01", "JPEG XR"),
    (b"BPG\xfb", "BPG"),
    (b"FLIF", "FLIF"),
    (b"\xd7\xcd\xc6\x9a", "WMF"),
    (b"\xd0\xcf\x11\xe0", "FlashPix"),
    (b"MATLAB ", "MATLAB"),
    (b"\x1f\x8b", "compressed (gzip)"),
)
AVIF_BRANDS = {b"avif", b"avis"}
HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
NETPBM_START = re.compile(rb"P([1-7fy]|0CMYK)\s")
XBM_START = re.compile(rb"\s*(/\*.*?\*/\s*)?#define[ \t]+\S*_width[ \t]+\d+", re.DOTALL)
SVG_START = re.compile(rb"\s*(<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->|\s)*<([a-z]+:)?svg\b", re.DOTALL)


def identify(data: bytes) -> Format:
    """Return the format of a picture's bytes. Raises UnreadableImage if it is unknown or unsupported."""
    for signature, known in SIGNATURES:
        if data.startswith(signature):
            return _tiff_or_raw(data) if known is TIFF else known
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return WEBP
    if data[4:8] == b"ftyp" and (boxed := _identify_brands(data)):
        return boxed
    if NETPBM_START.match(data):
        return NETPBM
    if data[4:6] in (b"\x11\xaf", b"\x12\xaf") and int.from_bytes(data[14:16], "little") in (0, 3):
        return FLIC
    if data[20:24] == b"GIMP" and data[:1] == b"\0":
        return GBR
    if data[2048:2052] == b"PCD_":
        return PHOTO_CD
    if XBM_START.match(data[:512]):
        return XBM
    if data[:4] in (b"\0\0\1\0", b"\0\0\2\0") and data[4:6] > b"\0\0":  # TGA: these two bytes are 0
        return ICO if data[2] == 1 else CUR
    if _looks_like_tga(data):
        return TGA
    raise UnreadableImage(_why_unknown(data))


def _tiff_or_raw(data: bytes) -> Format:
    from indexer.decoding.formats.raw_kind import is_raw

    return RAW if is_raw(data) else TIFF


def _identify_brands(data: bytes) -> Format | None:
    # The major brand and a version come first, then the compatible brands. The major brand may be a generic one.
    length = min(int.from_bytes(data[:4]), 256)
    brands = {data[start : start + 4] for start in (8, *range(16, length, 4))}
    if brands & AVIF_BRANDS:
        return AVIF
    if b"crx " in brands:
        return RAW
    return HEIC if brands & HEIC_BRANDS else None


def _looks_like_tga(data: bytes) -> bool:
    """Return whether the data has a TGA footer or, since old TGA files have no signature, a plausible TGA header."""
    if len(data) < TGA_HEADER:
        return False
    if data[-18:-2] == b"TRUEVISION-XFILE":
        return True
    _, mapped, image_type, _, colours, depth_of_map, _, _, width, height, depth, flags = struct.unpack_from(
        "<BBBHHBHHHHBB", data
    )
    has_map = (mapped, depth_of_map in (15, 16, 24, 32), colours > 0)
    if has_map not in ((0, False, False), (1, True, True)) or (image_type in (1, 9)) > mapped or flags & 0xC0:
        return False
    bits = {1: (8,), 9: (8,), 2: (15, 16, 24, 32), 10: (15, 16, 24, 32), 3: (1, 8, 16), 11: (1, 8, 16)}
    return depth in bits.get(image_type, ()) and width > 0 < height


@functools.cache
def load_plugin(wanted: Format) -> None:
    """Import the one module that reads a format; importing all of Pillow's plugins would slow down a query.

    Raises UnreadableImage if the module comes with an extra that is not installed.
    """
    try:
        plugin = importlib.import_module(wanted.plugin)
    except ImportError as error:
        if not wanted.extra:
            raise
        needed = f"{wanted.name} pictures need an extra: pip install 'latentsearch[{wanted.extra}]'"
        raise UnreadableImage(needed, may_pass=True) from error
    if wanted is HEIC:
        plugin.register_heif_opener()
    if wanted is TIFF:
        _silence_libtiff()


def _silence_libtiff() -> None:
    """Stop libtiff from printing errors to stderr, since Pillow raises them as exceptions."""
    import ctypes

    from PIL import _imaging

    with contextlib.suppress(AttributeError, OSError):  # a statically linked libtiff does not export the function
        ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler(None)


def _why_unknown(data: bytes) -> str:
    if not data:
        return "the file is empty"
    for signature, name in UNSUPPORTED:
        if data.startswith(signature):
            return f"not supported: {name} files"
    if data[128:132] == b"DICM":
        return "not supported: DICOM files"
    if SVG_START.match(data[:4096]):
        return "not supported: SVG files"
    if not any(data[:512]):
        return "not a picture: it starts with zeros"
    try:
        data[:512].decode("ascii")
    except UnicodeDecodeError:
        return f"not supported: not a picture in a known format ({KNOWN})"
    return "not a picture: it holds text"

"""Writes files that Pillow cannot write: TIFF, PNG, GIF and ICC profiles as bytes, and reads the pictures in them."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.hostile import encode_picture

Colorant = tuple[float, float, float]
# The colorants of sRGB and ProPhoto RGB, as XYZ under D50.
SRGB: tuple[Colorant, ...] = ((0.4360, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))
PROPHOTO: tuple[Colorant, ...] = ((0.7977, 0.2880, 0.0), (0.1352, 0.7119, 0.0), (0.0313, 0.0001, 0.8249))
XMP_TURNED = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
)


def chunk(kind: bytes, data: bytes) -> bytes:
    """One chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(width: int, height: int, depth: int, colour: int, rows: Iterable[bytes], extra: bytes = b"") -> bytes:
    """A PNG with extra chunks before its pixels."""
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows), 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def with_chunk(png: bytes, extra: bytes) -> bytes:
    """A PNG with bytes inserted before its pixels."""
    place = png.find(b"IDAT") - 4
    return png[:place] + extra + png[place:]


def tiff_of(
    pixels: NDArray[Any], photometric: int, planar: bool = False, kind: int = 1, more: dict[int, int] | None = None
) -> bytes:
    """An uncompressed TIFF of pixels (h, w) or (h, w, n), in their byte order. kind: the SampleFormat."""
    pixels = pixels if pixels.ndim == 3 else pixels[:, :, None]
    order = ">" if pixels.dtype.byteorder == ">" else "<"
    height, width, count = pixels.shape
    strips = [np.ascontiguousarray(pixels[:, :, i]) for i in range(count)] if planar else [np.ascontiguousarray(pixels)]
    sizes = [strip.nbytes for strip in strips]
    tags: dict[int, tuple[str, list[int]]] = {
        256: ("I", [width]), 257: ("I", [height]), 258: ("H", [pixels.dtype.itemsize * 8] * count), 259: ("H", [1]),
        262: ("H", [photometric]), 273: ("I", [0] * len(strips)), 277: ("H", [count]), 278: ("I", [height]),
        279: ("I", sizes), 284: ("H", [2 if planar else 1]), 339: ("H", [kind] * count),
        **{tag: ("H", [value]) for tag, value in (more or {}).items()},
    }  # fmt: skip
    start = 8 + 2 + 12 * len(tags) + 4
    long = {tag: struct.calcsize(kind) * len(values) for tag, (kind, values) in tags.items()}
    first = start + sum(size for size in long.values() if size > 4)
    tags[273] = ("I", [first + sum(sizes[:i]) for i in range(len(strips))])
    entries, values_elsewhere = b"", b""
    for tag, (code, values) in sorted(tags.items()):
        content = struct.pack(f"{order}{len(values)}{code}", *values)
        if len(content) > 4:
            place = struct.pack(f"{order}I", start + len(values_elsewhere))
            values_elsewhere += content
        else:
            place = content.ljust(4, b"\0")
        entries += struct.pack(f"{order}HHI", tag, 3 if code == "H" else 4, len(values)) + place
    head = b"II*\0" if order == "<" else b"MM\0*"
    directory = struct.pack(f"{order}IH", 8, len(tags)) + entries + bytes(4)
    return head + directory + values_elsewhere + b"".join(strip.tobytes() for strip in strips)


def gif_part(canvas: tuple[int, int], corner: tuple[int, int], frame: Image.Image) -> bytes:
    """A GIF whose only frame, in mode P, covers part of its canvas, without a transparent colour."""
    data = encode_picture(frame, "GIF", optimize=False)
    end = 13 + 3 * (2 << (data[10] & 7))
    image = data.find(b",\0\0\0\0", end)
    head = data[:6] + struct.pack("<HH", *canvas) + bytes([data[10], 0, 0]) + data[13:end]
    return head + data[end:image] + b"," + struct.pack("<HHHH", *corner, *frame.size) + data[image + 9 :]


def icc(colorants: Iterable[Colorant], gamma: float = 2.2) -> bytes:
    """A minimal ICC v2 RGB profile with these colorants."""

    def numbers(values: Iterable[float]) -> bytes:
        return b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    tags = [
        (b"desc", b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(79)),
        (b"wtpt", b"XYZ \0\0\0\0" + numbers((0.9642, 1, 0.8249))),
        *((name, b"XYZ \0\0\0\0" + numbers(colour)) for name, colour in zip((b"rXYZ", b"gXYZ", b"bXYZ"), colorants)),  # noqa: B905
        *((name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")),
    ]
    table, body = b"", b""
    for name, content in tags:
        table += name + struct.pack(">II", 132 + 12 * len(tags) + len(body), len(content))
        body += content
    size = 132 + len(table) + len(body)
    head = struct.pack(">I", size) + bytes(4) + b"\2\x40\0\0mntrRGB XYZ " + struct.pack(">6H", 2026, 1, 1, 0, 0, 0)
    head += b"acsp" + bytes(28) + numbers((0.9642, 1, 0.8249))
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def with_clap(avif: bytes, width: int, height: int) -> bytes:
    """An AVIF of one item, cropped to its centre by an additional property of every item."""
    clap = struct.pack(">I4s8I", 40, b"clap", width, 1, height, 1, 0, 1, 0, 1)
    ipco, ipma = avif.index(b"ipco") - 4, avif.index(b"ipma") - 4
    properties = 0
    place = ipco + 8
    while place < ipma:
        properties += 1
        place += struct.unpack_from(">I", avif, place)[0]
    associations = bytearray(avif[ipma : ipma + struct.unpack_from(">I", avif, ipma)[0]])
    associations[18] += 1
    associations += bytes([0x80 | (properties + 1)])
    struct.pack_into(">I", associations, 0, len(associations))
    end = ipma + struct.unpack_from(">I", avif, ipma)[0]
    changed = bytearray(avif[:ipma] + clap + bytes(associations) + avif[end:])
    for name, grown in ((b"ipco", 40), (b"iprp", 41), (b"meta", 41)):
        start = avif.index(name) - 4
        struct.pack_into(">I", changed, start, struct.unpack_from(">I", changed, start)[0] + grown)
    return _moved_data(bytes(changed), 41)


def _moved_data(avif: bytes, by: int) -> bytes:
    """Shift the offsets of the items' data in `iloc` (version 0, 4-byte offsets)."""
    changed = bytearray(avif)
    place = avif.index(b"iloc") + 4
    (items,) = struct.unpack_from(">H", avif, place + 6)
    place += 8
    for _ in range(items):
        (extents,) = struct.unpack_from(">H", avif, place + 4)
        place += 6
        for _ in range(extents):
            struct.pack_into(">I", changed, place, struct.unpack_from(">I", avif, place)[0] + by)
            place += 8
    return bytes(changed)


def opened_rgb(data: bytes) -> Image.Image:
    """The picture that Pillow reads, in mode RGB."""
    return Image.open(io.BytesIO(data)).convert("RGB")

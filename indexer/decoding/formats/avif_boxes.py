"""Reads the clean aperture of AVIF files from their boxes, because Pillow ignores it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from fractions import Fraction

Part = tuple[int, int, int, int]
Boxes = Iterator[tuple[bytes, bytes]]
# From this version on, the `pitm` and `ipma` boxes store item numbers in four bytes.
LONG_ITEM_NUMBERS = 1


def clean_aperture(data: bytes, width: int, height: int) -> Part | None:
    """Return the part of an AVIF or HEIF picture that its `clap` box shows: left, top, right, bottom in stored pixels.

    Returns None if the box is missing, broken, outside the picture, or not aligned to whole pixels.
    """
    try:
        return _aperture(data, width, height)
    except (struct.error, KeyError, IndexError, ZeroDivisionError, StopIteration):
        return None


def _aperture(data: bytes, width: int, height: int) -> Part | None:
    meta = dict(_boxes(dict(_boxes(data))[b"meta"][4:]))
    properties = dict(_boxes(meta[b"iprp"]))
    stored = list(_boxes(properties[b"ipco"]))
    primary = _primary_item(meta[b"pitm"])
    content = next(stored[i][1] for i in _properties_of(primary, properties[b"ipma"]) if stored[i][0] == b"clap")
    wide, high, across, down = (Fraction(*pair) for pair in struct.iter_unpack(">ii", content[:32]))
    left, top = Fraction(width) / 2 + across - wide / 2, Fraction(height) / 2 + down - high / 2
    edges = (left, top, left + wide, top + high)
    whole = all(edge.denominator == 1 for edge in edges)
    inside = 0 <= left < left + wide <= width and 0 <= top < top + high <= height
    return (int(left), int(top), int(left + wide), int(top + high)) if whole and inside else None


def _boxes(data: bytes) -> Boxes:
    """Yield the type and content of each box."""
    start = 0
    while start + 8 <= len(data):
        size, box_type = struct.unpack_from(">I4s", data, start)
        head = 8
        if size == 1:
            (size,), head = struct.unpack_from(">Q", data, start + 8), 16
        end = start + size if size else len(data)
        if end < start + head:
            return
        yield box_type, data[start + head : end]
        start = end


def _primary_item(pitm: bytes) -> int:
    return int(struct.unpack_from(">I" if pitm[0] >= LONG_ITEM_NUMBERS else ">H", pitm, 4)[0])


def _properties_of(item: int, ipma: bytes) -> Iterator[int]:
    """Yield the zero-based indices of an item's properties in the property container."""
    item_format = ">I" if ipma[0] >= LONG_ITEM_NUMBERS else ">H"
    index_format, mask = (">H", 0x7FFF) if ipma[3] & 1 else (">B", 0x7F)
    (entries,) = struct.unpack_from(">I", ipma, 4)
    offset = 8
    for _ in range(entries):
        (number,) = struct.unpack_from(item_format, ipma, offset)
        offset += struct.calcsize(item_format)
        count = ipma[offset]
        offset += 1
        for _ in range(count):
            index = struct.unpack_from(index_format, ipma, offset)[0] & mask
            offset += struct.calcsize(index_format)
            if number == item and index:
                yield index - 1

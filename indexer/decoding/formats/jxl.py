"""Reads a JPEG XL picture's size from its header, because the plugin decodes the whole file on opening."""

from __future__ import annotations

import struct

# The aspect ratios (width, height) that a header can state in place of a width.
RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
SIZES_OF_BITS = (9, 13, 18, 30)
CODESTREAM = b"\xff\x0a"
# Bytes per pixel for decoding, measured at 27 megapixels: libjxl's buffers, the pixels as bytes, Pillow's copy.
BYTES_A_PIXEL = 9.5


def size_of_jxl(data: bytes) -> tuple[int, int]:
    """Return the stored width and height. Raises ValueError or struct.error for a broken header."""
    start = 0 if data.startswith(CODESTREAM) else _start_of_codestream(data)
    bits = _Bits(data[start + len(CODESTREAM) : start + len(CODESTREAM) + 16])
    is_small = bits.take(1)
    height = _side(bits, is_small)
    ratio = bits.take(3)
    if ratio:
        across, down = RATIOS[ratio]
        return height * across // down, height
    return _side(bits, is_small), height


def _side(bits: _Bits, is_small: int) -> int:
    return (bits.take(5) + 1) * 8 if is_small else bits.take(SIZES_OF_BITS[bits.take(2)]) + 1


def _start_of_codestream(data: bytes) -> int:
    start = 0
    while start + 8 <= len(data):
        size, box_type = struct.unpack_from(">I4s", data, start)
        head = 8
        if size == 1:
            (size,), head = struct.unpack_from(">Q", data, start + 8), 16
        if box_type in (b"jxlc", b"jxlp"):
            return start + head + (4 if box_type == b"jxlp" else 0)
        if size < head:
            break
        start += size
    raise ValueError("it holds no picture")


class _Bits:
    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "little")

    def take(self, count: int) -> int:
        taken = self._value & ((1 << count) - 1)
        self._value >>= count
        return taken

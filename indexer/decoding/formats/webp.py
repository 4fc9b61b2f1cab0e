"""Completes truncated WebP files so that libwebp decodes the part that is present."""

from __future__ import annotations

import io

from PIL import Image

HEADER, CHUNK_HEADER, FRAME_HEADER = 12, 8, 16
PIXELS = (b"VP8 ", b"VP8L")
FRAME = b"ANMF"
# Bytes to append to the truncated data. libwebp decodes both to pixels, whereas 0xFF soon makes it run out of data.
FILLERS = (0x00, 0xAA)
# Filler length: MORE times the chunk's stated length plus AT_LEAST bytes, because filler decodes to fewer pixels.
MORE, AT_LEAST = 4, 100_000


def is_cut_webp(data: bytes) -> bool:
    """Return whether a WebP file is shorter than its header states; libwebp does not open such files."""
    return data[8:12] == b"WEBP" and data[:4] == b"RIFF" and len(data) < _size(data, 0) + CHUNK_HEADER


def completed_webp(data: bytes, filler: int = FILLERS[0]) -> bytes:
    """Complete a truncated file: pad its cut pixel data with `filler` and drop any other chunk that was cut."""
    chunks = _completed_chunks(data[HEADER:], filler)
    return data[:4] + (len(chunks) + 4).to_bytes(4, "little") + data[8:HEADER] + chunks


def rows_of_webp(data: bytes) -> int:
    """Return how many rows of a truncated file do not depend on the filler."""
    one, other = (_row_hashes(completed_webp(data, filler)) for filler in FILLERS)
    return next((row for row, (first, second) in enumerate(zip(one, other, strict=True)) if first != second), len(one))


def _completed_chunks(data: bytes, filler: int) -> bytes:
    start = 0
    while start + CHUNK_HEADER <= len(data):
        end = start + CHUNK_HEADER + _size(data, start) + _size(data, start) % 2
        if end > len(data):
            return data[:start] + _completed_chunk(data[start:], filler, is_first=FRAME not in data[:start])
        start = end
    return data[:start]


def _completed_chunk(chunk: bytes, filler: int, is_first: bool) -> bytes:
    chunk_type, content = chunk[:4], chunk[CHUNK_HEADER:]
    if chunk_type in PIXELS:
        content += bytes([filler]) * (MORE * min(_size(chunk, 0), len(chunk) * MORE) + AT_LEAST)
    elif chunk_type == FRAME and is_first:
        content = content[:FRAME_HEADER] + _completed_chunks(content[FRAME_HEADER:], filler)
    else:
        return b""
    content += bytes(len(content) % 2)
    return chunk_type + len(content).to_bytes(4, "little") + content


def _size(data: bytes, start: int) -> int:
    return int.from_bytes(data[start + 4 : start + 8], "little")


def _row_hashes(data: bytes) -> list[int]:
    with Image.open(io.BytesIO(data), formats=["WEBP"]) as picture:
        return [hash(picture.crop((0, row, picture.width, row + 1)).tobytes()) for row in range(picture.height)]

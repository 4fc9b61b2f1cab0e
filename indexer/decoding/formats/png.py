"""Removes ancillary PNG chunks that Pillow does not need, since large or broken ones would make it reject the file."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from PIL import Image, ImageFile

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Ancillary chunks that affect a picture's appearance or orientation.
KEPT = {b"tRNS", b"eXIf", b"acTL", b"fcTL", b"fdAT", b"sBIT"}
TEXTS = {b"iTXt", b"zTXt", b"tEXt"}
ABOUT_ORIENTATION = (b"XML:com.adobe.xmp\0", b"Raw profile type exif\0")
# Sizes after decompression, in bytes. Pillow inflates at most 1 MiB of text; a profile with large tables can be bigger.
TEXT_LIMIT, PROFILE_LIMIT = 2**20, 2**24
IS_ANCILLARY = 0x20


def without_ballast(data: bytes) -> tuple[bytes, bytes | None]:
    """Return a PNG without the chunks that Pillow does not need, and its ICC profile, None if it has no sound one."""
    view = memoryview(data)
    parts: list[memoryview] = [view[: len(SIGNATURE)]]
    profile: bytes | None = None
    end = len(SIGNATURE)
    for chunk_type, start, end in _chunks(data):
        content = view[start + 8 : end - 4]
        if chunk_type == b"iCCP" and profile is None and _is_sound(view, start, end):
            profile = _inflated(bytes(content).partition(b"\0")[2][1:], PROFILE_LIMIT)
        if not chunk_type[0] & IS_ANCILLARY or (_is_needed(chunk_type, content) and _is_sound(view, start, end)):
            parts.append(view[start:end])
    kept = sum(map(len, parts))
    parts.append(view[end:])
    return (data if kept == end else b"".join(parts)), profile


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield the type, start and end of every complete chunk."""
    start = len(SIGNATURE)
    while start + 12 <= len(data):
        end = start + 12 + int.from_bytes(data[start : start + 4])
        if end > len(data):
            return
        yield data[start + 4 : start + 8], start, end
        start = end


def _is_needed(chunk_type: bytes, content: memoryview) -> bool:
    if chunk_type not in TEXTS:
        return chunk_type in KEPT
    text = bytes(content[:TEXT_LIMIT])
    if len(text) < len(content) or not text.startswith(ABOUT_ORIENTATION):
        return False
    _, _, rest = text.partition(b"\0")
    if chunk_type == b"iTXt" and rest[:1] == b"\1":
        compressed = rest[2:].split(b"\0", 2)[-1]
    elif chunk_type == b"zTXt":
        compressed = rest[1:]
    else:
        return True
    return _inflated(compressed, TEXT_LIMIT) is not None


def _is_sound(view: memoryview, start: int, end: int) -> bool:
    return zlib.crc32(view[start + 4 : end - 4]) == int.from_bytes(view[end - 4 : end])


def _inflated(compressed: bytes, limit: int) -> bytes | None:
    """Decompress zlib data; None if it is broken or exceeds the limit."""
    stream = zlib.decompressobj()
    try:
        content = stream.decompress(compressed, limit)
    except zlib.error:
        return None
    return content if stream.eof else None


def with_transparent_colour(picture: Image.Image, again: ImageFile.ImageFile) -> Image.Image:
    """Convert a PNG of 16 bits per channel with one transparent colour to mode RGBA.

    picture: the upper 8 bits, as Pillow decodes them. again: the same file, opened but not decoded; reading it with
    swapped bytes gives the lower 8 bits.
    """
    again.tile = [tile._replace(args="RGB;16L") for tile in again.tile]
    again.load()
    key = picture.info["transparency"]
    opaque = Image.new("L", picture.size, 0)
    for half, shift in ((picture, 8), (again, 0)):
        for channel, value in zip(half.split(), key, strict=True):
            wanted = value >> shift & 0xFF
            differs = channel.point([0 if level == wanted else 255 for level in range(256)])
            opaque.paste(255, mask=differs)
    rgba = picture.copy()
    del rgba.info["transparency"]
    rgba.putalpha(opaque)
    return rgba

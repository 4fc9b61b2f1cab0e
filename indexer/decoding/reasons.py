"""Explains in a few words why a picture could not be decoded: damaged, cut off, or sound but not supported."""

from __future__ import annotations

import io
import re
import struct

from PIL import Image, UnidentifiedImageError

from indexer.decoding.file_types import AVIF, HEIC, Format

CUT_OFF = "it is damaged or cut off"
# Phrases with which decoders reject sound files that they cannot read.
NOT_KNOWN = re.compile(
    r"unsupported|not supported|not yet supported|cannot handle|unimplemented"
    r"|unknown \w* ?(mode|type|compression|format)"
    r"|not implemented|unrecogni[sz]ed|no decoder|decoder \S+ not available|unknown data organization"
    r"|not available|invalid (tone mapped|image grid)",
    re.IGNORECASE,
)


def reason_of(error: Exception, data: bytes, file_type: Format) -> str:
    """Describe a decoding error; the text begins with "not supported" if the file may be sound."""
    if isinstance(error, UnidentifiedImageError):
        error = _error_of_plugin(data, file_type) or error
    message = " ".join(str(error).split())[:200]
    if NOT_KNOWN.search(message):
        return f"not supported: {file_type.name} files of this kind ({message})"
    if isinstance(error, UnidentifiedImageError | SyntaxError) and file_type in (AVIF, HEIC) and _has_all_boxes(data):
        return f"not supported: {file_type.name} files of this structure"
    if isinstance(error, UnidentifiedImageError) or "decoder object" in message:
        message = CUT_OFF
    return f"not decodable as {file_type.name}: {message or type(error).__name__}"


def _error_of_plugin(data: bytes, file_type: Format) -> Exception | None:
    """Return the plugin's own exception, which Image.open discards."""
    factory, _ = Image.OPEN[file_type.pillow]
    try:
        factory(io.BytesIO(data), "")
    except SyntaxError as error:
        return error
    except Exception:
        return None
    return None


def _has_all_boxes(data: bytes) -> bool:
    """Return whether an ISO media file's boxes are complete, up to the end of the last one."""
    start = 0
    while start + 8 <= len(data):
        size = struct.unpack_from(">I", data, start)[0]
        if size == 1 and start + 16 <= len(data):
            size = struct.unpack_from(">Q", data, start + 8)[0]
        if size == 0:
            return True
        if size < 8:
            return False
        start += size
    return start == len(data)

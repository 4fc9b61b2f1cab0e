"""Recognises TIFF files that are camera raw files, by their colour filter array or DNG tags."""

from __future__ import annotations

import struct

COLOUR_FILTER, LINEAR_RAW = 32803, 34892
PHOTOMETRIC, SUB_DIRECTORIES, DNG_VERSION = 262, 330, 50706
TYPE_SIZES = {1: 1, 3: 2, 4: 4, 13: 4}
# The most directories, entries per directory and values per entry to read: malicious files can claim any number.
MOST_DIRECTORIES, MOST_ENTRIES, MOST_VALUES = 12, 512, 16
CANON_MARK = slice(8, 10)

Directory = dict[int, tuple[int, ...]]


def is_raw(data: bytes) -> bool:
    """Return whether a file that begins like a TIFF is a raw file (DNG, NEF, ARW, CR2, PEF and similar)."""
    if data[CANON_MARK] == b"CR":
        return True
    order = "<" if data[:2] == b"II" else ">"
    try:
        waiting = list(struct.unpack_from(f"{order}I", data, 4))
        for _ in range(MOST_DIRECTORIES):
            if not waiting:
                return False
            directory, following = _directory(data, waiting.pop(0), order)
            if DNG_VERSION in directory or directory.get(PHOTOMETRIC) in ((COLOUR_FILTER,), (LINEAR_RAW,)):
                return True
            waiting = [*directory.get(SUB_DIRECTORIES, ()), *waiting, *([following] if following else [])]
    except struct.error:
        pass
    return False


def _directory(data: bytes, offset: int, order: str) -> tuple[Directory, int]:
    """Read a directory's relevant integer tags and the offset of the next directory. Raises struct.error."""
    (count,) = struct.unpack_from(f"{order}H", data, offset)
    found: Directory = {}
    for entry in range(offset + 2, offset + 2 + 12 * min(count, MOST_ENTRIES), 12):
        tag, tag_type, number = struct.unpack_from(f"{order}HHI", data, entry)
        if tag in (PHOTOMETRIC, SUB_DIRECTORIES, DNG_VERSION) and tag_type in TYPE_SIZES and number <= MOST_VALUES:
            start = entry + 8
            if number * TYPE_SIZES[tag_type] > 4:
                (start,) = struct.unpack_from(f"{order}I", data, start)
            found[tag] = struct.unpack_from(f"{order}{number}{ {1: 'B', 3: 'H'}.get(tag_type, 'I') }", data, start)
    (following,) = struct.unpack_from(f"{order}I", data, offset + 2 + 12 * count)
    return found, following

"""Damages bytes as failing disks, interrupted transfers and attackers do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Random = np.random.Generator
EXTREMES = (b"\x00", b"\xff", b"\x7f", b"\x80")


def mutate(content: bytes, random: Random) -> tuple[str, bytes]:
    """Apply one random mutation to a file's bytes: its name and the new bytes, which differ from the old."""
    names = list(MUTATIONS)
    while True:
        name = str(random.choice(names))
        changed = MUTATIONS[name](content, random)
        if changed != content:
            return name, changed


def _flip_bits(content: bytes, random: Random) -> bytes:
    changed = bytearray(content)
    for offset in random.integers(0, len(changed), int(random.integers(1, 16))):
        changed[offset] ^= 1 << int(random.integers(8))
    return bytes(changed)


def _flip_in_head(content: bytes, random: Random) -> bytes:
    """Flip bits in the header: its lengths, sizes and offsets are where damage has the greatest effect."""
    head = min(len(content), 512)
    return _flip_bits(content[:head], random) + content[head:]


def _truncate(content: bytes, random: Random) -> bytes:
    return content[: int(random.integers(0, len(content)))]


def _extreme_length(content: bytes, random: Random) -> bytes:
    """Set four bytes at an even offset to the largest, the smallest or another extreme number."""
    offset = int(random.integers(0, max(1, min(len(content), 4_096) // 2))) * 2
    extreme = EXTREMES[int(random.integers(len(EXTREMES)))]
    return content[:offset] + extreme * 4 + content[offset + 4 :]


def _repeat(content: bytes, random: Random) -> bytes:
    start, end = sorted(int(offset) for offset in random.integers(0, len(content) + 1, 2))
    return content[:end] + content[start:end] + content[end:]


def _cut_out(content: bytes, random: Random) -> bytes:
    start, end = sorted(int(offset) for offset in random.integers(0, len(content) + 1, 2))
    return content[:start] + content[end:]


def _overwrite(content: bytes, random: Random) -> bytes:
    start = int(random.integers(0, len(content)))
    noise = random.bytes(int(random.integers(1, 257)))
    return content[:start] + noise + content[start + len(noise) :]


MUTATIONS: dict[str, Callable[[bytes, Random], bytes]] = {
    "bits flipped": _flip_bits,
    "bits flipped in the head": _flip_in_head,
    "cut short": _truncate,
    "a length made extreme": _extreme_length,
    "a part repeated": _repeat,
    "a part cut out": _cut_out,
    "overwritten": _overwrite,
}

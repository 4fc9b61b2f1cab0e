"""Decode a part of a picture as if it were the whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.decoding.decode import decode_bytes
from indexer.decoding.opened import opened
from indexer.decoding.srgb import STORED_SIZE, orientation_of, upright_size
from indexer.encoders.framing import Box, Framing
from indexer.errors import InputError
from latentsearch.notation import Part

WHOLE = Part(0, 0, 1, 1)


def decode_part(content: bytes, framing: Framing, part: Part) -> NDArray[np.uint8]:
    """Decode a part of a picture file's bytes for an encoder: uint8 RGB, (framing.height, framing.width, 3).

    Raises InputError with the reason only if the part reaches beyond the picture, UnreadableImage as `decode_bytes`.
    """
    if not part.is_share:
        with opened(content) as picture:
            stored = picture.info.get(STORED_SIZE, picture.size)
            width, height = upright_size(stored, orientation_of(picture))
        if part.x + part.width > width or part.y + part.height > height:
            raise InputError(f"the part {part} reaches beyond the picture, which has {width} x {height} pixels")
        part = Part(part.x / width, part.y / height, part.width / width, part.height / height)
    return decode_bytes(content, _PartFraming(framing.width, framing.height, framing.crops, part)).pixels


@dataclass(frozen=True)
class _PartFraming(Framing):
    """Frames a part, given in shares, as `Framing` does a whole picture; decoders may pass a reduced size."""

    part: Part = WHOLE

    def box(self, width: int, height: int) -> Box:
        """Return the box to cut from a picture of this size: (left, top, right, bottom) in its pixels."""
        across, down = max(round(self.part.width * width), 1), max(round(self.part.height * height), 1)
        x, y = min(round(self.part.x * width), width - across), min(round(self.part.y * height), height - down)
        left, top, right, bottom = super().box(across, down)
        return x + left, y + top, x + right, y + bottom

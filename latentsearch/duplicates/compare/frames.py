"""Decode the frames or pages of a picture file, and compare small versions of them."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.decoding.fingerprint import has_several_frames
from indexer.decoding.opened import opened
from indexer.decoding.srgb import orientation_of, over_white, shrunk_srgb, to_srgb, upright
from indexer.system.limits import Reserve, refuse_above_cap

ANIMATED = ("GIF", "PNG", "WEBP", "AVIF")
# Further frames of a file are ignored.
FRAMES_AT_MOST = 1_000
# The TIFF tag NewSubfileType, and its bits for reduced versions (thumbnails) and masks, which are not pages.
SUBFILE_TYPE, NO_PAGE = 254, 1 | 4
# Frames are compared at this many pixels a side.
SMALL = 32
# Two frames look the same if their values, 0 to 255, differ by no more than this on average, and anywhere.
SAME_MEAN, SAME_ANYWHERE = 4.0, 60.0

Small = NDArray[np.float32]


def first_frame(data: bytes, side: int | None = None, reserve: Reserve = refuse_above_cap) -> Image.Image:
    """Decode the first frame, upright, in mode RGB or RGBA. Raises UnreadableImage.

    side: shrink while decoding, but keep at least this many pixels on the shorter side; None for full size.
    """
    with opened(data, reserve, functools.partial(draft, side=side)) as picture:
        picture.load()
        factor = max(min(picture.size) // side, 1) if side else 1
        return upright(shrunk_srgb(picture, factor), orientation_of(picture))


def draft(picture: Image.Image, side: int | None) -> None:
    """Let libjpeg decode at 1/2, 1/4 or 1/8 of the size if the shorter side keeps at least `side` pixels."""
    if side and picture.format in ("JPEG", "MPO"):
        scale = next((scale for scale in (8, 4, 2) if min(picture.size) >= scale * side), 1)
        picture.draft(None, (picture.width // scale, picture.height // scale))


def is_several(data: bytes) -> bool:
    """Whether the file has more than one frame or page."""
    with opened(data) as picture:
        return has_several_frames(picture)


def all_frames(data: bytes, reserve: Reserve = refuse_above_cap) -> Iterator[Image.Image]:
    """Yield every frame or page, upright, in mode RGB or RGBA; in a damaged file, those before the damage.

    Skips the previews that cameras append to JPEGs, and the thumbnails and masks of a TIFF. Raises UnreadableImage.
    """
    with opened(data, reserve) as picture:
        orientation, size = orientation_of(picture), picture.size
        for number in range(FRAMES_AT_MOST):
            try:
                picture.seek(number)
                picture.load()
            except Exception:  # EOFError after the last frame; almost any error in a damaged file
                if number == 0:
                    raise
                return
            if number == 0 or _is_frame(picture, size):
                yield upright(_own(picture), orientation)


def _own(picture: Image.Image) -> Image.Image:
    """Copy the current frame, because the file may draw the next one into the same buffer."""
    # Image.copy drops the TIFF tags that to_srgb needs to interpret the values.
    shown = to_srgb(picture if picture.format == "TIFF" else picture.copy())
    return shown.copy() if shown is picture else shown


def _is_frame(picture: Image.Image, first: tuple[int, int]) -> bool:
    if picture.format == "MPO":
        return picture.size == first
    tags: dict[int, Any] = dict(getattr(picture, "tag_v2", {}))
    kind = tags.get(SUBFILE_TYPE, 0)
    return not (isinstance(kind, int) and kind & NO_PAGE)


def small(frame: Image.Image) -> Small:
    """Shrink a frame and lay it over white: float32 (SMALL, SMALL, 3)."""
    reduced = frame.resize((SMALL, SMALL), Image.Resampling.BOX, reducing_gap=2.0)
    return np.asarray(over_white(reduced), np.float32)


def look_same(first: Small, second: Small) -> bool:
    """Whether two small frames differ by at most SAME_MEAN on average and by at most SAME_ANYWHERE anywhere."""
    difference = np.abs(first - second)
    return bool(difference.mean() <= SAME_MEAN and difference.max() <= SAME_ANYWHERE)


def without_repeats(frames: list[Small]) -> list[Small]:
    """Drop frames that look the same as the frame before them."""
    kept = frames[:1]
    for frame in frames[1:]:
        if not look_same(kept[-1], frame):
            kept.append(frame)
    return kept


def is_within(frames: list[Small], others: list[Small]) -> bool:
    """Whether the frames are a subsequence of the others: each looks the same as one of them, in the same order."""
    next_other = 0
    for frame in frames:
        while next_other < len(others) and not look_same(frame, others[next_other]):
            next_other += 1
        if next_other == len(others):
            return False
    return True

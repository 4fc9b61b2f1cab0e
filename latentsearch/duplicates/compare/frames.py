"""A picture file's bytes -> its frames or pages, as they are shown."""

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
# What stands behind these is not looked at.
FRAMES_AT_MOST = 1_000
# Thumbnails, smaller versions and masks of a TIFF's page, by the bits of its NewSubfileType.
SUBFILE_TYPE, NO_PAGE = 254, 1 | 4
# Frames are compared as pictures of this size.
SMALL = 32
# Two frames look the same below these differences of colour values, on average and anywhere.
SAME_MEAN, SAME_ANYWHERE = 4.0, 60.0

Small = NDArray[np.float32]


def first_frame(data: bytes, side: int | None = None, reserve: Reserve = refuse_above_cap) -> Image.Image:
    """The first frame, upright, in mode RGB or RGBA; side: how many pixels its shorter side must have left.

    Raises UnreadableImage.
    """
    with opened(data, reserve, functools.partial(draft, side=side)) as picture:
        picture.load()
        factor = max(min(picture.size) // side, 1) if side else 1
        return upright(shrunk_srgb(picture, factor), orientation_of(picture))


def draft(picture: Image.Image, side: int | None) -> None:
    """Let libjpeg decode at 1/2, 1/4 or 1/8 if that leaves at least `side` pixels on the shorter side."""
    if side and picture.format in ("JPEG", "MPO"):
        scale = next((scale for scale in (8, 4, 2) if min(picture.size) >= scale * side), 1)
        picture.draft(None, (picture.width // scale, picture.height // scale))


def is_several(data: bytes) -> bool:
    """Whether there are more frames or pages than the one that is shown."""
    with opened(data) as picture:
        return has_several_frames(picture)


def all_frames(data: bytes, reserve: Reserve = refuse_above_cap) -> Iterator[Image.Image]:
    """Every frame or page, upright, in mode RGB or RGBA; of a damaged file those before the damage.

    Previews that cameras put behind their JPEGs are none, nor are thumbnails in a TIFF. Raises UnreadableImage.
    """
    with opened(data, reserve) as picture:
        orientation, size = orientation_of(picture), picture.size
        for number in range(FRAMES_AT_MOST):
            try:
                picture.seek(number)
                picture.load()
            except Exception:  # EOFError behind the last; nearly anything in what is damaged
                if number == 0:
                    raise
                return
            if number == 0 or _is_frame(picture, size):
                yield upright(_own(picture), orientation)


def _own(picture: Image.Image) -> Image.Image:
    """The current frame as a picture of its own: the file's may change when the next one is drawn over it."""
    # What a TIFF says of its values is not copied with it.
    shown = to_srgb(picture if picture.format == "TIFF" else picture.copy())
    return shown.copy() if shown is picture else shown


def _is_frame(picture: Image.Image, first: tuple[int, int]) -> bool:
    if picture.format == "MPO":
        return picture.size == first
    tags: dict[int, Any] = dict(getattr(picture, "tag_v2", {}))
    kind = tags.get(SUBFILE_TYPE, 0)
    return not (isinstance(kind, int) and kind & NO_PAGE)


def small(frame: Image.Image) -> Small:
    """A frame over white, float32 (SMALL, SMALL, 3)."""
    reduced = frame.resize((SMALL, SMALL), Image.Resampling.BOX, reducing_gap=2.0)
    return np.asarray(over_white(reduced), np.float32)


def look_same(first: Small, second: Small) -> bool:
    """Whether two frames show the same."""
    difference = np.abs(first - second)
    return bool(difference.mean() <= SAME_MEAN and difference.max() <= SAME_ANYWHERE)


def without_repeats(frames: list[Small]) -> list[Small]:
    """Frames without those that show the same as the one before."""
    kept = frames[:1]
    for frame in frames[1:]:
        if not look_same(kept[-1], frame):
            kept.append(frame)
    return kept


def is_within(frames: list[Small], others: list[Small]) -> bool:
    """Whether every frame shows the same as one of the others, in the same order."""
    place = 0
    for frame in frames:
        while place < len(others) and not look_same(frame, others[place]):
            place += 1
        if place == len(others):
            return False
    return True

"""Choose the frames of two files that show the same picture."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image

from latentsearch.duplicates.compare import changes as words
from latentsearch.duplicates.compare.alignment import WHOLE
from latentsearch.duplicates.compare.contents import Facts
from latentsearch.duplicates.compare.frames import Small, all_frames, first_frame, is_within, small, without_repeats
from latentsearch.duplicates.compare.overlay import CELL, FEW_COLOURS, MOST_CELLS
from latentsearch.duplicates.compare.turns import MIRRORED

QUARTERS = (None, Image.Transpose.ROTATE_270, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_90)
# If an edge of a window lies farther than this from the picture's edge, as a share of a side, one may be a crop.
NEARLY_WHOLE = 0.01
# Lossy pictures are decoded to this many pixels per cell, and at least this many on the shorter side.
PIXELS_A_CELL, LEAST_SIDE = 2, 64
# Peak memory per pixel: three copies of 4 bytes, one decoded, one in the decoder, one turned or laid over white.
BYTES_A_PIXEL = 12


class File(NamedTuple):
    """A file as it was indexed, and its facts."""

    path: str
    size: int
    digest: bytes
    facts: Facts


class Pair(NamedTuple):
    """Two files to compare: the first, turned and seen through the window, should look like the second.

    likeness: the likeness of their details, 0 if not yet compared.
    """

    first: File
    second: File
    turn: int
    window: tuple[float, ...]
    likeness: float = 0.0


def memory_for(pair: Pair) -> int:
    """Return the most bytes of memory that comparing two files takes: the files, decoded pixels and copies of them."""
    return sum(file.size + BYTES_A_PIXEL * file.facts.width * file.facts.height for file in (pair.first, pair.second))


def turn(picture: Image.Image, how: int) -> Image.Image:
    """Turn and mirror a picture; `how` is a turn as in latentsearch.duplicates.compare.turns."""
    mirrored = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if how >= MIRRORED else picture
    quarters = QUARTERS[how % MIRRORED]
    return mirrored if quarters is None else mirrored.transpose(quarters)


class Shown(NamedTuple):
    """One frame of each of two files, which show the same, and the differences in their numbers of frames."""

    first: Image.Image
    second: Image.Image
    changes: tuple[str, ...] = ()
    first_lacks: tuple[str, ...] = ()
    second_lacks: tuple[str, ...] = ()


def frames_to_compare(pair: Pair, first: bytes, second: bytes) -> Shown | None:
    """Choose the frames to compare. Raises UnreadableImage.

    Returns None if both files have several frames and these do not agree.
    """
    counts = [max(file.facts.frames, file.facts.pages) for file in (pair.first, pair.second)]
    if max(counts) == 1:
        side = _enough(pair)
        return Shown(first_frame(first, side), first_frame(second, side))
    if min(counts) > 1:
        return _sequences(pair, first, second)
    one, other, still_is_first = (second, first, True) if counts[0] == 1 else (first, second, False)
    still = first_frame(other)
    found = _most_alike(one, still, pair.turn, still_is_first)
    has_pages = (pair.second if still_is_first else pair.first).facts.pages > 1
    change = words.ONE_PAGE if has_pages else words.STILL
    lost = (words.PAGES if has_pages else words.FRAMES,)
    if still_is_first:
        return Shown(still, found, (change,), lost, ())
    return Shown(found, still, (change,), (), lost)


def _enough(pair: Pair) -> int | None:
    """Return the pixels that a comparison needs on the shorter side; None for all, if sizes or colours may differ."""
    facts = pair.first.facts, pair.second.facts
    sizes = [sorted((file.width, file.height)) for file in facts]
    is_whole = np.abs(np.array(pair.window, np.float32) - WHOLE).max() <= NEARLY_WHOLE
    if sizes[0] != sizes[1] or not is_whole or min(file.colours for file in facts) <= FEW_COLOURS:
        return None
    shorter = min(min(file.width, file.height) for file in facts)
    return max(min(MOST_CELLS, shorter // CELL) * PIXELS_A_CELL, LEAST_SIDE)


def _most_alike(several: bytes, still: Image.Image, how: int, still_is_first: bool) -> Image.Image:
    """Return the frame that correlates best with a still picture, whatever its brightness and contrast."""
    wanted = _outline(small(turn(still, how) if still_is_first else still))
    best, best_alike = None, -np.inf
    for frame in all_frames(several):
        seen = small(frame if still_is_first else turn(frame, how))
        likeness_here = float((_outline(seen) * wanted).sum())
        if likeness_here > best_alike:
            best, best_alike = frame, likeness_here
    assert best is not None
    return best


def _outline(frame: Small) -> Small:
    grey = frame.mean(-1)
    centred = grey - grey.mean()
    return np.asarray(centred / max(float(np.linalg.norm(centred)), 1e-6), np.float32)


def _sequences(pair: Pair, first: bytes, second: bytes) -> Shown | None:
    """Return the first frames of two files if the frames of one are a subsequence of the other's, else None."""
    both_have_colour = pair.first.facts.is_coloured and pair.second.facts.is_coloured
    frames: list[list[Small]] = [[], []]
    shown: list[Image.Image] = []
    for number, (data, how) in enumerate(((first, pair.turn), (second, 0))):
        for frame in all_frames(data):
            if len(shown) == number:
                shown.append(frame)
            seen = small(turn(frame, how))
            frames[number].append(seen if both_have_colour else np.repeat(seen.mean(-1, keepdims=True), 3, -1))
    ones, others = map(without_repeats, frames)
    first_in_second, second_in_first = is_within(ones, others), is_within(others, ones)
    if first_in_second and second_in_first:
        return Shown(shown[0], shown[1])
    lost = words.PAGES if max(pair.first.facts.pages, pair.second.facts.pages) > 1 else words.FRAMES
    # If one begins later, their first frames differ, and no matching pair is known here.
    begin_alike = is_within(ones[:1], others[:1])
    if second_in_first and begin_alike:
        return Shown(shown[0], shown[1], (words.SHORTENED,), (), (lost,))
    if first_in_second and begin_alike:
        return Shown(shown[0], shown[1], (words.SHORTENED,), (lost,), ())
    return None

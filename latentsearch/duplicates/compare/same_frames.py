"""Two files -> the frames of both that show the same."""

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
# Where a window is further from the whole, one picture may be cropped.
NEARLY_WHOLE = 0.01
# A lossy picture is decoded with this many pixels for each cell, and on its shorter side.
PIXELS_A_CELL, LEAST_SIDE = 2, 64
# A frame as it is decoded, as its library keeps it meanwhile, and turned or over white.
BYTES_A_PIXEL = 12


class File(NamedTuple):
    """A file, as it was indexed, and what it has."""

    path: str
    size: int
    digest: bytes
    facts: Facts


class Pair(NamedTuple):
    """Two files to compare: the first, turned, looks through the window as the second does.

    likeness: of their details, 0 where these were not compared.
    """

    first: File
    second: File
    turn: int
    window: tuple[float, ...]
    likeness: float = 0.0


def memory_for(pair: Pair) -> int:
    """The bytes of memory that a comparison of two files takes, at most: their decoded pixels, and copies of them."""
    return sum(file.size + BYTES_A_PIXEL * file.facts.width * file.facts.height for file in (pair.first, pair.second))


def turn(picture: Image.Image, how: int) -> Image.Image:
    """A picture turned as latentsearch.duplicates.pairs has it."""
    mirrored = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if how >= MIRRORED else picture
    quarters = QUARTERS[how % MIRRORED]
    return mirrored if quarters is None else mirrored.transpose(quarters)


class Shown(NamedTuple):
    """The frames of two files that show the same, and what frames tell of them."""

    first: Image.Image
    second: Image.Image
    changes: tuple[str, ...] = ()
    first_lacks: tuple[str, ...] = ()
    second_lacks: tuple[str, ...] = ()


def frames_to_compare(pair: Pair, first: bytes, second: bytes) -> Shown | None:
    """The frames to compare; None where two animations or documents are not the same.

    Raises UnreadableImage.
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
    """How many pixels a shorter side needs for a comparison; None for all, where sizes or colours must be compared."""
    facts = pair.first.facts, pair.second.facts
    sizes = [sorted((file.width, file.height)) for file in facts]
    is_whole = np.abs(np.array(pair.window, np.float32) - WHOLE).max() <= NEARLY_WHOLE
    if sizes[0] != sizes[1] or not is_whole or min(file.colours for file in facts) <= FEW_COLOURS:
        return None
    shorter = min(min(file.width, file.height) for file in facts)
    return max(min(MOST_CELLS, shorter // CELL) * PIXELS_A_CELL, LEAST_SIDE)


def _most_alike(several: bytes, still: Image.Image, how: int, still_is_first: bool) -> Image.Image:
    """The frame that looks most like a still picture, brightness left aside."""
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
    """The first frames of two files with several, where all of the one are in the other, in order; else None."""
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
    # Of one that begins later no frames are known here that show the same.
    begin_alike = is_within(ones[:1], others[:1])
    if second_in_first and begin_alike:
        return Shown(shown[0], shown[1], (words.SHORTENED,), (), (lost,))
    if first_in_second and begin_alike:
        return Shown(shown[0], shown[1], (words.SHORTENED,), (lost,), ())
    return None

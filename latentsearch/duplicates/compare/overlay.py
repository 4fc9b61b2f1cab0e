"""Lay two frames over one another and find the changes of colour, alpha and area that turn one into the other."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image

from latentsearch.duplicates.compare import changes as words
from latentsearch.duplicates.compare.alignment import LEAST_LIKENESS, WHOLE, Array, align, likeness
from latentsearch.duplicates.compare.alignment import SIDE as VERIFIED_SIDE
from latentsearch.duplicates.compare.contents import Facts
from latentsearch.duplicates.compare.tones import explained

Box = tuple[float, float, float, float]
Frames = tuple[Image.Image, Image.Image]
Colour = tuple[int, int, int]

# Pictures are compared by the averages of cells: CELL pixels of the smaller picture a side, LEAST_CELLS to MOST_CELLS
# cells per side.
CELL, MOST_CELLS, LEAST_CELLS = 4, 400, 8
# If one picture is cropped, both are aligned again at FINE_SIDE pixels in FINE_STEPS steps, and compared in
# CROPPED_CELLS cells per side with CROPPED_LENIENCY, because their edges still lie a fraction of a cell apart.
FINE_SIDE, FINE_STEPS, CROPPED_CELLS, CROPPED_LENIENCY = 96, 3, 32, 2.0
# A window whose edges differ by LEAST_CROP or less from the whole picture is no crop; up to SNAP, the whole picture is
# tried first. Shares of a side.
LEAST_CROP, SNAP = 0.004, 0.05
# Pictures with this many colours or fewer show dithering dots or bands, and are compared with this leniency.
FEW_COLOURS, FEW_COLOURS_LENIENCY = 256, 3.0
# A smaller ratio of sides makes no visible difference.
SIZE_DIFFERENCE = 1.05
WHITE, BLACK = (255, 255, 255), (0, 0, 0)
# Where alpha is below this, of 255, a flattened copy shows its background.
NEARLY_TRANSPARENT = 26


class Regions(NamedTuple):
    """The part that two pictures share, as a box (left, top, right, bottom) in the pixels of each.

    scales: for each picture, how many pixels of its file one decoded pixel stands for, along a side.
    """

    first: Box
    second: Box
    scales: tuple[float, float]

    @property
    def sizes(self) -> list[tuple[float, float]]:
        """Width and height of both boxes, in pixels of the files."""
        boxes = zip((self.first, self.second), self.scales, strict=True)
        return [(scale * (right - left), scale * (bottom - top)) for (left, top, right, bottom), scale in boxes]

    @property
    def sides(self) -> list[float]:
        """The geometric mean of width and height of each box, at least 1."""
        return [max(width * height, 1.0) ** 0.5 for width, height in self.sizes]

    @property
    def ratio(self) -> float:
        """The ratio of the larger side to the smaller, at least 1."""
        return max(self.sides) / min(self.sides)


class Compared(NamedTuple):
    """The changes between two frames, what each lacks, the regions that both show, and the likeness of details."""

    changes: tuple[str, ...]
    first_lacks: tuple[str, ...]
    second_lacks: tuple[str, ...]
    regions: Regions
    likeness: float


def compare_frames(shown: Frames, window: Array, alike: float, facts: tuple[Facts, Facts]) -> Compared | None:
    """Compare two frames as wholes, then as crops; the first is already turned. Returns None if they are not copies.

    window: the approximate window of the first frame that shows what the second does, (left, right, top, bottom).
    alike: the likeness of their details, 0 if not yet compared.
    """
    if np.abs(window - WHOLE).max() <= SNAP:
        alike_here = alike or _likeness(shown, WHOLE)
        changes = _explained(shown, _regions(shown, WHOLE, facts), facts, MOST_CELLS, 1.0) if alike_here else None
        if changes is not None:
            return _with_area(changes, _regions(shown, WHOLE, facts), WHOLE, alike_here)
    fine = [_grey(picture, FINE_SIDE, WHITE) for picture in shown]
    windows, _ = align(fine[1], fine[0], window[None], FINE_STEPS)
    alike_here = _likeness(shown, windows[0])
    if not alike_here or np.abs(windows[0] - WHOLE).max() <= LEAST_CROP:
        return None
    changes = _explained(shown, _regions(shown, windows[0], facts), facts, CROPPED_CELLS, CROPPED_LENIENCY)
    return None if changes is None else _with_area(changes, _regions(shown, windows[0], facts), windows[0], alike_here)


def _likeness(shown: Frames, window: Array) -> float:
    """Return the likeness of details over white or black, whichever is greater; 0 below LEAST_LIKENESS."""
    has_alpha = any(picture.mode == "RGBA" for picture in shown)
    best = 0.0
    for background in (WHITE, BLACK) if has_alpha else (WHITE,):
        first, second = (_grey(picture, VERIFIED_SIDE, background) for picture in shown)
        best = max(best, float(likeness(second, first, window[None])[0]))
    return best if best >= LEAST_LIKENESS else 0.0


def _grey(picture: Image.Image, side: int, background: Colour) -> Array:
    reduced = picture.resize((side, side), Image.Resampling.BOX, reducing_gap=2.0)
    return np.asarray(_over(reduced, background) @ np.array([0.299, 0.587, 0.114], np.float32))[None]


def _regions(shown: Frames, window: Array, facts: tuple[Facts, Facts]) -> Regions:
    left, right, top, bottom = (float(edge) for edge in window)
    across, down = (
        (max(0.0, -left / (right - left)), min(1.0, (1 - left) / (right - left))),
        (
            max(0.0, -top / (bottom - top)),
            min(1.0, (1 - top) / (bottom - top)),
        ),
    )
    (width, height), (second_width, second_height) = (picture.size for picture in shown)
    first = (
        width * (left + across[0] * (right - left)),
        height * (top + down[0] * (bottom - top)),
        width * (left + across[1] * (right - left)),
        height * (top + down[1] * (bottom - top)),
    )
    second = (across[0] * second_width, down[0] * second_height, across[1] * second_width, down[1] * second_height)
    scales = [_scale(picture, file) for picture, file in zip(shown, facts, strict=True)]
    return Regions(_inside(first, shown[0]), _inside(second, shown[1]), (scales[0], scales[1]))


def _scale(picture: Image.Image, facts: Facts) -> float:
    """Return the file pixels per decoded pixel. Files with several frames are decoded at full size: 1."""
    if facts.frames * facts.pages > 1:
        return 1.0
    return float(np.sqrt(facts.width * facts.height / (picture.width * picture.height)))


def _inside(box: Box, picture: Image.Image) -> Box:
    left, top, right, bottom = box
    return max(left, 0.0), max(top, 0.0), min(right, picture.width), min(bottom, picture.height)


def _with_area(changes: list[str], regions: Regions, window: Array, alike_here: float) -> Compared:
    """Complete a comparison whose shared region matches: add CROPPED and what each frame's area lacks."""
    first_lacks: list[str] = []
    second_lacks: list[str] = []
    left, right, top, bottom = window
    if min(left, top) < -LEAST_CROP or max(right, bottom) > 1 + LEAST_CROP:
        first_lacks.append(words.AREA)
    if max(left, top) > LEAST_CROP or min(right, bottom) < 1 - LEAST_CROP:
        second_lacks.append(words.AREA)
    if first_lacks or second_lacks:
        changes.append(words.CROPPED)
    return Compared(tuple(changes), tuple(first_lacks), tuple(second_lacks), regions, alike_here)


def _explained(
    shown: Frames,
    regions: Regions,
    facts: tuple[Facts, Facts],
    most_cells: int,
    leniency: float,
) -> list[str] | None:
    """Find the changes of colour and alpha that turn one region into the other; None if they are not copies."""
    cells = _cells(regions, most_cells)
    # A small reducing_gap is faster and blurs more, which cancels only between regions of equal size.
    gap = 1.5 if regions.first == regions.second else 3.0
    reduced = [_reduced(picture, box, cells, gap) for picture, box in zip(shown, regions[:2], strict=True)]
    coloured = facts[0].is_coloured, facts[1].is_coloured
    few = min(facts[0].colours, facts[1].colours) <= FEW_COLOURS
    for changes, first, second in _over_backgrounds(reduced, facts):
        found = explained(first, second, coloured, leniency, leniency * (FEW_COLOURS_LENIENCY if few else 1))
        if found is not None:
            return [*changes, *found]
    return None


def _cells(regions: Regions, most: int) -> tuple[int, int]:
    across, down = (min(size[axis] for size in regions.sizes) / CELL for axis in (0, 1))
    share = min(1.0, most / max(across, down))
    return max(round(across * share), LEAST_CELLS), max(round(down * share), LEAST_CELLS)


def _reduced(picture: Image.Image, box: Box, cells: tuple[int, int], gap: float) -> Image.Image:
    return picture.resize(cells, Image.Resampling.BILINEAR, box=box, reducing_gap=gap)


def _over_backgrounds(
    reduced: list[Image.Image], facts: tuple[Facts, Facts]
) -> list[tuple[tuple[str, ...], Array, Array]]:
    """Return the versions to compare, in order, over one or more backgrounds, with the changes that each implies."""
    has_alpha = [file.alpha > 0 for file in facts]
    first, second = reduced
    if not any(has_alpha):
        return [((), _over(first, WHITE)[None], _over(second, WHITE)[None])]
    if all(has_alpha):
        both = [np.stack([_over(picture, WHITE), _over(picture, BLACK)]) for picture in reduced]
        return [((), both[0], both[1])]
    behind = _background(first, second) if has_alpha[0] else _background(second, first)
    colours = (WHITE, BLACK) if behind is None else (WHITE, BLACK, behind)
    return [((words.FLATTENED,), _over(first, colour)[None], _over(second, colour)[None]) for colour in colours]


def _background(transparent: Image.Image, flat: Image.Image) -> Colour | None:
    """Return the colour of a flattened copy where the original is transparent; None if it is transparent nowhere."""
    hidden = np.asarray(transparent.getchannel("A")) < NEARLY_TRANSPARENT if transparent.mode == "RGBA" else None
    if hidden is None or not hidden.any():
        return None
    red, green, blue = np.median(_over(flat, WHITE)[hidden], axis=0)
    return int(red), int(green), int(blue)


def _over(picture: Image.Image, background: Colour) -> Array:
    """Lay a picture over a background: float32 (height, width, 3)."""
    pixels = np.asarray(picture, np.float32)
    if picture.mode == "RGB":
        return pixels
    seen = pixels[..., 3:] / 255
    return np.asarray(pixels[..., :3] * seen + np.array(background, np.float32) * (1 - seen), np.float32)

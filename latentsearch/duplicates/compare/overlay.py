"""Two frames laid over one another -> which changes of colour, alpha and area make one of the other."""

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

# A cell of this many pixels of the smaller picture is compared, and at most this many cells a side.
CELL, MOST_CELLS, LEAST_CELLS = 4, 400, 8
# Pictures are laid over one another again at this size where one is cropped, then compared in this many cells, with
# this much leniency, since edges still lie a little apart.
FINE_SIDE, FINE_STEPS, CROPPED_CELLS, CROPPED_LENIENCY = 96, 3, 32, 2.0
# A window that is nearer to the whole was found by chance; of one that is this near, the whole is tried first.
LEAST_CROP, SNAP = 0.004, 0.05
# Dots and bands of a picture of few colours.
FEW_COLOURS, FEW_COLOURS_LENIENCY = 256, 3.0
# A smaller ratio of sides makes no visible difference.
SIZE_DIFFERENCE = 1.05
WHITE, BLACK = (255, 255, 255), (0, 0, 0)
# Where less of a picture is seen than this, its background shows.
NEARLY_TRANSPARENT = 26


class Regions(NamedTuple):
    """The parts of two pictures that show the same, as (left, top, right, bottom) in their pixels.

    scales: how many pixels of their files are one of theirs, across and down.
    """

    first: Box
    second: Box
    scales: tuple[float, float]

    @property
    def sizes(self) -> list[tuple[float, float]]:
        """Width and height of both, in the pixels of their files."""
        boxes = zip((self.first, self.second), self.scales, strict=True)
        return [(scale * (right - left), scale * (bottom - top)) for (left, top, right, bottom), scale in boxes]

    @property
    def sides(self) -> list[float]:
        """The geometric mean of width and height of both."""
        return [max(width * height, 1.0) ** 0.5 for width, height in self.sizes]

    @property
    def ratio(self) -> float:
        """How many times larger the larger is, at least 1."""
        return max(self.sides) / min(self.sides)


class Compared(NamedTuple):
    """Which changes tell two frames apart, what only one shows, and the parts that both show."""

    changes: tuple[str, ...]
    first_lacks: tuple[str, ...]
    second_lacks: tuple[str, ...]
    regions: Regions
    likeness: float


def compare_frames(shown: Frames, place: Array, alike: float, facts: tuple[Facts, Facts]) -> Compared | None:
    """Compare two frames, the first turned already: as wholes, else where one is cropped; None for no copies.

    place: the window of the first that shows what the second does, where that is known roughly. alike: the likeness of
    their details, 0 where these were not compared.
    """
    if np.abs(place - WHOLE).max() <= SNAP:
        alike_here = alike or _likeness(shown, WHOLE)
        changes = _explained(shown, _regions(shown, WHOLE, facts), facts, MOST_CELLS, 1.0) if alike_here else None
        if changes is not None:
            return _with_area(changes, _regions(shown, WHOLE, facts), WHOLE, alike_here)
    fine = [_grey(picture, FINE_SIDE, WHITE) for picture in shown]
    windows, _ = align(fine[1], fine[0], place[None], FINE_STEPS)
    alike_here = _likeness(shown, windows[0])
    if not alike_here or np.abs(windows[0] - WHOLE).max() <= LEAST_CROP:
        return None
    changes = _explained(shown, _regions(shown, windows[0], facts), facts, CROPPED_CELLS, CROPPED_LENIENCY)
    return None if changes is None else _with_area(changes, _regions(shown, windows[0], facts), windows[0], alike_here)


def _likeness(shown: Frames, window: Array) -> float:
    """The likeness of details over the background where it is greatest, 0 where two pictures have them."""
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
    """Pages have sizes of their own, but are decoded whole."""
    if facts.frames * facts.pages > 1:
        return 1.0
    return float(np.sqrt(facts.width * facts.height / (picture.width * picture.height)))


def _inside(box: Box, picture: Image.Image) -> Box:
    left, top, right, bottom = box
    return max(left, 0.0), max(top, 0.0), min(right, picture.width), min(bottom, picture.height)


def _with_area(changes: list[str], regions: Regions, window: Array, alike_here: float) -> Compared:
    """What else tells two apart whose parts that both show are alike: which of them shows less."""
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
    """The changes of colour and alpha that make one of the other, in the parts that both show; None for no copies."""
    cells = _cells(regions, most_cells)
    # Quick averages blur both alike only where both have as many pixels.
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
    """What to compare, in turn, with the changes that it would mean: versions over one or two backgrounds."""
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
    """The colour that a flattened copy has where a picture is transparent; None where that is nowhere."""
    hidden = np.asarray(transparent.getchannel("A")) < NEARLY_TRANSPARENT if transparent.mode == "RGBA" else None
    if hidden is None or not hidden.any():
        return None
    red, green, blue = np.median(_over(flat, WHITE)[hidden], axis=0)
    return int(red), int(green), int(blue)


def _over(picture: Image.Image, background: Colour) -> Array:
    """A picture over a background, float32 (height, width, 3)."""
    pixels = np.asarray(picture, np.float32)
    if picture.mode == "RGB":
        return pixels
    seen = pixels[..., 3:] / 255
    return np.asarray(pixels[..., :3] * seen + np.array(background, np.float32) * (1 - seen), np.float32)

"""Decide whether two aligned pictures have the same colours, or which change of colours explains the difference.

Pictures are averaged over the same cells: float32 (versions, rows, columns, 3), with a version over each background for
transparent pictures. Lossy compression preserves averages best. At JPEG quality 20, no cell of a re-encoded face
differs by more than 4 of 255 in brightness; a lamp of a few pixels that turned from red to green differs by 80 in
colour.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from latentsearch.duplicates.compare.changes import BRIGHTENED, GREYED, RECOLOURED

Array = NDArray[np.float32]

# The greatest difference in brightness and the two colour channels of a cell, and of a block of BLOCK_SIDE² cells.
CELL = np.array([8.0, 16.0, 16.0], np.float32)
BLOCK = np.array([5.0, 8.0, 8.0], np.float32)
BLOCK_SIDE = 4
# An edge that lies a fraction of a cell elsewhere may add this share of the contrast around the cell.
SHIFT = 0.2
GREY = np.array([0.299, 0.587, 0.114], np.float32)
# Limits are widened by this factor after a change of colours, which clips some values.
CHANGED_LENIENCY = 2.0
# Values outside this range may have been clipped, so they are not used to fit a change of colours.
DARKEST, BRIGHTEST = 4, 251


def alike(first: Array, second: Array, leniency: float = 1.0) -> bool:
    """Whether no cell and no block of two pictures differs by more than its limit, times `leniency`."""
    one, other = _luma_and_colour(first), _luma_and_colour(second)
    difference = one - other
    cells, blocks = np.abs(difference), np.abs(_blocks(difference))
    if not (cells > CELL * leniency).any() and not (blocks > BLOCK * leniency).any():
        return True
    contrast = np.minimum(_contrast(one), _contrast(other))
    # Chroma is often stored at half the size, so it bleeds across edges of brightness.
    luma, blue, red = contrast[..., 0], contrast[..., 1], contrast[..., 2]
    contrast = np.maximum(contrast, np.maximum(np.maximum(luma, blue), red)[..., None] / 2)
    if (cells - SHIFT * leniency * contrast > CELL * leniency).any():
        return False
    return not (blocks - SHIFT * leniency / BLOCK_SIDE * _blocks(contrast) > BLOCK * leniency).any()


def explained(
    first: Array, second: Array, have_colour: tuple[bool, bool], leniency: float = 1.0, at_first: float = 1.0
) -> tuple[str, ...] | None:
    """Return which of GREYED, BRIGHTENED and RECOLOURED turn one picture into the other; None if they are not copies.

    leniency: widens the limits; changed colours get CHANGED_LENIENCY on top. at_first: the leniency for no change.
    """
    changed = leniency * CHANGED_LENIENCY
    if have_colour[0] != have_colour[1]:
        greys = _grey(first), _grey(second)
        if alike(*greys, at_first):
            return (GREYED,)
        if _by_curve(*greys, changed):
            return GREYED, BRIGHTENED
        return (GREYED,) if _by_map(first, second, changed) else None
    if alike(first, second, at_first):
        return ()
    if _by_curve(first, second, changed):
        return (BRIGHTENED,)
    return (RECOLOURED,) if _by_map(first, second, changed) else None


def _by_curve(first: Array, second: Array, leniency: float) -> bool:
    """Whether one tone curve, the same for all channels, turns either picture into the other."""
    known = _uncut(first) & _uncut(second)
    if known.sum() < 16:
        return False
    one, other = (np.asarray(picture[known].ravel() / 255, np.float32) for picture in (first, second))
    return _curve_fits(one, other, first, second, leniency) or _curve_fits(other, one, second, first, leniency)


def _curve_fits(x: Array, y: Array, first: Array, second: Array, leniency: float) -> bool:
    """Whether a cubic fitted to y(x) does not fall, and turns the first picture into the second."""
    powers = np.vander(x.astype(np.float64), 4)
    # The normal equations are accurate enough for values between 0 and 1, and take a third of the time.
    cubic = np.linalg.lstsq(powers.T @ powers, powers.T @ y, rcond=None)[0].astype(np.float32)
    over = np.linspace(x.min(), x.max(), 16)
    if (np.diff(np.polyval(cubic, over)) < -0.01).any():
        return False
    return alike(np.clip(np.polyval(cubic, first / 255) * 255, 0, 255), second, leniency)


def _by_map(first: Array, second: Array, leniency: float) -> bool:
    """Whether one map from colours to colours, linear in RGB and its squares, turns either picture into the other."""
    for one, other in ((first, second), (second, first)):
        known = _uncut(other)
        features = _features(one)
        if known.sum() < 4 * features.shape[-1]:
            known = np.ones_like(known)
        weights, *_ = np.linalg.lstsq(features[known], other[known], rcond=1e-4)
        if alike(np.clip(features @ weights, 0, 255).astype(np.float32), other, leniency):
            return True
    return False


def _features(picture: Array) -> Array:
    scaled = picture / 255
    return np.asarray(np.concatenate([np.ones_like(scaled[..., :1]), scaled, scaled**2], axis=-1), np.float32)


def _uncut(picture: Array) -> NDArray[np.bool_]:
    # Channel by channel: reducing over an axis of length three takes ten times as long.
    inside = (picture >= DARKEST) & (picture <= BRIGHTEST)
    return np.asarray(inside[..., 0] & inside[..., 1] & inside[..., 2])


def _grey(picture: Array) -> Array:
    return np.repeat((picture @ GREY)[..., None], 3, axis=-1)


def _luma_and_colour(picture: Array) -> Array:
    luma = picture @ GREY
    return np.stack([luma, (picture[..., 2] - luma) * 0.564, (picture[..., 0] - luma) * 0.713], axis=-1)


def _contrast(picture: Array) -> Array:
    """Return the difference between the highest and the lowest value among each cell and its eight neighbours."""
    highest, lowest = picture, picture
    for before, after in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:, :, :-1], np.s_[:, :, 1:])):
        higher, lower = highest.copy(), lowest.copy()
        np.maximum(higher[after], highest[before], out=higher[after])
        np.maximum(higher[before], highest[after], out=higher[before])
        np.minimum(lower[after], lowest[before], out=lower[after])
        np.minimum(lower[before], lowest[after], out=lower[before])
        highest, lowest = higher, lower
    return np.asarray(highest - lowest, np.float32)


def _blocks(cells: Array) -> Array:
    """Average over blocks of BLOCK_SIDE x BLOCK_SIDE cells; incomplete blocks at the edges are dropped."""
    rows, columns = (side - side % BLOCK_SIDE for side in cells.shape[1:3])
    # Rows, then columns: a mean over two axes of a reshaped array takes five times as long.
    summed = _sum([cells[:, start:rows:BLOCK_SIDE] for start in range(BLOCK_SIDE)])
    summed = _sum([summed[:, :, start:columns:BLOCK_SIDE] for start in range(BLOCK_SIDE)])
    return np.asarray(summed / BLOCK_SIDE**2, np.float32)


def _sum(parts: list[Array]) -> Array:
    total = parts[0].copy()
    for part in parts[1:]:
        total += part
    return total

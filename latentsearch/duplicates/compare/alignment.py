"""Align pairs of pictures, one of which may be a crop of the other, and measure how alike they are.

Pictures are grey, float32 (n, side, side), each squeezed to a square. A window is the part of a picture that its
reference shows: (left, right, top, bottom) as shares of width and height, float32 (n, 4). A window extends beyond the
picture where the reference shows more.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

WHOLE = np.array([0, 1, 0, 1], np.float32)
# The side of the grey pictures that are compared, in pixels.
SIDE = 64
# The least likeness of copies, overall and in the second worst field. On CelebA, two different photographs reach 0.73
# overall at most, and altered copies 0.85 at least: docs/decisions.md.
LEAST_LIKENESS, LEAST_FIELD = 0.85, 0.25
# How far an edge of a window may lie from the picture's edge, and how far it may move in one step, as shares of a side.
FARTHEST, LONGEST_STEP = 0.3, 0.05
# A variance below this is rounding. A picture without contrast correlates with nothing.
LEAST_VARIANCE = 1e-2
# The standard deviation, in pixels, of the blur that is subtracted to leave details; fields per side; and the least
# variance of a field with details.
DETAIL, FIELDS, LEAST_DETAIL = 1.0, 4, 4.0


def align(references: Array, pictures: Array, windows: Array, steps: int) -> tuple[Array, Array]:
    """Move each window to where the picture correlates best with its reference.

    Gauss-Newton on the squared difference with free brightness and contrast (Lucas and Kanade 1981; Baker and Matthews
    2004, section 6). Returns the best windows of all steps, (n, 4), and their correlations, (n,).
    """
    best, best_correlation = windows.copy(), np.full(len(windows), -1, np.float32)
    for step in range(steps + 1):
        seen, inside = through(pictures, windows)
        correlations = correlation(references, seen, inside)
        better = correlations > best_correlation
        best[better], best_correlation[better] = windows[better], correlations[better]
        if step < steps:
            windows = _moved(references, seen, inside, windows)
    return best, best_correlation


def likeness(references: Array, pictures: Array, windows: Array) -> Array:
    """Correlate the details of pictures, seen through windows, with those of their references: (n,), 1 for equal.

    Details are what a Gaussian blur removes. Different photographs of one person in one pose agree when blurred, but
    not in their details.
    """
    seen, inside = through(pictures, windows)
    return correlation(details(references), details(seen), inside)


def least_field(references: Array, pictures: Array, windows: Array) -> Array:
    """Measure the likeness in the second worst of FIELDS x FIELDS fields: (n,), 1 if fewer than two have details.

    Two moments of one scene, or two pages with the same letterhead, agree in most fields and differ in some.
    """
    seen, inside = through(pictures, windows)
    first, second, weights = map(_fields, (details(references), details(seen), inside))
    # The greater of the two variances: something that only one of the pictures shows is a difference, too.
    variance = np.maximum(*((weights * field * field).mean((1, 2)) for field in (first, second)))
    alike = np.where(variance > LEAST_DETAIL, correlation(first, second, weights), 1)
    return np.asarray(np.sort(alike.reshape(-1, FIELDS * FIELDS), axis=1)[:, 1], np.float32)


def details(pictures: Array) -> Array:
    """Subtract a Gaussian blur of DETAIL pixels from pictures."""
    blur = _blur(pictures.shape[-1])
    return np.asarray(pictures - blur @ pictures @ blur.T, np.float32)


def through(pictures: Array, windows: Array) -> tuple[Array, Array]:
    """Sample pictures through windows; also return 1 where the window lies inside the picture, else 0.

    Both are float32 (n, side, side).
    """
    across, inside_across = sampling(windows[:, 0], windows[:, 1], pictures.shape[-1])
    down, inside_down = sampling(windows[:, 2], windows[:, 3], pictures.shape[-1])
    seen = down @ pictures @ across.transpose(0, 2, 1)
    return np.asarray(seen, np.float32), inside_down[:, :, None] * inside_across[:, None, :]


def correlation(pictures: Array, others: Array, weights: Array) -> Array:
    """Compute the weighted correlation of each pair of pictures: (n,), 0 if one has no contrast."""
    total = np.maximum(weights.sum((1, 2)), 1)
    first = _centred(pictures, weights, total)
    second = _centred(others, weights, total)
    variances = [(weights * centred * centred).sum((1, 2)) / total for centred in (first, second)]
    covariance = (weights * first * second).sum((1, 2)) / total
    has_contrast = np.minimum(*variances) > LEAST_VARIANCE
    return np.where(has_contrast, covariance / np.sqrt(np.maximum(variances[0] * variances[1], 1e-12)), 0)


def sampling(first: Array, last: Array, side: int) -> tuple[Array, Array]:
    """Return matrices that interpolate `side` positions from first to last, and which positions lie inside.

    first, last: (n,), as shares of a side. The matrices are (n, side, side), the flags, 1 or 0, (n, side).
    """
    centres = (np.arange(side, dtype=np.float32) + 0.5) / side
    sampled = (first[:, None] + centres * (last - first)[:, None]) * side - 0.5
    inside = (sampled >= -0.5) & (sampled <= side - 0.5)
    sampled = np.clip(sampled, 0, side - 1)
    before = np.minimum(sampled.astype(np.int64), side - 2)
    matrices = np.zeros((len(first), side, side), np.float32)
    share = (sampled - before)[:, :, None]
    np.put_along_axis(matrices, before[:, :, None], 1 - share, axis=2)
    np.put_along_axis(matrices, before[:, :, None] + 1, share, axis=2)
    return matrices, inside.astype(np.float32)


def _centred(pictures: Array, weights: Array, total: Array) -> Array:
    means = (weights * pictures).sum((1, 2)) / total
    return np.asarray(pictures - means[:, None, None], np.float32)


def _fields(pictures: Array) -> Array:
    """Cut pictures (n, side, side) into fields: (n * FIELDS * FIELDS, side / FIELDS, side / FIELDS)."""
    side = pictures.shape[-1] // FIELDS
    cut = pictures.reshape(-1, FIELDS, side, FIELDS, side).transpose(0, 1, 3, 2, 4)
    return cut.reshape(-1, side, side)


def _moved(references: Array, seen: Array, inside: Array, windows: Array) -> Array:
    """Take one Gauss-Newton step: fit reference = gain * seen + offset + slopes . (step of the four edges)."""
    side = seen.shape[-1]
    centres = (np.arange(side, dtype=np.float32) + 0.5) / side
    down, across = (np.gradient(seen, axis=axis) * side for axis in (1, 2))
    across /= (windows[:, 1] - windows[:, 0])[:, None, None]
    down /= (windows[:, 3] - windows[:, 2])[:, None, None]
    slopes = [across * (1 - centres), across * centres, down * (1 - centres)[:, None], down * centres[:, None]]
    columns = np.stack([*slopes, seen, np.ones_like(seen)], axis=1) * inside[:, None]
    columns = columns.reshape(len(seen), len(slopes) + 2, side * side)
    normal = columns @ columns.transpose(0, 2, 1)
    # Regularised, so that the system is solvable for a picture without contrast in one direction.
    size = np.trace(normal, axis1=1, axis2=2)[:, None, None] / normal.shape[-1]
    normal += np.eye(normal.shape[-1], dtype=np.float32) * (1e-5 * size + 1e-3)
    target = columns @ (references * inside).reshape(len(seen), -1, 1)
    solved = np.linalg.solve(normal, target)[:, :, 0]
    gain = np.maximum(solved[:, 4:5], 0.2)
    step = np.clip(solved[:, :4] / gain, -LONGEST_STEP, LONGEST_STEP)
    return np.clip(windows + step, WHOLE - FARTHEST, WHOLE + FARTHEST)


@functools.cache
def _blur(side: int) -> Array:
    """Return the matrix (side, side) that blurs a column of pixels, repeating the pixels at its ends."""
    offsets = np.arange(-4, 5)
    weights = np.exp(-0.5 * (offsets / DETAIL) ** 2)
    matrix = np.zeros((side, side), np.float32)
    for row in range(side):
        np.add.at(matrix[row], np.clip(row + offsets, 0, side - 1), weights / weights.sum())
    return matrix

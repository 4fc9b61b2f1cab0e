"""Lay a face on a template of five points by a similarity transform, as pictures of CelebA are aligned."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[np.float64]
# Around the area that is cut, this many pixels of the picture are read, too, for the interpolation.
MARGIN = 2


def similarity(source: Array, target: Array) -> Array:
    """Find the similarity transform that maps points onto others with the least squared error.

    source, target: (n, 2). Returns (2, 3): a point p maps to result[:, :2] @ p + result[:, 2]. S. Umeyama,
    Least-Squares Estimation of Transformation Parameters Between Two Point Patterns, PAMI 1991, equations 40 to 42.
    """
    mean_source, mean_target = source.mean(axis=0), target.mean(axis=0)
    centred, wanted = source - mean_source, target - mean_target
    left, strengths, right = np.linalg.svd(wanted.T @ centred / len(source))
    signs = np.array([1.0, np.sign(np.linalg.det(left) * np.linalg.det(right)) or 1.0])
    rotation = left * signs @ right
    scale = float(strengths @ signs) / max(float(centred.var(axis=0).sum()), 1e-12)
    return np.column_stack([scale * rotation, mean_target - scale * rotation @ mean_source])


def mapped(transform: Array, points: Array) -> Array:
    """Map points, (..., 2), by a transform, (2, 3)."""
    return points @ transform[:, :2].T + transform[:, 2]


def inverse(transform: Array) -> Array:
    """Invert a transform, (2, 3)."""
    turned = np.linalg.inv(transform[:, :2])
    return np.column_stack([turned, -turned @ transform[:, 2]])


def laid_on(picture: Image.Image, transform: Array, size: tuple[int, int]) -> Image.Image:
    """Return the part of an RGB picture that a transform, (2, 3), maps into (width, height) pixels.

    The picture is shrunk first where the transform shrinks, so that details do not alias. Beyond the picture, its
    outermost pixels are repeated.
    """
    width, height = size
    back = inverse(transform)
    corners = mapped(back, np.array([[0, 0], [width, 0], [0, height], [width, height]], np.float64))
    shrink = float(np.sqrt(abs(np.linalg.det(back[:, :2]))))
    margin = MARGIN * max(shrink, 1.0)
    left, top = np.floor(corners.min(axis=0) - margin).astype(int)
    right, bottom = np.ceil(corners.max(axis=0) + margin).astype(int)
    part = _part(picture, (left, top, right, bottom))
    if shrink > 1:
        smaller = max(round(part.width / shrink), 1), max(round(part.height / shrink), 1)
        across, down = part.width / smaller[0], part.height / smaller[1]
        part = part.resize(smaller, Image.Resampling.BILINEAR, reducing_gap=2)
    else:
        across = down = 1.0
    into_part = np.diag([1 / across, 1 / down]) @ (back - np.array([[0, 0, left], [0, 0, top]]))
    coefficients = tuple(into_part.ravel().tolist())
    return part.transform(size, Image.Transform.AFFINE, coefficients, Image.Resampling.BICUBIC)


def _part(picture: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
    """Return a part of a picture, which may reach beyond it; there, the outermost pixels are repeated."""
    left, top, right, bottom = box
    inside = max(left, 0), max(top, 0), min(right, picture.width), min(bottom, picture.height)
    if inside == box:
        return picture.crop(box)
    inside = (
        min(inside[0], picture.width - 1),
        min(inside[1], picture.height - 1),
        max(inside[2], 1),
        max(inside[3], 1),
    )
    here = np.asarray(picture.crop(inside))
    down = np.clip(np.arange(top, bottom) - inside[1], 0, here.shape[0] - 1)
    across = np.clip(np.arange(left, right) - inside[0], 0, here.shape[1] - 1)
    return Image.fromarray(here[down][:, across])

"""How realistic are generated pictures as a set? The Frechet distance of their features from those of real ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.methods.efficientnet import SIDE, load_network

BLOCK = 100


def frechet_distance(first: NDArray[Any], second: NDArray[Any]) -> float:
    """The distance between the Gaussians fitted to two sets of features (n, d) and (m, d).

    |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)), the formula of the FID (Heusel et al., 2017, eq. 6).
    """
    (mean1, c1), (mean2, c2) = ((rows.mean(0), np.cov(rows, rowvar=False)) for rows in (first, second))
    # C1 C2 has the eigenvalues of the symmetric C1^(1/2) C2 C1^(1/2), which take a tenth of the time.
    variances, axes = np.linalg.eigh(c1)
    root = axes * np.sqrt(np.maximum(variances, 0)) @ axes.T
    roots = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ c2 @ root), 0))
    return float(np.square(mean1 - mean2).sum() + np.trace(c1) + np.trace(c2) - 2 * roots.sum())


class FaceFeatures:
    """The 1,280 features of EfficientNet-Lite0, learned on ImageNet, of pictures scaled to 128x128.

    Raises MissingExtra if PyTorch, timm or the package of weights is not installed.
    """

    def __init__(self) -> None:
        self._network = load_network()

    def of(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Compute the features of pictures uint8 (n, h, w, 3): float32 (n, 1280)."""
        import torch
        from torch.nn.functional import interpolate

        found = []
        with torch.no_grad():
            for start in range(0, len(pixels), BLOCK):
                x = torch.from_numpy(np.array(pixels[start : start + BLOCK])).permute(0, 3, 1, 2).float() / 255
                found.append(self._network(interpolate(x, size=(SIDE, SIDE), mode="bilinear", align_corners=False)))
        features: NDArray[np.float32] = torch.cat(found).numpy()
        return features

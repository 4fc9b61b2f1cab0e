"""Two networks added to IVE-GAN: a matcher that identifies pictures, and a predictor of its output from codes."""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from latentsearch.models.ivegan import Reader
from latentsearch.models.layers import convolution, dense, leaky

MATCHED_SIZE = 64  # dimensions of the matcher's output
PREDICTOR_WIDTH = 128


def matcher(width: int, channels: int, size: int) -> Reader:
    """Build the matcher: pictures (n, channels, size, size) -> (n, 64), with strided convolutions down to 4x4."""
    widths = [channels, width, width * 2, width * 4, width * 4, width * 4][: size.bit_length() - 2]
    layers = nn.Sequential(
        *(
            convolution(before, after, leaky(), kernel=5 if before == channels else 3, stride=2)
            for before, after in pairwise(widths)
        ),
        nn.Flatten(),
        dense(widths[-1] * 4 * 4, MATCHED_SIZE),
    )
    return Reader(layers, pictures=True)


def predictor(latent_size: int) -> Reader:
    """Build the predictor: codes (n, latent_size) -> the matcher's output for the same pictures (n, 64)."""
    layers = nn.Sequential(
        dense(latent_size, PREDICTOR_WIDTH, leaky()),
        dense(PREDICTOR_WIDTH, PREDICTOR_WIDTH, leaky()),
        dense(PREDICTOR_WIDTH, MATCHED_SIZE),
    )
    return Reader(layers, pictures=False)

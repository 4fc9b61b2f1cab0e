"""The distance below which one random pair of pictures in N lies, measured on the pictures of an index."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from indexer.encoders.encoder import Encoder
from indexer.index.index import Index
from indexer.vectors.exact import Selection
from latentsearch.notation import share_in_words

if TYPE_CHECKING:
    from indexer.index.faces import FaceSpace

logger = logging.getLogger(__name__)

# The sample is large enough for this many of its pairs to lie within the cut-off, which leaves a relative error of
# about 5 %, or 16 % with the fewest; below those, the cut-off would depend on single pictures.
CLOSE_PAIRS, FEWEST_CLOSE_PAIRS = 400, 10
# Pictures compared for an error of 5 %: 8 million pairs, 0.2 s on two cores for codes of 128 numbers.
SAMPLED = 4_000
# The most pictures compared for FEWEST_CLOSE_PAIRS: 200 million pairs, enough for one in 20,000,000.
SAMPLED_AT_MOST = 20_000
ROWS_AT_ONCE = 1_000
STEPS_OF_BISECTION = 64


def cutoff_distance(index: Index | FaceSpace, encoder: Encoder, share: float) -> float:
    """Return the greatest distance at which at most `share` of the random pairs of pictures in the index lie.

    index: whole pictures or faces. share: above 0, at most 1. An index too small to have FEWEST_CLOSE_PAIRS such pairs
    is measured by the pairs of training pictures that the encoder's similarities rest on, which is logged.
    """
    codes = _sample(index, share)
    pairs = len(codes) * (len(codes) - 1) // 2
    # A share such as 1/3 is no binary fraction, and the product must not fall short of a whole number of pairs.
    close = math.floor(share * pairs * (1 + 1e-9))
    if close < FEWEST_CLOSE_PAIRS:
        logger.info(
            "%d pictures have too few pairs to measure %s: the cut-off is that of the encoder's training pictures",
            len(codes),
            share_in_words(share),
        )
        return _of_training_pictures(encoder, share)
    # Searches return distances in single precision, and a pair at the cut-off is within it.
    return float(np.float32(_closest(codes, close, index.distance)[-1]))


def _sample(index: Index | FaceSpace, share: float) -> NDArray[np.float64]:
    """Return the codes of pictures chosen at random, the same ones in each search, float64 (n, d)."""
    enough = min(math.sqrt(2 * CLOSE_PAIRS / share), SAMPLED)
    least = min(math.sqrt(2 * FEWEST_CLOSE_PAIRS / share), SAMPLED_AT_MOST)
    ids = index.vectors.ids()
    wanted = math.ceil(max(enough, least)) + 1
    if wanted < len(ids):
        ids = np.sort(np.random.default_rng(0).choice(ids, wanted, replace=False))
    blocks = [codes for _, codes in index.code_blocks(Selection(ids))]
    return np.concatenate([np.empty((0, index.latent_size)), *blocks], dtype=np.float64)


def _closest(codes: NDArray[np.float64], count: int, distance: str) -> NDArray[np.float64]:
    """Return the `count` least distances between two of the codes, ascending."""
    squares = np.einsum("nd,nd->n", codes, codes)
    least = np.empty(0)
    for start in range(0, len(codes), ROWS_AT_ONCE):
        rows = codes[start : start + ROWS_AT_ONCE]
        # Squared distances have the order of distances, so the roots can wait.
        distances = squares[start : start + len(rows), None] + squares[start:] - 2 * (rows @ codes[start:].T)
        above_diagonal = np.arange(distances.shape[1]) > np.arange(len(rows))[:, None]
        least = np.concatenate([least, distances[above_diagonal]])
        if len(least) > count:
            least = np.partition(least, count - 1)[:count]
    least = np.sort(np.maximum(least, 0))
    return least / 2 if distance == "cosine" else np.sqrt(least)


def _of_training_pictures(encoder: Encoder, share: float) -> float:
    """Return the greatest distance whose similarity is at least 1 - share; infinity if every distance has it."""
    far = 1.0
    while encoder.similarity(far) >= 1 - share:
        far *= 2
        if not math.isfinite(far):
            return math.inf
    near = 0.0
    for _ in range(STEPS_OF_BISECTION):
        middle = (near + far) / 2
        near, far = (middle, far) if encoder.similarity(middle) >= 1 - share else (near, middle)
    return near

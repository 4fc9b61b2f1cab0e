"""What every way to set an attribute of a query is measured by: the attributes, the people, the queries and the bar."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Named before any was measured on the encoder that ships: seen at once in a face, and in 5 % of the faces or more.
ASKED = (
    "Bangs",
    "Black_Hair",
    "Blond_Hair",
    "Eyeglasses",
    "Male",
    "Mouth_Slightly_Open",
    "No_Beard",
    "Smiling",
    "Wearing_Hat",
)
K = 10
QUERIES, RESAMPLES = 500, 1_000
# The bar: the share of the first K that have the value, and what they may lose of the other attributes.
LEAST_ASKED, MOST_LOST = 0.8, 0.02


def in_first_half(identity: NDArray[np.int64], seed: int) -> NDArray[np.bool_]:
    """Whether faces (n,) show people of the half that is learned from; the others are searched: bool (n,)."""
    people = np.random.default_rng([seed, 0]).permutation(np.unique(identity))
    return np.isin(identity, people[: len(people) // 2])


def lacking(values: NDArray[np.uint8], value: int, seed: int) -> NDArray[np.int64]:
    """At most QUERIES faces that lack a value of an attribute, values (n,), drawn at random: ascending rows."""
    rows = np.flatnonzero(values != value)
    return np.sort(np.random.default_rng([seed, 1]).permutation(rows)[:QUERIES])

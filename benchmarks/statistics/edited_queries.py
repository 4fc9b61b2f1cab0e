"""Shared by all experiments that set an attribute of a query: the attributes, people, queries and the bar."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Chosen before anything was measured on the shipped encoder: visible at a glance, and present in at least 5 % of faces.
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
# The bar: the least share of the first K results that have the value, and the most agreement that other attributes may
# lose.
LEAST_ASKED, MOST_LOST = 0.8, 0.02


def in_first_half(identity: NDArray[np.int64], seed: int) -> NDArray[np.bool_]:
    """Whether each face (n,) shows a person of the half for learning; the other half is searched: bool (n,)."""
    people = np.random.default_rng([seed, 0]).permutation(np.unique(identity))
    return np.isin(identity, people[: len(people) // 2])


def lacking(values: NDArray[np.uint8], value: int, seed: int) -> NDArray[np.int64]:
    """Up to QUERIES random faces without a value of an attribute, values (n,): row numbers, ascending."""
    rows = np.flatnonzero(values != value)
    return np.sort(np.random.default_rng([seed, 1]).permutation(rows)[:QUERIES])

"""What a label looks like in codes: moves that turn a code into that of a picture with another value of a label.

IcGAN changes an attribute of a face by changing y beside z and generating anew (Perarnau et al. 2016, section 3). Here
the code itself is moved, along the line from the mean code of pictures without a label to that of pictures with it,
bent away from what other labels would change with it, and so far that the nearest pictures have the label.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.float32]
# 1, 0, or MISSING: int8 (n, labels).
Values = NDArray[np.int8]
MISSING = -1
# Of each value of a label so many pictures are needed.
LEAST_PICTURES = 10
# How much the lines of other labels are avoided, and how far a code is moved, in root mean square distances from the
# mean code.
AVOIDANCE = (0.0, 1.0)
LENGTHS = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0)
# The share of the NEAREST that must have the label; measured on so many pictures among so many.
ENOUGH, NEAREST = 0.85, 10
QUERIES, GALLERY = 150, 10_000


class Move(NamedTuple):
    """What is added to a code, float32 (d,), and what share of the nearest to codes moved so had the label."""

    vector: Codes
    share: float


class Trial(NamedTuple):
    """A move, and how many labels the nearest to codes moved so had in common with the codes' own pictures."""

    move: Move
    agreement: float


def fit_moves(codes: Codes, values: Values, distance: str, seed: int = 0) -> list[tuple[Move, Move] | None]:
    """For each label the moves that take it away and that give it; None where too few pictures have, or lack, it.

    codes (n, d) of pictures, values (n, labels). distance: "euclidean" or "cosine".
    """
    fittable = [label for label in range(values.shape[1]) if _has_both(values[:, label])]
    if not fittable:
        return [None] * values.shape[1]
    lines = np.stack([_line(codes, values[:, label]) for label in fittable])
    gallery = _Gallery.sample(codes, values[:, fittable], distance, seed)
    spread = float(np.sqrt(((codes - codes.mean(axis=0)) ** 2).sum(axis=1).mean()))
    found: list[tuple[Move, Move] | None] = [None] * values.shape[1]
    for place, label in enumerate(fittable):
        without, given = (_best(list(_trials(gallery, _bent(lines, place), place, value, spread))) for value in (0, 1))
        found[label] = without, given
    return found


def _has_both(values: NDArray[np.int8]) -> bool:
    return bool(min(np.count_nonzero(values == 0), np.count_nonzero(values == 1)) >= LEAST_PICTURES)


def _line(codes: Codes, values: NDArray[np.int8]) -> Codes:
    """From the mean code without a label to that with it, of length 1."""
    line = codes[values == 1].mean(axis=0) - codes[values == 0].mean(axis=0)
    return np.asarray(line / max(float(np.linalg.norm(line)), 1e-12), np.float32)


def _bent(lines: Codes, label: int) -> list[Codes]:
    """The line of a label, more and more at right angles to those of the others; each of length 1."""
    others = np.delete(lines, label, axis=0).astype(np.float64)
    bent = []
    for avoidance in AVOIDANCE:
        line = np.linalg.solve(np.eye(lines.shape[1]) + avoidance * others.T @ others, lines[label])
        bent.append((line / max(float(np.linalg.norm(line)), 1e-12)).astype(np.float32))
    return bent


class _Gallery(NamedTuple):
    """Pictures among which moved codes are looked up."""

    codes: Codes
    values: Values
    distance: str
    random: np.random.Generator

    @classmethod
    def sample(cls, codes: Codes, values: Values, distance: str, seed: int) -> _Gallery:
        random = np.random.default_rng(seed)
        some = random.permutation(len(codes))[:GALLERY]
        return cls(codes[some], values[some], distance, random)

    def nearest(self, queries: Codes, themselves: NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows of the nearest, int64 (q, k), of each query but its own row."""
        moved = moved_codes(queries, self.distance)
        squares = (self.codes**2).sum(axis=1) - 2 * moved @ self.codes.T
        squares[np.arange(len(queries)), themselves] = np.inf
        return np.argpartition(squares, min(NEAREST, squares.shape[1] - 1), axis=1)[:, :NEAREST]


def moved_codes(codes: Codes, distance: str) -> Codes:
    """Codes (n, d) after a move: of length 1 where they are compared by cosine."""
    if distance == "euclidean":
        return codes
    lengths = np.linalg.norm(codes, axis=-1, keepdims=True)
    return np.asarray(codes / np.where(lengths == 0, 1, lengths), np.float32)


def _trials(gallery: _Gallery, lines: list[Codes], label: int, value: int, spread: float) -> Iterator[Trial]:
    """Codes of pictures that lack the value, moved farther and farther along each line, until enough is found."""
    lacking = np.flatnonzero(gallery.values[:, label] == 1 - value)[:QUERIES]
    others = np.delete(np.arange(gallery.values.shape[1]), label)
    own = gallery.values[lacking][:, None, others]
    for line in lines:
        for length in LENGTHS:
            vector = np.asarray(line * (spread * length * (1 if value else -1)), np.float32)
            nearest = gallery.values[gallery.nearest(gallery.codes[lacking] + vector, lacking)]
            share = float(np.mean(nearest[:, :, label] == value)) if len(lacking) else 0.0
            known = (own != MISSING) & (nearest[:, :, others] != MISSING)
            agreement = float(np.mean((own == nearest[:, :, others])[known])) if known.any() else 0.0
            yield Trial(Move(vector, share), agreement)
            if share >= ENOUGH:
                break


def _best(trials: list[Trial]) -> Move:
    """Of the moves that find enough the one that changes least beside; where none does, the one that finds most."""
    enough = [trial for trial in trials if trial.move.share >= ENOUGH]
    if enough:
        return max(enough, key=lambda trial: trial.agreement).move
    return max(trials, key=lambda trial: trial.move.share).move

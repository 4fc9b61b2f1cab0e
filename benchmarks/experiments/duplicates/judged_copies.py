"""Precision and recall, from the reported groups and the planted copies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.core.metrics import bootstrap_weights, interval
from benchmarks.datasets.planted_copies import Planted

SEED, RESAMPLES = 0, 1_000
Known = frozenset[frozenset[str]]


@dataclass(frozen=True)
class Reported:
    """A reported copy: the originals of the best picture of its group and of the copy itself.

    known: whether these are two files of the data set that show the same photograph. half: 0 or 1, the half of the
    people that the best picture shows.
    """

    originals: tuple[str, str]
    known: bool
    half: int

    @property
    def right(self) -> bool:
        """Whether the two pictures show the same photograph."""
        return self.known or self.originals[0] == self.originals[1]


@dataclass(frozen=True)
class Sought:
    """A planted copy, and whether it was reported in a group with its original."""

    kind: str
    found: bool
    half: int


def judge(groups: Sequence[Sequence[str]], planted: Planted, people: Mapping[str, int], known: Known) -> dict[str, Any]:
    """Precision over the reported copies, and recall over the planted ones.

    groups: file names, the best first. people: file name -> person; people with even numbers form one half. known:
    pairs of the data set's own files that show the same photograph.
    """
    reported = _reported(groups, planted, people, known)
    sought = _sought(groups, planted, people)
    kinds = dict.fromkeys(copy.kind for copy in sought)
    return {
        "planted": len(planted),
        "groups": len(groups),
        "reported": len(reported),
        "known": sum(copy.known for copy in reported),
        "wrong": [copy.originals for copy in reported if not copy.right],
        "precision": _share([copy.right for copy in reported]),
        "precision_without_known": _share([copy.right and not copy.known for copy in reported]),
        "recall": _share([copy.found for copy in sought]),
        "recall_interval": _interval([copy.found for copy in sought]),
        "recall_by_kind": {kind: _share([copy.found for copy in sought if copy.kind == kind]) for kind in kinds},
        "halves": [
            {
                "reported": sum(copy.half == half for copy in reported),
                "precision": _share([copy.right for copy in reported if copy.half == half]),
                "recall": _share([copy.found for copy in sought if copy.half == half]),
            }
            for half in (0, 1)
        ],
    }


def _reported(
    groups: Sequence[Sequence[str]], planted: Planted, people: Mapping[str, int], known: Known
) -> list[Reported]:
    origin = {name: original for name, (original, _) in planted.items()}
    reported = []
    for best, *others in groups:
        for other in others:
            first, second = origin.get(best, best), origin.get(other, other)
            reported.append(Reported((first, second), frozenset((first, second)) in known, people[first] % 2))
    return reported


def _sought(groups: Sequence[Sequence[str]], planted: Planted, people: Mapping[str, int]) -> list[Sought]:
    group_of = {name: number for number, group in enumerate(groups) for name in group}
    return [
        Sought(kind, copy in group_of and group_of[copy] == group_of.get(original), people[original] % 2)
        for copy, (original, kind) in planted.items()
    ]


def _share(holds: Sequence[bool]) -> float:
    return float(np.mean(holds)) if holds else 0.0


def _interval(holds: Sequence[bool]) -> list[float]:
    return interval(bootstrap_weights(len(holds), RESAMPLES, SEED) @ np.array(holds, np.float64))

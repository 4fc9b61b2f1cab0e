"""A reading turns maps into a code: it reduces each part, scales it to length 1, and reduces their concatenation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latentsearch.parts.boxes import Part
from latentsearch.parts.features import FeatureMap
from latentsearch.parts.graph import Graph

Matrix = NDArray[np.float64]
# Name of the output of a graph that ends before the last reduction.
SIDE_BY_SIDE = "parts"


@dataclass(frozen=True)
class Region:
    """A part's cells in a map."""

    part: Part
    feature: FeatureMap
    rows: slice
    columns: slice

    @property
    def cells(self) -> NDArray[np.int64]:
        """The indices of the region's numbers in the flattened map (channels, rows, columns)."""
        feature = self.feature
        positions = np.arange(feature.channels * feature.rows * feature.columns).reshape(
            feature.channels, feature.rows, feature.columns
        )
        return positions[:, self.rows, self.columns].ravel()

    @property
    def share(self) -> float:
        """The share of the map's area that the region covers, 0 to 1."""
        rows, columns = self.rows.stop - self.rows.start, self.columns.stop - self.columns.start
        return float(rows * columns / (self.feature.rows * self.feature.columns))


def regions_of(parts: Sequence[Part], features: Sequence[FeatureMap]) -> list[Region]:
    """Return the regions of all parts in all maps, without duplicates from parts that coincide in a folded map."""
    found: dict[tuple[str, int, int, int, int], Region] = {}
    for feature in features:
        for part in parts:
            rows, columns = part.cells(feature.rows, feature.columns * (2 if feature.folded else 1))
            if feature.folded:
                columns = _folded(columns, feature.columns)
            key = (feature.name, rows.start, rows.stop, columns.start, columns.stop)
            found.setdefault(key, Region(part, feature, rows, columns))
    return list(found.values())


def _folded(columns: slice, half: int) -> slice:
    """Convert columns of a whole map to columns of the folded one, in which the right half is mirrored to the left."""
    left, right = columns.start, columns.stop
    if left < half < right:
        return slice(min(left, 2 * half - right), half)
    return slice(left, right) if right <= half else slice(2 * half - right, 2 * half - left)


@dataclass(frozen=True)
class PartReading:
    """The reduction of one part: numbers (d,) -> (numbers - mean) @ matrix, scaled to length 1; matrix (d, k)."""

    region: Region
    mean: NDArray[np.float64]
    matrix: Matrix


@dataclass(frozen=True)
class Reading:
    """The reduction of all parts and of their concatenation: (parts - mean) @ matrix, scaled to length 1.

    Without mean and matrix, the result is the concatenation itself.
    """

    parts: tuple[PartReading, ...]
    mean: NDArray[np.float64] | None = None
    matrix: Matrix | None = None

    @property
    def size(self) -> int:
        """The length of a code."""
        matrices = [self.matrix] if self.matrix is not None else [part.matrix for part in self.parts]
        return sum(int(matrix.shape[1]) for matrix in matrices)

    def append(self, graph: Graph, name: str) -> None:
        """Add nodes that compute codes float32 (n, size) from the maps; name: the output's name."""
        if self.matrix is None or self.mean is None:
            graph.add("Concat", *self._side_by_side(graph), axis=1, name=name)
            return
        all_parts = graph.add("Concat", *self._side_by_side(graph), axis=1)
        graph.unit(_affine(graph, all_parts, self.mean, self.matrix), name=name)

    def _side_by_side(self, graph: Graph) -> Iterator[str]:
        for part in self.parts:
            region, feature = part.region, part.region.feature
            cells = graph.slice(feature.name, 2, region.rows.start, region.rows.stop)
            cells = graph.slice(cells, 3, region.columns.start, region.columns.stop)
            code = graph.unit(_affine(graph, graph.add("Flatten", cells), part.mean, part.matrix))
            weight = feature.weight * region.part.weight
            yield graph.add("Mul", code, graph.constant(weight)) if weight != 1 else code


def _affine(graph: Graph, rows: str, mean: NDArray[np.float64], matrix: Matrix) -> str:
    product = graph.add("MatMul", rows, graph.constant(matrix))
    return graph.add("Add", product, graph.constant(-mean @ matrix))

"""Checks an index's files against one another, and finds out whether the derived ones must be rebuilt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.catalog.catalog import Catalog, IndexMetadata
from indexer.index.vector_search import VectorSearch
from indexer.paths import printable
from indexer.vectors import code_file
from indexer.vectors.faiss_file import FILE_NAME

CODES_AT_ONCE = 100_000


@dataclass
class CheckReport:
    """The result of a check, one sentence per entry: what was checked, problems beyond repair, and what was rebuilt.

    wrong_with_base: why the base must be rebuilt, empty if it need not.
    """

    looked_at: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    rebuilt: list[str] = field(default_factory=list)
    wrong_with_base: str = ""


def check_files(folder: Path, catalog: Catalog, metadata: IndexMetadata, vectors: VectorSearch) -> CheckReport:
    """Check the files of an index that is open for writing. Rebuilds nothing itself."""
    report = CheckReport()
    report.looked_at.append(f"the catalogue: {vectors.count} images")
    report.problems += [f"{catalog.path.name}: {line}" for line in catalog.damage()]
    if not report.problems:
        _check_codes(folder / code_file.FILE_NAME, catalog, metadata, report)
    if not report.problems:
        report.looked_at.append(f"{FILE_NAME}: derived from the codes")
        report.wrong_with_base = _wrong_with_base(catalog, vectors)
    return report


def _check_codes(path: Path, catalog: Catalog, metadata: IndexMetadata, report: CheckReport) -> None:
    ids, positions = catalog.images.positions()
    report.looked_at.append(f"{code_file.FILE_NAME}: {metadata.code_rows} codes")
    whole_rows = code_file.size_of(path) // (metadata.latent_size * 4)
    report.problems += _wrong_positions(ids, positions, metadata.code_rows, whole_rows)
    readable = (positions >= 0) & (positions < min(whole_rows, metadata.code_rows))
    codes = code_file.map_codes(path, _end(positions[readable]), metadata.latent_size)
    for some in _parts(readable.nonzero()[0]):
        for image_id, wrong in code_file.wrong_codes(ids[some], codes[positions[some]], metadata.distance):
            image = catalog.images.of_ids([image_id])[image_id]
            report.problems.append(f"the code of {printable(image.path)} (id {image_id}) {wrong}")


def _wrong_positions(ids: NDArray[np.int64], positions: NDArray[np.int64], rows: int, whole_rows: int) -> list[str]:
    problems = []
    lost = int((positions >= whole_rows).sum())
    if lost:
        problems.append(f"{code_file.FILE_NAME} ends after {whole_rows} codes: those of {lost} images are lost")
    strange = ids[(positions < 0) | (positions >= rows)]
    if len(strange):
        problems.append(f"{len(strange)} images name codes that were never stored, first id {strange[0]}")
    shared = ids[1:][positions[1:] == positions[:-1]]
    if len(shared):
        problems.append(f"{len(shared)} images share a code with another image, first id {shared[0]}")
    return problems


def _wrong_with_base(catalog: Catalog, now: VectorSearch) -> str:
    if now.problem:
        return "was damaged"
    if now.base is None:
        return "was missing or stale"
    ids, positions = catalog.images.positions()
    sound = np.array_equal(now.ids(), np.sort(ids)) and np.array_equal(now.rows_of(ids), positions)
    return "" if sound else "did not hold the images' codes"


def _parts(rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(rows), CODES_AT_ONCE):
        yield rows[start : start + CODES_AT_ONCE]


def _end(positions: NDArray[np.int64]) -> int:
    return int(positions.max()) + 1 if len(positions) else 0

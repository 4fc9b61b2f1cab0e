"""Whether the files of an index agree with one another; what is derived is rebuilt, the rest is reported."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from indexer.paths import printable
from indexer.vectors import code_file as code_files
from indexer.vectors.code_file import wrong_codes
from indexer.vectors.faiss_file import FILE_NAME

if TYPE_CHECKING:
    from indexer.index.index import Index

CODES_AT_ONCE = 100_000


@dataclass
class CheckReport:
    """What was looked at, what is wrong beyond repair, and what was rebuilt; a sentence each."""

    looked_at: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    rebuilt: list[str] = field(default_factory=list)


def check_index(index: Index) -> CheckReport:
    """Check an index that is open for writing."""
    report = CheckReport()
    report.looked_at.append(f"the catalogue: {index.count()} images")
    report.problems += [f"{index.catalog.path.name}: {line}" for line in index.catalog.damage()]
    if not report.problems:
        _check_codes(index, report)
    if not report.problems:
        _check_vectors(index, report)
    return report


def _check_codes(index: Index, report: CheckReport) -> None:
    ids, positions = index.catalog.positions()
    report.looked_at.append(f"{code_files.FILE_NAME}: {index.facts.code_rows} codes")
    whole_rows = code_files.size_of(index.folder / code_files.FILE_NAME) // (index.latent_size * 4)
    report.problems += _wrong_positions(ids, positions, index.facts.code_rows, whole_rows)
    readable = (positions >= 0) & (positions < min(whole_rows, index.facts.code_rows))
    codes = code_files.map_codes(index.folder / code_files.FILE_NAME, _end(positions[readable]), index.latent_size)
    for some in _parts(readable.nonzero()[0]):
        for image_id, wrong in wrong_codes(ids[some], codes[positions[some]], index.distance):
            report.problems.append(f"the code of {printable(index.images([image_id])[0].path)} (id {image_id}) {wrong}")


def _wrong_positions(ids: NDArray[np.int64], positions: NDArray[np.int64], rows: int, whole_rows: int) -> list[str]:
    problems = []
    lost = int((positions >= whole_rows).sum())
    if lost:
        problems.append(f"{code_files.FILE_NAME} ends after {whole_rows} codes: those of {lost} images are lost")
    strange = ids[(positions < 0) | (positions >= rows)]
    if len(strange):
        problems.append(f"{len(strange)} images name codes that were never stored, first id {strange[0]}")
    shared = ids[1:][positions[1:] == positions[:-1]]
    if len(shared):
        problems.append(f"{len(shared)} images share their code with another, first id {shared[0]}")
    return problems


def _check_vectors(index: Index, report: CheckReport) -> None:
    report.looked_at.append(f"{FILE_NAME}: derived from the codes")
    wrong = _wrong_with_base(index)
    if wrong:
        index.derive(anew=True)
        report.rebuilt.append(f"{FILE_NAME}, which {wrong}")


def _wrong_with_base(index: Index) -> str:
    now = index.neighbours
    if now.problem:
        return "was damaged"
    if now.base is None:
        return "was missing or stale"
    ids, positions = index.catalog.positions()
    sound = np.array_equal(now.ids(), np.sort(ids)) and np.array_equal(now.rows_of(ids), positions)
    return "" if sound else "did not hold the images' codes"


def _parts(rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(rows), CODES_AT_ONCE):
        yield rows[start : start + CODES_AT_ONCE]


def _end(positions: NDArray[np.int64]) -> int:
    return int(positions.max()) + 1 if len(positions) else 0

"""Checks an index's files against one another, and finds out whether the derived ones must be rebuilt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexer.catalog.catalog import Catalog, IndexMetadata
from indexer.index.vector_search import VectorSearch
from indexer.paths import printable
from indexer.vectors import code_file
from indexer.vectors.code_file import OF_FACES, OF_PICTURES, Files

if TYPE_CHECKING:
    from indexer.index.faces import FaceSpace

CODES_AT_ONCE = 100_000


@dataclass
class CheckReport:
    """The result of a check, one sentence per entry: what was checked, problems beyond repair, and what was rebuilt.

    wrong_bases: why a base must be rebuilt, by the name of its file.
    """

    looked_at: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    rebuilt: list[str] = field(default_factory=list)
    wrong_bases: dict[str, str] = field(default_factory=dict)

    def add(self, other: CheckReport) -> None:
        """Add the result of another check."""
        self.looked_at += other.looked_at
        self.problems += other.problems
        self.wrong_bases |= other.wrong_bases


def check_files(folder: Path, catalog: Catalog, metadata: IndexMetadata, vectors: VectorSearch) -> CheckReport:
    """Check the files of an index that is open for writing. Rebuilds nothing itself."""
    report = CheckReport()
    report.looked_at.append(f"the catalogue: {vectors.count} images")
    report.problems += [f"{catalog.path.name}: {line}" for line in catalog.damage()]
    if not report.problems:
        _check_space(folder, OF_PICTURES, Space("images", catalog, metadata, vectors), report)
    return report


def check_faces(folder: Path, catalog: Catalog, faces: FaceSpace) -> CheckReport:
    """Check the files of the faces of an index, whose catalogue is sound, in the same way."""
    report = CheckReport([f"the catalogue: {faces.count()} faces"])
    _check_space(folder, OF_FACES, Space("faces", catalog, faces.metadata, faces.vectors), report)
    return report


class Space(NamedTuple):
    """What is checked: the images or the faces of an index."""

    called: str
    catalog: Catalog
    metadata: IndexMetadata
    vectors: VectorSearch

    def path_of(self, row_id: int) -> str:
        """Return the path of an image, or of the image with a face."""
        image_id = self.catalog.faces.of_ids([row_id])[row_id].image_id if self.called == "faces" else row_id
        return printable(self.catalog.images.of_ids([image_id])[image_id].path)


def _check_space(folder: Path, files: Files, space: Space, report: CheckReport) -> None:
    _check_codes(folder / files.codes, space, report)
    if not report.problems:
        report.looked_at.append(f"{files.base}: derived from the codes")
        wrong = _wrong_with_base(space.vectors)
        if wrong:
            report.wrong_bases[files.base] = wrong


def _check_codes(path: Path, space: Space, report: CheckReport) -> None:
    metadata = space.metadata
    ids, positions = space.vectors.catalogued.positions()
    report.looked_at.append(f"{path.name}: {metadata.code_rows} codes")
    whole_rows = code_file.size_of(path) // (metadata.latent_size * 4)
    report.problems += _wrong_positions(path.name, space.called, ids, positions, metadata.code_rows, whole_rows)
    readable = (positions >= 0) & (positions < min(whole_rows, metadata.code_rows))
    codes = code_file.map_codes(path, _end(positions[readable]), metadata.latent_size)
    for some in _parts(readable.nonzero()[0]):
        for row_id, wrong in code_file.wrong_codes(ids[some], codes[positions[some]], metadata.distance):
            report.problems.append(f"the code of {space.path_of(row_id)} (id {row_id}) {wrong}")


def _wrong_positions(
    file: str, called: str, ids: NDArray[np.int64], positions: NDArray[np.int64], rows: int, whole_rows: int
) -> list[str]:
    problems = []
    lost = int((positions >= whole_rows).sum())
    if lost:
        problems.append(f"{file} ends after {whole_rows} codes: those of {lost} {called} are lost")
    strange = ids[(positions < 0) | (positions >= rows)]
    if len(strange):
        problems.append(f"{len(strange)} {called} name codes that were never stored, first id {strange[0]}")
    shared = ids[1:][positions[1:] == positions[:-1]]
    if len(shared):
        problems.append(f"{len(shared)} {called} share a code with another {called[:-1]}, first id {shared[0]}")
    return problems


def _wrong_with_base(now: VectorSearch) -> str:
    if now.problem:
        return "was damaged"
    if now.base is None:
        return "was missing or stale"
    ids, positions = now.catalogued.positions()
    sound = np.array_equal(now.ids(), np.sort(ids)) and np.array_equal(now.rows_of(ids), positions)
    return "" if sound else "did not hold the images' codes"


def _parts(rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(rows), CODES_AT_ONCE):
        yield rows[start : start + CODES_AT_ONCE]


def _end(positions: NDArray[np.int64]) -> int:
    return int(positions.max()) + 1 if len(positions) else 0

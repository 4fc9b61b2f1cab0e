"""Make an index of codes that another program computed, from arrays or files; its encoder has a name but no network.

The distances between random pairs of these codes are measured when the index is made, so that similarities mean the
same as for every other encoder. Pictures cannot be encoded in such an index: searches go by id or by code.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from indexer.errors import InputError
from indexer.paths import printable

if TYPE_CHECKING:
    from indexer.catalog.failures import Failure
    from indexer.catalog.images import ImageRecord
    from indexer.encoders.encoder import Encoder
    from indexer.parquet.load import ImportSummary
    from indexer.parquet.reader import ParquetReader
    from indexer.parquet.schema import Rows
    from indexer.progress import StepReport
    from indexer.workers.tasks import Job, Outcome
    from latentsearch.interface.collection import Collection

# Codes sampled to measure the closest pairs: 12 million pairs, which takes a fraction of a second.
MEASURED = 5_000
ROWS_AT_ONCE = 10_000
# Pixels along the side of the decoded pictures; they are discarded, since only size, hash and readability are needed.
SIDE = 8
# Files between two calls of `on_progress`.
REPORTED = 100


def import_codes(
    path: str | Path,
    pictures: Sequence[str | Path],
    codes: ArrayLike,
    *,
    encoder: str,
    distance: Literal["cosine", "euclidean"] = "cosine",
    on_progress: StepReport | None = None,
) -> Collection:
    """Add codes that another program computed to an index, and open it; the index is made if there is none.

    path: the folder of the index. pictures: n paths. codes: (n, d), converted to float32, and to length 1 for "cosine".
    encoder: a name for their encoder, the same in each import to an index. on_progress: as for `Collection.add`.

    A picture whose file cannot be read is left out, and listed by `Collection.failures`. A second import replaces the
    codes of paths that are in the index and adds the others. This collection searches by id and by code; `add`,
    `encode` and searches for pictures raise EncoderError, since there is no network to encode them.
    Raises InputError for codes that do not fit the paths, are not finite or all equal, and for a path given twice,
    EncoderError for an index with another encoder, LockedIndex while another process writes to it.

    >>> paths = sorted((folder / "pictures").glob("*.png"))
    >>> codes = [[9, 1], [5, 5], [1, 9], [1, 8], [8, 1]]
    >>> with ls.import_codes(folder / "imported", paths, codes, encoder="mine") as imported:
    ...     [Path(hit.path).name for hit in imported.search(np.array([9.0, 1.0]), k=2)]
    ['dawn.png', 'noon.png']
    """
    from latentsearch.interface.collection import open

    folder = Path(os.path.abspath(path))
    import_into(folder, pictures, codes, encoder, distance, on_progress)
    return open(folder)


def import_into(
    folder: Path,
    pictures: Sequence[str | Path],
    codes: ArrayLike,
    encoder: str,
    distance: str,
    on_progress: StepReport | None,
) -> tuple[ImportSummary, list[Failure]]:
    """Import as `import_codes` into a folder, given by its absolute path; return counts and the files left out."""
    from indexer.index.writer import IndexWriter
    from indexer.parquet.load import import_codes as import_rows
    from latentsearch.interface.parquet import keep_model
    from latentsearch.search.search import ENCODER_FOLDER

    paths = [os.path.abspath(picture) for picture in pictures]
    checked = _checked(paths, codes, distance)
    bundle = folder / ENCODER_FOLDER
    model = _model(bundle, checked, encoder, distance)
    with IndexWriter.create(folder, _without_network(bundle, model)) as writer:
        keep_model(folder, model)
        source = _Source(paths, checked, on_progress)
        # import_rows uses only the rows, the count and the predictor of a ParquetReader.
        summary = import_rows(writer, cast("ParquetReader", source))
        writer.catalog.failures.add(source.failures)
        writer.commit()
    return summary, source.failures


class _Source:
    """Gives paths and codes to `indexer.parquet.load.import_codes`, and reads the files on the way."""

    predictor = None

    def __init__(self, paths: Sequence[str], codes: NDArray[np.float32], on_progress: StepReport | None) -> None:
        self._paths = paths
        self._codes = codes
        self._on_progress = on_progress
        self.count = len(paths)
        self.failures: list[Failure] = []

    def rows(self) -> Iterator[Rows]:
        """Yield the readable pictures with their codes, ROWS_AT_ONCE files at a time."""
        from indexer.facts.facts import Facts
        from indexer.parquet.schema import Rows

        for start in range(0, self.count, ROWS_AT_ONCE):
            outcomes = list(self._looked_at(start))
            readable = [row for row, outcome in enumerate(outcomes, start) if not outcome.reason]
            self.failures += [_failure(outcome) for outcome in outcomes if outcome.reason]
            records = [_record(outcome) for outcome in outcomes if not outcome.reason]
            facts = [Facts.of(outcome.facts or ()) for outcome in outcomes if not outcome.reason]
            yield Rows(records, [{} for _ in records], self._codes[readable], facts=facts)

    def _looked_at(self, start: int) -> Iterator[Outcome]:
        from indexer.encoders.framing import Whole
        from indexer.workers.in_order import decoded_in_order

        jobs = map(_job, self._paths[start : start + ROWS_AT_ONCE])
        for done, (outcome, _) in enumerate(decoded_in_order(Whole(SIDE, SIDE), jobs), start + 1):
            if self._on_progress is not None and (done % REPORTED == 0 or done == self.count):
                self._on_progress("importing", done, self.count)
            yield outcome


def _checked(paths: Sequence[str], codes: ArrayLike, distance: str) -> NDArray[np.float32]:
    """Return codes as they are stored, float32 (n, d). Raises InputError as `import_codes`."""
    checked = np.array(codes, np.float32)
    if distance not in ("cosine", "euclidean"):
        raise InputError(f'distance is {distance!r}: it must be "cosine" or "euclidean"')
    if checked.ndim != 2 or len(checked) != len(paths) or not checked.size:
        raise InputError(f"codes have shape {checked.shape}: {len(paths)} paths need ({len(paths)}, d)")
    if len(set(paths)) != len(paths):
        twice = next(path for path, count in Counter(paths).items() if count > 1)
        raise InputError(f"{printable(twice)} stands there twice: give each picture one code")
    lengths = np.linalg.norm(checked.astype(np.float64), axis=1)
    unusable = ~np.isfinite(lengths) | (lengths == 0 if distance == "cosine" else False)
    if unusable.any():
        raise InputError(f"the code of {printable(paths[int(unusable.argmax())])} is not finite, or has no direction")
    return (checked / lengths[:, None]).astype(np.float32) if distance == "cosine" else checked


def _model(bundle: Path, codes: NDArray[np.float32], name: str, distance: str) -> dict[str, Any]:
    """Return the stored model.json of this encoder, or a new one with similarities measured on these codes."""
    from indexer.encoders.encoder import FORMAT, read_model
    from indexer.encoders.framing import Framing
    from latentsearch.export.calibration import closest_pairs, random_pair_distances
    from latentsearch.search.search import COMPUTED_ELSEWHERE

    sha256 = hashlib.sha256(f"{COMPUTED_ELSEWHERE}\0{name}\0{codes.shape[1]}\0{distance}".encode()).hexdigest()
    if (bundle / "model.json").is_file():
        stored = read_model(bundle)
        if stored["files"]["encoder.onnx"]["sha256"] == sha256:
            return stored
    if not name.strip() or (codes == codes[0]).all():
        raise InputError("an index begins with two different codes at least, and with a name for their encoder")
    some = codes[np.random.default_rng(0).permutation(len(codes))[:MEASURED]]
    quantiles = random_pair_distances(codes, distance)
    return {
        "format": FORMAT,
        "name": name,
        "family": COMPUTED_ELSEWHERE,
        "latent_size": codes.shape[1],
        "framing": Framing(SIDE, SIDE).to_json(),
        "distance": distance,
        "files": {"encoder.onnx": {"sha256": sha256, "bytes": 0}},
        "random_pair_distances": quantiles,
        "closest_pairs": closest_pairs(some, distance, quantiles),
    }


def _without_network(bundle: Path, model: dict[str, Any]) -> Encoder:
    from indexer.encoders.encoder import Encoder

    return Encoder(bundle, model, None)


def _job(path: str) -> Job:
    from indexer.workers.tasks import Job

    try:
        facts = os.stat(path)
    except OSError:
        return Job(path, 0, 0)
    return Job(path, facts.st_size, facts.st_mtime_ns)


def _record(outcome: Outcome) -> ImageRecord:
    from indexer.catalog.images import ImageRecord

    job = outcome.job
    shape = (outcome.width, outcome.height)
    return ImageRecord(
        0, job.path, job.size, job.mtime_ns, outcome.digest, *shape, 0, time.time(), int(outcome.incomplete)
    )


def _failure(outcome: Outcome) -> Failure:
    from indexer.catalog.failures import Failure

    return Failure(outcome.job.path, outcome.reason, may_pass=outcome.may_pass)


@dataclass(frozen=True)
class VectorSummary:
    """The result of an import: found = added + unchanged + unreadable. replaced: the added ones that replaced others.

    unreadable: pictures that were left out because their files cannot be read; `Collection.failures` has the reasons.
    """

    found: int
    added: int
    replaced: int
    unchanged: int
    unreadable: int

    def to_json(self) -> dict[str, Any]:
        """Return the output of `latentsearch import --json`."""
        return asdict(self)


def import_vectors(
    file: str | Path,
    path: str | Path | None = None,
    *,
    paths: str | Path | None = None,
    vectors: str | None = None,
    encoder: str | None = None,
    distance: Literal["cosine", "euclidean"] | None = None,
    on_progress: StepReport | None = None,
) -> VectorSummary:
    """Import a file of vectors that another program computed into an index of its own, which is made if there is none.

    file: a .npy file with one vector per row, or a Parquet file. path: the folder of the index, as for `open`. paths:
    for a .npy file, a text file with one path per line, in the order of the rows; for a Parquet file, the column of
    paths, by default "path" or the like. vectors: the Parquet column of vectors, by default the only one with lists of
    numbers. encoder: a name for the vectors' encoder. distance: "cosine" by default. Both may be left out for an
    existing index. on_progress: as for `Collection.add`.

    Relative paths are relative to the working directory. Otherwise as `import_codes`, which explains what such an index
    can do. Raises InputError for a damaged file, a missing column and vectors that cannot be imported, too.

    >>> np.save(folder / "vectors.npy", [[9, 1], [1, 9]])
    >>> pictures = sorted((folder / "pictures").glob("n*.png"))[:2]
    >>> _ = (folder / "paths.txt").write_text("".join(f"{one}\\n" for one in pictures))
    >>> ls.import_vectors(folder / "vectors.npy", folder / "mine", paths=folder / "paths.txt", encoder="mine").added
    2
    """
    from indexer.index.index import Index
    from indexer.paths import locate
    from latentsearch.vector_files import read_vectors, refusal

    source, folder = Path(file), locate(path)
    names, rows = read_vectors(source, paths, vectors)
    if Index.exists(folder):
        with Index.open(folder) as index:
            encoder, distance = encoder or index.encoder_name, distance or index.distance  # type: ignore[assignment]
            if rows.shape[1] != index.latent_size:
                raise refusal(
                    source, f"its vectors have {rows.shape[1]} numbers, and those of the index {index.latent_size}"
                )
    if not encoder:
        raise InputError(f"the encoder of the vectors in {printable(source)} has no name: give it one, such as `clip`")
    summary, failures = import_into(folder, names, rows, encoder, distance or "cosine", on_progress)
    counts = summary.added, summary.replaced, summary.unchanged, len(failures)
    return VectorSummary(summary.found + len(failures), *counts)

"""The pictures of one index: add, search, encode and compare them."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from indexer.errors import InputError
from latentsearch.interface.open_index import OpenIndex
from latentsearch.interface.results import Results

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from indexer.parquet.load import ImportSummary
    from indexer.pipeline.run import Summary
    from indexer.progress import Report, StepReport
    from latentsearch.interface.duplicates import Duplicates
    from latentsearch.interface.pictures import Picture, Queried
    from latentsearch.query import Change, Options, Query

logger = logging.getLogger(__name__)


class Collection(OpenIndex):
    """The pictures of one index, from `open` or `create`; a context manager that closes its files.

    Each call sees everything that other processes have committed. Methods raise ValueError after the collection has
    been closed, and DamagedIndex if the files of the index contradict one another; methods that write raise LockedIndex
    while another process writes. Several threads may use it, one at a time.
    """

    def add(
        self,
        *folders: str | Path,
        exclude: str | Iterable[str] = (),
        labels: str | Path | None = None,
        prune: bool | Literal["force"] = False,
        predict_labels: bool | str | Path = False,
        retry_failed: bool = False,
        rehash: bool = False,
        kind: str | None = None,
        recall: float | None = None,
        device: str = "cpu",
        memory: int | str | None = None,
        on_progress: StepReport | None = None,
    ) -> Summary:
        """Add the pictures of folders, or update the index after they have changed; single files may be named, too.

        exclude: patterns of files and folders to leave out, as in .gitignore. labels: a CSV file, file names first.
        prune: remove pictures of these folders whose files are gone; if most of a folder is gone, only with "force".
        predict_labels: predict labels that are not given, with the included encoder (True) or another, by name or
        folder. retry_failed: try every file again that could not be used. rehash: read every file again, even if its
        size and modification time are unchanged. kind, recall, device: of the search index, as the options of
        `latentsearch index`. memory: the most to use, in bytes or as a string such as "2GB". on_progress: called
        several times a second with the name of the step, the number done and the total (None until it is known).

        Returns a summary: found, encoded, copied, unchanged, moved, changed, failed and further counts. A file that
        cannot be used does not end the run; `failures` lists it. Ctrl-C ends the run and keeps the pictures encoded so
        far. Raises InputError if a folder or the label file does not exist, and if the disk is full.

        >>> with ls.create(folder / "third index") as pictures:
        ...     summary = pictures.add(folder / "pictures", exclude="n*.png", on_progress=lambda *step: None)
        ...     summary.found, summary.failed
        (2, 0)
        """
        from latentsearch.interface.indexing import Wanted, add_folders

        wanted = Wanted(labels, prune, predict_labels, retry_failed, rehash, kind, recall, device, memory)
        patterns = [exclude] if isinstance(exclude, str) else exclude
        return add_folders(self._now(), self._encoder(), folders, patterns, wanted, on_progress)

    def search(
        self,
        query: Queried | Iterable[Queried],
        k: int = 20,
        *,
        minus: Queried | Iterable[Queried] = (),
        where: str | Iterable[str] = (),
        under: str | Path | Iterable[str | Path] = (),
        set: Mapping[str, int] | None = None,
        set_by: str = "directions",
        exclude_self: bool = False,
        max_distance: float | None = None,
        min_similarity: float | None = None,
        diverse: float | None = None,
    ) -> Results:
        """Find the pictures most like the query, or like the mean of several.

        query, minus: each a path, a URL, an array uint8 (h, w, 3), a PIL image, the bytes of a picture file, the id of
        a stored picture, a code float (d,), or several of these; the mean code of `minus` is subtracted. k: the most
        hits to return. where: conditions such as "Eyeglasses=1" or "width>=800"; all must hold. under: folders; a hit
        lies in one of them. set: labels to set in the query, to 0 or 1. set_by: "directions", or the bundle whose
        generator redraws the query. exclude_self: leave out the queried pictures and exact copies of them.
        max_distance, min_similarity: bounds for each hit. diverse: from 1 (only similarity counts) to 0 (only variety).

        Raises InputError for an unknown picture, id or label and for numbers out of range, UnreadableImage for a
        picture that cannot be read, TransferError for a failed download, IndexStateError for an empty index,
        EncoderError for a picture if the codes were imported, MissingExtra without ONNX Runtime or FAISS.

        >>> with ls.open(folder / "index") as pictures:
        ...     [Path(hit.path).name for hit in pictures.search(picture, k=1)]
        ['dawn.png']
        """
        from latentsearch.interface.pictures import query_of
        from latentsearch.query import Options

        options = Options(
            k=k,
            exclude_self=exclude_self,
            max_distance=max_distance,
            min_similarity=min_similarity,
            diverse=diverse,
            where=(where,) if isinstance(where, str) else tuple(where),
            under=(Path(under),) if isinstance(under, str | os.PathLike) else tuple(map(Path, under)),
            changes=tuple(_changes(set or {})),
            set_by=set_by,
        )
        return self._answer(query_of(query, minus), options)

    def encode(
        self, pictures: Picture | Iterable[Picture], *, errors: Literal["raise", "nan"] = "raise"
    ) -> NDArray[np.float32]:
        """Encode pictures with the encoder of the index: float32 (n, d). Stores nothing; see `latentsearch.encode`."""
        from latentsearch.interface.encoding import encoded

        self._now()
        return encoded(pictures, self._encoder(), errors)

    def duplicates(
        self, *, exact: bool = False, near: bool = False, on_progress: StepReport | None = None
    ) -> Duplicates:
        """Find groups of pictures that are copies of one another; nothing is deleted.

        exact: only files with the same bytes. near: only pictures that look the same and have other bytes. With
        neither, both kinds are found. on_progress: as for `add`. Raises InputError if exact and near are both set,
        MissingExtra without FAISS.

        >>> with ls.open(folder / "index") as pictures:
        ...     [[Path(copy.image.path).name for copy in group] for group in pictures.duplicates(exact=True)]
        [['night.png', 'night2.png']]
        """
        from latentsearch.duplicates.find import find_duplicates as find
        from latentsearch.interface.duplicates import Duplicates

        if exact and near:
            raise InputError("exact and near exclude each other: leave both out to find both")
        self._now()
        return Duplicates.of(find(str(self.folder), exact=exact, near=near, report=on_progress))

    def to_parquet(self, path: str | Path, *, on_progress: StepReport | None = None) -> int:
        """Write paths, digests, sizes, times, labels and codes to a Parquet file. Returns the number of pictures.

        Raises MissingExtra without the extra `parquet`, InputError if the file cannot be written.
        """
        from indexer.parquet.export import export_codes

        return export_codes(self._now(), Path(path), _of_one_step(on_progress, "exporting"))

    def add_parquet(self, path: str | Path, *, on_progress: StepReport | None = None) -> ImportSummary:
        """Add the pictures of a file that `to_parquet` wrote; their own files are not read.

        Returns a summary with the counts found, added, replaced and unchanged. Raises InputError for a damaged file,
        from which nothing is imported, EncoderError for codes of another encoder, MissingExtra without the extra
        `parquet`.
        """
        from indexer.index.writer import IndexWriter
        from indexer.parquet.load import import_codes
        from indexer.parquet.reader import ParquetReader

        self._now()
        encoder = self._encoder(network=False)
        with ParquetReader(Path(path)) as file:
            file.require(encoder)
            file.look_through()
            with IndexWriter.create(self.folder, encoder) as writer:
                return import_codes(writer, file, _of_one_step(on_progress, "importing"))

    def _answer(self, query: Query, options: Options) -> Results:
        from latentsearch.search.search import check, require_pictures, search_in

        check(query, options)
        require_pictures(self._now())
        if self._index.problem and not self._has_warned:
            self._has_warned = True
            logger.warning("%s", self._index.problem)
        encoder = self._encoder(network=bool(query.files))
        return Results.of(search_in(self._index, encoder, query, options), query.given)


def _changes(wanted: Mapping[str, int]) -> Iterator[Change]:
    """Return the labels to set. Raises InputError for a value other than 0 and 1."""
    from latentsearch.query import Change

    for label, value in wanted.items():
        if value not in (0, 1):
            raise InputError(f"label {label!r} cannot be set to {value!r}: give 0 or 1")
        yield Change(label, int(value))


def _of_one_step(on_progress: StepReport | None, step: str) -> Report | None:
    """Adapt a callback that takes a step's name to work with a single step."""
    return None if on_progress is None else partial(on_progress, step)

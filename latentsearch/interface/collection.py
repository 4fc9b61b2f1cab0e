"""The pictures of one index: open it or make it, add pictures, search."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Unpack

from indexer.errors import InputError
from latentsearch.interface.open_index import OpenIndex
from latentsearch.interface.results import FolderResults, Results

if TYPE_CHECKING:
    from indexer.encoders.encoder import Encoder
    from indexer.parquet.load import ImportSummary
    from indexer.pipeline.summary import Summary
    from indexer.progress import StepReport
    from latentsearch.interface.duplicates import Duplicates
    from latentsearch.interface.queries import Crop, HitOptions, Queried, SearchOptions
    from latentsearch.query import Options, Query, Stopwatch
    from latentsearch.search.faces import FaceSearch

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
        faces: bool | str | Path = False,
        on_progress: StepReport | None = None,
    ) -> Summary:
        """Add the pictures of folders, or update the index after they have changed; single files may be named, too.

        exclude: patterns of files and folders to leave out, as in .gitignore. labels: a CSV file, file names first.
        prune: remove pictures of these folders whose files are gone; if most of a folder is gone, only with "force".
        predict_labels: predict labels that are not given, with the included encoder (True) or another, by name or
        folder. retry_failed: try every file again that could not be used. rehash: read every file again, even if its
        size and modification time are unchanged. kind, recall, device: of the search index. memory: the most to use, in
        bytes or such as "2GB". faces: also find and encode faces, with the default encoder (True) or another; an index
        with faces always does. on_progress: called with the step's name, the number done and the total, if known.

        Returns a summary: found, encoded, copied, unchanged, moved, changed, failed and further counts. A file that
        cannot be used does not end the run; `failures` lists it. Ctrl-C ends the run and keeps the pictures encoded so
        far. Raises InputError if a folder or the label file does not exist, and if the disk is full.

        >>> with ls.create(folder / "third index") as pictures:
        ...     summary = pictures.add(folder / "pictures", exclude="n*.png", on_progress=lambda *step: None)
        ...     summary.found, summary.failed
        (2, 0)
        """
        from latentsearch.interface.indexing import Wanted, add_folders

        wanted = Wanted(exclude, labels, prune, predict_labels, retry_failed, rehash, kind, recall, device, memory)
        return add_folders(self._now(), self._encoder(), folders, wanted._replace(faces=faces), on_progress)

    def add_parquet(self, path: str | Path, *, on_progress: StepReport | None = None) -> ImportSummary:
        """Add the pictures of a file that `to_parquet` wrote; returns and raises as `import_parquet`."""
        from indexer.parquet.reader import ParquetReader
        from latentsearch.interface.parquet import add_rows

        self._now()
        encoder = self._encoder(network=False)
        with ParquetReader(Path(path)) as file:
            return add_rows(file, self.folder, encoder, on_progress)

    def search(
        self,
        query: Queried | Iterable[Queried],
        k: int | None = None,
        *,
        minus: Queried | Iterable[Queried] = (),
        given: Mapping[str, bytes] | None = None,
        weights: Sequence[float] | None = None,
        minus_weights: Sequence[float] | None = None,
        crop: Crop | None = None,
        **options: Unpack[HitOptions],
    ) -> Results:
        """Find the pictures most like the query, or like the mean of several.

        query, minus: each a path, a URL, an array uint8 (h, w, 3), a PIL image, the bytes of a picture file, the id of
        a stored picture, a code float (d,), or several of these; the mean code of `minus` is subtracted. given: the
        bytes of picture files, by the names that stand for them in query and minus. weights: of the items of query in
        their mean. minus_weights: the multiple of each item of minus that is subtracted, such as 0.5. crop: the part of
        the pictures of query to search for, (x, y, w, h) in pixels or in shares such as (0.25, 0, 0.5, 1), for all of
        them or a list with one for each. k: the most hits to return, 20 if left out, 200 with `within`. where:
        conditions such as "Eyeglasses=1" or "taken>=2024"; all must hold. under: folders; a hit lies in one of them.
        set: labels to set in the query, to 0 or 1, by name or in pairs. set_by: "directions", or the bundle whose
        generator redraws the query. exclude_self: leave out the queried pictures and exact copies of them.
        max_distance, min_similarity: bounds for each hit. diverse: from 1 (only similarity counts) to 0 (only variety).
        face: which face of the queried picture to search for in an index with faces, 1 for the largest; None for the
        largest, or the whole picture if it shows none. whole: search whole pictures in such an index, too.
        sort: "similarity", "taken" (oldest first, without a date last) or "name"; hits keep their ranks by similarity.
        within: a share of the pairs of pictures in the index, such as "1/1000"; hits are as close as the closest pairs
        that make up this share, and `cutoff` of the results is that distance.

        Raises InputError for an unknown picture, id or label and for numbers out of range, UnreadableImage for a
        picture that cannot be read, TransferError for a failed download, IndexStateError for an empty index,
        EncoderError for a picture if the codes were imported, MissingExtra without ONNX Runtime or FAISS.

        >>> with ls.open(folder / "index") as pictures:
        ...     [Path(hit.path).name for hit in pictures.search(picture, k=1)]
        ['dawn.png']
        """
        from latentsearch.interface.queries import options_of, query_of

        return self._answer(query_of(query, minus, given, weights, minus_weights, crop), options_of(k=k, **options))

    def search_folder(
        self,
        folder: str | Path,
        *,
        minus: Queried | Iterable[Queried] = (),
        given: Mapping[str, bytes] | None = None,
        minus_weights: Sequence[float] | None = None,
        **options: Unpack[SearchOptions],
    ) -> FolderResults:
        """Search with every picture of a folder, one by one; files are decoded in parallel. Compares whole pictures.

        minus, given, minus_weights, options: as for `search`. Iterate over the answers while the collection is open:
        each is `Results` or, for a picture that cannot be used, an object with its path, `query`, and the `reason`.
        Raises what `search` does, and InputError for a folder that does not exist or holds no picture.

        >>> with ls.open(folder / "index") as pictures:
        ...     [len(found) for found in pictures.search_folder(folder / "pictures", k=2)]
        [2, 2, 2, 2, 2]
        """
        from latentsearch.interface.queries import options_of, query_of
        from latentsearch.query import check_files
        from latentsearch.search.folder import FolderSearch

        chosen, subtracted = options_of(**options), query_of([], minus, given, minus_weights=minus_weights)
        chosen.check()
        if chosen.face is not None:
            raise InputError("a search with every picture of a folder compares whole pictures: leave face out")
        check_files(subtracted.minus)
        encoder, watch = self._ready_to_search(network=True)
        return FolderResults(FolderSearch(self._index, encoder, Path(folder), chosen, subtracted, watch))

    def _answer(self, query: Query, options: Options) -> Results:
        from latentsearch.search.search import check, search_in

        check(query, options)
        faceless = ""
        if self._searches_faces(query, options):
            from latentsearch.search.faces import FacelessPicture

            _, watch = self._ready_to_search(network=False)
            try:
                return Results.of(self._face_search.search(query, options, watch), query.given)
            except FacelessPicture as error:
                faceless = str(error)
        encoder, watch = self._ready_to_search(network=bool(query.files))
        return Results.of(search_in(self._index, encoder, query, options, watch, faceless), query.given)

    def _searches_faces(self, query: Query, options: Options) -> bool:
        """Return whether a query is about faces. Raises InputError if it names one in an index without faces."""
        faces = self._now().metadata.faces
        if options.face is not None and not faces:
            raise InputError(
                f"the index at {self.folder} has no faces: find them with `latentsearch index DIR --faces`"
            )
        return bool(faces) and not options.whole and not (query.codes or query.minus_codes)

    @cached_property
    def _face_search(self) -> FaceSearch:
        from latentsearch.search.faces import FaceSearch

        return FaceSearch(self._index)

    def _ready_to_search(self, *, network: bool) -> tuple[Encoder, Stopwatch]:
        """Return the encoder, and a stopwatch with the time that loading took. Raises IndexStateError if empty."""
        from latentsearch.query import Stopwatch
        from latentsearch.search.search import require_pictures

        watch, self._watch = self._watch, Stopwatch()
        with watch.stage("load"):
            require_pictures(self._now())
            self._log_once()
            return self._encoder(network=network), watch

    def _log_once(self) -> None:
        if self._has_logged:
            return
        self._has_logged = True
        index = self._index
        if index.problem:
            logger.warning("%s", index.problem)
        index_type = index.base.index_type if index.base else "none, a search compares every code"
        logger.debug("%d pictures of encoder %s; search index: %s", index.count(), index.encoder_name, index_type)


def open(path: str | Path | None = None, encoder: str | Path | None = None) -> Collection:
    """Open an existing index.

    path: its folder; None for $LATENTSEARCH_INDEX, or else the user's data folder, as on the command line. encoder: a
    name that `encoders` lists or the folder of a bundle, which must be the encoder of the index; None for its own.
    Raises IndexStateError if there is no index, DamagedIndex if it cannot be read, EncoderError for another encoder.

    >>> with ls.open(folder / "index") as pictures:
    ...     len(pictures)
    5
    """
    from indexer.index.index import Index
    from latentsearch.query import Stopwatch

    watch = Stopwatch()
    with watch.stage("load"):
        opened = Collection(Index.open(Index.locate(path)), encoder, watch)
    try:
        if encoder is not None:
            opened._encoder(network=False)
    except BaseException:
        opened.close()
        raise
    return opened


def create(path: str | Path | None = None, encoder: str | Path | None = None) -> Collection:
    """Open an index; make a new one if there is none.

    path: its folder, as for `open`. encoder: a name that `encoders` lists or the folder of a bundle; None for the
    encoder of an existing index, or "parts" for a new one.
    Raises EncoderError if the index was made with another encoder or the encoder does not exist, InputError if the
    folder holds something else, LockedIndex while another process writes to the index.

    >>> with ls.create(folder / "another index", encoder="parts") as pictures:
    ...     pictures.add(folder / "pictures").found
    5
    """
    from indexer.encoders.encoder import load_encoder
    from indexer.index.index import Index
    from indexer.index.writer import IndexWriter

    folder = Index.locate(path)
    if not Index.exists(folder):
        IndexWriter.create(folder, load_encoder(encoder, network=False)).close()
    return open(folder, encoder)


def find_duplicates(
    path: str | Path | None = None,
    *,
    exact: bool = False,
    near: bool = False,
    on_progress: StepReport | None = None,
) -> Duplicates:
    """Find copies among the pictures of an index: `Collection.duplicates` without opening a collection first."""
    with open(path) as collection:
        return collection.duplicates(exact=exact, near=near, on_progress=on_progress)

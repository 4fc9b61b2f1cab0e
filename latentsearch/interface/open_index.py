"""An open index: its contents, its copies and its upkeep."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from indexer.errors import InputError
from indexer.paths import printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from indexer.catalog.failures import Failure
    from indexer.catalog.label_summary import LabelSummary
    from indexer.encoders.encoder import Encoder
    from indexer.index.check import CheckReport
    from indexer.index.index import Index
    from indexer.progress import StepReport
    from latentsearch.interface.duplicates import Duplicates
    from latentsearch.interface.queries import Picture
    from latentsearch.query import Stopwatch
    from latentsearch.search.face_groups import FaceGroups


class OpenIndex:
    """The part of `Collection` that neither adds pictures nor searches.

    bundle: the encoder that `open` was given; None for the one that the index names. watch: holds the time that opening
    took, which the first search reports.
    """

    def __init__(self, index: Index, bundle: str | Path | None, watch: Stopwatch) -> None:
        self._index = index
        self._bundle = bundle
        self._watch = watch
        self._loaded: dict[bool, Encoder] = {}
        self._is_closed = False
        self._has_logged = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        what = "closed" if self._is_closed else f"{len(self)} pictures, encoder {self.encoder!r}"
        return f"<Collection {str(self.folder)!r}: {what}>"

    def __len__(self) -> int:
        """Count the pictures in the index."""
        return self._now().count()

    def __contains__(self, path: str | Path) -> bool:
        """Tell whether the picture at a path is in the index."""
        return self._now().id_of(path) is not None

    def close(self) -> None:
        """Close the files of the index; a second call does nothing."""
        self._is_closed = True
        self._loaded.clear()
        self._index.close()

    @property
    def folder(self) -> Path:
        """The folder of the index."""
        return self._index.folder

    @property
    def encoder(self) -> str:
        """The name of the encoder that the index was made with."""
        return self._index.encoder_name

    @property
    def latent_size(self) -> int:
        """The number of components of a code."""
        return self._index.latent_size

    @property
    def distance(self) -> str:
        """How codes are compared: "cosine" (1 - cosine) or "euclidean"."""
        return self._index.distance

    def id_of(self, path: str | Path) -> int:
        """Return the id of the picture that is stored under a path. Raises InputError if there is none."""
        from latentsearch.search.ranking import ids_at

        found = ids_at(path, self._now())
        if not found:
            raise InputError(f"the index at {printable(self.folder)} has no picture with the path {printable(path)}")
        return found[0]

    def codes(self, ids: Sequence[int] | None = None) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return ids int64 (n,) and their stored codes float32 (n, d); those of all pictures if ids is None.

        Raises InputError for an id that is not in the index.

        >>> with ls.open(folder / "index") as pictures:
        ...     ids, codes = pictures.codes()
        ...     ids.tolist(), codes.shape
        ([1, 2, 3, 4, 5], (5, 128))
        """
        import numpy as np

        index = self._now()
        if ids is not None:
            found = index.codes(ids)
            return np.asarray(ids, np.int64), found
        blocks = list(index.code_blocks())
        numbers = np.concatenate([np.empty(0, np.int64), *(block for block, _ in blocks)])
        codes = np.concatenate([np.empty((0, self.latent_size), np.float32), *(codes for _, codes in blocks)])
        order = np.argsort(numbers)
        return numbers[order], codes[order]

    def encode(
        self, pictures: Picture | Iterable[Picture], *, errors: Literal["raise", "nan"] = "raise"
    ) -> NDArray[np.float32]:
        """Encode pictures with the encoder of the index: float32 (n, d). Stores nothing; see `latentsearch.encode`."""
        from latentsearch.interface.encoding import encoded

        self._now()
        return encoded(pictures, self._encoder(), errors)

    def labels(self) -> list[LabelSummary]:
        """Summarise each label: name, type, count (pictures that have it), values, least, greatest, predicted."""
        return self._now().label_summaries()

    def facts(self) -> list[LabelSummary]:
        """Summarise each fact that pictures state about themselves (taken, camera, lens, …), as `labels` does labels.

        The extremes of dates are in ISO 8601. Pictures that an earlier version indexed get their facts in the next run.
        """
        return self._now().fact_summaries()

    def status(self) -> dict[str, Any]:
        """Describe the index: pictures, failures, labels, encoder, bytes by file and the search index."""
        from indexer.index.status import status_of

        return status_of(self._now())

    def failures(self) -> list[Failure]:
        """List the files that cannot be used: path, reason, and may_pass (whether every run tries it again)."""
        return self._now().failures()

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

    def faces(
        self, *, min_similarity: float | None = None, least: int = 2, on_progress: StepReport | None = None
    ) -> FaceGroups:
        """Group the faces of an index with faces that are alike; a person may be in several groups, or in none.

        min_similarity: how alike, 0 to 1, as in a search; None for 0.9998, at which 2 in 10,000 random pairs of the
        encoder's training faces are as close. least: the fewest faces in a group. on_progress: as for `add`. Nobody is
        named or identified: codes of faces say how alike faces look.

        Returns the groups, the largest first: tuples of faces with id and path of the picture, and face (id, box and
        score). Raises InputError for an index without faces and for numbers out of range.
        """
        from latentsearch.interface.faces import groups_of_faces

        return groups_of_faces(self._now(), min_similarity, least, on_progress)

    def to_parquet(self, path: str | Path, *, on_progress: StepReport | None = None) -> int:
        """Write paths, digests, sizes, times, labels and codes to a Parquet file. Returns the number of pictures.

        Raises MissingExtra without the extra `parquet`, InputError if the file cannot be written.
        """
        from indexer.parquet.export import export_codes
        from indexer.progress import of_one_step

        return export_codes(self._now(), Path(path), of_one_step(on_progress, "exporting"))

    def remove(self, *paths: str | Path) -> list[str]:
        """Remove pictures, or all pictures of folders, from the index; their files stay. Returns their paths.

        Raises InputError, and removes nothing, if a path is not in the index.
        """
        from indexer.index.writer import IndexWriter

        self._now()
        with IndexWriter.open(self.folder) as writer:
            return writer.remove(paths)

    def check(self) -> CheckReport:
        """Check whether the files of the index agree, and rebuild the search index if it is missing, stale or damaged.

        Returns a report with three lists of sentences: looked_at, problems (which cannot be repaired) and rebuilt.
        """
        from indexer.index.writer import IndexWriter

        self._now()
        with IndexWriter.open(self.folder) as writer:
            return writer.check()

    def _now(self) -> Index:
        """Return the index with the latest commits. Raises ValueError if it is closed."""
        if self._is_closed:
            raise ValueError(f"the collection at {self.folder} is closed")
        from indexer.index.index import metadata_of

        self._index.catalog.refresh()
        if metadata_of(self._index.catalog, self.folder) != self._index.metadata:
            self._index.refresh()
        return self._index

    def _encoder(self, *, network: bool = True) -> Encoder:
        """Load the encoder of the index, once. network: whether pictures will be encoded."""
        from latentsearch.search.search import encoder_of

        if not any(has_network >= network for has_network in self._loaded):
            self._loaded[network] = encoder_of(self._index, self._bundle, network=network)
        return self._loaded[max(self._loaded)]

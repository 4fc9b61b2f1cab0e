"""The main interface to an index: one folder with a catalogue, the codes, and files derived from them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from indexer.catalog.catalog import Catalog, IndexMetadata
from indexer.catalog.images import ImageRecord
from indexer.catalog.schema import SCHEMA_VERSION
from indexer.errors import IndexStateError, InputError
from indexer.index.vector_search import VectorSearch
from indexer.paths import CATALOGUE, locate, printable
from indexer.vectors.exact import Selection
from indexer.vectors.faiss_file import FaissFile

if TYPE_CHECKING:
    from indexer.catalog.failures import Failure
    from indexer.catalog.label_summary import LabelSummary
    from indexer.catalog.labels import LabelValue
    from indexer.index.faces import FaceSpace


class Index:
    """An index folder, opened for reading; indexer.index.writer.IndexWriter writes.

    A reader keeps the state at opening until `refresh`. Treat folder, metadata, catalog and vectors as read-only.
    """

    def __init__(self, folder: Path, catalog: Catalog, metadata: IndexMetadata) -> None:
        self.folder = folder
        self.catalog = catalog
        self.metadata = metadata
        self.vectors = VectorSearch(folder, catalog.images, metadata)
        self._faces: FaceSpace | None = None
        self._catch_up()

    @staticmethod
    def locate(option: str | Path | None = None) -> Path:
        """Return the index folder; see `indexer.paths.locate`."""
        return locate(option)

    @staticmethod
    def exists(folder: Path) -> bool:
        """Return whether `folder` holds an index whose creation was completed."""
        path = folder / CATALOGUE
        if not path.is_file() or path.stat().st_size == 0:
            return False
        catalog = Catalog.read(path)
        try:
            return catalog.version() > 0
        finally:
            catalog.close()

    @classmethod
    def open(cls, folder: Path) -> Index:
        """Open an index for reading, without waiting for a writer.

        Raises IndexStateError if the folder has no index or a newer version made it, and DamagedIndex if it cannot be
        read. An older index is migrated, which raises LockedIndex or InputError if it cannot be written to now.
        """
        if not cls.exists(folder):
            raise no_index(folder)
        catalog = Catalog.read(folder / CATALOGUE)
        if catalog.version() != SCHEMA_VERSION:
            catalog.close()

            _migrate(folder)
            catalog = Catalog.read(folder / CATALOGUE)
        return cls(folder, catalog, metadata_of(catalog, folder))

    @property
    def encoder_name(self) -> str:
        """The name of the encoder that computed the codes."""
        return self.metadata.encoder_name

    @property
    def encoder_sha256(self) -> str:
        """The SHA-256 of that encoder's encoder.onnx."""
        return self.metadata.encoder_sha256

    @property
    def encoder_source(self) -> str:
        """The folder of the encoder's bundle when it was last used here."""
        return self.metadata.encoder_source

    @property
    def distance(self) -> str:
        """The metric between codes: "euclidean" or "cosine"."""
        return self.metadata.distance

    @property
    def latent_size(self) -> int:
        """The length of a code."""
        return self.metadata.latent_size

    def close(self) -> None:
        """Close the files."""
        self.catalog.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def refresh(self) -> None:
        """Switch to the latest committed state."""
        self.catalog.refresh()
        self._look_at(metadata_of(self.catalog, self.folder))
        self._catch_up()

    # Reading

    def count(self) -> int:
        """Return the number of images in the index."""
        return self.vectors.count

    def search(
        self,
        codes: NDArray[np.float32],
        k: int,
        exclude_ids: Sequence[int] = (),
        within: Selection | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Find the k nearest images to each code, ordered by distance, then by id.

        codes: (q, d). within: the images to search, None for all. Returns distances float32 and ids int64, (q, k')
        each, with k' = min(k, images in `within` that are not excluded). Distances are Euclidean or 1 - cosine,
        computed from the stored codes, so that an image's distance to itself is 0. Raises ValueError for codes of
        another shape, DamagedIndex if the files contradict one another.
        """
        queries = np.ascontiguousarray(codes, np.float32)
        if queries.ndim != 2 or queries.shape[1] != self.latent_size:
            raise ValueError(f"codes have shape {queries.shape}, not (q, {self.latent_size})")
        return self.vectors.search(queries, k, {int(image_id) for image_id in exclude_ids}, within)

    def code_blocks(
        self, within: Selection | None = None, exclude_ids: Sequence[int] = ()
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Yield all images except excluded ones in blocks: ids, int64 (n,), and codes, float32 (n, d).

        within: the images to yield, None for all. Raises DamagedIndex as `search` does.
        """
        return self.vectors.blocks(within, {int(image_id) for image_id in exclude_ids})

    def matching(self, where: Iterable[str] = (), under: Iterable[str | Path] = ()) -> Selection:
        """Select the images that satisfy all conditions and lie in any of the folders.

        See `indexer.catalog.filters` for the syntax. Raises InputError for an invalid condition.
        """
        from indexer.catalog.filters import matching_ids

        return Selection(matching_ids(self.catalog, where, under))

    def images(self, ids: Sequence[int]) -> list[ImageRecord]:
        """Return the images with these ids, in the same order. Raises InputError for an unknown id."""
        found = self.catalog.images.of_ids(ids)
        for image_id in ids:
            if int(image_id) not in found:
                raise InputError(f"there is no image with id {image_id} in the index at {printable(self.folder)}")
        return [found[int(image_id)] for image_id in ids]

    def labels(self, ids: Sequence[int]) -> dict[int, dict[str, LabelValue]]:
        """Return the labels of images that have any, by id."""
        return self.catalog.labels.of_ids(ids) if self.catalog.has_labels() else {}

    def predicted_labels(self, ids: Sequence[int]) -> dict[int, set[str]]:
        """Return the names of predicted labels of images that have any, by id."""
        return self.catalog.labels.predicted(ids) if self.metadata.predictor_name else {}

    def facts(self, ids: Sequence[int]) -> dict[int, dict[str, LabelValue]]:
        """Return the facts that images state about themselves, as indexer.facts.facts.Facts.shown, by id."""
        if not self.catalog.has_facts():
            return {}
        return {image_id: facts.shown() for image_id, facts in self.catalog.facts.of_ids(ids).items()}

    def fact_summaries(self) -> list[LabelSummary]:
        """Summarise each fact that images state about themselves, as `label_summaries` does labels."""
        from indexer.catalog.label_summary import summarise_facts

        return summarise_facts(self.catalog) if self.catalog.has_facts() else []

    def label_summaries(self) -> list[LabelSummary]:
        """Summarise each label: its type, how many images have it, and its values."""
        from indexer.catalog.label_summary import summarise_labels

        return summarise_labels(self.catalog)

    def code(self, image_id: int) -> NDArray[np.float32]:
        """Return the stored code of an image, float32 (d,). Raises InputError for an unknown id."""
        return np.array(self.vectors.codes[self.images([image_id])[0].position])

    def codes(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """Return the stored codes of images, float32 (n, d), in the same order. Raises InputError for an unknown id."""
        return self.vectors.codes[[record.position for record in self.images(ids)]]

    def id_of(self, path: str | Path) -> int | None:
        """Return the id of the image at a path, or None."""
        return self.catalog.images.id_of(os.path.abspath(path))

    def failures(self) -> list[Failure]:
        """Return the files that could not be indexed, with reasons."""
        return self.catalog.failures.all()

    def owned_by(self, image_ids: Iterable[int]) -> set[int]:
        """Return the ids that searches return for images: their own."""
        return set(image_ids)

    @property
    def faces(self) -> FaceSpace | None:
        """The faces in the images; None for an index without faces."""
        if self._faces is None and self.metadata.faces:
            from indexer.index.faces import FaceSpace

            self._faces = FaceSpace(self.folder, self.catalog, self.metadata.faces)
        return self._faces

    @property
    def base(self) -> FaissFile | None:
        """The base that searches use; None if they compare every code."""
        return self.vectors.base

    @property
    def problem(self) -> str:
        """Why searches ignore an existing base, as a sentence; empty if nothing is wrong."""
        return self.vectors.problem

    def _look_at(self, metadata: IndexMetadata) -> None:
        self.metadata = metadata
        self.vectors = VectorSearch(self.folder, self.catalog.images, metadata, self.vectors)
        if self._faces is not None:
            self._faces = self._faces.now(metadata.faces)

    def _catch_up(self) -> None:
        """Re-read the catalogue if a newer base was written after it was read."""
        if self.vectors.newest_generation > self.metadata.generation:
            self.catalog.refresh()
            self._look_at(metadata_of(self.catalog, self.folder))


def no_index(folder: Path) -> IndexStateError:
    """Return the error for a folder without an index."""
    return IndexStateError(f"no index at {printable(folder)}: make one with `latentsearch index DIR`")


def metadata_of(catalog: Catalog, folder: Path) -> IndexMetadata:
    """Read an index's metadata. Raises IndexStateError if the first run was killed before it wrote any."""
    metadata = catalog.stored_metadata()
    if metadata is None:
        raise no_index(folder)
    return metadata


def _migrate(folder: Path) -> None:
    """Migrate the catalogue of an earlier version to the current schema.

    Raises LockedIndex while another process writes, InputError if the folder is not writable.
    """
    from indexer.system.disk import WriterLock, full_disk_told

    lock = WriterLock(folder)
    try:
        with full_disk_told(folder):
            lock.acquire()
            Catalog.write(folder / CATALOGUE).close()
    except InputError as error:
        raise InputError(
            f"{error}; an earlier latentsearch made it, and it must be brought up to date first"
        ) from error
    finally:
        lock.release()

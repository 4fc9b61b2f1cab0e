"""An index: one folder with a catalogue, the codes, and what is derived from them. The door to the indexer."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from indexer.catalog.catalog import Catalog
from indexer.catalog.images import ImageRecord
from indexer.catalog.labels import LabelValue
from indexer.catalog.metadata import IndexMetadata
from indexer.catalog.schema import SCHEMA_VERSION
from indexer.errors import IndexStateError, InputError
from indexer.index.vector_search import VectorSearch
from indexer.paths import CATALOGUE, locate, printable
from indexer.vectors.exact import Selection
from indexer.vectors.faiss_file import FaissFile

if TYPE_CHECKING:
    from indexer.catalog.failures import Failure
    from indexer.catalog.label_summary import LabelSummary


class Index:
    """One index folder, opened for reading; indexer.index.writer.IndexWriter writes.

    A reader sees the state of the moment in which it was opened until `refresh`. folder, metadata, catalog and vectors
    are for reading alone.
    """

    def __init__(self, folder: Path, catalog: Catalog, metadata: IndexMetadata) -> None:
        self.folder = folder
        self.catalog = catalog
        self.metadata = metadata
        self.vectors = VectorSearch(folder, catalog, metadata)
        self._catch_up()

    @staticmethod
    def locate(option: str | Path | None = None) -> Path:
        """Where the index is, as `indexer.paths.locate` has it."""
        return locate(option)

    @staticmethod
    def exists(folder: Path) -> bool:
        """Whether there is an index, made whole."""
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
        """Open an index for reading; no writer makes it wait.

        Raises IndexStateError where there is none or a newer version made it, DamagedIndex where it cannot be read,
        InputError where an older version made it and it cannot be brought up to date here.
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
        """The name of the encoder that made the codes."""
        return self.metadata.encoder_name

    @property
    def encoder_sha256(self) -> str:
        """The SHA-256 of its encoder.onnx."""
        return self.metadata.encoder_sha256

    @property
    def encoder_source(self) -> str:
        """The folder of its bundle, as last used here."""
        return self.metadata.encoder_source

    @property
    def distance(self) -> str:
        """How codes are compared: "euclidean" or "cosine"."""
        return self.metadata.distance

    @property
    def latent_size(self) -> int:
        """Numbers in a code."""
        return self.metadata.latent_size

    def close(self) -> None:
        """Let the files go."""
        self.catalog.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def refresh(self) -> None:
        """See what writers have committed since."""
        self.catalog.refresh()
        self._look_at(metadata_of(self.catalog, self.folder))
        self._catch_up()

    # Reading

    def count(self) -> int:
        """How many images can be found."""
        return self.vectors.count

    def search(
        self,
        codes: NDArray[np.float32],
        k: int,
        exclude_ids: Sequence[int] = (),
        within: Selection | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The k nearest images of each code, by ascending distance, those equally far by id.

        codes: (q, d). within: the images among which to look; None for all. Returns
        distances float32 and ids int64, (q, k') each, k' = min(k, images within that are not excluded); Euclidean or
        1 - cosine, computed from the stored codes, so that an image has distance 0 to itself.
        Raises ValueError for codes of another shape, DamagedIndex where the files contradict one another.
        """
        queries = np.ascontiguousarray(codes, np.float32)
        if queries.ndim != 2 or queries.shape[1] != self.latent_size:
            raise ValueError(f"codes have shape {queries.shape}, not (q, {self.latent_size})")
        return self.vectors.search(queries, k, {int(image_id) for image_id in exclude_ids}, within)

    def code_blocks(
        self, within: Selection | None = None, exclude_ids: Sequence[int] = ()
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """All images but those excluded, a block at a time: ids, int64 (n,), and their codes, float32 (n, d).

        within: the images that alone are wanted; None for all. Raises DamagedIndex as `search` does.
        """
        return self.vectors.blocks(within, {int(image_id) for image_id in exclude_ids})

    def matching(self, where: Iterable[str] = (), under: Iterable[str | Path] = ()) -> Selection:
        """The images for which all conditions hold and that lie in any of the folders.

        Conditions are as `indexer.catalog.filters` has them. Raises InputError where one cannot be read.
        """
        from indexer.catalog.filters import matching_ids

        return Selection(matching_ids(self.catalog, where, under))

    def images(self, ids: Sequence[int]) -> list[ImageRecord]:
        """The images of these ids, in that order. Raises InputError where there is none with an id."""
        found = self.catalog.images.of_ids(ids)
        for image_id in ids:
            if int(image_id) not in found:
                raise InputError(f"there is no image with id {image_id} in the index at {printable(self.folder)}")
        return [found[int(image_id)] for image_id in ids]

    def labels(self, ids: Sequence[int]) -> dict[int, dict[str, LabelValue]]:
        """The labels of images, for those that have any."""
        return self.catalog.labels.of_ids(ids)

    def predicted_labels(self, ids: Sequence[int]) -> dict[int, set[str]]:
        """The names of those labels of images that are predicted, not given, for those images that have any."""
        return self.catalog.labels.predicted(ids) if self.metadata.predictor_name else {}

    def label_summaries(self) -> list[LabelSummary]:
        """What each label is: its type, how many images have it, its values."""
        from indexer.catalog.label_summary import summarise_labels

        return summarise_labels(self.catalog)

    def code(self, image_id: int) -> NDArray[np.float32]:
        """The stored code of an image, float32 (d,). Raises InputError where there is no such image."""
        return np.array(self.vectors.codes[self.images([image_id])[0].position])

    def codes(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """The stored codes of images, float32 (n, d), in that order. Raises InputError where one is not there."""
        return self.vectors.codes[[record.position for record in self.images(ids)]]

    def id_of(self, path: str | Path) -> int | None:
        """The id of the image at a path, None where there is none."""
        return self.catalog.images.id_of(os.path.abspath(path))

    def failures(self) -> list[Failure]:
        """The files that cannot be used, and why."""
        return self.catalog.failures.all()

    @property
    def base(self) -> FaissFile | None:
        """The base that searches go through; None where every code is compared."""
        return self.vectors.base

    @property
    def problem(self) -> str:
        """Why searches do not go through the base although there is one: a sentence, empty where nothing is wrong."""
        return self.vectors.problem

    def _look_at(self, metadata: IndexMetadata) -> None:
        self.metadata = metadata
        self.vectors = VectorSearch(self.folder, self.catalog, metadata, self.vectors)

    def _catch_up(self) -> None:
        """A base may have been written between the look at the catalogue and the look at the base."""
        if self.vectors.newest_generation > self.metadata.generation:
            self.catalog.refresh()
            self._look_at(metadata_of(self.catalog, self.folder))


def no_index(folder: Path) -> IndexStateError:
    """What to say of a folder that holds no index."""
    return IndexStateError(f"no index at {printable(folder)}: make one with `latentsearch index DIR`")


def metadata_of(catalog: Catalog, folder: Path) -> IndexMetadata:
    """What a catalogue says of its index. Raises IndexStateError where a first run was killed before it wrote that."""
    metadata = catalog.facts()
    if metadata is None:
        raise no_index(folder)
    return metadata


def _migrate(folder: Path) -> None:
    """Bring the catalogue of an earlier version to this one's schema.

    Raises LockedIndex while another process writes, InputError where the folder cannot be written to.
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

"""An index: one folder with a catalogue, the codes, and what is derived from them. The door to the indexer."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from indexer.catalog.catalog import Catalog
from indexer.catalog.failures import Failure
from indexer.catalog.images import ImageRecord
from indexer.catalog.labels import LabelValue
from indexer.catalog.metadata import Facts
from indexer.catalog.schema import SCHEMA_VERSION
from indexer.encoders.encoder import Encoder
from indexer.errors import IndexStateError, InputError
from indexer.index import maintenance
from indexer.index.check import CheckReport, check_index
from indexer.index.folder import bring_up_to_date, make_folder
from indexer.index.location import CATALOGUE, locate
from indexer.index.vector_search import Neighbours
from indexer.paths import printable
from indexer.system.disk import full_disk_told
from indexer.system.lock import WriterLock
from indexer.vectors import code_file as code_files
from indexer.vectors.build import Report
from indexer.vectors.code_file import CodeWriter
from indexer.vectors.faiss_file import Base

if TYPE_CHECKING:
    from indexer.catalog.label_summary import LabelSummary


class Index:
    """One index folder, opened: for reading by `open`, for writing by `create`.

    A reader sees the state of the moment in which it was opened until `refresh`. folder, facts, catalog and neighbours
    are read-only for all but the indexer's own modules.
    """

    def __init__(self, folder: Path, catalog: Catalog, facts: Facts, lock: WriterLock) -> None:
        self.folder = folder
        self.catalog = catalog
        self.facts = facts
        self._lock = lock
        self._appended: CodeWriter | None = None
        self.neighbours = Neighbours(folder, catalog, facts)
        self._catch_up()

    @staticmethod
    def locate(option: str | Path | None = None) -> Path:
        """Where the index is, as `indexer.index.location.locate` has it."""
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
        path = folder / CATALOGUE
        if not cls.exists(folder):
            raise IndexStateError(f"no index at {printable(folder)}: make one with `latentsearch index DIR`")
        lock = WriterLock(folder)
        catalog = Catalog.read(path)
        if catalog.version() != SCHEMA_VERSION:
            catalog.close()
            bring_up_to_date(folder, lock)
            catalog = Catalog.read(path)
        return cls(folder, catalog, _facts(catalog, folder), lock)

    @classmethod
    def create(cls, folder: Path, encoder: Encoder) -> Index:
        """Open an index for writing, made where there is none; it is locked until `close`.

        Raises EncoderError when it was made with another encoder, LockedIndex while another process writes to it,
        InputError when the folder cannot hold one.
        """
        make_folder(folder)
        lock = WriterLock(folder)
        try:
            with full_disk_told(folder):
                lock.acquire()
                catalog = Catalog.write(folder / CATALOGUE, Facts.of_new(encoder))
        except BaseException:
            lock.release()
            raise
        index = cls(folder, catalog, _facts(catalog, folder), lock)
        try:
            index._take_encoder(encoder)
        except BaseException:
            index.close()
            raise
        return index

    @property
    def encoder_name(self) -> str:
        """The name of the encoder that made the codes."""
        return self.facts.encoder_name

    @property
    def encoder_sha256(self) -> str:
        """The SHA-256 of its encoder.onnx."""
        return self.facts.encoder_sha256

    @property
    def encoder_source(self) -> str:
        """The folder of its bundle, as last used here."""
        return self.facts.encoder_source

    @property
    def distance(self) -> str:
        """How codes are compared: "euclidean" or "cosine"."""
        return self.facts.distance

    @property
    def latent_size(self) -> int:
        """Numbers in a code."""
        return self.facts.latent_size

    def close(self) -> None:
        """Forget what was not committed, and give the lock back."""
        if self._appended is not None:
            self._appended.close()
            self._appended = None
        self.catalog.close()
        self._lock.release()

    def __enter__(self) -> Index:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def refresh(self) -> None:
        """Forget what was not committed, and see what writers have committed since."""
        self.catalog.refresh()
        self._look_at(_facts(self.catalog, self.folder))
        self._catch_up()

    # Reading

    def count(self) -> int:
        """How many images can be found."""
        return self.neighbours.count

    def search(
        self,
        codes: NDArray[np.float32],
        k: int,
        exclude_ids: Sequence[int] = (),
        within: NDArray[np.int64] | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The k nearest images of each code, by ascending distance, those equally far by id.

        codes: (q, d). within: ids, int64 (n,), ascending, of the images among which to look; None for all. Returns
        distances float32 and ids int64, (q, k') each, k' = min(k, images within that are not excluded); Euclidean or
        1 - cosine, computed from the stored codes, so that an image has distance 0 to itself.
        Raises ValueError for codes of another shape, DamagedIndex where the files contradict one another.
        """
        queries = np.ascontiguousarray(codes, np.float32)
        if queries.ndim != 2 or queries.shape[1] != self.latent_size:
            raise ValueError(f"codes have shape {queries.shape}, not (q, {self.latent_size})")
        return self.neighbours.search(queries, k, {int(image_id) for image_id in exclude_ids}, within)

    def code_blocks(
        self, within: NDArray[np.int64] | None = None, exclude_ids: Sequence[int] = ()
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """All images but those excluded, a block at a time: ids, int64 (n,), and their codes, float32 (n, d).

        within: ids of the images that alone are wanted; None for all. Raises DamagedIndex as `search` does.
        """
        return self.neighbours.blocks(within, {int(image_id) for image_id in exclude_ids})

    def matching(self, where: Iterable[str] = (), under: Iterable[str | Path] = ()) -> NDArray[np.int64]:
        """The images for which all conditions hold and that lie in any of the folders: ids, int64 (n,), ascending.

        Conditions are as `indexer.catalog.filters` has them. The array is read-only: of one that cannot change,
        searches keep what they made of it. Raises InputError where one cannot be read.
        """
        from indexer.catalog.filters import matching_ids

        found = matching_ids(self.catalog, where, under)
        found.flags.writeable = False
        return found

    def images(self, ids: Sequence[int]) -> list[ImageRecord]:
        """The images of these ids, in that order. Raises InputError where there is none with an id."""
        found = self.catalog.images(ids)
        for image_id in ids:
            if int(image_id) not in found:
                raise InputError(f"there is no image with id {image_id} in the index at {printable(self.folder)}")
        return [found[int(image_id)] for image_id in ids]

    def labels(self, ids: Sequence[int]) -> dict[int, dict[str, LabelValue]]:
        """The labels of images, for those that have any."""
        return self.catalog.labels(ids)

    def predicted_labels(self, ids: Sequence[int]) -> dict[int, set[str]]:
        """The names of those labels of images that are predicted, not given, for those images that have any."""
        return self.catalog.predicted_labels(ids) if self.facts.predictor_name else {}

    def label_summaries(self) -> list[LabelSummary]:
        """What each label is: its type, how many images have it, its values."""
        from indexer.catalog.label_summary import summarise_labels

        return summarise_labels(self.catalog)

    def code(self, image_id: int) -> NDArray[np.float32]:
        """The stored code of an image, float32 (d,). Raises InputError where there is no such image."""
        return np.array(self.neighbours.codes[self.images([image_id])[0].position])

    def codes(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """The stored codes of images, float32 (n, d), in that order. Raises InputError where one is not there."""
        return self.neighbours.codes[[record.position for record in self.images(ids)]]

    def id_of(self, path: str | Path) -> int | None:
        """The id of the image at a path, None where there is none."""
        return self.catalog.id_of(os.path.abspath(path))

    def failures(self) -> list[Failure]:
        """The files that cannot be used, and why."""
        return self.catalog.failures()

    def status(self) -> dict[str, Any]:
        """What the index holds, as `latentsearch status --json` prints it."""
        from indexer.index.status import status_of

        return status_of(self)

    @property
    def base(self) -> Base | None:
        """The base that searches go through; None where every code is compared."""
        return self.neighbours.base

    @property
    def problem(self) -> str:
        """Why searches do not go through the base although there is one: a sentence, empty where nothing is wrong."""
        return self.neighbours.problem

    # Writing

    @property
    def appended(self) -> CodeWriter:
        """Appends codes; what it wrote counts with the next `commit`."""
        if self._appended is None:
            path = self.folder / code_files.FILE_NAME
            self._appended = CodeWriter(path, self.facts.code_rows, self.latent_size)
        return self._appended

    def commit(self) -> None:
        """Make all changes lasting and seen, at once: the codes reach the disk before the catalogue names them."""
        facts = self.facts
        if self._appended is not None and self._appended.rows > facts.code_rows:
            self._appended.flush()
            facts = replace(facts, code_rows=self._appended.rows)
        if self.catalog.images_changed or facts.code_rows != self.facts.code_rows:
            facts = replace(facts, generation=facts.generation + 1)
        if self.catalog.relabelled:
            facts = replace(facts, relabelled=facts.relabelled + 1)
        self.commit_facts(facts)

    def commit_facts(self, facts: Facts) -> None:
        """Make these facts, and all other changes but appended codes, lasting and seen."""
        self.catalog.set_facts(facts)
        self.catalog.commit()
        self._look_at(facts)

    def derive(
        self,
        kind: str | None = None,
        recall: float | None = None,
        device: str = "cpu",
        report: Report | None = None,
        anew: bool = False,
    ) -> bool:
        """Commit, and write a base where it is missing or does not do any more; see indexer.index.maintenance."""
        self.commit()
        return maintenance.derive(self, kind, recall, device, report, anew)

    def remove(self, paths: Sequence[str | Path]) -> list[str]:
        """Remove images, by file or folder; the files stay. Returns their paths.

        Raises InputError, and removes nothing, where a path is not in the index; LockedIndex while another writes.
        """
        with self.writing():
            found: dict[str, int] = {}
            for path in map(os.path.abspath, paths):
                under = list(self.catalog.images_under(path))
                failed = list(self.catalog.failures_under(path))
                if not under and not failed:
                    raise InputError(f"{printable(path)} is not in the index at {printable(self.folder)}")
                self.catalog.remove_failures(failed)
                found.update((path, image_id) for image_id, path in under)
            self.catalog.remove_images(found.values())
            self.derive()
        return sorted(found)

    def check(self) -> CheckReport:
        """Look whether the files agree with one another, and rebuild what is derived where it does not.

        Raises LockedIndex while another process writes.
        """
        with self.writing():
            return check_index(self)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Be the writer for a while, where this index was opened for reading. Raises LockedIndex."""
        if self._lock.held:
            yield
            return
        self._lock.acquire()
        reader = self.catalog
        try:
            self.catalog = Catalog.write(self.folder / CATALOGUE)
            try:
                self.refresh()
                with full_disk_told(self.folder):
                    yield
            finally:
                self.catalog.close()
        finally:
            self.catalog = reader
            self._lock.release()
            self.refresh()

    def _look_at(self, facts: Facts) -> None:
        self.facts = facts
        self.neighbours = Neighbours(self.folder, self.catalog, facts, self.neighbours)

    def _catch_up(self) -> None:
        """A base may have been written between the look at the catalogue and the look at the base."""
        if self.neighbours.newest_generation > self.facts.generation:
            self.catalog.refresh()
            self._look_at(_facts(self.catalog, self.folder))

    def _take_encoder(self, encoder: Encoder) -> None:
        self.facts.require(encoder, self.folder)
        if self.encoder_source != str(encoder.folder):
            self.facts = replace(self.facts, encoder_source=str(encoder.folder))
            self.catalog.set_facts(self.facts)
            self.commit()


def _facts(catalog: Catalog, folder: Path) -> Facts:
    facts = catalog.facts()
    if facts is None:
        raise IndexStateError(f"no index at {printable(folder)}: make one with `latentsearch index DIR`")
    return facts

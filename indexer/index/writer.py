"""The writer of an index: adds codes and rows, commits them together, and rebuilds derived files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from indexer.catalog.catalog import Catalog, IndexMetadata
from indexer.encoders.encoder import Encoder
from indexer.errors import InputError
from indexer.index import maintenance
from indexer.index.index import Index, metadata_of, no_index
from indexer.paths import CATALOGUE, printable
from indexer.system.disk import LOCK_FILE, WriterLock, full_disk_told, is_full_disk, no_space_for
from indexer.vectors import code_file
from indexer.vectors.code_file import OF_FACES, CodeWriter
from indexer.vectors.faiss_file import FILE_NAME

if TYPE_CHECKING:
    from indexer.faces.framing import FaceFraming
    from indexer.index.check import CheckReport
    from indexer.progress import StepReport

# Files that may lie in a folder without an index, left by a first run that was killed.
BEGINNINGS = {LOCK_FILE, *(CATALOGUE + end for end in ("", "-wal", "-shm", "-journal"))}


class IndexWriter(Index):
    """The only writer of an index, which it locks until `close`. Its reads include uncommitted changes.

    Used as a context manager, it discards uncommitted changes at the end and turns a full disk into InputError. Add
    rows to `catalog` and codes with `append`.
    """

    def __init__(self, folder: Path, catalog: Catalog, metadata: IndexMetadata, lock: WriterLock) -> None:
        self._lock = lock
        self._codes: CodeWriter | None = None
        self._face_codes: CodeWriter | None = None
        super().__init__(folder, catalog, metadata)

    @classmethod
    def create(cls, folder: Path, encoder: Encoder) -> IndexWriter:
        """Open an index for writing, creating it if there is none.

        Raises EncoderError if it was made with another encoder, LockedIndex while another process writes to it, and
        InputError if the folder cannot hold an index.
        """
        make_folder(folder)
        writer = cls._locked(folder, IndexMetadata.of_new(encoder))
        try:
            writer.metadata.require(encoder, folder)
            if writer.encoder_source != str(encoder.folder):
                writer.change(encoder_source=str(encoder.folder))
                writer.commit()
        except BaseException:
            writer.close()
            raise
        return writer

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open an existing index for writing. Raises IndexStateError if there is none, LockedIndex if it is locked."""
        if not cls.exists(folder):
            raise no_index(folder)
        return cls._locked(folder)

    @classmethod
    def _locked(cls, folder: Path, metadata_of_new: IndexMetadata | None = None) -> Self:
        lock = WriterLock(folder)
        try:
            with full_disk_told(folder):
                lock.acquire()
                catalog = Catalog.write(folder / CATALOGUE, metadata_of_new)
            return cls(folder, catalog, metadata_of(catalog, folder), lock)
        except BaseException:
            lock.release()
            raise

    def close(self) -> None:
        """Discard uncommitted changes and release the lock."""
        for codes in filter(None, (self._codes, self._face_codes)):
            codes.close()
        self._codes = self._face_codes = None
        super().close()
        self._lock.release()

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if isinstance(error, OSError) and is_full_disk(error):
            raise no_space_for(self.folder) from error

    def append(self, codes: NDArray[np.float32]) -> range:
        """Append codes, float32 (n, d), and return their positions; they become valid with the next `commit`."""
        return self._writer().append(codes)

    def code_at(self, position: int) -> NDArray[np.float32]:
        """Return the code at a position, float32 (d,), committed or not."""
        return self._writer().read(position)

    def keep_faces(self, encoder: Encoder, framing: FaceFraming, detector: str) -> None:
        """Give the index a space for faces, or check that the one it has is this encoder's; committed at once.

        detector: the name of the detector, for information. Raises EncoderError for another encoder.
        """
        from indexer.index.faces import face_metadata, require

        wanted = face_metadata(encoder, framing)
        if self.faces is None:
            self.change(faces={**wanted.to_json(), "detector": detector})
        else:
            require(self.faces.metadata, wanted, self.folder)
            self.change(faces={**self.metadata.faces, "encoder_source": str(encoder.folder)})
        self.commit()

    def append_faces(self, codes: NDArray[np.float32]) -> range:
        """Append codes of faces as `append` does."""
        return self._face_writer().append(codes)

    def face_code_at(self, position: int) -> NDArray[np.float32]:
        """Return the code of a face at a position, float32 (d,), committed or not."""
        return self._face_writer().read(position)

    def change(self, **metadata: Any) -> None:
        """Change fields of the index's IndexMetadata; stored with the next `commit`."""
        self.metadata = replace(self.metadata, **metadata)

    def commit(self) -> None:
        """Commit all changes at once. Codes are flushed to disk before the catalogue refers to them."""
        before = self.metadata
        if self._codes is not None and self._codes.rows > before.code_rows:
            self._codes.flush()
            self.change(code_rows=self._codes.rows)
        if self.catalog.images.have_changed or self.metadata.code_rows != before.code_rows:
            self.change(generation=before.generation + 1)
        if before.faces:
            self._note_faces()
        if self.catalog.relabelled:
            self.change(relabelled=before.relabelled + 1)
        self._commit_metadata()

    def note_predicted(self, name: str, sha256: str, until: int) -> None:
        """Commit predicted labels and the last image id seen by this predictor; given labels need `commit` instead."""
        self.change(predictor_name=name, predictor_sha256=sha256, predicted_until=until)
        self._commit_metadata()

    def rebuild(
        self,
        kind: str | None = None,
        recall: float | None = None,
        device: str = "cpu",
        report: StepReport | None = None,
        anew: bool = False,
    ) -> bool:
        """Commit, and write a new base if the existing one no longer suffices; return whether a base was written.

        kind: the index type, one of indexer.vectors.faiss_file.INDEX_TYPES or a FAISS factory string, None for the last
        one requested. recall: target recall@20. anew: write a base in any case. Raises InputError for a type that FAISS
        does not know or a recall outside (0, 1], MissingExtra for an unavailable device.
        """
        maintenance.check_request(recall, device)
        self.commit()
        self.change(kind=kind or self.metadata.kind, recall=recall or self.metadata.recall)
        written = maintenance.write_base(self.folder / FILE_NAME, self.metadata, self.vectors, device, report, anew)
        if written:
            self.catalog.images.forget_removed()
            self.change(base_generation=self.metadata.generation)
        written = self._rebuild_faces(device, report, anew) or written
        self._commit_metadata()
        return written

    def _rebuild_faces(self, device: str, report: StepReport | None, anew: bool) -> bool:
        """Do for the faces what `rebuild` does for the images, with the same kind and recall."""
        faces = self.faces
        if faces is None:
            return False
        metadata = replace(faces.metadata, kind=self.metadata.kind, recall=self.metadata.recall)
        path = self.folder / OF_FACES.base
        written = maintenance.write_base(path, metadata, faces.vectors, device, report, anew)
        changes: dict[str, Any] = {"kind": metadata.kind, "recall": metadata.recall}
        if written:
            self.catalog.faces.forget_removed()
            changes["base_generation"] = metadata.generation
        self.change(faces={**self.metadata.faces, **changes})
        return written

    def remove(self, paths: Sequence[str | Path]) -> list[str]:
        """Remove images at or below these paths from the index, not their files; return the removed paths.

        Raises InputError, and removes nothing, if a path is not in the index.
        """
        found: dict[str, int] = {}
        for path in map(os.path.abspath, paths):
            under = list(self.catalog.images.under(path))
            failed = list(self.catalog.failures.under(path))
            if not under and not failed:
                raise InputError(f"{printable(path)} is not in the index at {printable(self.folder)}")
            self.catalog.failures.remove(failed)
            found.update((path, image_id) for image_id, path in under)
        self.catalog.images.remove(found.values())
        self.rebuild()
        return sorted(found)

    def check(self) -> CheckReport:
        """Check that the files agree with one another, and rebuild derived ones that do not."""
        from indexer.index.check import check_faces, check_files

        report = check_files(self.folder, self.catalog, self.metadata, self.vectors)
        if self.faces is not None and not report.problems:
            report.add(check_faces(self.folder, self.catalog, self.faces))
        if report.wrong_bases:
            self.rebuild(anew=True)
            report.rebuilt += [f"{name}, which {wrong}" for name, wrong in report.wrong_bases.items()]
        return report

    def _writer(self) -> CodeWriter:
        if self._codes is None:
            path = self.folder / code_file.FILE_NAME
            self._codes = CodeWriter(path, self.metadata.code_rows, self.latent_size)
        return self._codes

    def _face_writer(self) -> CodeWriter:
        if self._face_codes is None:
            faces = IndexMetadata.of_faces(self.metadata.faces)
            self._face_codes = CodeWriter(self.folder / OF_FACES.codes, faces.code_rows, faces.latent_size)
        return self._face_codes

    def _note_faces(self) -> None:
        """Flush the codes of faces, and count the generation of the faces if any were added or removed."""
        faces = self.metadata.faces
        rows = faces["code_rows"]
        if self._face_codes is not None and self._face_codes.rows > rows:
            self._face_codes.flush()
            rows = self._face_codes.rows
        if self.catalog.images.have_changed or self.catalog.faces.have_changed or rows != faces["code_rows"]:
            self.change(faces={**faces, "code_rows": rows, "generation": faces["generation"] + 1})

    def _commit_metadata(self) -> None:
        self.catalog.store_metadata(self.metadata)
        self.catalog.commit()
        self._look_at(self.metadata)


def make_folder(folder: Path) -> None:
    """Create a folder for an index. Raises InputError if it cannot hold an index."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        strangers = {entry.name for entry in os.scandir(folder)} - BEGINNINGS
        is_index = (folder / CATALOGUE).exists()
    except OSError as error:
        raise InputError(f"{printable(folder)} cannot hold an index: {error.strerror}") from error
    if strangers and not is_index:
        raise InputError(f"{printable(folder)} is a folder of something else: name a new one with --index")
    if not os.access(folder, os.W_OK):
        raise InputError(f"{printable(folder)} cannot hold an index: no permission to write there")

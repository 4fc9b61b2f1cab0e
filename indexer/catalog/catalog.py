"""The catalogue: an SQLite database of an index's images, labels and failures, and of the encoder that it uses.

A catalogue works inside one transaction at a time. A reader keeps the state of its first query until `refresh`. A
writer's changes become visible to readers with `commit`, and are lost if the writer dies first.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import DatabaseError

from indexer.catalog.images import Copies, Images
from indexer.catalog.schema import FACT, FACTS_UNREAD, LABEL, LABEL_SOURCE, META, migrate, schema_version
from indexer.catalog.sqlite import Statements, connect, values_checked
from indexer.encoders.encoder import Encoder
from indexer.errors import EncoderError
from indexer.numbers import GREATEST
from indexer.paths import printable
from indexer.vectors.faiss_file import AUTO

if TYPE_CHECKING:
    from indexer.catalog.faces import Faces
    from indexer.catalog.facts import PictureFacts
    from indexer.catalog.failures import Failures
    from indexer.catalog.labels import Labels


class Catalog(Statements):
    """An open catalogue, divided into images, labels, facts, failures, copies and faces.

    Every method raises DamagedIndex if SQLite finds the file damaged.
    """

    def __init__(self, connection: Connection, path: Path) -> None:
        super().__init__(connection)
        self.path = path
        self.images = Images(connection)
        self.copies = Copies(connection)
        self._first_new = 0

    @cached_property
    def labels(self) -> Labels:
        """The labels of images."""
        from indexer.catalog.labels import Labels

        return Labels(self._connection, self._first_new)

    @cached_property
    def failures(self) -> Failures:
        """Files that could not be indexed."""
        from indexer.catalog.failures import Failures

        return Failures(self._connection)

    @cached_property
    def faces(self) -> Faces:
        """The faces in photographs."""
        from indexer.catalog.faces import Faces

        return Faces(self._connection)

    @cached_property
    def facts(self) -> PictureFacts:
        """The facts that pictures state about themselves."""
        from indexer.catalog.facts import PictureFacts

        return PictureFacts(self._connection)

    @classmethod
    def read(cls, path: Path) -> Catalog:
        """Open for reading, without waiting for a writer."""
        # In a read-only folder, SQLite cannot create the -shm and -wal files that readers and a writer share.
        alone = not os.access(path.parent, os.W_OK) and not path.with_name(f"{path.name}-wal").exists()
        return cls(connect(path, "mode=ro&immutable=1" if alone else "mode=ro"), path)

    @classmethod
    def write(cls, path: Path, metadata_of_new: IndexMetadata | None = None) -> Catalog:
        """Open for writing, migrate to the newest schema, and commit.

        metadata_of_new: stored if the catalogue is new. Raises IndexStateError if a newer version made the catalogue.
        The caller must hold the writer lock.
        """
        catalog = cls(connect(path, "mode=rwc"), path)
        try:
            migrate(catalog._connection, printable(path.parent))
            if metadata_of_new is not None and catalog.stored_metadata() is None:
                catalog.store_metadata(metadata_of_new)
            catalog._first_new = catalog.images.next_id()
            catalog.commit()
        except BaseException:
            catalog.close()
            raise
        return catalog

    @contextmanager
    def beside(self) -> Iterator[Catalog]:
        """Yield a second, read-only connection to the same file, with its own transactions."""
        reader = Catalog.read(self.path)
        try:
            yield reader
        finally:
            reader.close()

    def close(self) -> None:
        """Discard uncommitted changes and close the file."""
        self._connection.close()

    def refresh(self) -> None:
        """Discard uncommitted changes; the next query sees what other processes have committed."""
        self._connection.rollback()
        self._note_unchanged()

    def commit(self) -> None:
        """Commit all changes, making them durable and visible at once."""
        self._connection.commit()
        self._note_unchanged()

    @property
    def relabelled(self) -> bool:
        """Whether images from before the catalogue was opened for writing got labels since the last commit."""
        return self._uses_labels and self.labels.relabelled

    @property
    def _uses_labels(self) -> bool:
        return "labels" in vars(self)

    def _note_unchanged(self) -> None:
        self.images.have_changed = False
        if "faces" in vars(self):
            self.faces.have_changed = False
        if self._uses_labels:
            self.labels.relabelled = False

    def has_labels(self) -> bool:
        """Return whether images have, or had, labels; without any, indexer.catalog.labels need not be imported."""
        return self._uses_labels or self._connection.execute(select(LABEL.c.id).limit(1)).first() is not None

    def has_facts(self) -> bool:
        """Return whether any picture states facts; if none does, indexer.catalog.facts need not be imported."""
        return self._connection.execute(select(FACT.c.fact).limit(1)).first() is not None

    def has_unread_facts(self) -> bool:
        """Return whether the facts of some images have not been read yet."""
        return self._connection.execute(select(FACTS_UNREAD.c.image_id).limit(1)).first() is not None

    def label_sources(self) -> dict[str, bytes]:
        """Return the label files whose values have all been stored: path to SHA-256 of the content."""
        return {path: digest for path, digest in self._connection.execute(select(LABEL_SOURCE))}

    def set_label_sources(self, sources: Mapping[str, bytes]) -> None:
        """Replace the set of label files whose values have all been stored."""
        self._connection.execute(delete(LABEL_SOURCE))
        rows = [{"path": path, "digest": digest} for path, digest in sources.items()]
        if rows:
            self._connection.execute(insert(LABEL_SOURCE), rows)

    def version(self) -> int:
        """Return the schema version; 0 if the first run was killed before it created the tables."""
        return schema_version(self._connection)

    def stored_metadata(self) -> IndexMetadata | None:
        """Return the index's metadata; None if the first run has not written it yet.

        Raises DamagedIndex for values that are not JSON, or not of their types.
        """
        rows = self._connection.execute(select(META.c.key, META.c.value)).all()
        with values_checked():
            return IndexMetadata.from_json({key: json.loads(value) for key, value in rows})

    def store_metadata(self, metadata: IndexMetadata) -> None:
        """Write the index's metadata."""
        rows = [{"key": key, "value": json.dumps(value)} for key, value in metadata.to_json().items()]
        self._connection.execute(insert(META).prefix_with("OR REPLACE"), rows)

    def damage(self) -> list[str]:
        """Return the problems that SQLite's quick_check finds, one sentence each; [] if the file is sound."""
        try:
            found = self._connection.exec_driver_sql("PRAGMA quick_check").scalars().all()
        except DatabaseError as error:
            return [str(error.orig)]
        return [] if list(found) == ["ok"] else [str(line) for line in found]


# The types in JSON of a field's type.
JSON_TYPES = {"str": str, "int": int, "float": int | float, "dict": dict, "tuple": list | tuple}


@dataclass(frozen=True)
class IndexMetadata:
    """The metadata of an index, stored in its catalogue.

    uuid: identifies the index. encoder_source: folder of the bundle that was last used. code_rows: number of valid rows
    in the array of codes. generation: increases when images are added or removed. base_generation: the earliest
    generation of a usable base; the ids removed before it are no longer recorded. kind, recall: the requested index
    type of the base, and its recall. predictor_name, predictor_sha256: the attribute encoder that last predicted
    labels, "" for none. predicted_until: the last image id that this encoder has seen. relabelled: increases when
    existing images get labels. drives: folders with pictures that were mount points, on another drive than their parent
    folder, in the last run. faces: the same metadata of the faces of an index, as JSON, {} for an index without faces.
    """

    uuid: str
    encoder_name: str
    encoder_sha256: str
    encoder_source: str
    framing: dict[str, Any]
    distance: str
    latent_size: int
    code_rows: int = 0
    generation: int = 0
    base_generation: int = 0
    kind: str = AUTO
    recall: float = 0.95
    predictor_name: str = ""
    predictor_sha256: str = ""
    predicted_until: int = 0
    relabelled: int = 0
    drives: tuple[str, ...] = ()
    faces: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of_new(cls, encoder: Encoder) -> IndexMetadata:
        """Return the metadata of an empty index."""
        return cls(
            uuid.uuid4().hex,
            encoder.name,
            encoder.sha256,
            str(encoder.folder),
            encoder.framing.to_json(),
            encoder.distance,
            encoder.latent_size,
        )

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> IndexMetadata | None:
        """Read the metadata from a catalogue; None if the first run was killed before it wrote all of it.

        Raises ValueError for a value of another type than its field's, and for a number that is out of range.
        """
        needed = [one.name for one in fields(cls) if one.default is MISSING and one.default_factory is MISSING]
        known = {one.name: stored[one.name] for one in fields(cls) if one.name in stored}
        for one in fields(cls):
            if one.name in known and not _is_sound(known[one.name], str(one.type).partition("[")[0]):
                raise ValueError(f"{one.name} is {known[one.name]!r}")
        known["drives"] = tuple(known.get("drives", ()))
        return cls(**known) if all(name in known for name in needed) else None

    @classmethod
    def of_faces(cls, stored: Mapping[str, Any]) -> IndexMetadata:
        """Read the field `faces`. Raises DamagedIndex for values of other types."""
        with values_checked():
            found = cls.from_json(stored)
            if found is None:
                raise ValueError("what is known of the faces is incomplete")
            return found

    def to_json(self) -> dict[str, Any]:
        """Return the metadata for storage in a catalogue."""
        return asdict(self)

    def require(self, encoder: Encoder, folder: Path) -> None:
        """Raise EncoderError if `encoder`, or its framing, is not the one that the index at `folder` was made with."""
        mine = (self.encoder_name, self.encoder_sha256, self.framing, self.distance, self.latent_size)
        theirs = (encoder.name, encoder.sha256, encoder.framing.to_json(), encoder.distance, encoder.latent_size)
        if mine != theirs:
            raise EncoderError(
                f"the index at {printable(folder)} was made with encoder {self.encoder_name} "
                f"(sha256 {self.encoder_sha256[:12]}…), not with {encoder.name} (sha256 {encoder.sha256[:12]}…): "
                "leave --encoder out, or make another index with --index"
            )


def _is_sound(value: Any, field_type: str) -> bool:
    """Return whether a value from JSON has the type of its field; counts are not negative and fit into SQLite."""
    if isinstance(value, bool) or not isinstance(value, JSON_TYPES[field_type]):
        return False
    return not isinstance(value, int | float) or 0 <= value <= GREATEST

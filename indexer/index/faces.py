"""The faces of an index: a space beside that of whole pictures, with its own codes, encoder and base."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from indexer.catalog.catalog import Catalog, IndexMetadata
from indexer.catalog.faces import FaceRecord
from indexer.errors import EncoderError, InputError
from indexer.index.vector_search import VectorSearch
from indexer.paths import printable
from indexer.vectors.code_file import OF_FACES
from indexer.vectors.exact import Selection

if TYPE_CHECKING:
    from indexer.catalog.images import ImageRecord
    from indexer.encoders.encoder import Encoder
    from indexer.faces.framing import FaceFraming


class FaceSpace:
    """The faces of an index in the state of its catalogue's open transaction. Its methods are those of `Index`.

    stored: the field `faces` of the index's metadata. before: the space in an earlier state.
    """

    def __init__(
        self, folder: Path, catalog: Catalog, stored: Mapping[str, Any], before: FaceSpace | None = None
    ) -> None:
        self._folder = folder
        self._catalog = catalog
        self.metadata = IndexMetadata.of_faces(stored)
        earlier = before.vectors if before else None
        self.vectors: VectorSearch = VectorSearch(folder, catalog.faces, self.metadata, earlier, OF_FACES)

    def now(self, stored: Mapping[str, Any]) -> FaceSpace:
        """Return the space in the state that the catalogue has now."""
        return FaceSpace(self._folder, self._catalog, stored, self)

    @property
    def distance(self) -> str:
        """The metric between codes: "euclidean" or "cosine"."""
        return self.metadata.distance

    @property
    def latent_size(self) -> int:
        """The length of a code."""
        return self.metadata.latent_size

    def count(self) -> int:
        """Return the number of faces."""
        return self.vectors.count

    def search(
        self,
        codes: NDArray[np.float32],
        k: int,
        exclude_ids: Sequence[int] = (),
        within: Selection | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Find the k nearest faces to each code as `Index.search` does; ids, excluded ids and `within` are of faces."""
        queries = np.ascontiguousarray(codes, np.float32)
        if queries.ndim != 2 or queries.shape[1] != self.latent_size:
            raise ValueError(f"codes have shape {queries.shape}, not (q, {self.latent_size})")
        return self.vectors.search(queries, k, {int(face_id) for face_id in exclude_ids}, within)

    def code_blocks(self, within: Selection | None = None) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Yield the faces of `within`, None for all, in blocks: ids, int64 (n,), and codes, float32 (n, d)."""
        return self.vectors.blocks(within, ())

    def matching(self, where: Iterable[str] = (), under: Iterable[str | Path] = ()) -> Selection:
        """Select the faces of the images that `Index.matching` selects."""
        from indexer.catalog.filters import matching_ids

        return Selection(self._catalog.faces.ids_of_images(matching_ids(self._catalog, where, under)))

    def faces(self, ids: Sequence[int]) -> list[FaceRecord]:
        """Return the faces with these ids, in the same order. Raises InputError for an unknown id."""
        found = self._catalog.faces.of_ids(ids)
        for face_id in ids:
            if int(face_id) not in found:
                raise InputError(f"there is no face with id {face_id} in the index at {printable(self._folder)}")
        return [found[int(face_id)] for face_id in ids]

    def of_image(self, image_id: int) -> list[FaceRecord]:
        """Return the faces of an image, the largest first."""
        return sorted(self._catalog.faces.of_images([image_id]), key=lambda face: (-face.area, face.id))

    def owned_by(self, image_ids: Iterable[int]) -> set[int]:
        """Return the ids of the faces of images."""
        return {face.id for face in self._catalog.faces.of_images(list(image_ids))}

    def images(self, ids: Sequence[int]) -> list[ImageRecord]:
        """Return the images of faces with these ids, in the same order. Raises InputError for an unknown id."""
        owners = [face.image_id for face in self.faces(ids)]
        found = self._catalog.images.of_ids(list(set(owners)))
        return [found[image_id] for image_id in owners]

    def codes(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """Return the stored codes of faces, float32 (n, d), in the same order. Raises InputError for an unknown id."""
        return self.vectors.codes[[face.position for face in self.faces(ids)]]


def face_metadata(encoder: Encoder, framing: FaceFraming) -> IndexMetadata:
    """Return the metadata of an empty space for faces that an encoder encodes."""
    return replace(IndexMetadata.of_new(encoder), framing=framing.to_json())


def require(stored: IndexMetadata, wanted: IndexMetadata, folder: Path) -> None:
    """Raise EncoderError if the faces of the index at `folder` were encoded by another encoder than is wanted."""
    mine, theirs = (
        (one.encoder_name, one.encoder_sha256, one.framing, one.distance, one.latent_size) for one in (stored, wanted)
    )
    if mine != theirs:
        raise EncoderError(
            f"the faces of the index at {printable(folder)} were encoded with {stored.encoder_name} "
            f"(sha256 {stored.encoder_sha256[:12]}…), not with {wanted.encoder_name} "
            f"(sha256 {wanted.encoder_sha256[:12]}…): leave --face-encoder out, or make another index with --index"
        )

"""Search the faces of an index for those most like the face in a picture."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.decoding.decode import decode_bytes
from indexer.encoders.encoder import Encoder, load_encoder
from indexer.errors import InputError, UnreadableImage
from indexer.faces.detector import load_detector
from indexer.faces.finder import FaceFinder
from indexer.faces.framing import FaceFraming
from indexer.index.faces import FaceSpace, face_metadata, require
from indexer.index.index import Index
from indexer.paths import printable
from latentsearch.query import Name, Options, QueriedFace, Query, Results, Stopwatch
from latentsearch.search.ranking import Excluded, Finder
from latentsearch.search.search import combined, read_contents

Codes = NDArray[np.float32]


class FacelessPicture(Exception):
    """A queried picture in which no face was found; its message is the picture's name."""


class FaceSearch:
    """Searches the faces of one index, and keeps its detector and encoder loaded."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def search(self, query: Query, options: Options, watch: Stopwatch) -> Results:
        """Search for the mean code of the queried pictures' faces, minus that of the faces of `minus`.

        Raises FacelessPicture if a picture shows no face and `options` requires none, InputError if it requires one,
        and for labels to set, parts and codes, which belong to whole pictures; otherwise as `search_in`.
        """
        if options.changes:
            raise InputError("labels are set in searches of whole pictures only: add --whole (whole=True in Python)")
        if any(query.parts):
            raise InputError("a part is searched for among whole pictures only: add --whole (whole=True in Python)")
        index, faces = self._index, self._faces
        with watch.stage("load"):
            encoder = self._encoder
        with watch.stage("encode"):
            contents = read_contents(query.files, query.given)
            plus, minus, asked = self._codes(query, contents, options)
        with watch.stage("search"):
            known = index.images([*query.ids, *query.minus_ids])
            itself = Excluded.of(query.files, contents, known, index) if options.exclude_self else Excluded()
            finder = Finder(index, encoder, options, watch, faces=faces)
            (hits,) = finder.hits(combined(plus, minus, faces.distance, query.weights)[None], [itself])
        return Results(
            tuple(face.query for face in asked[: len(plus)]),
            encoder.name,
            str(index.folder),
            watch.took(),
            hits,
            tuple(face.query for face in asked[len(plus) :]),
            finder.matching,
            options.diverse,
            faces=tuple(asked[: len(plus)]),
            sort=options.sort,
            cutoff=finder.cutoff,
        )

    @property
    def _faces(self) -> FaceSpace:
        faces = self._index.faces
        assert faces is not None
        return faces

    @cached_property
    def _encoder(self) -> Encoder:
        return encoder_of_faces(self._index)

    @cached_property
    def _finder(self) -> FaceFinder:
        return FaceFinder(load_detector(), FaceFraming.of(self._encoder))

    def _codes(
        self, query: Query, contents: Sequence[bytes], options: Options
    ) -> tuple[Codes, Codes, list[QueriedFace]]:
        """Return the codes of the faces to add and to subtract, and the faces in this order."""
        count = len(query.images)
        parts = [
            [*self._in_files(query.images, contents[:count], options), *self._stored(query.ids, options)],
            [*self._in_files(query.minus, contents[count:], options), *self._stored(query.minus_ids, options)],
        ]
        none = np.empty((0, self._faces.latent_size), np.float32)
        plus, minus = (np.concatenate([none, *(code[None] for code, _ in part)]) for part in parts)
        if query.minus_weights:
            minus = minus * np.array(query.minus_weights, np.float32)[:, None]
        return plus, minus, [face for part in parts for _, face in part]

    def _in_files(
        self, names: Sequence[Name], contents: Sequence[bytes], options: Options
    ) -> list[tuple[Codes, QueriedFace]]:
        found = []
        for name, content in zip(names, contents, strict=True):
            try:
                decoded = decode_bytes(content, self._encoder.framing, with_picture=True)
            except UnreadableImage as error:
                raise UnreadableImage(f"{printable(name)}: {error}") from error
            assert decoded.picture is not None
            faces, pixels = self._finder.find(decoded.picture, decoded.width, decoded.height)
            number = _number(str(name), len(faces), options)
            code = self._encoder.encode(pixels[number - 1 : number])[0]
            found.append((code, QueriedFace(str(name), number, len(faces), faces[number - 1].box)))
        return found

    def _stored(self, ids: Sequence[int], options: Options) -> list[tuple[Codes, QueriedFace]]:
        found = []
        for record in self._index.images(ids):
            faces = self._faces.of_image(record.id)
            number = _number(record.path, len(faces), options)
            code = self._faces.codes([faces[number - 1].id])[0]
            found.append((code, QueriedFace(record.path, number, len(faces), faces[number - 1].box)))
        return found


def encoder_of_faces(index: Index, *, network: bool = True) -> Encoder:
    """Load the encoder of an index's faces. Raises EncoderError if it is missing or has changed."""
    faces = index.faces
    assert faces is not None
    source = Path(faces.metadata.encoder_source)
    name = source if (source / "model.json").is_file() else faces.metadata.encoder_name
    encoder = load_encoder(name, network=network)
    require(faces.metadata, face_metadata(encoder, FaceFraming.of(encoder)), index.folder)
    return encoder


def _number(name: str, count: int, options: Options) -> int:
    """Return which face of a picture is searched for, from 1."""
    if count == 0 and options.face is None:
        raise FacelessPicture(name)
    number = options.face or 1
    if number > count:
        there = (
            "no face was found" if count == 0 else f"{count} faces were found" if count > 1 else "one face was found"
        )
        raise InputError(f"{printable(name)} has no face {number}: {there}")
    return number

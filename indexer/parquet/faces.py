"""The column `faces` of an exported file: the faces of each photograph, with their codes.

A list of structs: id, left, top, right, bottom (pixels of the upright photograph), points (ten numbers: x and y of the
left and right eye, the nose, and the left and right corner of the mouth), score and code. It is null for photographs
that were not searched for faces. An import leaves it out: the next run over the folders finds the faces again.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from indexer.catalog.faces import unpacked
from indexer.parquet.schema import KEY, encoder_entry, import_pyarrow

if TYPE_CHECKING:
    import pyarrow

    from indexer.index.faces import FaceSpace
    from indexer.index.index import Index

NAME = "faces"
EDGES = ("left", "top", "right", "bottom")


class FaceColumn:
    """Adds the column to the schema and the batches of an index with faces."""

    def __init__(self, index: Index, faces: FaceSpace) -> None:
        arrow = import_pyarrow()
        self._index, self._faces = index, faces
        numbers = [("id", arrow.int64()), *((edge, arrow.float32()) for edge in EDGES)]
        code = arrow.list_(arrow.float32(), faces.latent_size)
        points = arrow.list_(arrow.float32(), 10)
        self._type = arrow.list_(
            arrow.struct([*numbers, ("points", points), ("score", arrow.float32()), ("code", code)])
        )

    def schema(self, schema: pyarrow.Schema) -> pyarrow.Schema:
        """Return a schema with the column, and with the faces' encoder in its metadata."""
        content = {**json.loads((schema.metadata or {})[KEY]), NAME: encoder_entry(self._faces.metadata)}
        field = import_pyarrow().field(NAME, self._type)
        return schema.append(field).with_metadata({**(schema.metadata or {}), KEY: json.dumps(content)})

    def added(self, batch: pyarrow.RecordBatch, ids: Sequence[int], schema: pyarrow.Schema) -> pyarrow.RecordBatch:
        """Return a batch with the column; ids: of the photographs in it. schema: from `schema`."""
        arrow = import_pyarrow()
        array = arrow.array(self._values(ids), self._type)
        return arrow.RecordBatch.from_arrays([*batch.columns, array], schema=schema)

    def _values(self, ids: Sequence[int]) -> list[list[dict[str, Any]] | None]:
        records = self._index.catalog.faces.of_images(ids)
        codes = self._faces.codes([record.id for record in records])
        found: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
        for record, code in zip(records, codes, strict=True):
            edges = dict(zip(EDGES, record.box, strict=True))
            points = unpacked(record.points).ravel().tolist()
            found[record.image_id].append(
                {"id": record.id, **edges, "points": points, "score": record.score, "code": code.tolist()}
            )
        unsearched = self._index.catalog.faces.unsearched(ids)
        return [None if image_id in unsearched else found[image_id] for image_id in ids]

"""Describes an index as plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from indexer.catalog.schema import SCHEMA_VERSION
from indexer.paths import CATALOGUE, printable
from indexer.vectors import code_file as code_files
from indexer.vectors import faiss_file as bases

if TYPE_CHECKING:
    from indexer.catalog.catalog import IndexMetadata
    from indexer.index.faces import FaceSpace
    from indexer.index.index import Index
    from indexer.index.vector_search import VectorSearch


def status_of(index: Index) -> dict[str, Any]:
    """Return the data of `latentsearch status --json`: counts, labels, encoder, file sizes, and search parameters."""
    metadata, names = index.metadata, (CATALOGUE, code_files.FILE_NAME, bases.FILE_NAME)
    return {
        "index": printable(index.folder),
        "images": index.count(),
        "incomplete": index.catalog.images.count_incomplete(),
        "failures": index.catalog.failures.count(),
        "failures_that_may_pass": index.catalog.failures.count_that_may_pass(),
        "labels": index.catalog.labels.names(),
        "predicted_by": {"name": metadata.predictor_name, "sha256": metadata.predictor_sha256}
        if metadata.predictor_name
        else None,
        "last_added": index.catalog.images.last_added(),
        "encoder": {
            "name": index.encoder_name,
            "sha256": index.encoder_sha256,
            "source": printable(index.encoder_source),
            "latent_size": index.latent_size,
            "distance": index.distance,
        },
        "schema": SCHEMA_VERSION,
        "bytes": {name: code_files.size_of(index.folder / name) for name in names},
        "vectors": _vectors(metadata, index.vectors),
        **({} if index.faces is None else {"faces": _faces(index, index.faces)}),
    }


def _faces(index: Index, faces: FaceSpace) -> dict[str, Any]:
    searched, with_faces = index.catalog.faces.count_images()
    return {
        "faces": faces.count(),
        "searched": searched,
        "with_faces": with_faces,
        "detector": index.metadata.faces.get("detector"),
        "encoder": {
            "name": faces.metadata.encoder_name,
            "sha256": faces.metadata.encoder_sha256,
            "source": printable(faces.metadata.encoder_source),
            "latent_size": faces.latent_size,
            "distance": faces.distance,
        },
        "bytes": {name: code_files.size_of(index.folder / name) for name in code_files.OF_FACES},
        "vectors": _vectors(faces.metadata, faces.vectors),
    }


def _vectors(metadata: IndexMetadata, now: VectorSearch) -> dict[str, Any]:
    found: dict[str, Any] = {"asked": metadata.kind, "kind": None, "problem": now.problem or None}
    if now.base is not None:
        header = now.base.header
        found |= {
            "kind": header.kind,
            "why": header.why,
            "recall@20": {"target": header.tuning.target, "reached": header.tuning.reached},
            "candidates": header.tuning.candidates(20),
            "effort": header.tuning.effort(20),
            "trained_on": header.trained_on,
        }
    return found | {"in_base": now.in_base, "since": len(now.delta.ids), "removed": len(now.gone)}

"""Faces in photographs: what a run needs to find them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from indexer.faces.reading import FaceReading


def faces_at(location: Path) -> dict[str, Any]:
    """Return what an index knows of its faces; {} without faces, or without an index."""
    from indexer.index.index import Index

    if not Index.exists(location):
        return {}
    with Index.open(location) as opened:
        return opened.metadata.faces


def face_reading(wanted: bool | str | Path, stored: dict[str, Any]) -> FaceReading | None:
    """Load what finds and encodes faces, if they are wanted or the index has some; None for neither.

    wanted: True for the encoder of the index's faces or the default one, or an encoder's name or folder. stored: what
    the index knows of its faces.
    """
    if wanted is False and not stored:
        return None
    from indexer.faces.reading import FaceReading

    if not isinstance(wanted, bool):
        return FaceReading.load(wanted)
    source = stored.get("encoder_source")
    is_there = source is not None and (Path(source) / "model.json").is_file()
    return FaceReading.load(source if is_there else stored.get("encoder_name"))

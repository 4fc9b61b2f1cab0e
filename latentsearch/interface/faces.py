"""Faces in photographs: what a run needs to find them, and groups of faces that are alike."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer.errors import InputError

if TYPE_CHECKING:
    from indexer.faces.reading import FaceReading
    from indexer.index.index import Index
    from indexer.progress import StepReport
    from latentsearch.search.face_groups import FaceGroups


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


def groups_of_faces(
    index: Index, min_similarity: float | None, least: int, on_progress: StepReport | None
) -> FaceGroups:
    """Group the faces of an index; see `Collection.faces`."""
    from latentsearch.search.face_groups import MIN_SIMILARITY, group_faces
    from latentsearch.search.faces import encoder_of_faces

    if index.faces is None:
        raise InputError(f"the index at {index.folder} has no faces: find them with `latentsearch index DIR --faces`")
    if min_similarity is not None and not 0 <= min_similarity <= 1:
        raise InputError(f"the least similarity is {min_similarity:g}: it must be a number from 0 to 1")
    if least < 1:
        raise InputError(f"the least group has {least} faces: ask for 1 or more")
    wanted = MIN_SIMILARITY if min_similarity is None else min_similarity
    encoder = encoder_of_faces(index, network=False)
    report = None if on_progress is None else partial(on_progress, "comparing")
    return group_faces(index, encoder, wanted, least, report)

"""The pictures of the fixture `made`, and the hits of a search in them."""

from __future__ import annotations

from pathlib import Path

import latentsearch as ls


def picture(made: Path, number: int) -> Path:
    """The path of a picture, from 1."""
    return made / "faces" / "img_align_celeba" / f"{number:06}.jpg"


def ids(found: ls.Results) -> list[int]:
    return [hit.id for hit in found]

"""Contact sheets of faces: each face large, with its photograph small in a corner."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.decoding.decode import decode_bytes, read_file
from indexer.encoders.framing import Whole
from indexer.errors import InputError, UnreadableImage
from indexer.files.sheets import marked
from indexer.paths import printable
from indexer.system.limits import Reserve, refuse_above_cap
from indexer.workers.budget import Share
from indexer.workers.pool import TaskPool
from indexer.workers.tasks import FileTask
from latentsearch.search.face_groups import FaceGroups

# The side of a face and of its photograph, and the space between tiles, in pixels.
TILE, SMALL, GAP = 160, 52, 8
BACKGROUND, MISSING = (255, 255, 255), (210, 210, 210)
# The part around a face that is shown, in relation to its box.
AROUND = 1.5
# The most faces of a group, and groups, on a sheet.
COLUMNS, ROWS = 12, 50


class CutFace(NamedTuple):
    """A face to cut out: its number, its picture's path and its box in the upright picture's pixels."""

    number: int
    path: str
    box: tuple[float, float, float, float]


Tile = tuple[int, NDArray[np.uint8] | None]


class CutFaces(FileTask[CutFace, Tile]):
    """Cuts faces out of picture files, in worker processes."""

    def do(self, item: CutFace, share: Share) -> Tile:
        """Return the tile of a face, uint8 (TILE, TILE, 3); None if the picture cannot be decoded."""
        try:
            return item.number, np.asarray(tile_of(read_file(item.path), item.box, share.reserve))
        except UnreadableImage:
            return self.failed(item, "")

    def failed(self, item: CutFace, reason: str) -> Tile:
        """Return no tile."""
        return item.number, None


def tile_of(content: bytes, box: tuple[float, float, float, float], reserve: Reserve = refuse_above_cap) -> Image.Image:
    """Draw a face with its photograph small in the lower right corner. Raises UnreadableImage."""
    decoded = decode_bytes(content, Whole(SMALL, SMALL), reserve, with_picture=True)
    assert decoded.picture is not None
    scale = decoded.picture.width / decoded.width
    left, top, right, bottom = (scale * edge for edge in box)
    half = AROUND * max(right - left, bottom - top, 2) / 2
    x, y = (left + right) / 2, (top + bottom) / 2
    square = [round(edge) for edge in (x - half, y - half, x + half, y + half)]
    tile = decoded.picture.crop((square[0], square[1], square[2], square[3])).resize((TILE, TILE))
    small = decoded.picture.copy()
    small.thumbnail((SMALL, SMALL))
    framed = Image.new("RGB", (small.width + 2, small.height + 2), BACKGROUND)
    framed.paste(small, (1, 1))
    tile.paste(framed, (TILE - framed.width, TILE - framed.height))
    return tile


def tiles_of_faces(faces: Sequence[tuple[str | bytes, tuple[float, float, float, float]]]) -> list[Image.Image]:
    """Cut faces out of files, given by path or content, and box; a grey tile stands for one that cannot be decoded."""
    tiles = [Image.new("RGB", (TILE, TILE), MISSING) for _ in faces]
    items = []
    for number, (picture, box) in enumerate(faces):
        if isinstance(picture, str):
            items.append(CutFace(number, picture, box))
            continue
        with suppress(UnreadableImage):
            tiles[number] = tile_of(picture, box)
    with TaskPool(CutFaces(), _chunks(items)) as pool:
        for number, pixels in (tile for tiles_of_chunk in pool.results() if tiles_of_chunk for tile in tiles_of_chunk):
            if pixels is not None:
                tiles[number] = Image.fromarray(pixels)
    return tiles


def write_groups(found: FaceGroups, target: Path) -> None:
    """Draw a row for each of the first ROWS groups. Raises InputError if the target cannot be written."""
    rows = [group[:COLUMNS] for group in found.groups[:ROWS]]
    tiles = iter(tiles_of_faces([(one.path, one.face.box) for group in rows for one in group]))
    columns = max(map(len, rows), default=1)
    sheet = Image.new("RGB", (columns * (TILE + GAP) + GAP, max(len(rows), 1) * (TILE + GAP) + GAP), BACKGROUND)
    for row, group in enumerate(rows):
        for column in range(len(group)):
            sheet.paste(next(tiles), (GAP + column * (TILE + GAP), GAP + row * (TILE + GAP)))
    try:
        sheet.save(target, exif=marked())
    except OSError as error:
        raise InputError(f"cannot write {printable(target)}: {error.strerror or error}") from error


def _chunks(items: Sequence[CutFace]) -> Iterator[list[CutFace]]:
    for start in range(0, len(items), 4):
        yield list(items[start : start + 4])

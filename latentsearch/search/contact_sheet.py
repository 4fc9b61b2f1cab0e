"""Draw a contact sheet: the queried pictures first, then the results, each with its rank and how close it is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont, ImageOps

from indexer.decoding.decode import decode_bytes
from indexer.encoders.framing import Whole
from indexer.errors import InputError, UnreadableImage
from indexer.files.sheets import marked
from indexer.paths import printable
from indexer.system.limits import cores
from indexer.workers.in_order import decoded_in_order, job_at
from latentsearch.query import Hit, Results
from latentsearch.search.formats import NONE, pairs_as_close

# The side of a picture, the height of its caption and the space between tiles, in pixels.
TILE = 160
CAPTION = 22
GAP = 8
BACKGROUND = (255, 255, 255)
MISSING = (210, 210, 210)
INK = (30, 30, 30)


class FaceOf(NamedTuple):
    """A face to show: the path or the bytes of its picture's file, and its box in the upright picture's pixels."""

    picture: str | bytes
    box: tuple[float, float, float, float]


# A path or the bytes of a file, or a face, and the caption below the picture.
Pictured = str | bytes | FaceOf
Tile = tuple[Pictured, str]
FORMATS = (".png", ".jpg", ".jpeg", ".webp")


def check_target(target: Path) -> None:
    """Raise InputError if a sheet cannot be written there: its suffix is unknown or its folder does not exist."""
    if target.suffix.lower() not in FORMATS:
        raise InputError(f"cannot write a contact sheet to {printable(target)}: end its name in {', '.join(FORMATS)}")
    if not target.parent.is_dir():
        raise InputError(f"cannot write a contact sheet to {printable(target)}: there is no such folder")


def write_sheet(results: Results, target: Path, given: Mapping[str, bytes] | None = None) -> None:
    """Draw the query and its results as a square grid, and write it to a picture file.

    given: the bytes of queried pictures that are not files, by name. A file that is gone or cannot be decoded becomes
    a grey tile. Raises InputError if the target cannot be written.
    """
    tiles = list(tiles_of(results, given))
    columns = math.ceil(math.sqrt(len(tiles)))
    rows = [tiles[start : start + columns] for start in range(0, len(tiles), columns)]
    _save(_drawn(rows), target)


def write_rows(answers: Sequence[Results], target: Path, given: Mapping[str, bytes] | None = None) -> None:
    """Draw several queries, one per row with its results. Raises InputError if the target cannot be written."""
    _save(_drawn([list(tiles_of(results, given)) for results in answers]), target)


def _drawn(rows: Sequence[Sequence[Tile]]) -> Image.Image:
    columns = max(map(len, rows), default=1)
    size = (columns * (TILE + GAP) + GAP, max(1, len(rows)) * (TILE + CAPTION + GAP) + GAP)
    sheet = Image.new("RGB", size, BACKGROUND)
    pictures = tiles_pictures([picture for tiles in rows for picture, _ in tiles])
    for row, tiles in enumerate(rows):
        for column, (_, caption) in enumerate(tiles):
            corner = (GAP + column * (TILE + GAP), GAP + row * (TILE + CAPTION + GAP))
            sheet.paste(next(pictures), corner)
            _write(sheet, caption, corner)
    return sheet


def _save(sheet: Image.Image, target: Path) -> None:
    try:
        sheet.save(target, exif=marked())
    except OSError as error:
        raise InputError(f"cannot write {printable(target)}: {error.strerror or error}") from error


def tiles_of(results: Results, given: Mapping[str, bytes] | None) -> Iterator[Tile]:
    """Yield the pictures of an answer with their captions, the queried ones first."""
    asked = ", ".join(("query", *results.changes))
    boxes = {face.query: face.box for face in results.faces}
    for names, caption in ((results.query, asked), (results.minus, "minus")):
        for name in names:
            picture = (given or {}).get(name, name)
            yield FaceOf(picture, boxes[name]) if name in boxes and caption != "minus" else picture, caption
    for hit in results.hits:
        yield hit.path if hit.face is None else FaceOf(hit.path, hit.face.box), _caption(hit)


def _caption(hit: Hit) -> str:
    """Return rank and similarity: "3: 1 in 15,000 pairs" means that one random pair in 15,000 is as close."""
    share = pairs_as_close(hit.similarity)
    return f"{hit.rank}: no pair as close" if share == NONE else f"{hit.rank}: {share} pairs"


def tiles_pictures(pictures: Sequence[Pictured]) -> Iterator[Image.Image]:
    """Decode paths and file contents to square tiles with the whole upright picture in the middle, faces to theirs.

    Files are decoded in worker processes. A picture that cannot be decoded, or crashes its decoder, is a grey tile.
    """
    jobs = [job_at(picture) for picture in pictures if isinstance(picture, str)]
    squeezed = decoded_in_order(Whole(TILE, TILE), jobs, min(cores(), max(len(jobs), 1)))
    faces = _faces([picture for picture in pictures if isinstance(picture, FaceOf)])
    for picture in pictures:
        if isinstance(picture, FaceOf):
            yield next(faces)
            continue
        if isinstance(picture, bytes):
            yield _piped(picture)
            continue
        outcome, pixels = next(squeezed)
        yield _missing() if pixels is None else _tile(Image.fromarray(pixels), outcome.width, outcome.height)


def _faces(faces: Sequence[FaceOf]) -> Iterator[Image.Image]:
    if not faces:
        return iter(())
    from latentsearch.search.face_sheets import tiles_of_faces

    return iter(tiles_of_faces(faces))


def _piped(content: bytes) -> Image.Image:
    try:
        decoded = decode_bytes(content, Whole(TILE, TILE))
    except UnreadableImage:
        return _missing()
    return _tile(Image.fromarray(decoded.pixels), decoded.width, decoded.height)


def _tile(squeezed: Image.Image, width: int, height: int) -> Image.Image:
    """Restore the shape of a picture that was squeezed to a square, and centre it in a square tile."""
    scale = TILE / max(width, height)
    shape = (max(1, round(scale * width)), max(1, round(scale * height)))
    return ImageOps.pad(squeezed.resize(shape), (TILE, TILE), color=BACKGROUND)


def _missing() -> Image.Image:
    return Image.new("RGB", (TILE, TILE), MISSING)


def _write(sheet: Image.Image, caption: str, corner: tuple[int, int]) -> None:
    middle = (corner[0] + TILE // 2, corner[1] + TILE + CAPTION // 2)
    ImageDraw.Draw(sheet).text(middle, caption, INK, ImageFont.load_default(14), anchor="mm")

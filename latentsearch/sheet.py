"""Results -> a contact sheet: the query first, then what was found, rank and similarity under each."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from indexer.decode import Framing, decode_bytes, read_file
from indexer.discover import printable
from indexer.errors import InputError, UnreadableImage
from latentsearch.results import Results

TILE = 160
CAPTION = 22
GAP = 8
BACKGROUND = (255, 255, 255)
MISSING = (210, 210, 210)
INK = (30, 30, 30)
FORMATS = (".png", ".jpg", ".jpeg", ".webp")


def check_target(target: Path) -> None:
    """Raise InputError where no sheet can be written to, before any work is done."""
    if target.suffix.lower() not in FORMATS:
        raise InputError(f"cannot write a contact sheet to {printable(target)}: end its name in {', '.join(FORMATS)}")
    if not target.parent.is_dir():
        raise InputError(f"cannot write a contact sheet to {printable(target)}: there is no such folder")


def write_sheet(results: Results, target: Path) -> None:
    """Draw the query and the results in rows as wide as they are high, and write them to a picture file.

    A result whose file is gone or cannot be read is a grey tile. Raises InputError where the target cannot be written.
    """
    captions = list(_captions(results))
    columns = math.ceil(math.sqrt(len(captions)))
    rows = math.ceil(len(captions) / columns)
    sheet = Image.new("RGB", (columns * (TILE + GAP) + GAP, rows * (TILE + CAPTION + GAP) + GAP), BACKGROUND)
    for position, (path, caption) in enumerate(captions):
        row, column = divmod(position, columns)
        corner = (GAP + column * (TILE + GAP), GAP + row * (TILE + CAPTION + GAP))
        sheet.paste(_tile(path), corner)
        _write(sheet, caption, corner)
    try:
        sheet.save(target)
    except OSError as error:
        raise InputError(f"cannot write {printable(target)}: {error.strerror or error}") from error


def _captions(results: Results) -> Iterator[tuple[str, str]]:
    yield results.query, "query"
    for hit in results.hits:
        yield hit.path, f"{hit.rank}: {hit.similarity:.4f}"


def _tile(path: str) -> Image.Image:
    """The whole picture, upright, in the middle of a square."""
    try:
        content = read_file(path)
        size = decode_bytes(content, Framing(TILE, TILE))
        scale = TILE / max(size.width, size.height)
        whole = Framing(max(1, round(scale * size.width)), max(1, round(scale * size.height)))
        picture = Image.fromarray(decode_bytes(content, whole).pixels)
    except UnreadableImage:
        return Image.new("RGB", (TILE, TILE), MISSING)
    return ImageOps.pad(picture, (TILE, TILE), color=BACKGROUND)


def _write(sheet: Image.Image, caption: str, corner: tuple[int, int]) -> None:
    middle = (corner[0] + TILE // 2, corner[1] + TILE + CAPTION // 2)
    ImageDraw.Draw(sheet).text(middle, caption, INK, ImageFont.load_default(14), anchor="mm")

"""What notebooks show: results as pandas DataFrames, and as HTML with thumbnails embedded in it."""

from __future__ import annotations

import base64
import html
import importlib.util
import io
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from PIL import Image

from indexer.errors import MissingExtra
from latentsearch.query import Results
from latentsearch.search.contact_sheet import Tile, tiles_of, tiles_pictures
from latentsearch.search.formats import readable

# The most hits to show: each adds about 4 kB to the saved notebook.
SHOWN = 48
# Pixels along the longer side of a thumbnail.
SIDE = 112
QUALITY = 80
STYLE = "display:inline-block;margin:4px;text-align:center;font:12px sans-serif"


def frame_of(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> Any:
    """Convert rows to a DataFrame. columns: the names of the first columns; an empty frame has them, too.

    Raises MissingExtra without pandas.
    """
    try:
        is_missing = importlib.util.find_spec("pandas") is None
    except ValueError:  # sys.modules holds a stub without a spec
        is_missing = True
    if is_missing:
        raise MissingExtra("pandas is not installed: pip install pandas, or use to_dicts()")
    import pandas

    others = dict.fromkeys(name for row in rows for name in row if name not in columns)
    return pandas.DataFrame(rows, columns=[*columns, *others])


def as_html(results: Results, given: Mapping[str, bytes]) -> str:
    """Return HTML that shows the queried pictures and the first hits, each with a caption and its path as a tooltip.

    given: the bytes of pictures that are not files, by name.
    """
    asked = len(results.query) + len(results.minus)
    tiles = list(islice(tiles_of(results, given), asked + SHOWN))
    titles = [*results.query, *results.minus, *(hit.path for hit in results.hits)]
    figures = "".join(_figures(tiles, titles))
    left = len(results.hits) - SHOWN
    return f"<div>{figures}{f'<p>and {left} more</p>' if left > 0 else ''}</div>"


def _figures(tiles: list[Tile], titles: list[str]) -> Iterator[str]:
    pictures = tiles_pictures([picture for picture, _ in tiles])
    for picture, (_, caption), title in zip(pictures, tiles, titles, strict=False):
        shown = html.escape(readable(title))
        yield (
            f'<figure style="{STYLE}"><img src="{_data_uri(picture)}" title="{shown}" alt="{shown}">'
            f"<figcaption>{html.escape(caption)}</figcaption></figure>"
        )


def _data_uri(picture: Image.Image) -> str:
    picture.thumbnail((SIDE, SIDE))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")

"""Convert paths, arrays, PIL images and bytes to names and the bytes of picture files.

Arrays and PIL images become lossless files in memory, TIFF or PNG. The same code that decodes files then decodes them,
turns them upright, converts them to sRGB and frames them, so that a query is prepared like the pictures of the index.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard, Union

import numpy as np
from numpy.typing import NDArray

from indexer.errors import InputError, UnreadableImage
from latentsearch.query import Address, InMemory, Name, Query

if TYPE_CHECKING:
    from PIL import Image

# A path or address, the bytes of a picture file, an array uint8 (h, w, 3), or a PIL image.
Picture: TypeAlias = Union[str, "os.PathLike[str]", bytes, NDArray[np.uint8], "Image.Image"]
# The same, or the id of a picture of the index, or a code, float32 (d,).
Queried: TypeAlias = Picture | int | NDArray[np.floating[Any]]

# A TIFF is written ten times as fast as a PNG, but decoders may take its 16 bits for 12, and alpha for a fourth colour.
TIFF_MODES = ("L", "RGB", "CMYK")
PNG_MODES = ("1", "L", "LA", "I", "I;16", "P", "RGB", "RGBA")
# zlib's level for PNG: the bytes are decoded at once and never stored, so compression would only cost time.
UNCOMPRESSED = 0


def query_of(query: Queried | Iterable[Queried], minus: Queried | Iterable[Queried] = ()) -> Query:
    """Build the query for pictures, ids and codes; addresses are fetched.

    Raises InputError for anything else, UnreadableImage and TransferError for an address that cannot be fetched.
    """
    plus, less = _Sorted("picture"), _Sorted("minus")
    for one in several(query):
        plus.take(one)
    for one in several(minus):
        less.take(one)
    return Query(
        tuple(plus.names),
        tuple(plus.ids),
        tuple(less.names),
        {**plus.given, **less.given},
        tuple(plus.codes),
        tuple(less.ids),
        tuple(less.codes),
    )


def several(pictures: Any) -> Iterable[Any]:
    """Return several pictures, ids or codes unchanged, and a single one in a list. Raises InputError for others."""
    if isinstance(pictures, np.ndarray):
        are_ids = pictures.ndim == 1 and np.issubdtype(pictures.dtype, np.integer)
        are_codes = is_code(pictures) and pictures.ndim == 2
        return pictures if are_ids or are_codes or pictures.ndim == 4 else [pictures]
    if isinstance(pictures, str | os.PathLike | bytes | int | np.integer) or is_image(pictures):
        return [pictures]
    if isinstance(pictures, Mapping) or not isinstance(pictures, Iterable):
        raise InputError(_no_picture(pictures))
    return pictures


def source_of(picture: Picture, called: str) -> tuple[Name, bytes | None]:
    """Return a picture's name and its bytes; None instead of the bytes for a file, which is read later.

    called: the name of a picture in memory. Raises as `query_of`.
    """
    if isinstance(picture, str | os.PathLike):
        path = os.fspath(picture)
        if not isinstance(path, str):
            path = os.fsdecode(path)
        if "\0" in path:
            raise InputError(f"{path!r} is no path: it has a NUL character")
        if not Address.is_one(path):
            return Path(path), None
        from latentsearch.address import fetch_picture

        return Address(path), fetch_picture(path)
    return InMemory(called), contents_of(picture)


def contents_of(picture: bytes | NDArray[np.uint8] | Image.Image) -> bytes:
    """Return a picture as the bytes of a file.

    Raises InputError for an array that is not uint8 (h, w, 3), UnreadableImage for a PIL image that cannot be loaded.
    """
    if isinstance(picture, bytes):
        return picture
    if isinstance(picture, np.ndarray):
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
            raise InputError(f"an array of {picture.dtype} {picture.shape} is no picture: give uint8 (h, w, 3), RGB")
        from PIL import Image

        return _file_of(Image.fromarray(np.ascontiguousarray(picture)))
    if is_image(picture):
        return _file_of(picture)
    raise InputError(_no_picture(picture))


def is_code(value: object) -> TypeGuard[NDArray[np.floating[Any]]]:
    """Return whether a value is a code, or several: a float array of one or two dimensions."""
    return isinstance(value, np.ndarray) and np.issubdtype(value.dtype, np.floating) and value.ndim in (1, 2)


def is_image(value: object) -> TypeGuard[Image.Image]:
    """Return whether a value is a PIL image."""
    from PIL import Image

    return isinstance(value, Image.Image)


class _Sorted:
    """Sorts queried items into names, ids and codes."""

    def __init__(self, called: str) -> None:
        self._called = called
        self._count = 0
        self.names: list[Name] = []
        self.ids: list[int] = []
        self.codes: list[NDArray[np.float32]] = []
        self.given: dict[str, bytes] = {}

    def take(self, one: Any) -> None:
        """Add one picture, id or code."""
        self._count += 1
        if isinstance(one, int | np.integer) and not isinstance(one, bool):
            self.ids.append(int(one))
        elif is_code(one):
            self.codes.append(np.asarray(one, np.float32))
        else:
            name, content = source_of(one, f"{self._called} {self._count}")
            self.names.append(name)
            if content is not None:
                self.given[str(name)] = content


def _file_of(image: Image.Image) -> bytes:
    """Write a PIL image to a lossless file that keeps its orientation, colour profile and transparency."""
    from PIL.Image import Exif

    from indexer.decoding.srgb import ORIENTATION_TAG, orientation_of

    if image.mode == "F":
        raise InputError("a PIL image of mode F has no known white: convert it to L or RGB first")
    try:
        image.load()  # turns a TIFF upright and drops its orientation tag
    except (OSError, ValueError) as error:
        raise UnreadableImage(f"a PIL image cannot be loaded: {error}") from error
    exif = Exif()
    exif[ORIENTATION_TAG] = orientation_of(image)
    profile = image.info.get("icc_profile")
    file = io.BytesIO()
    if image.mode in TIFF_MODES and "transparency" not in image.info:
        # A copy has none of the tags of the TIFF that it may come from.
        image.copy().save(file, "TIFF", compression="raw", exif=exif, icc_profile=profile)
        return file.getvalue()
    if image.mode not in PNG_MODES:
        profile = None  # it describes the colours before the conversion
        image = image.convert("RGBA" if image.mode in ("RGBa", "La", "PA") else "RGB")
    image.save(file, "PNG", compress_level=UNCOMPRESSED, exif=exif, icc_profile=profile)
    return file.getvalue()


def _no_picture(value: object) -> str:
    return (
        f"{type(value).__name__} is no picture: give a path, an array uint8 (h, w, 3), a PIL image, the bytes of a "
        "picture file, or an id"
    )

"""Build queries and options of a search from what Python users give: paths, arrays, PIL images, bytes, ids, codes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict, TypeGuard, Union

import numpy as np
from numpy.typing import NDArray

from indexer.errors import InputError
from latentsearch.query import PIPED, USUAL_K, USUAL_K_WITHIN, Address, InMemory, Name, Options, Query

if TYPE_CHECKING:
    from PIL import Image

    from latentsearch.notation import Change, Part

# A path or address, the bytes of a picture file, an array uint8 (h, w, 3), or a PIL image.
Picture: TypeAlias = Union[str, "os.PathLike[str]", bytes, NDArray[np.uint8], "Image.Image"]
# The same, or the id of a picture of the index, or a code, float32 (d,).
Queried: TypeAlias = Picture | int | NDArray[np.floating[Any]]
# A part of a picture: x, y, w, h in pixels or in shares, also as "x,y,w,h". Or a list of parts and Nones.
Crop: TypeAlias = str | Sequence[float] | Sequence[str | Sequence[float] | None]


class HitOptions(TypedDict, total=False):
    """The options of `Collection.search` apart from k."""

    where: str | Iterable[str]
    under: str | Path | Iterable[str | Path]
    set: Mapping[str, int] | Iterable[tuple[str, int]]
    set_by: str
    exclude_self: bool
    max_distance: float | None
    min_similarity: float | None
    diverse: float | None
    face: int | None
    whole: bool
    sort: str
    within: str | float | None


class SearchOptions(HitOptions, total=False):
    """The options of `Collection.search_folder`."""

    k: int | None


def query_of(
    query: Queried | Iterable[Queried],
    minus: Queried | Iterable[Queried] = (),
    given: Mapping[str, bytes] | None = None,
    weights: Sequence[float] | None = None,
    minus_weights: Sequence[float] | None = None,
    crop: Crop | None = None,
) -> Query:
    """Build the query for pictures, ids and codes; addresses are fetched.

    given: the bytes of picture files, by the names that stand for them in `query` and `minus`. weights, minus_weights:
    of the items of `query` and `minus`. crop: the part of each picture file of `query`.
    Raises InputError for anything else, UnreadableImage and TransferError for an address that cannot be fetched.
    """
    plus, less = _Sorted("picture", given or {}), _Sorted("minus", given or {})
    plus.take_all(several(query), weights)
    less.take_all(several(minus), minus_weights)
    return Query(
        tuple(plus.names),
        tuple(plus.ids),
        tuple(less.names),
        {**plus.given, **less.given},
        tuple(plus.codes),
        tuple(less.ids),
        tuple(less.codes),
        plus.weights,
        less.weights,
        () if crop is None else _parts(crop, len(plus.names)),
    )


def options_of(
    where: str | Iterable[str] = (),
    under: str | Path | Iterable[str | Path] = (),
    set: Mapping[str, int] | Iterable[tuple[str, int]] = (),
    k: int | None = None,
    within: str | float | None = None,
    **others: Any,
) -> Options:
    """Build the options of a search; `others` are fields of Options.

    Raises InputError for a value of `set` or `within` that cannot be one.
    """
    if within is not None:
        from latentsearch.notation import share_of

        within = share_of(within)
    return Options(
        k=k if k is not None else USUAL_K if within is None else USUAL_K_WITHIN,
        within=within,
        where=(where,) if isinstance(where, str) else tuple(where),
        under=(Path(under),) if isinstance(under, str | os.PathLike) else tuple(map(Path, under)),
        changes=tuple(_changes(set.items() if isinstance(set, Mapping) else set)),
        **others,
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


def source_of(picture: Picture, called: str, given: Mapping[str, bytes] | None = None) -> tuple[Name, bytes | None]:
    """Return a picture's name and its bytes; None instead of the bytes for a file, which is read later.

    called: the name of a picture in memory. given: the bytes of pictures by name. Raises as `query_of`.
    """
    if isinstance(picture, str | os.PathLike):
        path = os.fspath(picture)
        if not isinstance(path, str):
            path = os.fsdecode(path)
        if "\0" in path:
            raise InputError(f"{path!r} is no path: it has a NUL character")
        name = Address(path) if Address.is_one(path) else Path(path)
        if given and path in given:
            return name if isinstance(name, Address) or name == PIPED else InMemory(path), given[path]
        return name, _fetched(name) if isinstance(name, Address) else None
    return InMemory(called), _contents_of(picture)


def is_code(value: object) -> TypeGuard[NDArray[np.floating[Any]]]:
    """Return whether a value is a code, or several: a float array of one or two dimensions."""
    return isinstance(value, np.ndarray) and np.issubdtype(value.dtype, np.floating) and value.ndim in (1, 2)


def is_image(value: object) -> TypeGuard[Image.Image]:
    """Return whether a value is a PIL image."""
    from PIL import Image

    return isinstance(value, Image.Image)


class _Sorted:
    """Sorts queried items into names, ids and codes."""

    def __init__(self, called: str, contents: Mapping[str, bytes]) -> None:
        self._called, self._contents = called, contents
        self._count = 0
        self.names: list[Name] = []
        self.ids: list[int] = []
        self.codes: list[NDArray[np.float32]] = []
        self.given: dict[str, bytes] = {}
        self.weights: tuple[float, ...] = ()

    def take_all(self, items: Iterable[Any], weights: Sequence[float] | None) -> None:
        """Add pictures, ids and codes, with a weight for each, or None if all are equal."""
        if weights is None:
            for one in items:
                self.take(one)
            return
        from latentsearch.notation import check_weights

        taken, given = list(items), [float(weight) for weight in weights]
        kinds = list(map(_kind_of, taken))
        check_weights(given, [f"{self._called} {number}" for number in range(1, len(taken) + 1)])
        for one in taken:
            self.take(one)
        # Queries list their pictures first, then ids, then codes.
        self.weights = tuple(weight for _, weight in sorted(zip(kinds, given, strict=True), key=lambda pair: pair[0]))

    def take(self, one: Any) -> None:
        """Add one picture, id or code."""
        self._count += 1
        kind = _kind_of(one)
        if kind == 1:
            self.ids.append(int(one))
        elif kind == 2:
            self.codes.append(np.asarray(one, np.float32))
        else:
            name, content = source_of(one, f"{self._called} {self._count}", self._contents)
            self.names.append(name)
            if content is not None:
                self.given[str(name)] = content


def _kind_of(one: object) -> int:
    """Return 0 for a picture, 1 for an id and 2 for a code: their order in a query."""
    if isinstance(one, int | np.integer) and not isinstance(one, bool):
        return 1
    return 2 if is_code(one) else 0


def _parts(crop: Crop, count: int) -> tuple[Part | None, ...]:
    from latentsearch.notation import parts_of

    return parts_of(crop, count)


def _changes(wanted: Iterable[tuple[str, int]]) -> Iterator[Change]:
    """Return the labels to set. Raises InputError for a value other than 0 and 1."""
    for label, value in wanted:
        from latentsearch.notation import Change  # not needed by most queries

        if value not in (0, 1):
            raise InputError(f"label {label!r} cannot be set to {value!r}: give 0 or 1")
        yield Change(label, int(value))


def _fetched(address: str) -> bytes:
    from latentsearch.address import fetch_picture

    return fetch_picture(address)


def _contents_of(picture: bytes | NDArray[np.uint8] | Image.Image) -> bytes:
    """Return a picture in memory as the bytes of a file; raises as `file_of_array` and `file_of_image`."""
    if isinstance(picture, bytes):
        return picture
    if isinstance(picture, np.ndarray):
        from latentsearch.in_memory import file_of_array

        return file_of_array(picture)
    if is_image(picture):
        from latentsearch.in_memory import file_of_image

        return file_of_image(picture)
    raise InputError(_no_picture(picture))


def _no_picture(value: object) -> str:
    return (
        f"{type(value).__name__} is no picture: give a path, an array uint8 (h, w, 3), a PIL image, the bytes of a "
        "picture file, or an id"
    )

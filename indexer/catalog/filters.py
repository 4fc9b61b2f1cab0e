"""Finds the images that satisfy the conditions of `--where` and lie in the folders of `--under`.

    CONDITION  NAME OPERATOR VALUE, with or without spaces between them
    NAME       a label or a file fact; label:NAME or file:NAME if both exist
    OPERATOR   = != < <= > >=, ~ for text that matches a pattern (*, ?, [a-z], [^a-z]), !~ for text that does not
    VALUE      a number, a date, or text

Put a name in "quotation marks" if it contains a quotation mark or an operator character or starts with `label:` or
`file:`, and a value if it begins with a quotation mark or an operator character. Double any quotation marks inside. A
quoted value is always text, even if it looks like a number.

File facts: id; path, absolute, and name, its last part; size in bytes; width and height in pixels; megapixels, in
millions of pixels, to two decimals; shape, landscape, portrait or square, as displayed; incomplete, 1 if part of the
file is missing, else 0; added, the time of indexing; changed, the file's modification time. Times are compared with
dates: 2026, 2026-01, 2026-01-31, 2026-01-31 12:30 or 2026-01-31 12:30:05, each covering the whole year, month, day,
minute or second; added and changed in local time.

Facts that the picture itself states, in Exif or XMP, are file facts, too: taken, the time by the clock at the place;
camera, its make and model; lens; latitude and longitude in degrees; orientation, Exif's 1 to 8. near=48.2,16.3,5km
selects pictures taken within 5 km (or m, mi) of a place, near!= all others with a place. A picture that does not state
the fact never matches. A label of the same name takes precedence: write file:camera for the fact.

Labels are numbers or text. = compares with either; < <= > >= compare numbers with numbers and text with text, by code
points, and never match across types. != and !~ are the opposites of = and ~. An image without the label never matches,
whatever the operator. Comparisons are case-sensitive.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Select, and_, func, not_, or_, select

from indexer.catalog.catalog import Catalog
from indexer.catalog.conditions import ORDERS, Clause, Condition
from indexer.catalog.fact_filters import PICTURE_FACTS, ids_of_fact
from indexer.catalog.file_filters import FILE_FACTS, of_file
from indexer.catalog.schema import IMAGE, LABEL, LABEL_VALUE, is_under
from indexer.errors import InputError
from indexer.files.label_files import parse_label
from indexer.paths import printable

Ids = NDArray[np.int64]
FACTS = (*FILE_FACTS, *PICTURE_FACTS)
NEAR_NAMES = 3


def matching_ids(catalog: Catalog, where: Iterable[str] = (), under: Iterable[str | Path] = ()) -> Ids:
    """Return the ids of images that satisfy all conditions and lie in any of the folders: int64 (n,), ascending.

    Raises InputError for an invalid condition, an unknown name, or a value that does not suit the file fact.
    """
    conditions = [Condition.parse(text) for text in where]
    names = catalog.labels.names() if conditions else []
    conditions = [_resolved(condition, names) for condition in conditions]
    of_labels = [condition for condition in conditions if condition.about == "label"]
    of_pictures = [
        condition for condition in conditions if condition.about == "file" and condition.name in PICTURE_FACTS
    ]
    of_files = [
        of_file(condition) for condition in conditions if condition.about == "file" and condition not in of_pictures
    ]
    if folders := list(under):
        of_files.append(
            or_(*(is_under(IMAGE.c.path, spelling) for folder in folders for spelling in _spellings(folder)))
        )
    # SQLite reads one index range for each condition; intersecting the ids with numpy is faster than a join.
    found = [catalog.ids(_labelled(condition)) for condition in of_labels]
    found += [ids_of_fact(catalog, condition) for condition in of_pictures]
    if of_files or not found:
        found.insert(0, catalog.ids(select(IMAGE.c.id).where(*of_files)))
    return reduce(_in_both, found)


def _resolved(condition: Condition, labels: Sequence[str]) -> Condition:
    """Resolve a condition to a label or a file fact. Raises InputError if its name is neither or both."""
    is_label = condition.name in labels and condition.about != "file"
    is_fact = condition.name in FACTS and condition.about != "label"
    if is_label and is_fact and condition.name not in PICTURE_FACTS:
        name = condition.name
        raise InputError(f"{name} is a label here and a fact of every file: write label:{name} or file:{name}")
    if not is_label and not is_fact:
        raise InputError(_unknown(condition, labels))
    return replace(condition, about="label" if is_label else "file")


def _unknown(condition: Condition, labels: Sequence[str]) -> str:
    nouns = {"": "label or file fact", "label": "label", "file": "file fact"}
    candidates = [*(() if condition.about == "file" else labels), *(() if condition.about == "label" else FACTS)]
    near = _near(condition.name, candidates)
    return (
        f"no {nouns[condition.about]} is called {printable(condition.name)!r}: "
        + (f"is it {' or '.join(near)}? " if near else "")
        + f"`latentsearch labels` lists the labels; file facts are {', '.join(FACTS)}"
    )


def _near(name: str, candidates: Sequence[str]) -> list[str]:
    from difflib import get_close_matches

    by_folded = {candidate.casefold(): candidate for candidate in candidates}
    return [by_folded[folded] for folded in get_close_matches(name.casefold(), by_folded, NEAR_NAMES)]


# Labels


def _labelled(condition: Condition) -> Select[tuple[int]]:
    label = select(LABEL.c.id).where(LABEL.c.name == condition.name).scalar_subquery()
    columns = select(LABEL_VALUE.c.image_id).where(LABEL_VALUE.c.label_id == label)
    return columns.where(_of_value(LABEL_VALUE.c.value, condition))


def _of_value(value: ColumnElement[Any], condition: Condition) -> Clause:
    """Return SQL that tests a label's value, a number or text, against a condition."""
    text = _text_of_label(condition)
    asked = text if condition.quoted else parse_label(text)
    if condition.operator in ("~", "!~"):
        fits = and_(func.typeof(value) == "text", value.op("GLOB", is_comparison=True)(text))
        return fits if condition.operator == "~" else not_(fits)
    if condition.operator in ("=", "!="):
        equal = or_(value == text, value == asked)
        return equal if condition.operator == "=" else not_(equal)
    # In SQLite, every text is greater than every number.
    same_type = value >= "" if isinstance(asked, str) else value < ""
    return and_(same_type, ORDERS[condition.operator](value, asked))


def _text_of_label(condition: Condition) -> str:
    try:
        condition.value.encode()
    except UnicodeEncodeError:
        raise InputError(f"the value in {condition} is not UTF-8, as labels are") from None
    return condition.value


def _spellings(folder: str | Path) -> set[str]:
    """Return a folder's absolute path and, in case links lead to it, its real path."""
    return {os.path.abspath(folder), os.path.realpath(folder)}


def _in_both(first: Ids, second: Ids) -> Ids:
    """Return the intersection of two ascending arrays, ascending."""
    return first[np.isin(first, second, assume_unique=True, kind="table" if len(second) else None)]

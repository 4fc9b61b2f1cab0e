"""Conditions: their grammar, and that SQL finds what a plain evaluation in Python finds."""

from __future__ import annotations

import math
import operator
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.catalog.catalog import Catalog, IndexMetadata
from indexer.catalog.filters import FACTS, Condition, matching_ids
from indexer.catalog.images import ImageRecord
from indexer.errors import InputError

FACTS_OF_INDEX = IndexMetadata("0" * 32, "tiny", "ab" * 32, "/bundles/tiny", {"width": 64}, "cosine", 16)
NAME_NOT_UTF8 = os.fsdecode(b"caf\xe9 1.jpg")
PATHS = ("/p/a/IMG_1.jpg", "/p/a/b/IMG_2.jpg", "/p/IMG/1.png", "/p2/x y.jpg", f"/p/a/{NAME_NOT_UTF8}", "/p/a.jpg")
ORDERS = {"=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
NOON = datetime(2026, 1, 31, 12).timestamp()

Labels = Mapping[str, int | float | str]
Images = list[tuple[ImageRecord, Labels]]


def record(number: int, path: str = "", **changes: Any) -> ImageRecord:
    second = NOON + number
    whole = ImageRecord(number, path or f"/p/{number}.jpg", 10 * number, int(second) * 10**9, b"d", 178, 218, 0, second)
    return whole._replace(position=number, **changes)


@contextmanager
def catalog_of(folder: Path, images: Images) -> Iterator[Catalog]:
    path = folder / "catalog.sqlite"
    for file in folder.glob("catalog.sqlite*"):
        file.unlink()
    catalog = Catalog.write(path, FACTS_OF_INDEX)
    catalog.images.add(image for image, _ in images)
    catalog.labels.add((image.id, labels) for image, labels in images)
    try:
        yield catalog
    finally:
        catalog.close()


def found(folder: Path, images: Images, *where: str, under: tuple[str, ...] = ()) -> list[int]:
    with catalog_of(folder, images) as catalog:
        ids = matching_ids(catalog, where, under)
        assert ids.dtype == np.int64
        return ids.tolist()


def labelled(*values: int | float | str | None) -> Images:
    """Images 1, 2, … with the label `age`, None for one without it, and another label each."""
    return [
        (record(number), {"other": number} if value is None else {"age": value, "other": number})
        for number, value in enumerate(values, 1)
    ]


# Plain evaluation


def as_label(text: str) -> int | float | str:
    if re.fullmatch(r"[+-]?(0|[1-9]\d{0,17})", text, re.ASCII):
        return int(text)
    number = re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text, re.ASCII)
    if number and not re.match(r"[+-]?0\d", text) and math.isfinite(float(text)):
        return float(text)
    return text


def holds(sign: str, text: str, value: int | float | str | None, quoted: bool = False) -> bool:
    if value is None:
        return False
    asked = text if quoted else as_label(text)
    if sign in ("~", "!~"):
        return (isinstance(value, str) and fnmatchcase(value, text)) == (sign == "~")
    if sign in ("=", "!="):
        return (value in (asked, text)) == (sign == "=")
    return isinstance(value, str) == isinstance(asked, str) and ORDERS[sign](value, asked)


WORDS = st.text("abAB12 .éß*?€𝄞", max_size=6).map(str.strip)
NUMBERS = st.one_of(
    st.integers(-5, 5), st.integers(-(2**62), 2**62), st.floats(-5, 5), st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = (
    st.none() | NUMBERS | WORDS.filter(bool) | st.sampled_from(["1", "01", "-0", "1.0", "1e3", "1e999", "inf", "nan"])
)
SIGNS = st.sampled_from([*ORDERS, "~", "!~"])
SIGNS_OF_ORDER = st.sampled_from(list(ORDERS))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_labels_match_as_in_plain_python(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    images = labelled(*data.draw(st.lists(VALUES, min_size=1, max_size=12)))
    ages = [labels["age"] for _, labels in images if "age" in labels]
    if not ages:
        return
    folder = tmp_path_factory.getbasetemp()
    with catalog_of(folder, images) as catalog:
        for _ in range(8):
            sign = data.draw(SIGNS)
            text = data.draw(st.sampled_from(ages).map(str) | NUMBERS.map(str) | WORDS)
            quoted = data.draw(st.booleans()) or not text or text[0] in '"=!<>~'
            asked = '"{}"'.format(text.replace('"', '""')) if quoted else text
            expected = [image.id for image, labels in images if holds(sign, text, labels.get("age"), quoted)]
            assert matching_ids(catalog, [f"age {sign} {asked}"]).tolist() == expected, (sign, asked)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_paths_match_as_in_plain_python(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    part = st.text("ab.é \udce9", min_size=1, max_size=3)
    drawn = data.draw(st.lists(st.lists(part, min_size=1, max_size=3).map("/".join), min_size=1, unique=True))
    images: Images = [(record(n, f"/{path}"), {}) for n, path in enumerate(drawn, 1)]
    paths = {image.id: os.fsencode(image.path) for image, _ in images}
    names = {image_id: path.rpartition(b"/")[2] for image_id, path in paths.items()}
    with catalog_of(tmp_path_factory.getbasetemp(), images) as catalog:
        for fact, values in (("path", paths), ("name", names)):
            sign = data.draw(SIGNS_OF_ORDER)
            asked = os.fsdecode(data.draw(st.sampled_from(sorted(values.values()))))
            expected = [image_id for image_id, value in values.items() if ORDERS[sign](value, os.fsencode(asked))]
            assert matching_ids(catalog, [f'{fact} {sign} "{asked}"']).tolist() == expected


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_several_conditions_hold_all_at_once(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    images = [
        (record(n, size=size, width=width), {"a": a, "b": b})
        for n, (size, width, a, b) in enumerate(data.draw(st.lists(st.tuples(*[st.integers(0, 3)] * 4), min_size=1)), 1)
    ]
    asked = data.draw(
        st.lists(st.tuples(st.sampled_from(["a", "b", "size", "width"]), SIGNS_OF_ORDER, st.integers(0, 3)))
    )
    expected = [
        image.id
        for image, labels in images
        if all(ORDERS[sign]({**image._asdict(), **labels}[name], value) for name, sign, value in asked)
    ]
    with catalog_of(tmp_path_factory.getbasetemp(), images) as catalog:
        assert matching_ids(catalog, [f"{name}{sign}{value}" for name, sign, value in asked]).tolist() == expected


# Labels


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("age=30", [1, 2, 3]),
        ('age="30"', [3]),
        ("age!=30", [4, 5]),
        ("age>=30", [1, 2, 4]),
        ("age<30.5", [1, 2]),
        ("age>=thirty", [5]),
        ("age<thirty", [3]),
        ("age~th*", [5]),
        ("age~[0-9]?", [3]),
        ("age!~th*", [1, 2, 3, 4]),
    ],
)
def test_numbers_and_text_are_told_apart(tmp_path: Path, condition: str, expected: list[int]) -> None:
    assert found(tmp_path, labelled(30, 30.0, "30", 31, "thirty", None), condition) == expected


@pytest.mark.parametrize("sign", [*ORDERS, "~", "!~"])
def test_an_image_without_the_label_never_matches(tmp_path: Path, sign: str) -> None:
    assert 2 not in found(tmp_path, labelled(1, None, "x"), f"age{sign}5")


def test_leading_zeros_make_text(tmp_path: Path) -> None:
    assert found(tmp_path, labelled(7, "007"), "age=007") == [2]


@pytest.mark.parametrize("name", ["Wavy Hair", 'a "b"', "x>=y", " spaced ", "label:odd", "5 o'clock", "ünï", "a:b"])
@pytest.mark.parametrize("value", ["plain", "two words", '"', "=", "<x", " end ", "*", "a=b", "7"])
def test_any_name_and_any_value_can_be_asked_for(tmp_path: Path, name: str, value: str) -> None:
    def quote(text: str) -> str:
        return '"{}"'.format(text.replace('"', '""'))

    images: Images = [(record(1), {name: value}), (record(2), {name: "other"})]
    assert found(tmp_path, images, f"{quote(name)}={quote(value)}") == [1]
    assert found(tmp_path, images, f" label:{quote(name)}  =  {quote(value)} ") == [1]


def test_names_need_no_quotation_marks_for_spaces(tmp_path: Path) -> None:
    images: Images = [(record(1), {"Wavy Hair": 1, "city": "New York"})]
    assert found(tmp_path, images, "Wavy Hair = 1", "city=New York") == [1]


def test_a_label_that_is_called_like_a_fact_must_be_told_from_it(tmp_path: Path) -> None:
    images: Images = [(record(1), {"size": "large"}), (record(2), {"size": "small"})]
    assert found(tmp_path, images, "label:size=small") == [2]
    assert found(tmp_path, images, "file:size<=10") == [1]
    assert found(tmp_path, images, "file:width=178") == found(tmp_path, images, "width=178") == [1, 2]
    with pytest.raises(InputError, match="write label:size or file:size"):
        found(tmp_path, images, "size>1")


# File facts


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("added=2026-01-31", [2, 3]),
        ("added!=2026-01-31", [1, 4]),
        ("added<2026-01-31", [1]),
        ("added<=2026-01-31", [1, 2, 3]),
        ("added>2026-01-31", [4]),
        ("added>=2026-1-31", [2, 3, 4]),
        ("added=2026-01-31 00:00", [2]),
        ("added=2026-01-31T23:59:59", [3]),
        ("added>2026-01-31 23:59", [4]),
    ],
)
@pytest.mark.parametrize("fact", ["added", "changed"])
def test_a_date_is_all_of_what_it_names(tmp_path: Path, fact: str, condition: str, expected: list[int]) -> None:
    moments = [(30, 23, 59, 59), (31, 0, 0, 0), (31, 23, 59, 59)]
    seconds = [datetime(2026, 1, *moment).timestamp() for moment in moments] + [datetime(2026, 2, 1).timestamp()]
    images: Images = [
        (record(n, added=second, mtime_ns=int(second) * 10**9), {}) for n, second in enumerate(seconds, 1)
    ]
    assert found(tmp_path, images, condition.replace("added", fact)) == expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("name=IMG_1.jpg", [1]),
        ("name=a/IMG_1.jpg", []),
        ("name~IMG*", [1, 2]),
        ("name~*1*", [1, 3, 5]),
        ("name!~IMG*", [3, 4, 5, 6]),
        ("name~[^I]*", [3, 4, 5, 6]),
        ("name=x y.jpg", [4]),
        ("name~img*", []),
        (f"name={NAME_NOT_UTF8}", [5]),
        ("name~caf*.jpg", [5]),
        ("path=/p/a.jpg", [6]),
        ("path~/p/*.jpg", [1, 2, 5, 6]),
        ("path~*/IMG*", [1, 2, 3]),
        ("id>=5", [5, 6]),
        ("size=20", [2]),
        ("width>1e2", [1, 2, 3, 4, 5, 6]),
        ("height<1.5", []),
        ("megapixels=0.04", [1, 2, 3, 4, 5, 6]),
        ("megapixels>0.04", []),
        ("megapixels<0.05", [1, 2, 3, 4, 5, 6]),
        ("shape=portrait", [1, 2, 3, 4, 5, 6]),
        ("shape!=portrait", []),
        ("shape=square", []),
        ("added>=2026-01", [1, 2, 3, 4, 5, 6]),
        ("changed=2026", [1, 2, 3, 4, 5, 6]),
        ("changed<2026", []),
    ],
)
def test_file_facts(tmp_path: Path, condition: str, expected: list[int]) -> None:
    assert found(tmp_path, [(record(n, path), {}) for n, path in enumerate(PATHS, 1)], condition) == expected


def test_under_takes_any_of_the_folders_and_their_links(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    paths = [f"{tmp_path}/real/a.jpg", f"{tmp_path}/real2/b.jpg", f"{tmp_path}/other/c.jpg", f"{tmp_path}/link/d.jpg"]
    images: Images = [(record(n, path), {"age": n}) for n, path in enumerate(paths, 1)]
    assert found(tmp_path, images, under=(f"{tmp_path}/real",)) == [1]
    assert found(tmp_path, images, under=(f"{tmp_path}/link",)) == [1, 4]
    assert found(tmp_path, images, under=(f"{tmp_path}/real/", f"{tmp_path}/other")) == [1, 3]
    assert found(tmp_path, images, "age>1", under=(f"{tmp_path}/real", f"{tmp_path}/other")) == [3]


def test_removed_images_match_nothing(tmp_path: Path) -> None:
    with catalog_of(tmp_path, labelled(1, 1, 1)) as catalog:
        catalog.images.remove([2])
        assert matching_ids(catalog, ["age=1"]).tolist() == matching_ids(catalog).tolist() == [1, 3]


# What is refused


@pytest.mark.parametrize("text", ["", "age", "=1", "age=", "age==1", "age=>1", 'age="a', '"age=1', "a!b=1", "age=<1"])
def test_what_is_no_condition_is_told(text: str) -> None:
    with pytest.raises(InputError, match="is no condition: write a name"):
        Condition.parse(text)


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        ("Ages=1", r"no label or file fact is called 'Ages': is it age\?"),
        ("with=1", r"is it width\?"),
        ("zzzz=1", r"'zzzz': `latentsearch labels` lists the labels; file facts are id, size"),
        ("label:width=1", "no label is called 'width'"),
        ("file:age=1", "no file fact is called 'age'"),
        ("size=large", "size is a number, and 'large' is none"),
        ("size~1*", "~ is for text, and size is none"),
        ("added~2026*", "~ is for text, and added is none"),
        ("added>yesterday", "added is compared with a date, such as 2026-01-31"),
        ("changed>2026-02-30", "'2026-02-30' is none"),
        ("added<0000-12-31", "'0000-12-31' is none"),
        ("age=\udcff", "is not UTF-8, as labels are"),
    ],
)
def test_what_does_not_fit_is_told(tmp_path: Path, condition: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        found(tmp_path, labelled(1), condition)


def test_every_fact_stands_in_the_grammar() -> None:
    import indexer.catalog.filters

    assert all(re.search(rf"\b{fact}\b", indexer.catalog.filters.__doc__ or "") for fact in FACTS)

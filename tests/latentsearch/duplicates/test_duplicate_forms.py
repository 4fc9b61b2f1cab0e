"""What people and programs read of duplicates: JSON, CSV, lines, paragraphs, a sentence; and what is refused."""

from __future__ import annotations

import csv
import io
import json
import os
import sys

import pytest

from indexer.catalog.images import ImageRecord
from latentsearch.cli import duplicates as verb
from latentsearch.duplicates import formats
from latentsearch.duplicates.results import EXACT, SAME, Copy, Duplicates, LeftOut, Tie

AWKWARD = os.fsdecode(b"/faces/caf\xc3\xa9 \xff\n1.jpg")


def record(number: int, path: str = "") -> ImageRecord:
    digest = bytes([number]) * 32
    return ImageRecord(number, path or f"/faces/{number}.jpg", 1000 * number, 10**18, digest, 178, 218, number, 1.5)


def duplicates(*left_out: LeftOut) -> Duplicates:
    same = Tie(SAME, lost=("pixels", "date"), likeness=0.98765)
    first = (Copy(record(1)), Copy(record(2), Tie(EXACT)), Copy(record(3), same))
    altered = Tie("cropped", ("cropped", "turned"), 90, ("area",), ("camera",), 0.9)
    second = (Copy(record(4)), Copy(record(5, AWKWARD), altered), Copy(record(6), altered, 5, Tie(EXACT)))
    return Duplicates("/index", (first, second), left_out)


def test_json_has_exactly_the_documented_keys() -> None:
    answer = json.loads(formats.as_json(duplicates(LeftOut("/faces/9.jpg", "no such file"))))
    assert list(answer) == ["index", "groups", "left_out"]
    assert (answer["index"], answer["left_out"]) == ("/index", [{"path": "/faces/9.jpg", "reason": "no such file"}])
    assert [len(group["pictures"]) for group in answer["groups"]] == [3, 3]
    assert answer["groups"][0]["pictures"][2] == {
        "id": 3,
        "path": "/faces/3.jpg",
        "kind": "same",
        "changes": [],
        "likeness": 0.9877,
        "width": 178,
        "height": 218,
        "bytes": 3000,
        "sha256": "03" * 32,
        "of": 1,
        "turned_by": 0,
        "lost": ["pixels", "date"],
        "gained": [],
    }
    best, altered, twin = answer["groups"][1]["pictures"]
    assert (best["of"], best["kind"]) == (None, "best")
    assert (altered["kind"], altered["changes"], altered["turned_by"]) == ("cropped", ["cropped", "turned"], 90)
    assert (altered["of"], altered["lost"], altered["gained"]) == (4, ["area"], ["camera"])
    assert (twin["of"], twin["kind"], twin["gained"]) == (5, "exact", [])
    assert twin["to_best"] == {key: altered[key] for key in twin["to_best"]}


def test_a_name_that_is_not_utf_8_comes_back_from_json() -> None:
    answer = json.loads(formats.as_json(duplicates()))
    assert os.fsencode(answer["groups"][1]["pictures"][1]["path"]) == os.fsencode(AWKWARD)


def test_csv_has_a_row_a_picture() -> None:
    header, *rows = csv.reader(io.StringIO(formats.as_csv(duplicates()).decode()))
    assert tuple(header) == formats.COLUMNS
    assert [row[:5] for row in rows] == [
        ["1", "1", "1", "/faces/1.jpg", "best"],
        ["1", "2", "2", "/faces/2.jpg", "exact"],
        ["1", "3", "3", "/faces/3.jpg", "same"],
        ["2", "1", "4", "/faces/4.jpg", "best"],
        ["2", "2", "5", "/faces/café \\xff\n1.jpg", "cropped"],
        ["2", "3", "6", "/faces/6.jpg", "exact"],
    ]
    measures = ["0.9", "178", "218", "5000", "05" * 32]
    assert rows[4][5:] == ["cropped; turned", *measures, "4", "90", "area", "camera"]


def test_a_line_is_a_picture_whatever_its_name() -> None:
    lines = formats.as_lines(duplicates()).decode().splitlines()
    assert lines[0].split("\t") == ["1", "best", "", "1.0", "178x218", "1000", "1", "/faces/1.jpg"]
    assert lines[4].split("\t")[:7] == ["2", "cropped", "cropped,turned 90", "0.9", "178x218", "5000", "5"]
    assert len(lines) == 6


def test_a_terminal_shows_a_paragraph_a_group() -> None:
    first, second = formats.as_blocks(duplicates()).split("\n\n")
    assert [line.split()[0] for line in first.splitlines()] == ["best", "exact", "same"]
    assert second.splitlines()[1].endswith("1.jpg  (cropped, turned 90, has camera that the other lacks)")
    assert "178x218" in first and "1.0 kB" in first


def test_the_sentence_counts() -> None:
    assert formats.summary(duplicates()) == "2 groups; 4 pictures beside the best, 0.0 MB"
    one = Duplicates("/index", ((Copy(record(1)), Copy(record(2), Tie(EXACT))),))
    assert formats.summary(one) == "1 group; 1 picture beside the best, 0.0 MB"
    assert formats.summary(Duplicates("/index", ())) == "no duplicates"


def test_the_verb_shows_paragraphs_in_a_terminal_and_lines_in_a_pipe(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    verb._show(duplicates(), as_json=False, as_csv=False)
    assert capfd.readouterr().out == formats.as_lines(duplicates()).decode()
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    verb._show(duplicates(), as_json=False, as_csv=False)
    assert capfd.readouterr().out == formats.as_blocks(duplicates()) + "\n"


@pytest.mark.parametrize(
    "groups",
    [
        ((Copy(record(1)),),),
        ((Copy(record(1), Tie(EXACT)), Copy(record(2))),),
        ((Copy(record(1)), Copy(record(2))),),
        ((Copy(record(1)), Copy(record(1), Tie(EXACT))),),
        ((Copy(record(1)), Copy(record(2), Tie(SAME))), (Copy(record(3)), Copy(record(2), Tie(SAME)))),
        ((Copy(record(1)), Copy(record(2), Tie("greyed"), 3, Tie(EXACT)), Copy(record(3), Tie("greyed"))),),
        ((Copy(record(1)), Copy(record(2), Tie("greyed"), 9, Tie(EXACT))),),
    ],
    ids=[
        "one alone",
        "best behind",
        "two best",
        "twice in a group",
        "in two groups",
        "a twin that stands behind",
        "a twin of another group",
    ],
)
def test_groups_that_nobody_may_delete_by_are_refused(groups: tuple[tuple[Copy, ...], ...]) -> None:
    with pytest.raises(ValueError):
        Duplicates("/index", groups)

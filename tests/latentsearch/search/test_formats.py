"""What people and programs read: JSON, CSV, lines, paths, table."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from rich.console import Console

from latentsearch.query import Hit, Results, Timings, Unreadable
from latentsearch.search import formats
from latentsearch.search.contact_sheet import write_sheet

AWKWARD = os.fsdecode(b"/faces/caf\xc3\xa9 \xff\n1.jpg")
TOOK = Timings(load=120.5, encode=8.25, search=1.0)


def results(*hits: Hit, query: str = "face.jpg") -> Results:
    return Results((query,), "tiny", "/index", TOOK, hits)


def hit(rank: int, path: str = "", **labels: int | float | str) -> Hit:
    return Hit(rank, 10 + rank, path or f"/faces/{rank}.jpg", 0.1 * rank, 1 - 0.001 * rank, labels)


def table(found: Results, width: int = 100) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(formats.as_table(found, width))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_json_has_exactly_the_documented_keys() -> None:
    assert json.loads(formats.as_json(results(hit(1, Smiling=1, Young=0)))) == {
        "query": "face.jpg",
        "encoder": "tiny",
        "index": "/index",
        "took_ms": {"load": 120.5, "encode": 8.25, "search": 1.0},
        "results": [
            {
                "rank": 1,
                "id": 11,
                "path": "/faces/1.jpg",
                "distance": 0.1,
                "similarity": 0.999,
                "labels": {"Smiling": 1, "Young": 0},
            }
        ],
    }


def test_json_tells_what_else_was_asked() -> None:
    took = Timings(load=1, encode=2, search=3, filter=4)
    found = Results(("a.jpg", "b.jpg"), "tiny", "/index", took, (hit(1),), ("c.jpg",), 5, 0.5)
    plain = json.loads(formats.as_json(found))
    assert list(plain) == ["query", "minus", "encoder", "index", "took_ms", "matching", "diverse", "results"]
    assert (plain["query"], plain["minus"], plain["matching"]) == (["a.jpg", "b.jpg"], ["c.jpg"], 5)
    assert plain["took_ms"] == {"load": 1, "encode": 2, "filter": 4, "search": 3}
    assert json.loads(formats.as_json_line(found)) == plain and formats.as_json_line(found).count(b"\n") == 1


def test_a_picture_that_could_not_be_read_is_a_line_of_json() -> None:
    line = formats.as_json_line(Unreadable(AWKWARD, "cut off"))
    assert json.loads(line) == {"query": AWKWARD, "error": "cut off"} and line.count(b"\n") == 1


def test_rows_for_many_queries_bear_their_names() -> None:
    found = results(hit(1, Smiling=1), hit(2), query=AWKWARD)
    printed = formats.csv_header(["Smiling", "Young"]) + formats.as_named_csv(found, ["Smiling", "Young"])
    first, second = csv.DictReader(io.StringIO(printed.decode(), newline=""))
    assert list(first) == ["query", "rank", "id", "path", "distance", "similarity", "Smiling", "Young"]
    assert first["query"].startswith("/faces/caf") and (first["Smiling"], second["Smiling"]) == ("1", "")
    lines = formats.as_lines(found, named=True).decode().splitlines()
    assert [line.split("\t")[:2] for line in lines] == [["/faces/café \\xff\\n1.jpg", str(rank)] for rank in (1, 2)]


def test_similarities_near_1_are_told_apart() -> None:
    close = Hit(1, 1, "a", 0.1, 0.99999875)
    assert json.loads(formats.as_json(results(close)))["results"][0]["similarity"] == 0.99999875
    assert table(results(close)).splitlines()[1].split()[3:6] == ["1", "in", "800,000"]


@pytest.mark.parametrize(
    ("similarity", "shown"),
    [
        (0.999934, "1 in 15,000"),
        (0.999753, "1 in 4,000"),
        (0.999, "1 in 1,000"),
        (0.98, "1 in 50"),
        (0.9, "1 in 10"),
        (0.63, "37 in 100"),
        (0.0, "100 in 100"),
        (0.99999999, "1 in 100,000,000"),
        (0.999999996, "none"),
        (1.0, "none"),
    ],
)
def test_people_read_how_many_random_pairs_are_as_close(similarity: float, shown: str) -> None:
    assert formats.pairs_as_close(similarity) == shown


@given(st.floats(0, 1))
def test_the_pairs_that_people_read_are_those_of_the_similarity(similarity: float) -> None:
    shown = formats.pairs_as_close(similarity)
    if shown == formats.NONE:
        assert similarity > 1 - 1e-8
    else:
        some, of = (int(number.replace(",", "")) for number in shown.split(" in "))
        assert some / of == pytest.approx(1 - similarity, rel=0.06)


def test_programs_get_the_similarity_as_a_number_and_people_as_pairs() -> None:
    found = results(Hit(1, 11, "/faces/1.jpg", 0.1, 0.999934), Hit(2, 12, "/faces/2.jpg", 0.2, 0.63))
    assert [one["similarity"] for one in json.loads(formats.as_json(found))["results"]] == [0.999934, 0.63]
    assert [row["similarity"] for row in csv.DictReader(io.StringIO(formats.as_csv(found).decode()))] == [
        "0.999934",
        "0.63",
    ]
    assert [line.split("\t")[3] for line in formats.as_lines(found).decode().splitlines()] == ["0.999934", "0.63"]
    heading, first, second = table(found).splitlines()
    end = heading.index("pairs as close") + len("pairs as close")
    assert (first[:end].split("  ")[-1].strip(), second[:end].split("  ")[-1].strip()) == ("1 in 15,000", "37 in 100")


def test_json_of_no_results_is_an_empty_list() -> None:
    assert json.loads(formats.as_json(results()))["results"] == []


def test_a_name_that_is_not_utf8_comes_back_from_json() -> None:
    printed = formats.as_json(results(hit(1, AWKWARD), query=AWKWARD))
    printed.decode("utf-8")
    assert json.loads(printed)["query"] == AWKWARD
    assert os.fsencode(json.loads(printed)["results"][0]["path"]) == os.fsencode(AWKWARD)


def test_paths_are_the_file_systems_bytes() -> None:
    found = results(hit(1, AWKWARD), hit(2))
    assert formats.as_paths(found, null=True) == b"/faces/caf\xc3\xa9 \xff\n1.jpg\0/faces/2.jpg\0"
    assert formats.as_paths(results(hit(2 - 1))) == b"/faces/1.jpg\n"


def test_csv_has_a_column_for_every_label_that_occurs() -> None:
    printed = formats.as_csv(results(hit(1, Smiling=1), hit(2, 'a "b", c', Young=0, name="Ann\nLee"))).decode()
    rows = list(csv.DictReader(io.StringIO(printed, newline="")))
    assert list(rows[0]) == ["rank", "id", "path", "distance", "similarity", "Smiling", "Young", "name"]
    assert (rows[0]["Smiling"], rows[0]["Young"], rows[0]["name"]) == ("1", "", "")
    assert (rows[1]["path"], rows[1]["Young"], rows[1]["name"]) == ('a "b", c', "0", "Ann\nLee")


def test_csv_shows_bytes_that_are_not_utf8_with_backslashes() -> None:
    assert r"caf" in (printed := formats.as_csv(results(hit(1, AWKWARD))).decode("utf-8"))
    assert r"\xff" in printed


def test_lines_keep_one_line_a_result_whatever_the_name() -> None:
    lines = formats.as_lines(results(hit(1, AWKWARD, Smiling=1, age=31), hit(2))).decode().splitlines()
    assert lines == [
        "1\t11\t0.1\t0.999\t/faces/café \\xff\\n1.jpg\tSmiling, age=31",
        "2\t12\t0.2\t0.998\t/faces/2.jpg\t",
    ]


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_the_table_fits_the_terminal(width: int) -> None:
    labels = {f"Attribute_{number}": 1 for number in range(40)}
    closest = Hit(1, 11, f"/a/{'long/' * 30}1.jpg", 0.1, 0.99999999, labels)
    found = results(closest, *(hit(rank, f"/a/{'long/' * 30}{rank}.jpg", **labels) for rank in range(2, 4)))
    lines = table(found, width).splitlines()
    assert len(lines) == 4
    assert all(len(line.rstrip()) <= width for line in lines)
    assert all(f"/{rank}.jpg" in line for rank, line in enumerate(lines[1:], start=1))


def test_the_table_shows_true_labels_and_values_only() -> None:
    printed = table(results(hit(1, Smiling=1, Young=0, Male=True, identity=42, score=0.5, name="Ann")))
    assert "Smiling, Male, identity=42, score=0.5, name=Ann" in printed
    assert "Young" not in printed


def test_a_label_that_has_other_values_is_shown_with_its_value() -> None:
    lines = table(results(hit(1, identity=1, Young=1), hit(2, identity=7, Young=0))).splitlines()
    assert lines[1].endswith("identity=1, Young")
    assert lines[2].rstrip().endswith("identity=7")


def test_the_table_escapes_what_would_change_the_terminal() -> None:
    printed = table(results(hit(1, "/a/\x1b[31m[bold]x\t.jpg")))
    assert r"/a/\x1b[31m[bold]x\t.jpg" in printed


def test_hits_must_ascend_and_be_distinct() -> None:
    near, far = Hit(1, 1, "a", 0.1, 1.0), Hit(2, 2, "b", 0.2, 0.9)
    assert results(near, far).hits == (near, far)
    with pytest.raises(ValueError, match="sorted"):
        results(Hit(1, 1, "a", 0.3, 1.0), far)
    assert Results(("a",), "tiny", "/", TOOK, (near, Hit(2, 3, "c", 0.5, 0.5), Hit(3, 2, "b", 0.2, 0.9)), diverse=0.5)
    with pytest.raises(ValueError, match="sorted"):
        Results(("a",), "tiny", "/", TOOK, (Hit(1, 2, "b", 0.2, 0.9), Hit(2, 1, "a", 0.1, 1.0)), diverse=0.5)
    with pytest.raises(ValueError, match="twice"):
        results(near, Hit(2, 1, "a", 0.2, 0.9))
    with pytest.raises(ValueError, match="not a number"):
        results(Hit(1, 1, "a", float("nan"), 1.0))
    with pytest.raises(ValueError, match="ranks"):
        results(far)


def test_a_sheet_says_how_many_random_pairs_are_as_close(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    monkeypatch.setattr(ImageDraw.ImageDraw, "text", lambda self, place, text, *more, **named: written.append(text))
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    similarities = (1.0, 0.999934, 0.63)
    hits = [Hit(rank, rank, str(tmp_path / "a.png"), 0.1 * rank, s) for rank, s in enumerate(similarities, start=1)]
    write_sheet(results(*hits), tmp_path / "sheet.png")
    assert written == ["query", "1: no pair as close", "2: 1 in 15,000 pairs", "3: 37 in 100 pairs"]
    assert (tmp_path / "sheet.png").is_file()

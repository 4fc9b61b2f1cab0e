"""`latentsearch labels`, through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.latentsearch.collection import COUNT, Collection, call, make_collection
from tests.support import make_bundle, make_folder

ROWS = 14


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    """CelebA's labels, and from a file of the user's: numbers, text, both, few and many."""
    folder = tmp_path_factory.mktemp("collection")
    collection = make_collection(folder)
    make_folder(folder / "more", ROWS, seed=1)
    header = "file,age,height,city,name"
    rows = [f"more/{n:06}.jpg,{n % 3},{n / 4},{'Ulm' if n % 2 else ''},picture {n}" for n in range(1, ROWS + 1)]
    for name, file_header, file_rows in (
        ("first.csv", header, rows),
        # Text here, numbers there.
        ("second.csv", "file,mixed\x1b", [f"more/{n:06}.jpg,{'x' if n == 1 else n}" for n in range(1, ROWS + 1)]),
        ("third.csv", "file,mixed\x1b", ["more/000002.jpg,7"]),
    ):
        (folder / name).write_text("\n".join([file_header, *file_rows]) + "\n")
        done = call("index", folder / "more", "--index", collection.index, "--labels", folder / name)
        assert done.exit_code == 0, done.stderr
    return collection


def test_json_has_types_counts_and_values(collection: Collection) -> None:
    result = call("labels", "--index", collection.index, "--json")
    assert result.exit_code == 0, result.stderr
    labels = {label.pop("name"): label for label in json.loads(result.stdout)}
    assert list(labels)[:5] == ["Smiling", "Young", "Eyeglasses", "partition", "identity"]
    assert labels["Smiling"] == {
        "type": "yes/no",
        "count": COUNT,
        "values": [{"value": 0, "count": 6}, {"value": 1, "count": 6}],
        "least": 0,
        "greatest": 1,
    }
    assert labels["partition"]["type"] == "whole number"
    assert labels["partition"]["values"] == [{"value": value, "count": 4} for value in range(3)]
    assert labels["height"] == {"type": "number", "count": ROWS, "least": 0.25, "greatest": ROWS / 4}
    assert labels["city"] == {"type": "text", "count": 7, "values": [{"value": "Ulm", "count": 7}]}
    assert labels["name"] == {"type": "text", "count": ROWS}
    assert labels["mixed\x1b"] == {"type": "mixed", "count": ROWS, "least": 7, "greatest": 7}


def test_a_pipe_gets_lines(collection: Collection) -> None:
    lines = call("labels", "--index", collection.index).stdout.splitlines()
    rows = {line.split("\t")[0]: line.split("\t")[1:] for line in lines}
    assert rows["Smiling"] == ["yes/no", "12", "6 yes, 6 no"]
    assert rows["partition"] == ["whole number", "12", "4 of 0, 4 of 1, 4 of 2"]
    assert rows["height"] == ["number", "14", "0.25 to 3.5"]
    assert rows["name"] == ["text", "14", ""]
    assert "mixed\\x1b" in rows


def test_a_terminal_gets_a_table(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr("latentsearch.cli.labels._in_terminal", lambda: True)
    lines = call("labels", "--index", collection.index).stdout.splitlines()
    assert lines[0].split() == ["name", "type", "pictures", "values"]
    assert lines[1].split() == ["Smiling", "yes/no", "12", "6", "yes,", "6", "no"]


def test_labels_of_removed_pictures_are_gone(tmp_path: Path) -> None:
    collection = make_collection(tmp_path)
    assert call("remove", *collection.pictures, "--index", collection.index).exit_code == 0
    result = call("labels", "--index", collection.index)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.startswith("latentsearch: no picture has a label: ")


def test_an_index_without_labels(tmp_path: Path) -> None:
    make_folder(tmp_path / "pictures", 2)
    index, bundle = tmp_path / "index", make_bundle(tmp_path)
    assert call("index", tmp_path / "pictures", "--index", index, "--encoder", bundle).exit_code == 0
    assert json.loads(call("labels", "--index", index, "--json").stdout) == []


def test_no_index(tmp_path: Path) -> None:
    assert call("labels", "--index", tmp_path / "none").exit_code == 5

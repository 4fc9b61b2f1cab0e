"""An index made anew with another encoder: paths and given labels are carried over, the older one stays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result

from indexer.index.index import Index
from tests.latentsearch.collection import Collection, assert_fails, call, make_collection
from tests.support import make_bundle


@pytest.fixture
def older(tmp_path: Path) -> Collection:
    return make_collection(tmp_path / "older")


@pytest.fixture
def other(tmp_path: Path) -> Path:
    return make_bundle(tmp_path / "bundles", "other", latent_size=8, seed=1)


def carry(older: Collection, other: Path, place: Path, *options: str) -> Result:
    return call("index", "--encoder", other, "--from", older.index, "--index", place, *options)


def described(place: Path) -> dict[str, dict[str, object]]:
    """Path -> labels."""
    with Index.open(place) as index:
        records = list(index.catalog.images.all())
        labels = index.labels([record.id for record in records])
        return {record.path: labels.get(record.id, {}) for record in records}


def test_paths_and_labels_are_carried_over_and_the_older_index_stays(
    older: Collection, other: Path, tmp_path: Path
) -> None:
    notes = tmp_path / "notes.csv"
    notes.write_text("image,stars\n" + "".join(f"{path.name},{n}\n" for n, path in enumerate(older.pictures)))
    folder = older.pictures[0].parent
    assert call("index", folder, "--index", older.index, "--labels", notes).exit_code == 0
    (older.index.parent / "unrelated.jpg").write_bytes(older.pictures[0].read_bytes())
    before = described(older.index)
    done = carry(older, other, tmp_path / "new", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["found"] == len(older.pictures)
    assert described(tmp_path / "new") == before == described(older.index)
    assert all(labels.keys() >= {"Smiling", "stars"} for labels in before.values())
    with Index.open(tmp_path / "new") as index:
        assert index.encoder_name == "other"
    hits = json.loads(call("query", older.pictures[0], "--index", tmp_path / "new", "--json").stdout)["results"]
    assert hits[0]["path"] == str(older.pictures[0])
    assert older.ids(older.pictures[0])[0] == 1


def test_pictures_that_are_gone_are_counted(older: Collection, other: Path, tmp_path: Path) -> None:
    for path in older.pictures[:2]:
        path.unlink()
    older.pictures[2].write_bytes(b"no picture any more")
    done = carry(older, other, tmp_path / "new")
    assert done.exit_code == 0 and "3 pictures of the older index are gone or cannot be used" in done.stderr
    assert set(described(tmp_path / "new")) == {str(path) for path in older.pictures[3:]}


def test_the_same_command_goes_on_and_later_runs_index_folders(older: Collection, other: Path, tmp_path: Path) -> None:
    assert carry(older, other, tmp_path / "new").exit_code == 0
    again = carry(older, other, tmp_path / "new", "--json")
    assert json.loads(again.stdout)["unchanged"] == len(older.pictures)
    later = call("index", older.pictures[0].parent, "--index", tmp_path / "new", "--json")
    assert json.loads(later.stdout)["unchanged"] == len(older.pictures)


def test_what_does_not_fit_is_one_sentence(older: Collection, other: Path, tmp_path: Path) -> None:
    assert_fails(carry(older, other, older.index), 4, "tiny")
    itself = call("index", "--from", older.index, "--index", older.index)
    assert_fails(itself, 2, "is the index itself")
    assert_fails(call("index", "--from", tmp_path / "none", "--index", tmp_path / "new"), 5, "no index")
    folder = older.pictures[0].parent
    assert_fails(call("index", folder, "--from", older.index, "--index", tmp_path / "new"), 2, "without DIR")
    assert_fails(carry(older, other, tmp_path / "new", "--prune"), 2, "--from does not go with --watch")
    assert_fails(carry(older, other, tmp_path / "new", "--exclude", "*.png"), 2, "--prune or --exclude")
    assert_fails(call("index", "--index", tmp_path / "new"), 2, "Missing argument 'DIR...'")
    assert not (tmp_path / "new").exists()

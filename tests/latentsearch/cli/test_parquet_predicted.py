"""Predicted labels and incomplete pictures in an exported Parquet file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from indexer.catalog.images import ImageRecord
from indexer.catalog.labels import LabelValue
from indexer.encoders.encoder import load_encoder
from indexer.index.index import Index
from indexer.index.writer import IndexWriter
from tests.latentsearch.collection import call
from tests.support import draw_picture, make_bundle

NAMES = st.sampled_from(["Smiling", "Young", "Smiling:text", "ä"])
LABELS = st.dictionaries(NAMES, st.one_of(st.integers(-(2**63), 2**63 - 1), st.text(max_size=3)), max_size=3)
PICTURE = st.tuples(st.booleans(), LABELS, LABELS)
PREDICTOR = ("net", "0" * 64)

Facts = dict[str, tuple[bool, dict[str, LabelValue], set[str]]]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("bundles"), "predictor", "euclidean", attributes=True)


@pytest.fixture
def index(bundle: Path, tmp_path: Path) -> Path:
    """An index with a whole picture and one that was cut off, both with predicted labels, one of them given too."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    draw_picture(1, (90, 90)).save(folder / "whole.jpg", quality=95)
    content = (folder / "whole.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(content[: len(content) * 2 // 3])
    (tmp_path / "labels.csv").write_text("file,Smiling\nwhole.jpg,7\n")
    words = ("index", folder, "--index", tmp_path / "index", "--encoder", bundle, "--labels", tmp_path / "labels.csv")
    done = call(*words, "--predict-labels", bundle)
    assert done.exit_code == 0, done.stderr
    return tmp_path / "index"


def exported(index: Path) -> Path:
    target = index.with_suffix(".parquet")
    done = call("export", "-o", target, "--index", index)
    assert done.exit_code == 0, done.stderr
    return target


def imported(file: Path, index: Path, bundle: Path) -> str:
    """Import a file; return what stands on stderr."""
    done = call("import", file, "--index", index, "--encoder", bundle)
    assert done.exit_code == 0, done.stderr
    return done.stderr


def facts(index: Path) -> Facts:
    """Of each picture, by path: whether it is incomplete, its labels, and the names of the predicted ones."""
    with Index.open(index) as opened:
        records = list(opened.catalog.images.all())
        ids = [record.id for record in records]
        labels, predicted = opened.labels(ids), opened.predicted_labels(ids)
        return {
            record.path: (bool(record.incomplete), labels.get(record.id, {}), predicted.get(record.id, set()))
            for record in records
        }


def rewrite(file: Path, change: Callable[[pa.Table], pa.Table], **stated: Any) -> Path:
    """Change a file's table, and what its metadata states; None removes an entry."""
    table = parquet.read_table(file)
    about = json.loads(table.schema.metadata[b"latentsearch"]) | stated
    about = {name: value for name, value in about.items() if value is not None}
    parquet.write_table(change(table).replace_schema_metadata({"latentsearch": json.dumps(about)}), file)
    return file


def test_both_come_back_from_the_command_line(index: Path, bundle: Path, tmp_path: Path) -> None:
    imported(exported(index), tmp_path / "other", bundle)
    assert facts(tmp_path / "other") == facts(index)
    by_name = {Path(path).name: found for path, found in facts(tmp_path / "other").items()}
    assert by_name["cut.jpg"][0] and not by_name["whole.jpg"][0]
    assert by_name["whole.jpg"][1]["Smiling"] == 7 and by_name["whole.jpg"][2] == {"Young", "Eyeglasses"}
    status = json.loads(call("status", "--index", tmp_path / "other", "--json").stdout)
    assert (status["incomplete"], status["predicted_by"]["name"]) == (1, "predictor")
    # The predictor has nothing left to do.
    again = call("index", "--index", tmp_path / "other", tmp_path / "pictures", "--predict-labels", bundle, "--json")
    assert again.exit_code == 0 and json.loads(again.stdout)["predicted"] == 0, again.stderr


def test_a_file_of_an_earlier_version_is_imported(index: Path, bundle: Path, tmp_path: Path) -> None:
    file = rewrite(exported(index), lambda table: table.drop(["incomplete", "predicted_labels"]), predictor=None)
    imported(file, tmp_path / "other", bundle)
    kept = {path: (False, {name: labels[name] for name in set(labels) - predicted}, set())
            for path, (_, labels, predicted) in facts(index).items()}  # fmt: skip
    assert facts(tmp_path / "other") == kept


def test_predicted_labels_without_a_predictor_are_an_unknown_column(index: Path, bundle: Path, tmp_path: Path) -> None:
    for number, predictor in enumerate((None, "net", {"name": "net"}, {"name": 1, "sha256": 2})):
        file = rewrite(exported(index), lambda table: table.append_column("mood", [["a", "b"]]), predictor=predictor)
        imported(file, tmp_path / f"other-{number}", bundle)
        assert all(not predicted for _, _, predicted in facts(tmp_path / f"other-{number}").values())


def test_labels_of_another_predictor_are_left_out_and_named(index: Path, bundle: Path, tmp_path: Path) -> None:
    before = facts(index)
    file = rewrite(
        exported(index), lambda table: table, predictor=dict(zip(("name", "sha256"), PREDICTOR, strict=True))
    )
    said = imported(file, index, bundle)
    assert said.count("\n") == 1 and "predicted by net" in said and "come from predictor" in said
    assert facts(index) == before


def test_a_given_label_stays_when_a_file_has_a_predicted_one(index: Path, bundle: Path) -> None:
    file, before = exported(index), facts(index)
    with IndexWriter.open(index) as opened:
        opened.catalog.labels.add([(number, {"Young": 5}) for number in (1, 2)])
        opened.commit()
    imported(file, index, bundle)
    assert facts(index) == {
        path: (cut, labels | {"Young": 5}, predicted - {"Young"}) for path, (cut, labels, predicted) in before.items()
    }


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        (pa.array(["x"] * 2), "its column predicted_labels is string, not a struct"),
        (pa.array([{"a": 2**64 - 1}] * 2, pa.struct([("a", pa.uint64())])), "is no number that can be kept"),
    ],
)
def test_a_damaged_column_is_refused(index: Path, bundle: Path, tmp_path: Path, column: pa.Array, reason: str) -> None:
    def change(table: pa.Table) -> pa.Table:
        return table.set_column(table.schema.names.index("predicted_labels"), "predicted_labels", column)

    file = rewrite(exported(index), change)
    done = call("import", file, "--index", tmp_path / "other", "--encoder", bundle)
    assert done.exit_code == 2 and reason in done.stderr and done.stderr.count("\n") == 1


@settings(max_examples=25, deadline=None)
@given(st.lists(PICTURE, min_size=1, max_size=5))
def test_any_labels_come_back(
    bundle: Path, tmp_path_factory: pytest.TempPathFactory, pictures: list[tuple[bool, dict[str, Any], dict[str, Any]]]
) -> None:
    place = tmp_path_factory.mktemp("any")
    encoder = load_encoder(bundle)
    with IndexWriter.create(place / "index", encoder) as index:
        positions = index.append(np.eye(len(pictures), encoder.latent_size, dtype=np.float32))
        for number, ((cut, given_labels, predicted), position) in enumerate(zip(pictures, positions, strict=True), 1):
            index.catalog.images.add([ImageRecord(number, f"/p/{number}", 1, 2, bytes(32), 1, 1, position, 0.5, cut)])
            index.catalog.labels.add([(number, given_labels)])
            index.catalog.labels.add([(number, predicted)], predicted=True)
        index.note_predicted(*PREDICTOR, len(pictures))
        index.rebuild()
    imported(exported(place / "index"), place / "other", bundle)
    assert facts(place / "other") == facts(place / "index")

"""`latentsearch export -o FILE.parquet` and `latentsearch import FILE.parquet`."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from indexer.catalog.images import ImageRecord
from indexer.encoders.encoder import load_encoder
from indexer.errors import InputError
from indexer.index.index import Index
from indexer.index.writer import IndexWriter
from indexer.parquet import export, reader
from indexer.system import extras
from tests.latentsearch.collection import COUNT, Collection, assert_fails, call, make_collection
from tests.support import make_bundle

STRANGE = os.fsdecode(b"/elsewhere/caf\xe9.jpg")
FIELDS = ("path", "size", "mtime_ns", "digest", "width", "height", "added", "incomplete")


@pytest.fixture(scope="module", params=["cosine", "euclidean"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Collection:
    """An index with CelebA's labels, text and mixed labels, and a picture whose name is not UTF-8."""
    collection = make_collection(tmp_path_factory.mktemp("collection"), distance=request.param)
    with IndexWriter.open(collection.index) as index:
        index.catalog.labels.add([(1, {"name": "007", "mixed": 3, "age": 2}), (2, {"mixed": "three", "age": 2.5})])
        index.catalog.images.relocate(4, STRANGE, 12, 2**62 + 1)
        index.commit()
    return collection


@pytest.fixture
def file(made: Collection, tmp_path: Path) -> Path:
    exported = call("export", "-o", tmp_path / "codes.parquet", "--index", made.index)
    assert exported.exit_code == 0, exported.stderr
    assert exported.stdout.startswith(f"{tmp_path / 'codes.parquet'}: {COUNT} pictures, ")
    return tmp_path / "codes.parquet"


def bring_in(file: Path, place: Path, bundle: Path) -> dict[str, int]:
    result = call("import", file, "--index", place, "--encoder", bundle, "--json")
    assert result.exit_code == 0, result.stderr
    summary: dict[str, int] = json.loads(result.stdout)
    return {name: count for name, count in summary.items() if count}


def contents(place: Path) -> dict[str, Any]:
    with IndexWriter.open(place) as index:
        assert index.check().problems == []
        records = list(index.catalog.images.all())
        labels = index.labels([record.id for record in records])
        codes = index.codes([record.id for record in records])
        return {
            record.path: ([getattr(record, name) for name in FIELDS], labels.get(record.id), code.tolist())
            for record, code in zip(records, codes, strict=True)
        }


def altered(file: Path, change: Callable[[pa.Table], pa.Table]) -> Path:
    """The file with its table changed, its metadata kept."""
    table = parquet.read_table(file)
    parquet.write_table(change(table).replace_schema_metadata(table.schema.metadata), file)
    return file


def with_column(table: pa.Table, name: str, values: list[Any]) -> pa.Table:
    number = table.schema.names.index(name)
    return table.set_column(number, name, pa.array(values, table.schema.field(name).type))


def test_the_round_trip_keeps_everything(made: Collection, file: Path, tmp_path: Path) -> None:
    assert bring_in(file, tmp_path / "index", made.bundle) == {"found": COUNT, "added": COUNT}
    assert contents(tmp_path / "index") == contents(made.index)
    assert STRANGE in contents(tmp_path / "index")
    for query in ([made.pictures[6]], ["--id", "3"], [made.pictures[2], "--where", "Young=1"]):
        there = [call("query", *query, "--index", place, "--json") for place in (made.index, tmp_path / "index")]
        before, after = (json.loads(result.stdout)["results"] for result in there)
        assert [{**hit, "id": 0} for hit in before] == [{**hit, "id": 0} for hit in after]
    again = tmp_path / "again.parquet"
    assert call("export", "-o", again, "--index", tmp_path / "index").exit_code == 0
    assert parquet.read_table(again).drop(["id"]).equals(parquet.read_table(file).drop(["id"]))


def test_the_columns_are_what_other_programs_expect(made: Collection, file: Path) -> None:
    table = parquet.read_table(file)
    assert table.schema.names == [
        *(
            "id",
            "path",
            "path_bytes",
            "digest",
            "size",
            "mtime",
            "width",
            "height",
            "added",
            "incomplete",
            "taken",
            "taken_offset",
            "camera",
            "lens",
            "latitude",
            "longitude",
            "orientation",
            "labels",
            "code",
        )
    ]
    assert table.schema.field("code").type.list_size == 16
    added = np.asarray(table["added"].cast("int64")) / 1e9
    table = table.drop(["mtime", "added"])
    first, second, *_ = table.to_pylist()
    assert (first["path"], first["path_bytes"]) == (str(made.pictures[0]), None)
    assert {first["labels"][name] for name in ("Smiling", "Young")} == {0}
    assert (first["labels"]["name"], second["labels"]["name"]) == ("007", None)
    assert (first["labels"]["mixed"], first["labels"]["mixed:text"]) == (3, None)
    assert (second["labels"]["mixed"], second["labels"]["mixed:text"]) == (None, "three")
    assert (first["labels"]["age"], second["labels"]["age"]) == (2.0, 2.5)
    assert added == pytest.approx(time.time(), abs=3600)
    strange = table.to_pylist()[3]
    assert (strange["path"], strange["path_bytes"]) == ("/elsewhere/caf\\xe9.jpg", os.fsencode(STRANGE))
    encoder = json.loads(table.schema.metadata[b"latentsearch"])["encoder"]
    with Index.open(made.index) as index:
        assert [encoder[name] for name in ("name", "sha256", "distance", "latent_size")] == [
            *(index.encoder_name, index.encoder_sha256, index.distance, index.latent_size)
        ]
        assert np.array_equal(np.stack(table["code"].to_numpy()), index.codes(table["id"].to_pylist()))


def test_an_import_extends_an_index_and_may_be_repeated(made: Collection, file: Path, tmp_path: Path) -> None:
    place = tmp_path / "index"
    shutil.copytree(made.index, place)
    with IndexWriter.open(place) as index:
        index.remove([made.pictures[0], made.pictures[1]])
        ids = {record.path: record.id for record in index.catalog.images.all()}
    assert bring_in(file, place, made.bundle) == {"found": COUNT, "added": 2, "unchanged": COUNT - 2}
    assert bring_in(file, place, made.bundle) == {"found": COUNT, "unchanged": COUNT}
    with Index.open(place) as index:
        after = {record.path: record.id for record in index.catalog.images.all()}
    assert {path: after[path] for path in ids} == ids
    assert min(after[str(path)] for path in made.pictures[:2]) > COUNT
    assert contents(place) == contents(made.index)


def test_a_path_with_another_code_is_replaced_under_a_new_id(made: Collection, file: Path, tmp_path: Path) -> None:
    place = tmp_path / "index"
    bring_in(file, place, made.bundle)

    def exchange(table: pa.Table) -> pa.Table:
        codes = table["code"].to_pylist()
        codes[0], codes[1] = codes[1], codes[0]
        return with_column(table, "code", codes)

    summary = bring_in(altered(file, exchange), place, made.bundle)
    assert summary == {"found": COUNT, "added": 2, "replaced": 2, "unchanged": COUNT - 2}
    before, after = contents(made.index), contents(place)
    first, second = str(made.pictures[0]), str(made.pictures[1])
    assert (after[first][2], after[second][2]) == (before[second][2], before[first][2])
    assert len(after) == COUNT


def test_an_index_without_labels_and_an_empty_one(made: Collection, tmp_path: Path) -> None:
    encoder = load_encoder(made.bundle)
    for name, count in (("empty", 0), ("bare", 3)):
        with IndexWriter.create(tmp_path / name, encoder) as index:
            codes = np.eye(count, encoder.latent_size, dtype=np.float32)
            index.catalog.images.add(
                ImageRecord(number + 1, f"/p/{number}", 1, -2, bytes(32), 1, 1, position, 0.5)
                for number, position in enumerate(index.append(codes))
            )
            index.rebuild()
        target = tmp_path / f"{name}.parquet"
        assert call("export", "-o", target, "--index", tmp_path / name).exit_code == 0
        assert "labels" not in parquet.read_schema(target).names
        assert bring_in(target, tmp_path / f"{name} too", made.bundle).get("added", 0) == count
        assert contents(tmp_path / name) == contents(tmp_path / f"{name} too")


def test_another_encoder_is_refused(made: Collection, file: Path, tmp_path: Path) -> None:
    other = make_bundle(tmp_path / "bundles", name="other", seed=1)
    result = call("import", file, "--index", tmp_path / "index", "--encoder", other)
    assert_fails(result, 4, "are of encoder tiny (sha256", "not of other (sha256")
    assert not (tmp_path / "index").exists()
    assert_fails(call("import", file, "--index", tmp_path / "index"), 4, "no encoder 'tiny'")


WRONG: dict[str, tuple[Callable[[pa.Table], pa.Table], str]] = {
    "not finite": (lambda table: with_codes(table, 3, np.nan), "is not finite"),
    "infinite": (lambda table: with_codes(table, 5, np.inf), "is not finite"),
    "twice": (lambda table: pa.concat_tables([table, table.slice(2, 1)]), "000003.jpg twice"),
    "relative": (lambda table: with_first(table, "path", "a.jpg"), "'a.jpg' is not an absolute path"),
    "no path": (lambda table: with_first(table, "path", None), "path is missing"),
    "no width": (lambda table: with_first(table, "width", 0), "has a size that no picture has"),
    "no code": (lambda table: with_first(table, "code", None), "code is missing"),
    "no column": (lambda table: table.drop(["digest"]), "it has no column digest"),
    "other codes": (
        lambda table: table.set_column(
            table.schema.names.index("code"), "code", pa.array([[1.0]] * len(table), pa.list_(pa.float32(), 1))
        ),
        "its codes have 1 numbers, and those of its encoder 16",
    ),
    "other type": (
        lambda table: table.set_column(
            table.schema.names.index("size"), "size", pa.array(["large"] * len(table), pa.string())
        ),
        "it is damaged after 0 images",
    ),
    "strange label": (
        lambda table: table.set_column(
            table.schema.names.index("labels"), "labels", pa.array([{"a": [1]}] * len(table))
        ),
        "its label a is list",
    ),
}


def with_codes(table: pa.Table, row: int, value: float) -> pa.Table:
    codes = table["code"].to_pylist()
    codes[row][7] = value
    return with_column(table, "code", codes)


def with_first(table: pa.Table, name: str, value: Any) -> pa.Table:
    return with_column(table, name, [value, *table[name].to_pylist()[1:]])


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_is_refused_and_nothing_is_imported(
    made: Collection, file: Path, tmp_path: Path, name: str
) -> None:
    change, reason = WRONG[name]
    altered(file, change)
    result = call("import", file, "--index", tmp_path / "index", "--encoder", made.bundle)
    assert_fails(result, 2, f"{file} cannot be imported: ", reason)
    assert not (tmp_path / "index").exists()


def test_a_code_whose_length_is_not_one_is_refused_where_the_distance_is_cosine(
    made: Collection, file: Path, tmp_path: Path
) -> None:
    altered(file, lambda table: with_codes(table, 2, 9.0))
    result = call("import", file, "--index", tmp_path / "index", "--encoder", made.bundle)
    with Index.open(made.index) as index:
        if index.distance == "cosine":
            assert_fails(result, 2, "has length 9", "not 1")
        else:
            assert result.exit_code == 0


def test_truncated_and_foreign_files_are_one_sentence(made: Collection, file: Path, tmp_path: Path) -> None:
    whole = file.read_bytes()
    foreign = tmp_path / "foreign.parquet"
    for content in (
        b"",
        b"PAR1",
        whole[:-1],
        whole[: len(whole) // 2],
        b"nothing like it" * 99,
        whole[:-60] + whole[-8:],
    ):
        foreign.write_bytes(content)
        result = call("import", foreign, "--index", tmp_path / "index", "--encoder", made.bundle)
        assert_fails(result, 2, f"{foreign} cannot be imported: it is not a whole Parquet file")
    parquet.write_table(pa.table({"a": [1]}), foreign)
    result = call("import", foreign, "--index", tmp_path / "index", "--encoder", made.bundle)
    assert_fails(result, 2, "it does not say which encoder made its codes")
    assert_fails(call("import", tmp_path / "nowhere.parquet", "--index", tmp_path / "index"), 2, "No such file")
    assert not (tmp_path / "index").exists()


def test_a_file_that_is_damaged_anywhere_is_refused_or_imported_whole(
    made: Collection, file: Path, tmp_path: Path
) -> None:
    """Pages have no checksums, so a changed byte may be a changed value; but nothing crashes and nothing is halved."""
    whole, random = file.read_bytes(), np.random.default_rng(0)
    refused = 0
    for number in range(60):
        damaged = bytearray(whole)
        damaged[random.integers(4, len(whole))] ^= 1 << random.integers(8)
        file.write_bytes(damaged)
        place = tmp_path / f"index-{number}"
        result = call("import", file, "--index", place, "--encoder", made.bundle)
        assert result.exit_code in (0, 2, 4), result.output
        refused += result.exit_code != 0
        if result.exit_code == 0:
            with IndexWriter.open(place) as index:
                assert (index.count(), index.check().problems) == (COUNT, [])
        else:
            assert result.stderr.count("\n") == 1 and not place.exists()
    assert refused > 10


def test_a_changed_bit_never_changes_how_many_pictures_are_read(file: Path) -> None:
    """The footer's counts, names and types included: the whole number is read, or the file is refused."""
    whole, random = file.read_bytes(), np.random.default_rng(1)
    refused = 0
    for _ in range(2_000):
        damaged = bytearray(whole)
        damaged[random.integers(4, len(whole))] ^= 1 << random.integers(8)
        file.write_bytes(damaged)
        try:
            with reader.ParquetReader(file) as opened:
                opened.look_through()
                assert sum(len(rows.records) for rows in opened.rows()) == COUNT
        except InputError:
            refused += 1
    assert 500 < refused < 1_900


def test_the_file_appears_at_once_or_not_at_all(
    made: Collection, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = file.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export, "to_batch", full)
    assert_fails(call("export", "-o", file, "--index", made.index), 2, f"{file} cannot be written: no space left")
    assert [path.name for path in tmp_path.iterdir()] == ["codes.parquet"]
    assert file.read_bytes() == before
    result = call("export", "-o", tmp_path / "no" / "where.parquet", "--index", made.index)
    assert_fails(result, 2, "where.parquet cannot be written: No such file or directory")


def test_what_export_is_asked_for_must_make_sense(made: Collection, tmp_path: Path) -> None:
    assert_fails(call("export", "-o", tmp_path / "out", "--index", made.index), 2, "ends in .parquet")
    assert_fails(call("export", "run", "-o", tmp_path / "x.parquet"), 2, "A training run is exported to a folder")
    assert_fails(call("export", "-o", tmp_path / "x.parquet", "--index", tmp_path / "none"), 5, "no index at")


def test_another_writer_is_named(made: Collection, file: Path, tmp_path: Path) -> None:
    bring_in(file, tmp_path / "index", made.bundle)
    with IndexWriter.open(tmp_path / "index"):
        result = call("import", file, "--index", tmp_path / "index", "--encoder", made.bundle)
    assert_fails(result, 7, f"process {os.getpid()} on ")


@pytest.mark.parametrize("verb", [["export", "-o", "x.parquet"], ["import", "x.parquet"]])
def test_without_the_extra_it_is_one_sentence(verb: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(extras.importlib.util, "find_spec", lambda name: None)
    assert_fails(call(*verb), 8, "pyarrow is not installed: pip install 'latentsearch[parquet]'")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path, Path]]:
    """An index of 6,000 codes, its file in small row groups, and the bundle."""
    folder = tmp_path_factory.mktemp("large")
    bundle = make_bundle(folder / "bundles", distance="euclidean")
    encoder = load_encoder(bundle)
    with IndexWriter.create(folder / "index", encoder) as index:
        codes = np.random.default_rng(0).standard_normal((6_000, encoder.latent_size)).astype(np.float32)
        index.catalog.images.add(
            ImageRecord(number + 1, f"/p/{number}.jpg", 1, 2, number.to_bytes(32), 9, 9, position, 0.5)
            for number, position in enumerate(index.append(codes))
        )
        index.catalog.labels.add((number + 1, {"number": number}) for number in range(6_000))
        index.rebuild()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "ROWS_AT_ONCE", 100)
        assert call("export", "-o", folder / "codes.parquet", "--index", folder / "index").exit_code == 0
    yield folder / "index", folder / "codes.parquet", bundle


RUN = """
import time
import indexer.parquet.reader, indexer.parquet.load
indexer.parquet.reader.ROWS_AT_ONCE = 100
add = indexer.parquet.load._add
indexer.parquet.load._add = lambda *rest: (add(*rest), time.sleep(0.02))
from latentsearch.cli import main
main({arguments}, prog_name="latentsearch")
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_an_import_that_is_stopped_goes_on(
    large: tuple[Path, Path, Path], tmp_path: Path, number: signal.Signals
) -> None:
    original, file, bundle = large
    arguments = ["import", str(file), "--index", str(tmp_path / "index"), "--encoder", str(bundle)]
    process = subprocess.Popen(
        [sys.executable, "-c", RUN.format(arguments=arguments)], stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if Index.exists(tmp_path / "index"):
            with Index.open(tmp_path / "index") as index:
                if index.count() >= 300:
                    break
        time.sleep(0.01)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == (130 if number == signal.SIGINT else -signal.SIGKILL)
    assert stderr.count("\n") == (number == signal.SIGINT)
    summary = bring_in(file, tmp_path / "index", bundle)
    assert summary["unchanged"] >= 300 and summary["added"] > 0 and summary["found"] == 6_000
    assert contents(tmp_path / "index") == contents(original)


def test_memory_does_not_grow_with_the_number_of_images(
    large: tuple[Path, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, file, bundle = large
    monkeypatch.setattr(export, "ROWS_AT_ONCE", 100)
    monkeypatch.setattr(reader, "ROWS_AT_ONCE", 100)
    bring_in(file, tmp_path / "warm", bundle)
    tracemalloc.start()
    call("export", "-o", tmp_path / "codes.parquet", "--index", original)
    exporting_peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    with reader.ParquetReader(tmp_path / "codes.parquet") as opened:
        opened.look_through()
        reading_peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # All 6,000 records, labels and codes as Python's objects take more than 4 MB.
    assert max(exporting_peak, reading_peak) < 1_500_000

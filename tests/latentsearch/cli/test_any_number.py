"""Numbers of any size, wherever they come from, are clamped or refused with one sentence, never a traceback."""

from __future__ import annotations

import json
import math
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from click.testing import Result
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

import latentsearch as ls
from indexer import numbers
from indexer.index.index import Index
from indexer.pipeline import store
from tests.latentsearch.collection import COUNT, Collection, call, make_collection
from tests.latentsearch.following import followed
from tests.support import draw_picture, make_bundle, make_folder

FEW = settings(max_examples=40, deadline=None)
YEAR = 31_556_952
INTEGERS = st.one_of(
    st.integers(-(10**30), 10**30),
    st.integers(-(2**63) - 2, -(2**63) + 2),
    st.integers(2**63 - 2, 2**63 + 2),
    st.integers(-3, 20),
)
NUMBERS = st.one_of(
    INTEGERS.map(str),
    st.floats().map(repr),
    st.sampled_from(["1e400", "-1e400", "nan", "inf", "-inf", "1e30", "0", "-0.0", "99999999999999999999", "9" * 5000]),
)
DATES = st.one_of(
    st.sampled_from(["1600-01-01", "2400-01-01", "9999-12-31", "0001-01-01", "0000-01-01", "9999-12-31 23:59:59"]),
    st.datetimes().map(lambda moment: moment.strftime("%Y").zfill(4) + moment.strftime("-%m-%d %H:%M:%S")),
)


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    return make_collection(tmp_path_factory.mktemp("collection"))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("bundles"), generator=True)


@pytest.fixture
def pictures() -> Iterator[Path]:
    """Three pictures, where there is one on a file system that keeps any time of change."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if os.access(shared, os.W_OK) else None) as folder:
        make_folder(Path(folder) / "pictures", 3)
        yield Path(folder) / "pictures"


def assert_told(result: Result, *exit_codes: int) -> None:
    """It did its work or refused in one sentence, with one of these exit codes."""
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in exit_codes, result.output
    if result.exit_code:
        assert result.stderr.startswith("latentsearch: ") and result.stderr.count("\n") == 1, result.stderr


def indexed(pictures: Path, index: Path, bundle: Path, *options: str) -> dict[str, int]:
    done = call("index", pictures, "--index", index, "--encoder", bundle, "--json", *options)
    assert_told(done, 0)
    return {name: count for name, count in json.loads(done.stdout).items() if isinstance(count, int) and count}


# The file system


@pytest.mark.parametrize("seconds", [330 * YEAR, 10**18, -(10**18), -(2**33), -5, 0])
def test_files_of_any_time_are_indexed_once_by_every_verb(
    pictures: Path, bundle: Path, tmp_path: Path, seconds: int
) -> None:
    first, index = pictures / "000001.jpg", tmp_path / "index"
    os.utime(first, (seconds, seconds))
    shutil.copy2(first, pictures / "copy.jpg")
    assert indexed(pictures, index, bundle)["found"] == 4
    assert indexed(pictures, index, bundle) == {"found": 4, "unchanged": 4}
    for verb in (["status"], ["check"], ["query", "--id", "1"], ["query", first], ["labels"]):
        assert_told(call(*verb, "--index", index), 0)
    found = json.loads(call("duplicates", "--index", index, "--json").stdout)
    assert (len(found["groups"]), found["left_out"]) == (1, [])
    assert_told(call("export", "-o", tmp_path / "codes.parquet", "--index", index), 0)
    assert_told(call("import", tmp_path / "codes.parquet", "--index", tmp_path / "other", "--encoder", bundle), 0)
    # The Parquet file has no facts of these pictures, so that they are looked for once.
    assert indexed(pictures, tmp_path / "other", bundle) == {"found": 4, "unchanged": 4, "facts_read": 4}
    assert indexed(pictures, tmp_path / "other", bundle) == {"found": 4, "unchanged": 4}


def test_a_file_of_the_future_changes_while_it_is_watched(pictures: Path, bundle: Path, tmp_path: Path) -> None:
    future = 330 * YEAR
    os.utime(pictures / "000001.jpg", (future, future))
    with followed(tmp_path / "index", bundle, pictures) as process:
        assert process.batch() == {"found": 3, "encoded": 3}
        draw_picture(50, (90, 90)).save(pictures / "000001.jpg")
        os.utime(pictures / "000001.jpg", (future + 1, future + 1))
        assert process.batch() == {"found": 1, "encoded": 1, "changed": 1}
        assert process.interrupt() == 130


def test_what_changed_after_a_date_is_found_whatever_the_dates(pictures: Path, bundle: Path, tmp_path: Path) -> None:
    """c06 and c16: a picture of the year 2300 counts as of 2262, where the times end that can be kept."""
    for number, year in enumerate((1950, 2020, 2300), 1):
        moment = (year - 1970) * YEAR
        os.utime(pictures / f"{number:06}.jpg", (moment, moment))
    indexed(pictures, tmp_path / "index", bundle)
    if os.stat(pictures / "000003.jpg").st_mtime_ns < numbers.GREATEST:
        pytest.skip("this file system keeps no time of the year 2300")

    def found(condition: str) -> list[int]:
        done = call("query", "--id", "1", "--where", condition, "--index", tmp_path / "index", "--json")
        assert_told(done, 0)
        return sorted(hit["id"] for hit in json.loads(done.stdout)["results"])

    assert found("changed>2400-01-01") == found("changed<1600-01-01") == found("changed<0001-01-02") == []
    assert found("changed>1600-01-01") == found("changed<=9999-12-31") == found("changed>=0001-01-01") == [1, 2, 3]
    assert (found("changed<1970-01-01"), found("changed>2250-01-01"), found("added>2019-12-31")) == (
        [1],
        [3],
        [1, 2, 3],
    )


@FEW
@given(st.integers(-(10**30), 10**30), st.integers(0, 10**30))
def test_what_is_kept_of_a_file_is_the_nearest_of_64_bits(mtime_ns: int, size: int) -> None:
    class Status:
        st_size, st_mtime_ns = size, mtime_ns

    status: Any = Status()
    kept = numbers.size_and_mtime(status)
    assert kept == tuple(sorted((numbers.LEAST, number, numbers.GREATEST))[1] for number in (size, mtime_ns))
    sqlite3.connect(":memory:").execute("SELECT ?, ?", kept)


@pytest.mark.parametrize("clock", [-1e300, 1e300, math.nan, 2.0**40])
def test_a_clock_of_any_time(
    pictures: Path, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: float
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(store.time, "time", lambda: clock)
        assert indexed(pictures, tmp_path / "index", bundle)["encoded"] == 3
    for verb in (["status"], ["status", "--json"], ["export", "-o", tmp_path / "codes.parquet"]):
        assert_told(call(*verb, "--index", tmp_path / "index"), 0)


# Options


@FEW
@given(st.sampled_from(["--id", "-k", "--max-distance", "--min-similarity", "--diverse"]), NUMBERS)
def test_any_number_in_a_query(collection: Collection, option: str, number: str) -> None:
    words = ["--id", "1"] if option != "--id" else []
    assert_told(collection.query(*words, f"{option}={number}" if option != "-k" else f"-k{number}"), 0, 2)


def test_ids_beyond_64_bits_are_refused_and_no_pictures(collection: Collection) -> None:
    """c16."""
    assert_told(collection.query("--id", "99999999999999999999"), 2)
    with Index.open(collection.index) as index:
        assert index.labels([10**30, 1]).keys() == {1}
        assert index.search(index.codes([1]), 10**30)[1].shape == (1, COUNT)
    with ls.open(collection.index) as opened:
        assert len(opened.search(1, k=10**400, diverse=0.5)) == COUNT


@FEW
@given(st.sampled_from(["--recall", "--labels", "--memory"]), NUMBERS | NUMBERS.map("{}GB".format))
def test_any_number_in_an_index_run(collection: Collection, option: str, number: str) -> None:
    folder = collection.pictures[0].parent
    assert_told(call("index", folder, f"{option}={number}", "--index", collection.index), 0, 2)


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(["--count", "--seed"]), NUMBERS)
def test_any_number_in_a_sample(
    bundle: Path, tmp_path_factory: pytest.TempPathFactory, option: str, number: str
) -> None:
    if option == "--count" and number.isdigit() and 64 < int(number[:4000]) <= numbers.GREATEST:
        return  # so many pictures are drawn
    folder = tmp_path_factory.getbasetemp() / "samples"
    words = ["--count", "2"] if option == "--seed" else []
    assert_told(call("sample", bundle, "-o", folder, f"{option}={number}", *words), 0, 2)


def test_samples_are_drawn_a_batch_at_a_time(bundle: Path) -> None:
    """So many codes at once would fill any memory."""
    from indexer.encoders.generator import load_generator

    generator = load_generator(bundle)
    many = generator.draw(10**15)
    few = list(generator.draw(70))
    assert all(np.array_equal(next(many), picture) for picture in few)


TRAINING = ("--width", "--latent-size", "--auto-sizes", "--auto-factor", "--auto-steps", "--batch", "--epochs")
OTHERS = ("--average-decay", "--seed", "--threads", "--checkpoint-seconds", "--sheet-steps")
CHANGED = ("--change=width=", "--change=latent_size=", "--change=seed=", "--change=noise=", "--change=epochs=")


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([*(f"{option}=" for option in (*TRAINING, *OTHERS)), *CHANGED]), NUMBERS)
def test_any_number_in_training(tmp_path_factory: pytest.TempPathFactory, option: str, number: str) -> None:
    """The data are not there, so that a number that fits ends with another sentence."""
    folder = tmp_path_factory.getbasetemp()
    assert_told(call("train", "ivegan", folder / "none.npz", "-o", folder / "run", f"{option}{number}"), 2)


@FEW
@given(st.sampled_from(["--steps", "--learning-rate", "--seed", "--threads"]), NUMBERS)
def test_any_number_in_an_inversion(bundle: Path, option: str, number: str) -> None:
    assert_told(call("invert", "none.jpg", "--generator", bundle, f"{option}={number}"), 2, 3)


@pytest.mark.parametrize("number", ["nan", "inf", "1e400", "-inf"])
def test_what_is_not_finite_is_refused_where_it_has_no_meaning(collection: Collection, number: str) -> None:
    for words in (
        ["index", collection.pictures[0].parent, f"--recall={number}", "--index", collection.index],
        ["train", "ivegan", "ring", "-o", "run", f"--checkpoint-seconds={number}"],
        ["invert", "x.jpg", f"--learning-rate={number}"],
    ):
        assert_told(call(*words), 2)


# Conditions and labels


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["id", "size", "width", "height", "changed", "added", "identity", "name"]),
    st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "~"]),
    NUMBERS | DATES,
)
def test_any_number_and_any_date_in_a_condition(collection: Collection, name: str, sign: str, value: str) -> None:
    assert_told(collection.query("--id", "1", "--where", f"{name}{sign}{value}"), 0, 2)


@FEW
@given(st.sampled_from(["<", "<=", ">", ">=", "=", "!="]), INTEGERS | st.floats(allow_nan=False))
def test_numbers_are_compared_as_they_are(collection: Collection, sign: str, number: int | float) -> None:
    """Not as the nearest that can be kept."""
    if math.isinf(number):
        return
    done = collection.query("--id", "1", "--where", f"width{sign}{number}", "--json")
    orders = {"<": number > 178, "<=": number >= 178, ">": number < 178, ">=": number <= 178, "=": number == 178}
    holds = orders.get(sign, number != 178)
    assert len(json.loads(done.stdout)["results"]) == (COUNT if holds else 0)


@FEW
@given(
    st.datetimes().map(lambda moment: moment.replace(microsecond=0)), st.sampled_from(["<", "<=", ">", ">=", "=", "!="])
)
def test_dates_are_compared_as_they_are(collection: Collection, moment: datetime, sign: str) -> None:
    now = time.time()
    text = moment.strftime("%Y").zfill(4) + moment.strftime("-%m-%d %H:%M:%S")
    if abs(moment.year - datetime.fromtimestamp(now).year) < 2:
        return
    done = collection.query("--id", "1", "--where", f"changed{sign}{text}", "--json")
    is_later = moment.timestamp() > now if moment.year > 1 else False
    holds = {"<": is_later, "<=": is_later, ">": not is_later, ">=": not is_later, "=": False, "!=": True}[sign]
    assert len(json.loads(done.stdout)["results"]) == (COUNT if holds else 0)


@FEW
@given(st.lists(NUMBERS, min_size=1, max_size=3))
def test_any_number_as_a_label(
    collection: Collection, tmp_path_factory: pytest.TempPathFactory, values: list[str]
) -> None:
    table = tmp_path_factory.getbasetemp() / "labels.csv"
    rows = (f"{path.name},{value}" for path, value in zip(collection.pictures, values, strict=False))
    table.write_text("\n".join(["file,number", *rows]) + "\n")
    folder = collection.pictures[0].parent
    assert_told(call("index", folder, "--labels", table, "--index", collection.index), 0)
    assert_told(call("labels", "--index", collection.index, "--json"), 0)
    target = table.with_name("labels.parquet")
    assert_told(call("export", "-o", target, "--index", collection.index), 0)
    assert_told(call("import", target, "--index", collection.index), 0)
    for value in values:
        done = collection.query("--id", "1", "--where", f"number={value}", "--json")
        assert_told(done, 0)
        assert json.loads(done.stdout)["results"]


@pytest.mark.parametrize("number", ["99999999999999999999", "-99999999999999999999", "1e9", "nan", "9" * 5000])
def test_identities_beyond_64_bits_are_refused(pictures: Path, bundle: Path, tmp_path: Path, number: str) -> None:
    (pictures / "identity_CelebA.txt").write_text(f"000001.jpg {number}\n")
    done = call("index", pictures, "--index", tmp_path / "index", "--encoder", bundle)
    assert_told(done, 2)
    assert "is not a whole number of 64 bits" in done.stderr


# Parquet

COLUMNS = {
    "size": [pa.uint64(), pa.int64(), pa.float64(), pa.int8()],
    "width": [pa.uint64(), pa.int64(), pa.float64()],
    "id": [pa.uint64(), pa.int64()],
    "mtime": [pa.timestamp(unit) for unit in ("s", "ms", "us", "ns")] + [pa.int64(), pa.uint64(), pa.float64()],
    "added": [pa.timestamp(unit, "UTC") for unit in ("s", "ms", "us", "ns")] + [pa.float64()],
}
CELLS = st.one_of(INTEGERS, st.floats())


def array_of(kind: pa.DataType, values: list[int | float]) -> pa.Array:
    """The values as near as an array of a type can have them."""
    if pa.types.is_floating(kind):
        return pa.array([float(value) for value in values], kind)
    least, most = (0, 2**64 - 1) if pa.types.is_uint64(kind) else (-(2**63), 2**63 - 1)
    least, most = (-128, 127) if pa.types.is_int8(kind) else (least, most)
    if pa.types.is_timestamp(kind) and kind.unit == "s":  # Parquet has them as milliseconds
        least, most = -(2**63 // 1_000), 2**63 // 1_000
    whole = [min(max(int(value) if math.isfinite(value) else 0, least), most) for value in values]
    return pa.array(whole, kind) if pa.types.is_integer(kind) else pa.array(whole, pa.int64()).cast(kind)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_any_number_in_a_parquet_file(
    collection: Collection, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.getbasetemp() / "parquet"
    folder.mkdir(exist_ok=True)
    if not (folder / "whole.parquet").exists():
        assert_told(call("export", "-o", folder / "whole.parquet", "--index", collection.index), 0)
    table = parquet.read_table(folder / "whole.parquet")
    name = data.draw(st.sampled_from(sorted(COLUMNS)))
    kind = data.draw(st.sampled_from(COLUMNS[name]))
    cells = array_of(kind, data.draw(st.lists(CELLS, min_size=COUNT, max_size=COUNT)))
    changed = table.set_column(table.schema.names.index(name), name, cells)
    parquet.write_table(changed.replace_schema_metadata(table.schema.metadata), folder / "changed.parquet")
    index = folder / "index"
    shutil.rmtree(index, ignore_errors=True)
    done = call("import", folder / "changed.parquet", "--index", index, "--encoder", collection.bundle)
    assert_told(done, 0, 2)
    if pa.types.is_timestamp(kind):
        assert done.exit_code == 0, done.stderr
    if done.exit_code == 0:
        for verb in (["status"], ["check"], ["export", "-o", folder / "again.parquet"], ["query", "--id", "1"]):
            assert_told(call(*verb, "--index", index), 0)


@pytest.mark.parametrize("cells", [pa.array([2**64 - 1] * COUNT, pa.uint64()), pa.array([math.nan] * COUNT)])
def test_labels_that_cannot_be_kept_are_refused(collection: Collection, tmp_path: Path, cells: pa.Array) -> None:
    assert_told(call("export", "-o", tmp_path / "codes.parquet", "--index", collection.index), 0)
    table = parquet.read_table(tmp_path / "codes.parquet")
    labels = pa.StructArray.from_arrays([cells], ["big"])
    changed = table.set_column(table.schema.names.index("labels"), "labels", labels)
    parquet.write_table(changed.replace_schema_metadata(table.schema.metadata), tmp_path / "codes.parquet")
    done = call("import", tmp_path / "codes.parquet", "--index", tmp_path / "index", "--encoder", collection.bundle)
    assert_told(done, 2)
    assert "is no number that can be kept" in done.stderr


# Bundles


@FEW
@given(st.sampled_from(["latent_size", "framing.width", "generator.latent_size"]), INTEGERS | st.floats())
def test_any_size_in_a_bundle(
    tmp_path_factory: pytest.TempPathFactory, bundle: Path, place: str, number: int | float
) -> None:
    copy = tmp_path_factory.getbasetemp() / "changed-bundle"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(bundle, copy)
    model = json.loads((copy / "model.json").read_text())
    *within, name = place.split(".")
    (model[within[0]] if within else model)[name] = number
    (copy / "model.json").write_text(json.dumps(model))
    assert_told(call("sample", copy, "--count", "1", "-o", copy / "samples"), 0, 4)

"""`latentsearch import` with vectors that another program computed, and what their index can do."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from pyarrow import parquet

import latentsearch as ls
from tests.latentsearch.collection import assert_fails, call
from tests.support import make_folder

COUNT, SIZE = 24, 5
RUN = """
import latentsearch.interface.foreign_codes as foreign, indexer.index.writer as writer, time
foreign.ROWS_AT_ONCE = 4
commit = writer.IndexWriter.commit
writer.IndexWriter.commit = lambda index: (commit(index), print("committed", flush=True), time.sleep(0.2))[0]
from latentsearch.cli import main
main({arguments}, prog_name="latentsearch")
"""


class Vectors:
    """COUNT drawn pictures with random vectors, in a .npy file with a list of paths, and in a Parquet file."""

    def __init__(self, folder: Path) -> None:
        self.pictures = make_folder(folder / "pictures", COUNT)
        self.rows = np.random.default_rng(0).standard_normal((COUNT, SIZE)).astype(np.float32)
        self.npy, self.paths, self.parquet = folder / "v.npy", folder / "paths.txt", folder / "v.parquet"
        np.save(self.npy, self.rows)
        self.paths.write_text("".join(f"{path}\n" for path in self.pictures))
        write_parquet(self.parquet, {"image_path": list(map(str, self.pictures)), "embedding": self.rows.tolist()})

    def nearest(self, query: NDArray[np.float32]) -> list[str]:
        rows = self.rows / np.linalg.norm(self.rows, axis=1, keepdims=True)
        return [str(self.pictures[row]) for row in np.argsort(-(rows @ query), kind="stable")]


def write_parquet(file: Path, columns: dict[str, Any]) -> None:
    parquet.write_table(pa.table(columns), file)


def bring_in(index: Path, file: Path, *options: str | Path) -> dict[str, int]:
    result = call("import", file, "--index", index, "--json", *options)
    assert result.exit_code == 0, result.stderr
    summary: dict[str, int] = json.loads(result.stdout)
    return summary


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Vectors:
    return Vectors(tmp_path_factory.mktemp("vectors"))


@pytest.fixture(scope="module")
def index(given: Vectors, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("imported") / "index"
    bring_in(folder, given.npy, "--paths", given.paths, "--encoder", "clip")
    return folder


def paths(*asked: str | Path) -> list[str]:
    result = call("query", *asked, "--paths", "-k", str(COUNT))
    assert result.exit_code == 0, result.stderr
    return result.stdout.split()


def test_both_kinds_of_file_make_the_same_index(given: Vectors, index: Path, tmp_path: Path) -> None:
    summary = bring_in(tmp_path / "index", given.parquet, "--encoder", "clip")
    assert summary == {"found": COUNT, "added": COUNT, "replaced": 0, "unchanged": 0, "unreadable": 0}
    with ls.open(index) as first, ls.open(tmp_path / "index") as second:
        assert np.array_equal(first.codes()[1], second.codes()[1])
        assert first.status()["images"] == second.status()["images"] == COUNT
    again = bring_in(tmp_path / "index", given.npy, "--paths", given.paths)
    assert (again["added"], again["unchanged"]) == (0, COUNT)


def test_stored_pictures_and_vectors_are_searched_for(given: Vectors, index: Path, tmp_path: Path) -> None:
    assert paths("--like", given.pictures[3], "--index", index) == given.nearest(given.rows[3])
    assert paths("--id", "4", "--index", index) == given.nearest(given.rows[3])
    np.save(tmp_path / "one.npy", given.rows[7].astype(np.float64))
    np.save(tmp_path / "two.npy", given.rows[:2] / np.linalg.norm(given.rows[:2], axis=1, keepdims=True))
    assert paths("--vector", tmp_path / "one.npy", "--index", index) == given.nearest(given.rows[7])
    unit = np.load(tmp_path / "two.npy")
    assert paths("--vector", tmp_path / "two.npy", "--index", index) == given.nearest(unit.sum(0))
    weighted = ("--like", f"3:{given.pictures[0]}", "--like", given.pictures[1], "--index", index)
    assert paths(*weighted) == given.nearest(3 * unit[0] + unit[1])
    near = call("query", "--like", given.pictures[3], "--index", index, "--within", "1/5", "--json")
    assert 1 <= len(json.loads(near.stdout)["results"]) < COUNT


def test_the_index_answers_filters_labels_status_and_duplicates(given: Vectors, tmp_path: Path) -> None:
    index, copy = tmp_path / "index", given.pictures[0].with_name("copy.jpg")
    copy.write_bytes(given.pictures[0].read_bytes())
    files = [*map(str, given.pictures), str(copy)]
    write_parquet(tmp_path / "v.parquet", {"path": files, "vector": [*given.rows.tolist(), given.rows[1].tolist()]})
    bring_in(index, tmp_path / "v.parquet", "--encoder", "clip")
    some = paths("--id", "1", "--where", "name~00000[12]*", "--under", copy.parent, "--index", index)
    assert sorted(some) == files[:2]
    exact = call("duplicates", "--exact", "--index", index)
    assert exact.exit_code == 0 and str(copy) in exact.stdout
    assert call("check", "--index", index).exit_code == 0
    assert "clip" in call("status", "--index", index).stdout
    assert call("labels", "--index", index).exit_code == 0
    assert call("export", "-o", tmp_path / "out.parquet", "--index", index).exit_code == 0
    assert parquet.read_table(tmp_path / "out.parquet").num_rows == COUNT + 1
    carried = ("--index", tmp_path / "carried", "--encoder", index / "encoder")
    assert call("import", tmp_path / "out.parquet", *carried).exit_code == 0
    assert call("remove", copy, "--index", index).exit_code == 0
    assert len(paths("--id", "1", "--index", index)) == COUNT
    copy.unlink()
    index.rename(tmp_path / "moved")
    for moved in ("moved", "carried"):
        found = paths("--like", given.pictures[3], "--index", tmp_path / moved)
        assert [path for path in found if path != str(copy)] == given.nearest(given.rows[3])
        refused = call("query", given.pictures[3], "--index", tmp_path / moved)
        assert_fails(refused, 4, "no encoder is known that could encode a picture")


def test_what_needs_an_encoder_is_refused(given: Vectors, index: Path) -> None:
    picture = given.pictures[0]
    for verb in (["query", picture], ["index", picture.parent], ["query", "--batch", picture.parent]):
        assert_fails(call(*verb, "--index", index), 4, "no encoder is known that could encode a picture")
    assert len(paths("--id", "1", "--index", index)) == COUNT


def test_a_picture_that_cannot_be_read_is_left_out(given: Vectors, tmp_path: Path) -> None:
    files = [str(given.pictures[0]), str(given.pictures[1]), str(tmp_path / "none.jpg")]
    write_parquet(tmp_path / "v.parquet", {"path": files, "vector": given.rows[:3].tolist()})
    result = call("import", tmp_path / "v.parquet", "--index", tmp_path / "index", "--encoder", "clip")
    assert "3 pictures: 2 added, 1 left out because their files cannot be read" in result.stdout
    assert "none.jpg" in call("status", "--failures", "--index", tmp_path / "index").stdout


def test_an_import_that_is_killed_continues(given: Vectors, tmp_path: Path) -> None:
    """A real process, killed after each of its commits in turn."""
    index = tmp_path / "index"
    arguments = ["import", str(given.parquet), "--encoder", "clip", "--index", str(index)]
    command = [sys.executable, "-c", RUN.format(arguments=arguments)]
    for commits in range(1, 4):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(commits):
                process.stdout.readline()
            process.kill()
        assert process.returncode == -signal.SIGKILL
        with ls.open(index) as left:
            assert left.check().problems == []
            assert len(left) < COUNT
    assert bring_in(index, given.parquet, "--encoder", "clip")["found"] == COUNT
    with ls.open(index) as whole:
        assert (len(whole), whole.check().problems) == (COUNT, [])
    assert paths("--like", given.pictures[3], "--index", index) == given.nearest(given.rows[3])


def test_files_that_cannot_be_imported_are_refused(given: Vectors, tmp_path: Path) -> None:
    index, names = tmp_path / "index", list(map(str, given.pictures))
    rows: list[Any] = given.rows.tolist()
    ragged, none, hole = [*rows[:-1], [1.0]], [*rows[:-1], None], [*rows[:-1], [1.0, 2.0, None, 4.0, 5.0]]
    for columns, reason in (
        ({"path": names, "vector": ragged}, f"{names[0]} has 5 numbers, and {names[-1]} 1"),
        ({"path": names, "vector": none}, f"{names[-1]} has no vector"),
        ({"path": names, "vector": hole}, f"the code of {names[-1]} is not finite"),
        ({"path": [*names[:-1], None], "vector": rows}, "a row without a path"),
        ({"path": [*names[:-1], names[0]], "vector": rows}, f"{names[0]} stands there twice"),
        (
            {"place": names, "vector": rows},
            "its column of paths is unknown: name it with --paths; its columns are place",
        ),
        ({"path": names, "a": rows, "b": rows}, "its column of vectors is unknown: name it with --vectors"),
        ({"path": names, "vector": [[np.inf] * SIZE] * COUNT}, "is not finite"),
    ):
        write_parquet(tmp_path / "v.parquet", columns)
        refused = call("import", tmp_path / "v.parquet", "--index", index, "--encoder", "clip")
        assert_fails(refused, 2, reason)
    for options, reason in (
        ((), "it has no paths"),
        (("--paths", tmp_path / "none.txt"), "none.txt cannot be read"),
        (("--paths", given.npy.with_name("v.npy")), "vectors, and"),
        (("--paths", given.paths), "has no name: give it one"),
    ):
        assert_fails(call("import", given.npy, "--index", index, *options), 2, reason)
    damaged = tmp_path / "damaged.npy"
    for content in (given.npy.read_bytes()[:-9], given.npy.read_bytes()[:20]):
        damaged.write_bytes(content)
        refused = call("import", damaged, "--paths", given.paths, "--encoder", "clip", "--index", index)
        assert_fails(refused, 2, "is not a whole .npy file of numbers")
    np.save(damaged, np.array([["text"]]))
    refused = call("import", damaged, "--paths", given.paths, "--encoder", "clip", "--index", index)
    assert_fails(refused, 2, "is not a whole .npy file of numbers")
    assert not index.exists()


def test_vectors_that_do_not_fit_the_index_are_refused(given: Vectors, index: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "longer.npy", np.ones((COUNT, SIZE + 1)))
    longer = call("import", tmp_path / "longer.npy", "--paths", given.paths, "--index", index)
    assert_fails(longer, 2, "its vectors have 6 numbers, and those of the index 5")
    assert_fails(call("import", given.parquet, "--index", index, "--encoder", "another"), 4, "clip")
    assert_fails(call("import", given.parquet, "--index", index, "--distance", "euclidean"), 4, "clip")
    assert_fails(call("query", "--vector", tmp_path / "longer.npy", "--index", index), 2, "a code of this index is 5")
    assert_fails(call("query", "--like", tmp_path / "none.jpg", "--index", index), 2, "has no picture with the path")
    assert_fails(call("query", "--vector", given.paths, "--index", index), 2, "is not a whole .npy file of numbers")

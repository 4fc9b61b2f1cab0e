"""`Collection.add`, `index`, `watch` and the import of Parquet files."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import latentsearch as ls
from tests.latentsearch.collection import call
from tests.latentsearch.interface.faces import picture
from tests.support import draw_picture, make_bundle, make_folder


def test_add_reports_and_sums_up(made: Path, tmp_path: Path) -> None:
    make_folder(tmp_path / "pictures", 6)
    (tmp_path / "pictures" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 broken")
    steps: list[tuple[str, int, int | None]] = []
    with ls.create(tmp_path / "index", encoder=made / "bundles" / "tiny") as pictures:
        summary = pictures.add(
            tmp_path / "pictures",
            exclude="000006.jpg",
            memory=2_000_000_000,
            on_progress=lambda *step: steps.append(step),
        )
        assert (summary.found, summary.encoded, summary.failed) == (6, 5, 1)
        assert steps[-1][:2] == ("indexing", 6)
        assert [Path(failure.path).name for failure in pictures.failures()] == ["broken.jpg"]
        assert pictures.add(tmp_path / "pictures").encoded == 1
        assert len(pictures) == 6
        (tmp_path / "pictures" / "000001.jpg").unlink()
        assert pictures.add(tmp_path / "pictures", prune=True).removed == 1
        assert pictures.remove(tmp_path / "pictures" / "000002.jpg") == [str(tmp_path / "pictures" / "000002.jpg")]
        assert len(pictures) == 4


def test_add_refuses_what_cannot_be_added(made: Path, tmp_path: Path) -> None:
    with ls.create(tmp_path / "index", encoder=made / "bundles" / "tiny") as pictures:
        for folders, options, what in (
            ((), {}, "no folder"),
            ((tmp_path / "nowhere",), {}, "nowhere"),
            ((tmp_path,), {}, "no pictures in"),
            ((made / "faces",), {"prune": "yes"}, "prune is 'yes'"),
            ((made / "faces",), {"memory": "much"}, "'much' is not a size"),
            ((made / "faces",), {"memory": -5}, "'-5' is not a size"),
            ((made / "faces",), {"device": "tpu"}, "device is 'tpu'"),
        ):
            with pytest.raises(ls.InputError, match=what):
                pictures.add(*folders, **options)


def test_a_collection_sees_what_others_commit(made: Path, tmp_path: Path) -> None:
    paths = make_folder(tmp_path / "pictures", 3)
    with ls.create(tmp_path / "index", encoder=made / "bundles" / "tiny") as reader:
        with ls.open(tmp_path / "index") as writer:
            writer.add(tmp_path / "pictures")
        assert len(reader) == 3
        assert reader.search(paths[1], k=1)[0].path == str(paths[1])
        call("remove", paths[1], "--index", tmp_path / "index")
        assert paths[1] not in reader
        assert str(paths[1]) not in [hit.path for hit in reader.search(paths[1])]


def test_another_writer_locks(made: Path, tmp_path: Path) -> None:
    from indexer.index.writer import IndexWriter

    shutil.copytree(made / "index", tmp_path / "index")
    with ls.open(tmp_path / "index") as faces, IndexWriter.open(tmp_path / "index"):
        assert len(faces.search(1)) == 12
        with pytest.raises(ls.LockedIndex):
            faces.remove(made / "faces")


def test_parquet_carries_a_collection_over(faces: ls.Collection, made: Path, tmp_path: Path) -> None:
    steps: list[tuple[str, int, int | None]] = []
    assert faces.to_parquet(tmp_path / "all.parquet", on_progress=lambda *step: steps.append(step)) == 12
    with ls.create(tmp_path / "index", encoder=made / "bundles" / "tiny") as copy:
        assert copy.add_parquet(tmp_path / "all.parquet").added == 12
        assert np.array_equal(copy.codes()[1], faces.codes()[1])
        assert copy.labels() == faces.labels()
    assert steps == [("exporting", 12, 12)]
    with ls.create(tmp_path / "other", encoder=make_bundle(tmp_path / "bundles", "other", seed=1)) as other:
        with pytest.raises(ls.EncoderError, match="other"):
            other.add_parquet(tmp_path / "all.parquet")
        assert len(other) == 0


def test_index_makes_an_index_and_brings_it_up_to_date(made: Path, tmp_path: Path) -> None:
    make_folder(tmp_path / "pictures", 5)
    steps: list[tuple[str, int, int | None]] = []
    first = ls.index(
        tmp_path / "pictures",
        path=tmp_path / "index",
        encoder=made / "bundles" / "tiny",
        exclude="000005.jpg",
        on_progress=lambda *step: steps.append(step),
    )
    assert (first.encoded, steps[-1][:2]) == (4, ("indexing", 4))
    again = ls.index(tmp_path / "pictures", path=tmp_path / "index")
    assert (again.unchanged, again.encoded) == (4, 1)
    with pytest.raises(ls.EncoderError, match="tiny"):
        other = make_bundle(tmp_path / "bundles", "other", seed=1)
        ls.index(tmp_path / "pictures", path=tmp_path / "index", encoder=other)


def test_index_and_add_make_the_same(faces: ls.Collection, made: Path, tmp_path: Path) -> None:
    summary = ls.index(made / "faces", path=tmp_path / "index", encoder=made / "bundles" / "tiny")
    assert summary.encoded == 12
    with ls.open(tmp_path / "index") as same:
        assert np.array_equal(same.codes()[1], faces.codes()[1])
        assert same.labels() == faces.labels()


@pytest.mark.parametrize(
    ("folders", "options", "what"),
    [
        ((), {}, "no folder"),
        (("nowhere",), {}, "nowhere"),
        (("empty",), {}, "no pictures in"),
        (("pictures",), {"labels": "none.csv"}, r"none\.csv"),
        (("pictures",), {"prune": "yes"}, "prune is 'yes'"),
        (("pictures",), {"device": "tpu"}, "device is 'tpu'"),
        (("pictures",), {"memory": "much"}, "'much' is not a size"),
        (("pictures",), {"older": "other"}, "without folders"),
        ((), {"older": "other", "prune": True}, "without prune"),
        ((), {"older": "index"}, "is the index itself"),
    ],
)
def test_index_makes_nothing_of_what_cannot_be_indexed(
    made: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    folders: tuple[str, ...],
    options: dict[str, Any],
    what: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    make_folder(tmp_path / "pictures", 2)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ls.InputError, match=what):
        ls.index(*folders, path="index", encoder=made / "bundles" / "tiny", **options)
    assert not (tmp_path / "index").exists()


def test_index_takes_over_an_older_index(
    faces: ls.Collection, made: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(made / "index", tmp_path / "older")
    gone = shutil.copy(picture(made, 1), made / "gone.jpg")
    with ls.open(tmp_path / "older") as older:
        older.add(gone)
    Path(gone).unlink()
    bundle = make_bundle(tmp_path / "bundles", "other", seed=1)
    summary = ls.index(path=tmp_path / "new", older=tmp_path / "older", encoder=bundle)
    assert summary.found == 12
    assert "1 pictures of the older index are gone" in caplog.text
    with ls.open(tmp_path / "new") as new:
        assert (new.encoder, new.labels()) == ("other", faces.labels())


class Enough(Exception):
    """Ends a watch."""


def test_watch_calls_back_after_each_batch(made: Path, tmp_path: Path) -> None:
    pytest.importorskip("watchfiles")
    make_folder(tmp_path / "pictures", 2)
    found: list[int] = []

    def take(summary: Any) -> None:
        found.append(summary.encoded)
        if len(found) == 2:
            raise Enough
        draw_picture(7).save(tmp_path / "pictures" / "new.jpg")

    with pytest.raises(Enough):
        ls.watch(tmp_path / "pictures", path=tmp_path / "index", encoder=made / "bundles" / "tiny", on_batch=take)
    assert found == [2, 1]
    with ls.open(tmp_path / "index") as pictures:
        assert len(pictures) == 3


def test_watch_makes_no_index_of_a_missing_folder(made: Path, tmp_path: Path) -> None:
    with pytest.raises(ls.InputError, match="nowhere"):
        ls.watch(tmp_path / "nowhere", path=tmp_path / "index", encoder=made / "bundles" / "tiny")
    assert not (tmp_path / "index").exists()


def test_a_parquet_file_makes_an_index(faces: ls.Collection, made: Path, tmp_path: Path) -> None:
    faces.to_parquet(tmp_path / "all.parquet")
    steps: list[tuple[str, int, int | None]] = []
    summary = ls.import_parquet(
        tmp_path / "all.parquet",
        tmp_path / "index",
        made / "bundles" / "tiny",
        on_progress=lambda *step: steps.append(step),
    )
    assert (summary.added, steps) == (12, [("importing", 12, 12)])
    assert ls.import_parquet(tmp_path / "all.parquet", tmp_path / "index").unchanged == 12
    with ls.open(tmp_path / "index") as copy:
        assert np.array_equal(copy.codes()[1], faces.codes()[1])


def test_a_damaged_parquet_file_makes_no_index(faces: ls.Collection, made: Path, tmp_path: Path) -> None:
    faces.to_parquet(tmp_path / "all.parquet")
    whole = (tmp_path / "all.parquet").read_bytes()
    (tmp_path / "damaged.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ls.InputError, match="cannot be imported"):
        ls.import_parquet(tmp_path / "damaged.parquet", tmp_path / "index", made / "bundles" / "tiny")
    with pytest.raises(ls.EncoderError, match="parts"):
        ls.import_parquet(tmp_path / "all.parquet", tmp_path / "index", "parts")
    assert not (tmp_path / "index").exists()

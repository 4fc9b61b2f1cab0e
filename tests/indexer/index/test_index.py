"""An index, through its public methods, on codes that the test makes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.catalog.failures import Failure
from indexer.catalog.images import ImageRecord
from indexer.encoders.encoder import Encoder, load_encoder
from indexer.errors import DamagedIndex, EncoderError, IndexStateError, InputError, LockedIndex, MissingExtra
from indexer.index import maintenance, vector_search
from indexer.index.check import CheckReport
from indexer.index.index import Index
from indexer.index.status import status_of
from indexer.index.writer import IndexWriter
from indexer.vectors import exact, index_types
from indexer.vectors.exact import Selection
from indexer.vectors.faiss_file import Tuning, write_faiss_file
from tests.support import make_bundle

COUNT = 60
DISTANCES = ["cosine", "euclidean"]
KINDS = ("flat", "hnsw", "ivf-sq8", "ivf-pq", "PCA8,IVF4,Flat")


@pytest.fixture(scope="module", params=DISTANCES)
def encoder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    return load_encoder(make_bundle(tmp_path_factory.mktemp("bundles"), distance=request.param))


@pytest.fixture(scope="module")
def cosine(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    return load_encoder(make_bundle(tmp_path_factory.mktemp("bundles")))


def draw_codes(encoder: Encoder, count: int, seed: int = 0) -> NDArray[np.float32]:
    codes = np.random.default_rng(seed).standard_normal((count, encoder.latent_size)).astype(np.float32)
    return exact.unit(codes) if encoder.distance == "cosine" else codes


def add(index: Index, codes: NDArray[np.float32], folder: str = "/p") -> None:
    first = index.catalog.images.next_id()
    positions = index.append(codes)
    index.catalog.images.add(
        ImageRecord(first + row, f"{folder}/{first + row}.jpg", 1, 2, bytes(32), 178, 218, position, 0.0)
        for row, position in enumerate(positions)
    )
    index.commit()


@pytest.fixture
def folder(tmp_path: Path, encoder: Encoder) -> Path:
    """An index of COUNT images, ids from 1."""
    with IndexWriter.create(tmp_path / "index", encoder) as index:
        add(index, draw_codes(encoder, COUNT))
        index.rebuild()
    return tmp_path / "index"


@pytest.fixture(params=["no base", *KINDS])
def opened(request: pytest.FixtureRequest, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    """An index of COUNT images that compares every code, or has a base of some kind that leaves nothing out."""
    monkeypatch.setattr(index_types, "FLAT_ALWAYS_BELOW", 0)
    monkeypatch.setattr(Tuning, "effort", lambda tuning, k: tuning.most)
    monkeypatch.setattr(Tuning, "candidates", lambda tuning, k: 4 * COUNT)
    with IndexWriter.open(folder) as index:
        index.rebuild(None if request.param == "no base" else request.param)
    if request.param == "no base":
        (folder / "vectors.faiss").unlink()
    with Index.open(folder) as index:
        assert status_of(index)["vectors"]["kind"] == (None if request.param == "no base" else request.param)
        yield index


def remove(index: Index, paths: list[str]) -> list[str]:
    """Remove images of an index by a writer; its reader sees that they are gone."""
    with IndexWriter.open(index.folder) as writer:
        removed = writer.remove(paths)
    index.refresh()
    return removed


def check(index: Index) -> CheckReport:
    """Check an index by a writer; its reader sees what was rebuilt."""
    with IndexWriter.open(index.folder) as writer:
        report = writer.check()
    index.refresh()
    return report


def by_brute_force(encoder: Encoder, query: NDArray[np.float32], codes: NDArray[np.float32]) -> NDArray[np.float32]:
    return 1 - codes @ query if encoder.distance == "cosine" else np.linalg.norm(codes - query, axis=1)


def test_search_finds_the_nearest_first(opened: Index, encoder: Encoder) -> None:
    codes, queries = draw_codes(encoder, COUNT), draw_codes(encoder, 3, seed=1)
    distances, ids = opened.search(queries, 10)
    for row, query in enumerate(queries):
        expected = by_brute_force(encoder, query, codes)
        assert ids[row].tolist() == (expected.argsort()[:10] + 1).tolist()
        assert np.allclose(distances[row], np.sort(expected)[:10], atol=1e-6)


def test_an_image_has_distance_zero_to_itself(opened: Index) -> None:
    for image_id in (1, 7, COUNT):
        distances, ids = opened.search(opened.code(image_id)[None], 1)
        assert (distances[0, 0], ids[0, 0]) == (0, image_id)


def test_excluded_images_make_room_for_others(opened: Index) -> None:
    query = opened.code(5)[None]
    _, ids = opened.search(query, 4)
    _, others = opened.search(query, 3, exclude_ids=[int(ids[0, 0]), int(ids[0, 2]), 999])
    assert others[0].tolist() == [ids[0, 1], ids[0, 3], opened.search(query, 5)[1][0, 4]]
    assert opened.search(query, 100, exclude_ids=[5])[1].shape == (1, COUNT - 1)


@pytest.mark.parametrize("ranked_at_once", [0, 10_000])
def test_within_some_images_the_nearest_are_found_by_either_way(
    opened: Index, encoder: Encoder, ranked_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vector_search, "RANKED_AT_ONCE", ranked_at_once)
    codes, queries = draw_codes(encoder, COUNT), draw_codes(encoder, 3, seed=1)
    within = np.arange(2, COUNT, 1)
    distances, ids = opened.search(queries, 7, within=Selection(within))
    for row, query in enumerate(queries):
        expected = by_brute_force(encoder, query, codes[within - 1])
        assert ids[row].tolist() == within[expected.argsort()[:7]].tolist()
        assert np.allclose(distances[row], np.sort(expected)[:7], atol=1e-6)


def test_codes_of_another_length_are_refused(opened: Index) -> None:
    with pytest.raises(ValueError, match="codes have shape"):
        opened.search(np.zeros((1, 3), np.float32), 1)


def test_removed_images_are_not_found_and_their_ids_not_given_again(opened: Index, encoder: Encoder) -> None:
    had_base = opened.base is not None
    assert remove(opened, ["/p/3.jpg", "/p/60.jpg"]) == ["/p/3.jpg", "/p/60.jpg"]
    assert status_of(opened)["vectors"]["removed"] == (2 if had_base else 0)
    _, ids = opened.search(opened.code(5)[None], 100)
    assert sorted(ids[0].tolist()) == [number for number in range(1, COUNT) if number != 3]
    with IndexWriter.create(opened.folder, encoder) as index:
        add(index, draw_codes(encoder, 1, seed=2))
        assert index.id_of("/p/61.jpg") == 61
        assert index.metadata.code_rows == COUNT + 1


def test_removing_many_writes_the_base_anew(opened: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance, "IMAGES_BESIDE", 20)
    remove(opened, [f"/p/{number}.jpg" for number in range(1, 31)])
    assert status_of(opened)["vectors"]["in_base"] == 30
    assert opened.catalog.images.removed() == []
    assert opened.search(opened.code(31)[None], 100)[1].shape == (1, 30)


def test_removing_a_path_that_is_not_there_removes_nothing(opened: Index) -> None:
    with pytest.raises(InputError, match="/q is not in the index"):
        remove(opened, ["/p/3.jpg", "/q"])
    assert opened.count() == COUNT


def test_added_images_are_found_before_the_vectors_are_derived_again(opened: Index, encoder: Encoder) -> None:
    more = draw_codes(encoder, 1, seed=3)
    with IndexWriter.create(opened.folder, encoder) as index:
        add(index, more)
        assert status_of(index)["vectors"]["since"] == 1 + (0 if index.base else COUNT)
    assert opened.search(more, 1)[0][0, 0] > 0
    opened.refresh()
    distances, ids = opened.search(more, 1)
    assert (distances[0, 0], ids[0, 0]) == (0, COUNT + 1)


def test_the_vectors_can_be_deleted(opened: Index) -> None:
    before = opened.search(opened.code(5)[None], 5)[1].tolist()
    (opened.folder / "vectors.faiss").unlink(missing_ok=True)
    opened.refresh()
    assert opened.base is None
    assert opened.search(opened.code(5)[None], 5)[1].tolist() == before
    assert check(opened).rebuilt == ["vectors.faiss, which was missing or stale"]
    assert check(opened).rebuilt == []


def test_an_empty_index_finds_nothing(tmp_path: Path, cosine: Encoder) -> None:
    with IndexWriter.create(tmp_path / "index", cosine) as index:
        index.rebuild()
        distances, ids = index.search(draw_codes(cosine, 2), 5)
        assert (distances.shape, ids.shape, index.count()) == ((2, 0), (2, 0), 0)


def test_a_picture_without_contrast_finds_itself(tmp_path: Path, cosine: Encoder) -> None:
    with IndexWriter.create(tmp_path / "index", cosine) as index:
        add(index, np.concatenate([draw_codes(cosine, 20), np.zeros((1, 16), np.float32)]))
        distances, ids = index.search(np.zeros((1, 16), np.float32), 1)
        assert (distances[0, 0], ids[0, 0]) == (0, 21)
        assert index.check().problems == []


def test_unknown_ids_and_codes(opened: Index) -> None:
    with pytest.raises(InputError, match="no image with id 99"):
        opened.images([1, 99])
    assert [record.id for record in opened.images([9, 2])] == [9, 2]
    assert np.array_equal(opened.codes([9, 2])[1], opened.code(2))


def test_one_writer_at_a_time(folder: Path, encoder: Encoder) -> None:
    with IndexWriter.create(folder, encoder):
        with pytest.raises(LockedIndex, match=f"process {os.getpid()} on "):
            IndexWriter.create(folder, encoder)
        with Index.open(folder) as reader:
            assert reader.count() == COUNT
            with pytest.raises(LockedIndex):
                remove(reader, ["/p/1.jpg"])
    IndexWriter.create(folder, encoder).close()


def test_another_encoder_is_refused(tmp_path: Path, cosine: Encoder) -> None:
    IndexWriter.create(tmp_path / "index", cosine).close()
    other = load_encoder(make_bundle(tmp_path, name="other", seed=1))
    with pytest.raises(EncoderError, match="made with encoder tiny"):
        IndexWriter.create(tmp_path / "index", other)
    reframed = load_encoder(cosine.folder)
    reframed.framing = replace(reframed.framing, crops=())
    with pytest.raises(EncoderError):
        IndexWriter.create(tmp_path / "index", reframed)
    IndexWriter.create(tmp_path / "index", cosine).close()


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path, cosine: Encoder) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match="a folder of something else"):
        IndexWriter.create(tmp_path, cosine)
    with pytest.raises(InputError, match="cannot hold an index"):
        IndexWriter.create(tmp_path / "letter.txt", cosine)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_no_index(tmp_path: Path) -> None:
    with pytest.raises(IndexStateError, match="no index at"):
        Index.open(tmp_path)
    (tmp_path / "catalog.sqlite").touch()
    assert not Index.exists(tmp_path)


def test_where_the_index_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LATENTSEARCH_INDEX", str(tmp_path))
    assert Index.locate() == tmp_path
    assert Index.locate("here") == Path.cwd() / "here"
    monkeypatch.delenv("LATENTSEARCH_INDEX")
    assert Index.locate().parts[-2:] == ("latentsearch", "index")


def test_a_read_only_copy_can_be_searched(folder: Path) -> None:
    folder.chmod(0o500)
    try:
        with Index.open(folder) as index:
            assert index.search(index.code(1)[None], 1)[1].tolist() == [[1]]
    finally:
        folder.chmod(0o700)


def test_a_sound_index_passes_the_check(opened: Index) -> None:
    check(opened)
    report = check(opened)
    assert (report.problems, report.rebuilt) == ([], [])
    assert report.looked_at[:2] == [f"the catalogue: {COUNT} images", f"codes.f32: {COUNT} codes"]


def test_the_check_rebuilds_a_base_that_holds_something_else(opened: Index) -> None:
    check(opened)
    base, path = opened.base, opened.folder / "vectors.faiss"
    assert base is not None
    ids = np.arange(1, COUNT + 1)
    for wrong_ids, wrong_rows in ((ids + 1, ids - 1), (ids, ids[::-1] - 1), (ids[1:], ids[1:] - 1)):
        write_faiss_file(path, base.header, None if base.index_type == "flat" else base.load(), wrong_ids, wrong_rows)
        assert check(opened).rebuilt == ["vectors.faiss, which did not hold the images' codes"]
    assert opened.search(opened.code(5)[None], 1)[1].tolist() == [[5]]


@pytest.mark.parametrize("at", [0.0, 0.3, 0.9, 0.999])
def test_a_damaged_base_is_told_of_and_not_used(opened: Index, at: float) -> None:
    check(opened)
    path = opened.folder / "vectors.faiss"
    before = opened.search(opened.codes([5, 9]), 7)
    content = bytearray(path.read_bytes())
    content[int(at * len(content))] ^= 16
    for damaged in (bytes(content), bytes(content[:-1]), bytes(content[: len(content) // 2]), b"", b"something else"):
        path.write_bytes(damaged)
        with Index.open(opened.folder) as index:
            assert index.base is None and "`latentsearch check` makes it anew" in index.problem
            assert [part.tolist() for part in index.search(index.codes([5, 9]), 7)] == [p.tolist() for p in before]
    assert check(opened).rebuilt == ["vectors.faiss, which was damaged"]
    assert not opened.problem and opened.base is not None


def test_a_base_of_another_index_is_not_used(opened: Index, tmp_path: Path, encoder: Encoder) -> None:
    with IndexWriter.create(tmp_path / "other", encoder) as other:
        add(other, draw_codes(encoder, COUNT, seed=5))
        other.rebuild()
    (tmp_path / "other" / "vectors.faiss").replace(opened.folder / "vectors.faiss")
    with Index.open(opened.folder) as index:
        assert "is of another index" in index.problem
        assert index.search(index.code(3)[None], 1)[1].tolist() == [[3]]


def test_results_are_those_of_brute_force_whatever_has_come_and_gone_since(
    opened: Index, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader's every state, with a base of an earlier one, finds just what comparing every code finds."""
    random = np.random.default_rng(2)
    codes = {number + 1: code for number, code in enumerate(draw_codes(encoder, COUNT))}
    for step in range(12):
        if step == 6:
            # From here on every change is worth a new base.
            monkeypatch.setattr(maintenance, "IMAGES_BESIDE", 0)
        with IndexWriter.create(opened.folder, encoder) as index:
            if step % 3 == 2:
                gone = random.choice(list(codes), 9, replace=False)
                index.catalog.images.remove(int(number) for number in gone)
                for number in gone:
                    del codes[int(number)]
            else:
                more = draw_codes(encoder, 11, seed=100 + step)
                codes |= dict(enumerate(more, start=index.catalog.images.next_id()))
                add(index, more)
            index.rebuild() if step % 2 else index.commit()
        opened.refresh()
        ids = np.array(sorted(codes))
        assert opened.count() == len(ids) == opened.catalog.images.count()
        within = np.sort(random.choice(ids, 25, replace=False))
        for allowed, excluded in ((ids, ()), (within, ()), (ids, within[:3]), (within, within[:3])):
            expected = np.setdiff1d(allowed, excluded)
            query = draw_codes(encoder, 1, seed=step)[0]
            distances = by_brute_force(encoder, query, np.stack([codes[number] for number in expected]))
            among = None if allowed is ids else Selection(np.append(allowed, 10_000))
            found, numbers = opened.search(query[None], 8, exclude_ids=[int(n) for n in excluded], within=among)
            assert np.allclose(found[0], np.sort(distances)[:8], atol=1e-5)
            assert set(numbers[0]) == set(expected[np.argsort(distances, kind="stable")[:8]])


def test_a_reader_whose_base_was_replaced_goes_on(opened: Index, encoder: Encoder) -> None:
    before = opened.search(opened.codes([5, 9]), 7)[1].tolist()
    with IndexWriter.create(opened.folder, encoder) as index:
        index.catalog.images.remove([5])
        index.rebuild(anew=True)
    assert opened.search(opened.codes([5, 9]), 7)[1].tolist() == before
    opened.refresh()
    assert 5 not in opened.search(draw_codes(encoder, 1), COUNT)[1]


def test_strange_wishes_are_refused(opened: Index) -> None:
    with IndexWriter.open(opened.folder) as writer:
        with pytest.raises(InputError, match="FAISS makes no index 'foo' of 16 numbers"):
            writer.rebuild("foo")
        with pytest.raises(InputError, match="FAISS cannot make an index 'OPQ4,IVF4,PQ4' of 60 codes"):
            writer.rebuild("OPQ4,IVF4,PQ4")
        with pytest.raises(InputError, match=r"a recall of 1\.5"):
            writer.rebuild(recall=1.5)
        with pytest.raises(MissingExtra, match="--device cuda needs a GPU"):
            writer.rebuild(device="cuda")


def test_the_check_tells_of_lost_and_damaged_codes(folder: Path, encoder: Encoder) -> None:
    path, row = folder / "codes.f32", 16 * 4
    content = bytearray(path.read_bytes())
    content[3 * row : 3 * row + 4] = np.float32(np.nan).tobytes()
    path.write_bytes(content[: 50 * row + 1])
    with IndexWriter.open(folder) as index:
        problems = index.check().problems
        assert problems[0] == "codes.f32 ends after 50 codes: those of 10 images are lost"
        assert problems[1] == "the code of /p/4.jpg (id 4) is not finite"
        with pytest.raises(DamagedIndex):
            index.search(draw_codes(encoder, 1), 1)


def test_the_check_tells_of_positions_that_cannot_be(folder: Path) -> None:
    with IndexWriter.open(folder) as index:
        index.catalog._connection.exec_driver_sql("UPDATE image SET position = 999 WHERE id = 2")
        index.commit()
        assert "1 images name codes that were never stored, first id 2" in index.check().problems


def test_failures_can_be_removed_too(opened: Index, encoder: Encoder) -> None:
    with IndexWriter.open(opened.folder) as writer:
        writer.catalog.failures.add([Failure("/p/bad.jpg", "empty", 0, 0)])
        writer.commit()
    opened.refresh()
    assert opened.failures() == [Failure("/p/bad.jpg", "empty", 0, 0)]
    assert remove(opened, ["/p/bad.jpg"]) == []
    assert opened.failures() == []

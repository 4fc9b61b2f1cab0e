"""`latentsearch query --within 1/N`: all pictures that are as close as one random pair in N."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import latentsearch as ls
from indexer.catalog.images import ImageRecord
from indexer.encoders.encoder import load_encoder
from indexer.index.writer import IndexWriter
from latentsearch.notation import share_in_words, share_of
from tests.latentsearch.collection import Collection, assert_fails, call, make_collection
from tests.support import make_bundle, make_celeba, make_folder

COUNT = 150


@pytest.fixture(scope="module", params=["cosine", "euclidean"])
def drawn(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path]]:
    """An index of COUNT drawn pictures, with 11,175 pairs."""
    folder = tmp_path_factory.mktemp("drawn")
    pictures = make_folder(folder / "pictures", COUNT)
    with ls.create(folder / "index", make_bundle(folder / "bundles", distance=request.param)) as index:
        index.add(folder / "pictures")
    return folder / "index", pictures


@pytest.mark.parametrize("number", [3, 20, 100, 1000])
def test_one_random_pair_in_n_lies_within_the_cutoff(drawn: tuple[Path, list[Path]], number: int) -> None:
    """Searching for each picture finds each close pair twice, and each picture itself."""
    with ls.open(drawn[0]) as index:
        found = sum(len(index.search(one, k=COUNT, within=f"1/{number}")) for one in range(1, COUNT + 1))
    close, pairs = (found - COUNT) / 2, COUNT * (COUNT - 1) / 2
    # A cut-off for many pairs is measured on a sample of the pictures: 50 of 150 for one pair in three.
    assert close == pytest.approx(pairs / number, rel=0.25 if number < 50 else 0, abs=1)


def test_a_sample_measures_the_cutoff_of_a_large_index(tmp_path: Path) -> None:
    """Cut-offs are compared with other random pairs of 20,000 pictures, which lie in 400 groups."""
    random = np.random.default_rng(1)
    centres = 3 * random.standard_normal((400, 16))
    codes = (centres[random.integers(0, 400, 20_000)] + random.standard_normal((20_000, 16))).astype(np.float32)
    bundle = load_encoder(make_bundle(tmp_path / "bundles", distance="euclidean"), network=False)
    with IndexWriter.create(tmp_path / "index", bundle) as index:
        records = enumerate(index.append(codes), start=1)
        index.catalog.images.add(
            ImageRecord(one, f"/{one}.jpg", 1, 0, one.to_bytes(32), 9, 9, row, 0.0) for one, row in records
        )
        index.commit()
    with ls.open(tmp_path / "index") as opened:
        cutoffs = {number: opened.search(1, k=1, within=f"1/{number}").cutoff for number in (50, 1_000, 100_000)}
    first, second = random.integers(0, 20_000, (2, 5_000_000))
    apart = np.linalg.norm(codes[first] - codes[second], axis=1)[first != second]
    for number, cutoff in cutoffs.items():
        assert cutoff is not None
        assert (apart <= cutoff).mean() == pytest.approx(1 / number, rel=0.3)


def test_hits_are_all_pictures_within_the_cutoff(drawn: tuple[Path, list[Path]]) -> None:
    location, pictures = drawn
    every = json.loads(call("query", pictures[0], "--index", location, "-k", str(COUNT), "--json").stdout)["results"]
    result = call("query", pictures[0], "--index", location, "--within", "1/20", "--json")
    answer = json.loads(result.stdout)
    near = [hit for hit in every if hit["distance"] <= answer["cutoff"]]
    assert answer["results"] == near and 1 < len(near) < 200
    assert result.stderr == ""
    capped = call("query", pictures[0], "--index", location, "--within", "1/20", "-k", "2", "--json")
    assert json.loads(capped.stdout)["results"] == near[:2]
    assert "the first 2 pictures returned: more may be as close as one random pair in 20, see -k" in capped.stderr


def test_none_within_the_cutoff_are_told(drawn: tuple[Path, list[Path]]) -> None:
    location, pictures = drawn
    alone = call("query", pictures[0], "--index", location, "--within", "1/1000", "--exclude-self")
    assert (alone.exit_code, alone.stdout) == (0, "")
    assert alone.stderr == "latentsearch: no picture is as close as one random pair in 1,000 of this index\n"
    batch = call("query", "--batch", pictures[0].parent, "--index", location, "--within", "1/1000", "--exclude-self")
    assert f"of {COUNT}" in batch.stderr and "no pictures returned for" in batch.stderr


def test_the_cutoff_goes_with_filters_folders_edits_and_several_pictures(tmp_path: Path) -> None:
    collection: Collection = make_collection(tmp_path)
    first, second = collection.pictures[:2]
    within = ["--within", "1/4"]
    cutoff = collection.json(first, *within)["cutoff"]
    for asked in (
        ["--where", "Smiling=1"],
        ["--under", first.parent],
        [second],
        ["--minus", second],
        ["--diverse"],
    ):
        answer = collection.json(first, *within, *asked)
        every = collection.json(first, *asked)["results"]
        assert answer["cutoff"] == cutoff
        ids = {hit["id"] for hit in answer["results"]}
        assert ids == {hit["id"] for hit in every if hit["distance"] <= cutoff}
        assert len(ids) < len(every)


def test_the_cutoff_of_an_edited_query_is_for_the_unchanged_picture(tmp_path: Path) -> None:
    first, *_ = make_celeba(tmp_path / "faces", 48)
    bundle = make_bundle(tmp_path / "bundles")
    assert call("index", tmp_path / "faces", "--index", tmp_path / "index", "--encoder", bundle).exit_code == 0
    with ls.open(tmp_path / "index") as index:
        found = index.search(first, within="1/5", set={"Smiling": 1})
        every = index.search(first, k=48)
    assert found.cutoff is not None
    assert {hit.id for hit in found} == {hit.id for hit in every if hit.distance <= found.cutoff}
    assert 1 < len(found) < 48


def test_an_index_with_too_few_pairs_uses_the_training_pictures(tmp_path: Path) -> None:
    collection = make_collection(tmp_path)
    result = collection.query(collection.pictures[0], "--within", "1/1000", "--json")
    assert "12 pictures have too few pairs to measure one random pair in 1,000" in result.stderr
    hits = json.loads(result.stdout)["results"]
    assert [hit["id"] for hit in hits] == [
        hit["id"] for hit in collection.json(collection.pictures[0])["results"] if hit["similarity"] >= 0.999
    ]


def test_copies_do_not_hide_each_other(tmp_path: Path) -> None:
    """If most pairs are copies, the cut-off is 0, and copies are within it."""
    with ls.create(tmp_path / "index", make_bundle(tmp_path / "bundles")) as index:
        (first, *_) = make_folder(tmp_path / "pictures", 3)
        for number in range(40):
            (first.parent / f"copy{number}.jpg").write_bytes(first.read_bytes())
        index.add(tmp_path / "pictures")
        results = index.search(first, within="1/10")
        assert (results.cutoff, len(results)) == (0, 41)


@pytest.mark.parametrize("share", ["0", "2", "1/0", "-1/5", "near", "nan", "inf", "1/2/3", ""])
def test_a_share_that_is_none_is_refused(drawn: tuple[Path, list[Path]], share: str) -> None:
    refused = call("query", drawn[1][0], "--index", drawn[0], f"--within={share}")
    assert_fails(refused, 2, "is no share of random pairs: write 1/1000")


@given(st.integers(1, 10**9))
def test_shares_are_read_as_they_are_written(number: int) -> None:
    assert share_of(f"1/{number}") == share_of(f"1 in {number:,}") == share_of(1 / number)
    assert share_of(share_in_words(1 / number).removeprefix("one random pair in ").join(["1/", ""])) == 1 / number
    assert np.isclose(share_of(str(1 / number)), 1 / number)

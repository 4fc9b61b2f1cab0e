"""The search functions, as a Python caller sees them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import latentsearch as ls
from indexer.errors import EncoderError, IndexStateError, InputError, UnreadableImage
from latentsearch.cli import main
from latentsearch.search import search as searching
from tests.support import make_bundle, make_folder


@pytest.fixture(scope="module", params=["cosine", "euclidean"])
def index(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("search")
    make_folder(folder / "pictures", 8)
    bundle = make_bundle(folder, distance=request.param)
    arguments = ["index", str(folder / "pictures"), "--index", str(folder / "index"), "--encoder", str(bundle)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.stderr
    return folder / "index"


@pytest.fixture
def picture(index: Path) -> Path:
    return index.parent / "pictures" / "000003.jpg"


def search(query: Path | int, k: int, *, index: str | None = None, encoder: str | None = None) -> ls.Results:
    with ls.open(index, encoder) as opened:
        return opened.search(query, k)


def paths(results: ls.Results) -> list[str]:
    return [hit.path for hit in results.hits]


def test_a_picture_and_its_stored_code_agree(index: Path, picture: Path) -> None:
    by_picture = search(picture, 8, index=str(index))
    assert by_picture.hits[0].path == str(picture)
    assert by_picture.hits[0].distance < 1e-3
    by_id = search(by_picture.hits[0].id, 8, index=str(index))
    assert paths(by_id) == paths(by_picture)
    for one, other in zip(by_id.hits, by_picture.hits, strict=True):
        assert one.distance == pytest.approx(other.distance, abs=1e-3)


def test_fewer_pictures_are_the_first_of_more(index: Path, picture: Path) -> None:
    assert paths(search(picture, 3, index=str(index))) == paths(search(picture, 8, index=str(index)))[:3]


def test_the_index_comes_from_the_environment(index: Path, picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATENTSEARCH_INDEX", str(index))
    assert search(picture, 1).index == str(index)


def test_what_makes_no_sense_is_told(index: Path, picture: Path) -> None:
    with ls.open(index) as opened:
        for options, sentence in (
            ({"min_similarity": 1.5}, "the least similarity is 1.5: it must be a number from 0 to 1"),
            ({"diverse": float("nan")}, "the lambda of a diverse ranking is nan"),
            ({"max_distance": -1}, "the greatest distance is -1: it must be 0 or more"),
            ({"set_by": "bundle"}, "set_by needs a label to set"),
        ):
            with pytest.raises(InputError, match=sentence):
                opened.search(picture, **options)  # type: ignore[arg-type]
            with pytest.raises(InputError, match=sentence):
                opened.search_folder(picture.parent, **options)  # type: ignore[arg-type]
        with pytest.raises(InputError, match="no picture to search for"):
            opened.search([], minus=picture)


def test_codes_are_combined_as_means() -> None:
    codes = np.array([[3, 0], [0, 4], [1, 1]], np.float32)
    np.testing.assert_array_equal(searching.combined(codes[:1], codes[:0], "cosine"), [3, 0])
    np.testing.assert_allclose(searching.combined(codes[:2], codes[:0], "euclidean"), [1.5, 2])
    np.testing.assert_allclose(searching.combined(codes[:2], codes[:0], "cosine"), [0.6, 0.8])
    np.testing.assert_allclose(searching.combined(codes[:1], codes[1:], "euclidean"), [2.5, -2.5])
    np.testing.assert_allclose(searching.combined(codes[:1], codes[1:], "cosine"), np.array([1, -1]) / np.sqrt(2))
    np.testing.assert_array_equal(searching.combined(codes[:1], codes[:1], "euclidean"), [0, 0])
    with pytest.raises(InputError, match="cancel one another out"):
        searching.combined(codes[:1], codes[:1], "cosine")


def test_what_is_wrong_has_its_own_error(index: Path, picture: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(InputError, match="k is 0"):
        search(picture, 0, index=str(index))
    with pytest.raises(InputError, match="no picture at"):
        search(tmp_path / "none.jpg", 1, index=str(index))
    with pytest.raises(InputError, match="4000"):
        search(4000, 1, index=str(index))
    with pytest.raises(UnreadableImage):
        search(tmp_path / "empty.jpg", 1, index=str(index))
    with pytest.raises(IndexStateError):
        search(picture, 1, index=str(tmp_path / "none"))
    with pytest.raises(EncoderError):
        search(picture, 1, index=str(index), encoder=str(make_bundle(tmp_path, seed=9)))

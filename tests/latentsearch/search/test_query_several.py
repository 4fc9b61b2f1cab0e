"""`latentsearch query` with several pictures, with some subtracted, from standard input, and with varied results."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from indexer.index.index import Index
from latentsearch.search.diversity import diverse_order
from tests.latentsearch.collection import COUNT, Collection, assert_fails, make_collection
from tests.support import draw_picture


@pytest.fixture(scope="module", params=["cosine", "euclidean"])
def collection(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Collection:
    return make_collection(tmp_path_factory.mktemp("collection"), request.param)


def codes_of(collection: Collection) -> NDArray[np.float64]:
    with Index.open(collection.index) as index:
        return index.codes(range(1, COUNT + 1)).astype(np.float64)


def nearest(collection: Collection, query: NDArray[np.float64]) -> list[int]:
    """Every id, the nearest first, by the distance of the index."""
    codes = codes_of(collection)
    if "cosine" in (collection.bundle / "model.json").read_text():
        query = query / np.linalg.norm(query)
    return [int(place) + 1 for place in np.argsort(((codes - query) ** 2).sum(1), kind="stable")]


def test_several_pictures_are_their_mean(collection: Collection) -> None:
    first, second, third, *_ = collection.pictures
    expected = nearest(collection, codes_of(collection)[:3].mean(0))
    assert collection.ids(first, second, third) == expected
    assert collection.ids("--id", "1", "--id", "2", "--id", "3") == expected
    assert collection.ids(first, "--id", "3", second) == expected
    answer = collection.json(first, "--id", "3", second)
    assert answer["query"] == [str(first), str(second), str(third)]


def test_what_is_in_some_pictures_can_be_subtracted(collection: Collection) -> None:
    codes = codes_of(collection)
    minus = ["--minus", collection.pictures[3], "--minus", collection.pictures[4]]
    answer = collection.json(collection.pictures[0], collection.pictures[1], *minus)
    assert [hit["id"] for hit in answer["results"]] == nearest(collection, codes[:2].mean(0) - codes[3:5].mean(0))
    assert answer["minus"] == [str(collection.pictures[3]), str(collection.pictures[4])]
    assert collection.ids("--id", "1", *minus) == nearest(collection, codes[0] - codes[3:5].mean(0))


def test_exclude_self_leaves_out_all_that_were_named(collection: Collection, tmp_path: Path) -> None:
    copy = Path(shutil.copy(collection.pictures[1], tmp_path / "copy.jpg"))
    found = collection.ids(
        collection.pictures[0], copy, "--id", "3", "--minus", collection.pictures[3], "--exclude-self"
    )
    assert sorted(found) == list(range(5, COUNT + 1))


def test_a_picture_on_standard_input(collection: Collection, tmp_path: Path) -> None:
    content = collection.pictures[5].read_bytes()
    assert collection.ids("-", piped=content) == collection.ids(collection.pictures[5])
    assert collection.json("-", piped=content)["query"] == "-"
    assert 6 not in collection.ids("-", "--exclude-self", piped=content)
    mixed = collection.ids("-", collection.pictures[0], piped=content)
    assert mixed == collection.ids(collection.pictures[5], collection.pictures[0])
    sheet = tmp_path / "sheet.png"
    assert collection.query("-", "--sheet", sheet, "-k", "3", piped=content).exit_code == 0
    with Image.open(sheet) as drawn:
        assert len(drawn.crop((40, 40, 120, 120)).getcolors(1 << 20) or []) > 50


def test_no_picture_on_standard_input(collection: Collection) -> None:
    assert_fails(collection.query("-", piped=b""), 3, "standard input: ")
    assert_fails(collection.query("-", piped=b"no picture"), 3, "standard input: ")


def test_one_unreadable_picture_of_several_is_told(collection: Collection, tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    assert_fails(collection.query(collection.pictures[0], tmp_path / "text.jpg"), 3, "text.jpg")
    assert_fails(collection.query(collection.pictures[0], "--minus", tmp_path / "none.jpg"), 2, "none.jpg")


def test_the_sheet_begins_with_all_that_was_asked(collection: Collection, tmp_path: Path) -> None:
    target = tmp_path / "sheet.png"
    pictures = collection.pictures
    asked = (pictures[0], pictures[1], "--minus", pictures[2], "-k", "6", "--sheet", target)
    assert collection.query(*asked).exit_code == 0
    with Image.open(target) as sheet:
        # Nine tiles: two queried, one subtracted, six found.
        assert abs(sheet.width * 190 / 168 - sheet.height) < 30


# Diverse results


def test_diverse_results_are_chosen_as_the_paper_has_it() -> None:
    codes = np.random.default_rng(0).standard_normal((60, 5)).astype(np.float32)
    query = np.zeros(5, np.float32)
    distances = np.linalg.norm(codes - query, axis=1)
    for weight in (0.0, 0.3, 0.7, 1.0):
        chosen = [int(distances.argmin())]
        while len(chosen) < 10:
            costs = {
                place: weight * distances[place]
                - (1 - weight) * min(np.linalg.norm(codes[place] - codes[chosen], axis=1))
                for place in set(range(60)) - set(chosen)
            }
            chosen.append(min(costs, key=lambda place: costs[place]))
        assert diverse_order(distances, codes, 10, weight, "euclidean") == chosen
    assert diverse_order(distances, codes, 100, 1.0, "euclidean") == np.argsort(distances).tolist()
    assert diverse_order(distances[:0], codes[:0], 10, 0.5, "euclidean") == []


def test_diverse_results_keep_their_distances_and_begin_with_the_nearest(collection: Collection) -> None:
    picture = collection.pictures[0]
    by_distance = {hit["id"]: hit["distance"] for hit in collection.json(picture)["results"]}
    for bare in (["--diverse"], ["--diverse", "--paths"][:1], ["--diverse=0.5"], ["--diverse", "0.5"]):
        answer = collection.json(*bare, picture, "-k", "6")
        assert answer["diverse"] == 0.5
        assert answer["results"][0]["id"] == 1
        assert all(hit["distance"] == by_distance[hit["id"]] for hit in answer["results"])
    assert collection.ids(picture, "--diverse", "1") == list(by_distance)
    assert collection.ids(picture, "--diverse", "0", "-k", "4") != list(by_distance)[:4]


def test_diverse_results_are_less_alike(tmp_path: Path) -> None:
    collection = make_collection(tmp_path)
    for number in range(4):
        draw_picture(0).save(collection.pictures[0].with_name(f"again{number}.jpg"), quality=80 + number)
    from tests.latentsearch.collection import call

    assert call("index", tmp_path / "faces", "--index", collection.index).exit_code == 0
    options = ["--exclude-self", "-k", "3", "--paths"]
    alike = collection.query(collection.pictures[0], *options).stdout
    assert alike.count("again") == 3
    assert collection.query(collection.pictures[0], "--diverse", *options).stdout.count("again") == 1


def test_diverse_goes_with_filters(collection: Collection) -> None:
    found = collection.ids(collection.pictures[1], "--diverse", "--where", "Smiling=1", "-k", "4")
    assert found[0] == 2 and set(found) <= {2, 4, 6, 8, 10, 12} and len(found) == 4


@pytest.mark.parametrize("weight", ["-0.1", "1.1", "much=1"])
def test_lambda_is_a_number_from_0_to_1(collection: Collection, weight: str) -> None:
    assert_fails(collection.query(collection.pictures[0], f"--diverse={weight}"), 2)

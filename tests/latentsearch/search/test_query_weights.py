"""`latentsearch query` with weights before pictures, and with --crop."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import ExifTags, Image

import latentsearch as ls
from latentsearch.notation import weighted
from tests.latentsearch.collection import COUNT, Collection, assert_fails, make_collection
from tests.support import draw_picture


@pytest.fixture(scope="module", params=["cosine", "euclidean"])
def collection(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Collection:
    return make_collection(tmp_path_factory.mktemp("collection"), request.param)


def distances(collection: Collection, *asked: str | Path) -> dict[int, float]:
    return {hit["id"]: hit["distance"] for hit in collection.json(*asked)["results"]}


def expected(collection: Collection, query: NDArray[np.float64]) -> dict[int, float]:
    with ls.open(collection.index) as index:
        ids, codes = index.codes()
        if index.distance == "cosine":
            apart = 1 - codes @ (query / np.linalg.norm(query))
        else:
            apart = np.linalg.norm(codes - query, axis=1)
    return dict(zip(ids.tolist(), apart.tolist(), strict=True))


def codes_of(collection: Collection) -> NDArray[np.float64]:
    with ls.open(collection.index) as index:
        return index.codes()[1].astype(np.float64)


def test_weights_count_in_the_mean_and_in_what_is_subtracted(collection: Collection) -> None:
    first, second, third, *_ = collection.pictures
    code = codes_of(collection)
    mean = (2 * code[0] + 0.5 * code[1]) / 2.5
    for asked in ((f"2:{first}", f"0.5:{second}"), (f"2:{first}", "--id", ".5:2"), (f"4:{first}", str(second))):
        assert distances(collection, *asked) == pytest.approx(expected(collection, mean), abs=2e-4)
    less = expected(collection, mean - 0.25 * code[2])
    asked = (f"2:{first}", f"0.5:{second}", "--minus", f"0.25:{third}")
    assert distances(collection, *asked) == pytest.approx(less, abs=2e-4)


def test_weights_in_python_follow_the_order_of_the_query(collection: Collection) -> None:
    code = codes_of(collection)
    mean = (3 * code[1] + 1 * code[0] + 2 * code[4]) / 6 - 0.5 * code[2]
    with ls.open(collection.index) as index:
        query = [2, str(collection.pictures[0]), code[4]]
        found = index.search(query, COUNT, weights=[3, 1, 2], minus=3, minus_weights=[0.5])
        assert {hit.id: hit.distance for hit in found} == pytest.approx(expected(collection, mean), abs=2e-4)
        with pytest.raises(ls.InputError, match="2 weights for 3 pictures: give one for each"):
            index.search(query, weights=[1, 2])
        with pytest.raises(ls.InputError, match="weight of picture 1 is nan"):
            index.search(query, weights=[float("nan"), 1, 1])


def test_batch_takes_the_weight_of_what_is_subtracted(collection: Collection) -> None:
    folder, minus = collection.pictures[0].parent, f"0.5:{collection.pictures[2]}"
    result = collection.query("--batch", folder, "--minus", minus, "-k", "3", "--paths")
    each = [collection.query(one, "--minus", minus, "-k", "3", "--paths").stdout for one in collection.pictures]
    assert result.stdout == "".join(each)


def test_a_file_with_a_number_and_a_colon_in_its_name_has_no_weight(
    collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, number in (("2:one.jpg", 0), ("one.jpg", 1), ("3:two.jpg", 2)):
        draw_picture(number).save(tmp_path / name, "JPEG", quality=90)
    assert collection.ids("2:one.jpg")[0] == 1
    assert collection.ids("2:./one.jpg")[0] == 2
    assert collection.ids("3:two.jpg")[0] == 3
    assert weighted("2:C:\\pictures\\one.jpg") == (2, "C:\\pictures\\one.jpg")


@given(st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=8), st.floats(0.001, 999_999))
def test_names_without_a_number_have_weight_1(name: str, weight: float) -> None:
    for drive in "C:\\", "c:/", "https://", "./":
        assert weighted(drive + name) == (1, drive + name)
    assert weighted(f"{weight:f}:x{name}") == (float(f"{weight:f}"), "x" + name)


@pytest.mark.parametrize("weight", ["0", "-1", "1000001", "0.0"])
def test_a_weight_out_of_range_is_refused(collection: Collection, weight: str) -> None:
    asked = ["--", f"{weight}:{collection.pictures[0]}"]
    assert_fails(
        collection.query(*asked[1:] if weight != "-1" else ["--id", "-1:1"]), 2, "above 0 and at most 1,000,000"
    )


def test_a_weight_before_no_picture_is_refused(collection: Collection) -> None:
    assert_fails(collection.query("2:none.jpg"), 2, "there is no picture at none.jpg")
    assert_fails(collection.query("--id", "2:x"), 2, "--id")
    assert_fails(collection.query("x:1.jpg"), 2, "there is no picture at x:1.jpg")


# Parts of pictures


def test_a_part_is_searched_for_like_a_picture_of_its_own(collection: Collection, tmp_path: Path) -> None:
    large = draw_picture(3, (900, 700))
    large.save(tmp_path / "large.png")
    large.crop((300, 100, 700, 600)).save(tmp_path / "part.png")
    wanted = distances(collection, tmp_path / "part.png")
    # Scaling a part blends its edge with the pixels around it.
    for part in ("300,100,400,500", f"{300 / 900},{100 / 700},{400 / 900},{500 / 700}"):
        assert distances(collection, tmp_path / "large.png", "--crop", part) == pytest.approx(
            wanted, rel=5e-3, abs=1e-3
        )
    assert distances(collection, tmp_path / "large.png") != pytest.approx(wanted, rel=5e-3, abs=1e-3)
    whole = distances(collection, tmp_path / "large.png", "--crop", "0,0,1,1")
    assert whole == distances(collection, tmp_path / "large.png")


def test_a_part_is_measured_upright_and_in_a_large_jpeg(collection: Collection, tmp_path: Path) -> None:
    large = draw_picture(3, (2400, 1800))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    large.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.jpg", quality=95, exif=exif)
    large.crop((1200, 200, 2200, 1400)).save(tmp_path / "part.png")
    wanted = distances(collection, tmp_path / "part.png")
    found = distances(collection, tmp_path / "turned.jpg", "--crop", "1200,200,1000,1200")
    assert found == pytest.approx(wanted, rel=0.05, abs=5e-3)


def test_one_crop_is_for_all_pictures_or_for_each(collection: Collection, tmp_path: Path) -> None:
    first, second = collection.pictures[:2]
    parts = ["0,0,1,0.5", "0,0.5,1,0.5"]
    cut = []
    for path, box in ((first, (0, 0, 178, 109)), (second, (0, 109, 178, 218)), (second, (0, 0, 178, 109))):
        cut.append(tmp_path / f"{len(cut)}.png")
        Image.open(path).crop(box).save(cut[-1])
    each = distances(collection, first, second, "--crop", parts[0], "--crop", parts[1])
    assert each == pytest.approx(distances(collection, cut[0], cut[1]), rel=5e-3, abs=1e-3)
    both = distances(collection, first, second, "--crop", parts[0])
    assert both == pytest.approx(distances(collection, cut[0], cut[2]), rel=5e-3, abs=1e-3)
    with ls.open(collection.index) as index:
        found = index.search([first, 3, second], COUNT, crop=[(0, 0, 178, 109), None])
        again = index.search([cut[0], second, 3], COUNT)
        assert {hit.id: hit.distance for hit in found} == pytest.approx(
            {hit.id: hit.distance for hit in again}, rel=5e-3, abs=1e-3
        )
        assert len(index.search(np.asarray(Image.open(first)), crop="0,0,0.5,0.5")) == COUNT
    assert 1 not in collection.ids(first, "--crop", "0,0,0.5,0.5", "--exclude-self")


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        ("0,0,1,2,3", "is no part of a picture"),
        ("0,0,0,1", "is no part of a picture"),
        ("-1,0,10,10", "is no part of a picture"),
        ("0.5,0,0.6,1", "is no part of a picture"),
        ("1.5,0,10,10", "is no part of a picture"),
        ("nan,0,1,1", "is no part of a picture"),
        ("0,0,inf,1", "is no part of a picture"),
        ("left", "is no part of a picture"),
        ("100,0,79,10", "000001.jpg: the part 100,0,79,10 reaches beyond the picture, which has 178 x 218 pixels"),
    ],
)
def test_a_part_that_is_none_is_refused(collection: Collection, part: str, reason: str) -> None:
    assert_fails(collection.query(collection.pictures[0], f"--crop={part}"), 2, reason)


def test_crop_goes_with_pictures_alone(collection: Collection) -> None:
    first = collection.pictures[0]
    assert_fails(collection.query("--id", "1", "--crop", "0,0,1,1"), 2, "--crop cuts a part from an IMAGE")
    assert_fails(collection.query("--batch", first.parent, "--crop", "0,0,1,1"), 2, "--crop cuts a part")
    twice = collection.query(first, "--crop", "0,0,1,1", "--crop", "0,0,1,1")
    assert_fails(twice, 2, "2 parts for 1 pictures to cut: give one for all of them, or one for each")

"""The benchmark of duplicates: planted copies, how they are judged, candidates, and the page."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.__main__ import run
from benchmarks.core.results import load, store
from benchmarks.datasets.planted_copies import known_copies, load_strengths, plant
from benchmarks.datasets.planted_look_alikes import MAKE, find_look_alikes
from benchmarks.experiments.duplicates.duplicate_candidates import make_fingerprints
from benchmarks.experiments.duplicates.judged_copies import judge
from benchmarks.experiments.duplicates.page import report
from tests.benchmarks.drawn_celeba import make_drawn_celeba
from tests.latentsearch.lossy_copies import discs
from tests.support import draw_picture, make_folder

PLANTED = {
    "x-1.jpg": ("1.jpg", "flipped"),
    "x-2.jpg": ("2.jpg", "flipped"),
    "x-3.jpg": ("3.jpg", "cropped"),
    "x-4.jpg": ("4.jpg", "cropped"),
}
PEOPLE = {f"{number}.jpg": number for number in range(1, 9)}


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """The stored record of a run over drawn faces."""
    folder = tmp_path_factory.mktemp("benchmark")
    data = make_drawn_celeba(folder / "data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("benchmarks.experiments.duplicates.run.RESULTS", folder)
        for part in (["copies"], ["scale", "--scale", "500"]):
            run(["duplicates", "--data", str(data), "--count", "10", "--part", *part])
    return load("duplicates", folder)


def judged(*groups: list[str], known: tuple[tuple[str, str], ...] = ()) -> dict[str, object]:
    return judge(groups, PLANTED, PEOPLE, frozenset(map(frozenset, known)))


def test_copies_beside_their_originals_are_right_whichever_is_the_best():
    found = judged(["1.jpg", "x-1.jpg"], ["x-3.jpg", "3.jpg"])
    assert (found["planted"], found["groups"], found["reported"], found["precision"]) == (4, 2, 2, 1)
    assert (found["recall"], found["recall_by_kind"]) == (0.5, {"flipped": 0.5, "cropped": 0.5})
    assert found["recall_interval"][0] < 0.5 < found["recall_interval"][1]


def test_copies_of_others_are_wrong_unless_the_two_are_known():
    groups = ["1.jpg", "x-1.jpg", "2.jpg", "x-2.jpg"]
    wrong = judged(groups)
    assert (wrong["precision"], wrong["wrong"]) == (1 / 3, [("1.jpg", "2.jpg"), ("1.jpg", "2.jpg")])
    known = judged(groups, known=(("2.jpg", "1.jpg"),))
    assert (known["precision"], known["wrong"], known["known"]) == (1, [], 2)
    assert known["precision_without_known"] == 1 / 3
    # Beside its original it is found, whatever else is in the group.
    assert known["recall_by_kind"]["flipped"] == 1


def test_a_copy_in_another_group_than_its_original_is_not_found():
    assert judged(["1.jpg", "x-2.jpg"], ["2.jpg", "x-1.jpg"])["recall"] == 0


def test_halves_are_of_people_with_even_and_odd_numbers():
    even, odd = judged(["2.jpg", "x-2.jpg"], ["3.jpg", "5.jpg"])["halves"]
    assert (even["reported"], even["precision"], even["recall"]) == (1, 1, 0.5)
    assert (odd["reported"], odd["precision"], odd["recall"]) == (1, 0, 0)


def test_to_report_nothing_is_worth_nothing():
    assert (judged()["precision"], judged()["recall"]) == (0, 0)


def test_every_kind_of_copy_is_planted_and_the_same_again(tmp_path):
    originals = make_folder(tmp_path / "originals", 10)
    first, again = (plant(originals, tmp_path / name, 0) for name in ("first", "again"))
    assert first == again
    assert {kind for _, kind in first.values()} == set(load_strengths())
    assert {original for original, _ in first.values()} == {path.name for path in originals}
    for name in first:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_planted_copies_are_what_their_kind_says(tmp_path):
    (tmp_path / "original").mkdir()
    path = tmp_path / "original" / "1.png"
    draw_picture(1).save(path)
    planted = plant([path] * len(load_strengths()), tmp_path / "copies", 0)
    copies = {kind: np.asarray(Image.open(tmp_path / "copies" / name), int) for name, (_, kind) in planted.items()}
    original = np.asarray(draw_picture(1), int)
    assert np.abs(copies["re-encoded"] - original).mean() < 8
    assert np.abs(copies["flipped"] - original[:, ::-1]).mean() < 4
    assert copies["resized"].shape != original.shape
    assert 0.9 < copies["cropped"].shape[0] / original.shape[0] < 1
    assert 1.05 < copies["brightened"].mean() / original.mean() < 1.4


def test_no_look_alike_is_called_the_same(tmp_path, measured):
    folder = tmp_path / "faces"
    folder.mkdir()
    faces = [folder / f"{number}.png" for number in range(12)]
    for number, path in enumerate(faces):
        discs(number).save(path)
    found = find_look_alikes(faces, 8, tmp_path / "scratch", 0)
    assert (found["planted"], found["faces"]) == (8, 6)
    assert set(found["kinds"]) == set(MAKE)
    assert all(kind["called_same"] == 0 < kind["planted"] for kind in found["kinds"].values())
    assert sum(sum(kind["called"].values()) for kind in found["kinds"].values()) > 0
    page = report(measured | {"result": {"look-alikes": found, "seed": 0}})
    assert "The bar: none is reported as `same`" in page and "Met: 0." in page
    assert "| grey | 1 | 0 | " in page


def test_known_pairs_are_two_different_files_each():
    assert all(len(pair) == 2 for pair in known_copies())


def test_made_fingerprints_spread_as_the_real_ones_do():
    random = np.random.default_rng(0)
    grains = (Image.fromarray(random.integers(60, 200, (4, 4), np.uint8)) for _ in range(400))
    real = np.stack([np.asarray(grain.resize((16, 16), Image.Resampling.BICUBIC)) for grain in grains])
    made = make_fingerprints(real, 10_000, 0)
    assert (made.shape, made.dtype) == ((10_000, 16, 16), np.uint8)
    assert np.array_equal(made, make_fingerprints(real, 10_000, 0))
    assert made.mean() == pytest.approx(real.mean(), abs=3)
    assert made.std() == pytest.approx(real.std(), rel=0.1)


def test_a_run_stores_both_parts(measured):
    copies, scale = measured["result"]["copies"], measured["result"]["scale"]
    assert (copies["planted"], copies["faces"], copies["people"]) == (10, 64, 8)
    assert copies["recall_by_kind"]["resized"] == copies["recall_by_kind"]["turned"] == 1
    assert set(copies["candidates"]["codes"]) == {"all", *load_strengths()} == set(scale["found"])
    assert (scale["fingerprints"], scale["real"], scale["found"]["flipped"]) == (500, 74, 1)


def test_the_page_says_whether_the_bar_is_met(measured):
    missed = report(measured)
    assert "Missed: precision 0." in missed
    changed = json.loads(json.dumps(measured))
    changed["result"]["copies"] |= {"precision": 0.9876, "recall": 0.9123, "wrong": []}
    met = report(changed)
    assert "Met: precision 0.9876, recall 0.9123." in met
    assert "False reports: none." in met
    assert "| resized | to 0.5 to 1.5 times width and height | 1.0000 |" in met
    assert "## Among 500 pictures" in met


def test_the_tables_of_the_page_are_rectangular(measured):
    for above, below in pairwise(report(measured).splitlines()):
        if above.startswith("|") and below.startswith("|"):
            assert above.count("|") == below.count("|")


def test_the_page_shows_the_parts_that_were_run(measured, tmp_path):
    store("duplicates", {"scale": measured["result"]["scale"], "seed": 0}, tmp_path)
    run(["report", "--results", str(tmp_path), "--readme", str(tmp_path / "README.md")])
    page = Path(tmp_path / "duplicates.md").read_text()
    assert "## Among 500 pictures" in page
    assert "Verdict" not in page

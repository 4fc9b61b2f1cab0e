import copy
import json
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from benchmarks.__main__ import run
from benchmarks.core.results import load
from benchmarks.datasets.alterations import ALTERATIONS, load_strengths
from benchmarks.experiments.altered_search.page import nearest_to_the_bar, report
from benchmarks.statistics.altered_recall import BASELINES, ranks_of_originals
from indexer.errors import InputError
from tests.benchmarks.drawn_celeba import TRAIN, make_drawn_celeba
from tests.support import make_bundle

NAME = "altered-search"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("altered")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        patch.setattr("benchmarks.experiments.altered_search.run.QUERIES", 24)
        data = make_drawn_celeba(folder / "celeba")
        bundle = make_bundle(folder / "bundles", "tiny", "euclidean")
        run([NAME, f"--data={data}", f"--bundle={bundle}", f"--results={folder}"])
        yield folder


@pytest.fixture(scope="module")
def record(results):
    return load(NAME, results)


@pytest.fixture(scope="module")
def by_key(record):
    return {method["key"]: method for method in record["result"]["methods"]}


def test_a_row_for_every_method_and_alteration(by_key):
    assert list(by_key) == [*BASELINES, "tiny", "tiny-whitened"]
    for method in by_key.values():
        assert list(method["recall"]) == list(ALTERATIONS)
        for recall in method["recall"].values():
            for score in recall.values():
                low, high = score["interval"]
                assert 0 <= low <= score["mean"] <= high <= 1
            assert recall["1"]["mean"] <= recall["10"]["mean"]
    assert by_key["dhash"]["kind"] == "hash"
    assert by_key["colours"]["kind"] == "baseline"
    assert by_key["tiny"]["kind"] == "learned"


def test_the_protocol_is_stored(record):
    protocol = record["result"]["protocol"]
    assert (protocol["gallery"], protocol["queries"]) == (TRAIN, 24)
    assert protocol["strengths"] == load_strengths()
    assert record["result"]["encoders"]["tiny"]["sha256"]


def test_pixels_find_what_is_hardly_altered_and_not_other_colours(by_key):
    recall = {name: scores["1"]["mean"] for name, scores in by_key["pixels"]["recall"].items()}
    assert recall["blur"] > 0.9
    assert recall["colour"] < 0.3


def test_raw_places_give_the_means_again(results, by_key):
    with np.load(results / f"{NAME}.npz") as raw:
        closer, ties = raw["dhash_closer"].astype(int), raw["dhash_ties"].astype(int)
        assert len(np.unique(raw["originals"])) == 24
    for row, name in enumerate(ALTERATIONS):
        recall = np.clip((10 - closer[row]) / ties[row], 0, 1).mean()
        assert recall == pytest.approx(by_key["dhash"]["recall"][name]["10"]["mean"], abs=1e-5)


def test_stored_results_name_no_folder_of_this_machine(results):
    assert str(results) not in (results / f"{NAME}.json").read_text()


def test_pictures_at_one_distance_share_the_first_places():
    gallery = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.uint8)
    found = ranks_of_originals(np.array([[0, 0], [0, 0]], np.uint8), gallery, np.array([0, 2]), "hamming")
    assert (found.closer.tolist(), found.ties.tolist()) == ([0, 1], [1, 2])
    assert found.recall(1).tolist() == [1, 0]
    assert found.recall(2).tolist() == [1, 0.5]
    assert found.recall(3).tolist() == [1, 1]


def test_an_unknown_method_is_refused(results):
    with pytest.raises(InputError, match=r"no method dhsh: choose from dhash, phash"):
        run([NAME, f"--data={results / 'celeba'}", "--methods=dhsh", f"--results={results}"])


def test_the_page_comes_from_stored_results_alone(results, tmp_path, record):
    (tmp_path / f"{NAME}.json").write_text(json.dumps(record))
    run(["report", "--results", str(tmp_path), "--readme", str(tmp_path / "README.md")])
    page = (tmp_path / f"{NAME}.md").read_text()
    assert "| rotation | rotated by 10 degrees to either side, edges repeated |" in page
    assert "| alteration | dHash, Hamming | pHash, Hamming |" in page
    assert "ahead on" in page
    with Image.open(tmp_path / f"{NAME}.png") as picture:
        assert picture.width > 600


def test_every_table_is_rectangular(record):
    for above, below in pairwise(report(record).splitlines()):
        if above.startswith("|") and below.startswith("|"):
            assert above.count("|") == below.count("|")


def verdict_of(record, tiny: float, dhash: float = 0.5) -> str:
    """The page where every recall is 0.2 but those of the bundle and of dHash, all intervals 0.02 wide."""
    record = copy.deepcopy(record)
    for method in record["result"]["methods"]:
        mean = {"tiny": tiny, "dhash": dhash}.get(method["key"], 0.2)
        for recall in method["recall"].values():
            recall["1"] = {"mean": mean, "interval": [max(mean - 0.01, 0), min(mean + 0.01, 1)]}
    return report(record)


def test_the_verdict_says_when_the_bar_is_met(record):
    page = verdict_of(record, tiny=0.6)
    assert "Met: the learned code that comes closest, random projection, Euclidean, is ahead on 8 of 8 rows." in page
    assert "| (yes) |" in page


def test_overlapping_intervals_are_not_ahead(record):
    page = verdict_of(record, tiny=0.51)
    assert "Missed: the learned code that comes closest, random projection, Euclidean, is ahead on 0 of 8" in page


def test_a_hash_that_finds_all_cannot_be_beaten(record):
    page = verdict_of(record, tiny=1.0, dhash=1.0)
    assert "On 8 (colour, sunglasses, blur, shift, rotation, flip, crop, patch) no code can be" in page


def test_the_nearest_code_is_the_one_ahead_on_most_rows():
    def method(name: str, colour: float, blur: float) -> dict[str, object]:
        recall = {
            name: {"1": {"mean": mean, "interval": [mean, mean]}} for name, mean in (("colour", colour), ("blur", blur))
        }
        return {"key": name, "recall": recall}

    dhash, often, high = method("dhash", 0.5, 0.5), method("often", 0.6, 0.6), method("high", 1.0, 0.4)
    assert nearest_to_the_bar([often, high], [dhash])["key"] == "often"

import copy
from itertools import pairwise

import pytest
from PIL import Image

from benchmarks.__main__ import experiments, run
from benchmarks.core.results import load, store
from benchmarks.experiments.label_similarity.page import label_report
from benchmarks.report import END, START, all_pages
from indexer.errors import InputError

NAME = "label-similarity"
KS = ("1", "5", "20")


def score(mean: float, beyond: float) -> dict[str, object]:
    return {
        "mean": mean,
        "interval": [mean - 0.01, mean + 0.01],
        "corrected": (mean - 0.7) / 0.2,
        "corrected_interval": [0.0, 1.0],
        "draws": {"mean": mean, "spread": [mean - 0.03, mean + 0.03]},
        "beyond_baseline": {"mean": beyond, "interval": [beyond - 0.005, beyond + 0.005]},
    }


def method(key: str, name: str, mean: float, distance: str = "hamming") -> dict[str, object]:
    return {
        "key": key,
        "name": name,
        "code": "64 bits",
        "distance": distance,
        "agreement": {k: score(mean, mean - 0.79) for k in KS},
        "same_person": {k: {"mean": 0.125, "interval": [0.1, 0.15]} for k in ("1", "10")},
        "by_attribute": {k: [mean, 0.5] for k in KS},
    }


SUMMARY = {
    "seed": 0,
    "baseline": "pca-cosine",
    "protocol": {
        "gallery": 20_000,
        "queries": 1_000,
        "ks": [1, 5, 20],
        "draw_size": 64,
        "draws": 1_000,
        "resamples": 1_000,
        "attributes": ["Smiling", "Wearing_Hat"],
    },
    "chance": {"agreement": 0.7, "by_attribute": [0.6, 0.8], "same_person": {"1": 0.004, "10": 0.04}},
    "methods": [
        method("random", "random", 0.7),
        method("oracle", "oracle", 0.9),
        method("dhash", "dHash", 0.75),
        method("pca-cosine", "PCA", 0.79, "cosine"),
        method("mine", "bundle mine", 0.8, "cosine"),
    ],
    "left_out": {"untrained": "PyTorch is not installed"},
    "reference": {
        "comparable": True,
        "tolerance": 0.005,
        "agree": False,
        "rows": [
            {"method": "dhash", "score": "agreement@1", "reference": 0.751, "measured": 0.75, "deviation": -0.001,
             "within": True},
            {"method": "dhash", "score": "agreement@5", "reference": 0.77, "measured": 0.75, "deviation": -0.02,
             "within": False},
        ],
    },
}  # fmt: skip


@pytest.fixture
def results(tmp_path):
    store(NAME, SUMMARY, tmp_path)
    return tmp_path


def report(results, readme):
    run(["report", "--results", str(results), "--readme", str(readme)])


def test_tables_and_plot_come_from_stored_results_alone(results, tmp_path):
    report(results, tmp_path / "README.md")
    page = (results / f"{NAME}.md").read_text()
    assert "| dHash | 64 bits | Hamming | 0.750 [0.740, 0.760] |" in page
    assert "| dHash | Hamming | 0.750 (0.720 to 0.780) |" in page
    assert "| bundle mine | cosine | +0.010 [+0.005, +0.015] |" in page
    assert "| Wearing Hat | 0.800 |" in page
    assert "Left out: untrained (PyTorch is not installed)." in page
    with Image.open(results / f"{NAME}.png") as picture:
        assert picture.width > 600


def test_every_table_is_rectangular(results):
    lines = label_report(load(NAME, results)).splitlines()
    for above, below in pairwise(lines):
        if above.startswith("|") and below.startswith("|"):
            assert above.count("|") == below.count("|")


def test_a_figure_far_from_its_reference_is_named(results):
    page = label_report(load(NAME, results))
    assert "1 of 2 figures are farther than 0.005 from it: dhash agreement@5 by -0.0200." in page


def test_without_the_baseline_there_is_no_comparison_with_it(tmp_path):
    summary = copy.deepcopy(SUMMARY)
    for row in summary["methods"]:
        for value in row["agreement"].values():
            del value["beyond_baseline"]
    store(NAME, summary, tmp_path)
    assert "Against the best" not in label_report(load(NAME, tmp_path))


def test_the_readme_is_filled_between_its_markers_and_again(results, tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n\n{START}\nold\n{END}\n\nafter\n")
    report(results, readme)
    first = readme.read_text()
    report(results, readme)
    assert readme.read_text() == first
    assert first.startswith(f"before\n\n{START}\n\n| code |")
    assert first.endswith(f"{END}\n\nafter\n")
    assert "old" not in first
    assert "| PCA |" in first and "| bundle mine |" not in first
    assert "Networks beat the codes" in first
    assert "(bundle mine) minus" in first and "is +0.010 [+0.005, +0.015]" in first
    assert "@5" not in first


def test_a_readme_without_markers_is_left_as_it_is(results, tmp_path, capsys):
    readme = tmp_path / "README.md"
    readme.write_text("nothing to fill\n")
    report(results, readme)
    assert readme.read_text() == "nothing to fill\n"
    assert "left unchanged" in capsys.readouterr().err


def test_other_results_need_no_label_similarity(tmp_path, monkeypatch):
    class Other:
        PAGES = ("other",)

        @staticmethod
        def write(record, folder):
            written = folder / "other.md"
            written.write_text(f"{record['result']['value']}\n")
            return [written]

    monkeypatch.setattr("benchmarks.report.all_pages", lambda: {**all_pages(), "other": Other})
    store("other", {"value": 3}, tmp_path)
    report(tmp_path, tmp_path / "README.md")
    assert (tmp_path / "other.md").read_text() == "3\n"
    assert not (tmp_path / f"{NAME}.md").exists()


def test_every_page_is_of_an_experiment():
    names = list(all_pages())
    assert NAME in names
    # An experiment may have a page for each data set, as latent-size has.
    assert all(any(f"{name}-".startswith(f"{one}-") for one in experiments()) for name in names)


def test_without_results_it_says_what_to_run(tmp_path):
    with pytest.raises(InputError, match="python -m benchmarks label-similarity"):
        report(tmp_path, tmp_path / "README.md")

"""The faults benchmark on a tiny collection: it runs, finds nothing, and would find what is wrong."""

import numpy as np
import pytest

from benchmarks.__main__ import run
from benchmarks.core.results import load
from benchmarks.datasets.mutations import MUTATIONS, mutate
from benchmarks.experiments.faults.damaged_indexes import _judged
from benchmarks.experiments.faults.fault_collection import Collection
from benchmarks.experiments.faults.fault_collection import run as run_verb
from benchmarks.experiments.faults.page import report
from benchmarks.experiments.faults.passing_faults import Course
from benchmarks.experiments.faults.run import PARTS

SMALL = ["--pictures", "24", "--kills", "6", "--seconds", "2", "--images", "30", "--files", "6", "--rounds", "2"]
PASSING = ("permission-back", "extra-installed", "decoder-updated")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    run(["faults", *SMALL, "--results", str(folder)])
    return folder


def test_nothing_is_lost_and_nothing_crashes(results):
    result = load("faults", results)["result"]
    for part in PARTS:
        assert result[part]["problems"] == []
    assert sum(result["kill"]["killed_before_their_end"].values()) > 0
    assert result["crowd"]["reads"] > 0
    assert sum(result["images"]["outcomes"].values()) == 30
    assert result["images"]["within_cap"] and result["files"]["within_cap"]


def test_failures_that_pass_were_there(results):
    result = load("faults", results)["result"]
    assert result["worker-killed"]["kills"] > 0
    for part in PASSING:
        runs = list(result[part]["runs"].values())
        assert result[part]["concerned"] == runs[-1 if part == "permission-back" else -2]["encoded"] == 6
        assert runs[1]["failed"] == 6 and "failed" not in runs[-1]
    assert result["future-times"]["commands"] > 20


def test_a_failure_that_stays_and_another_index_are_wrong(tmp_path):
    course = Course(Collection.draw(tmp_path / "collection", 4), tmp_path / "index")
    (course.collection.pictures / "00001.png").write_bytes(b"text")
    course.run("first", {"found": 4, "encoded": 4})
    course.expect_failures([], may_pass=False)
    assert len(course.problems) == 2 and course.problems[0].startswith("first: {'found': 4, 'encoded': 3")
    run_verb(["index", str(course.collection.pictures), "--index", str(course.index), "--retry-failed"])
    (course.collection.pictures / "00002.png").unlink()
    course.expect_undisturbed(tmp_path)
    assert "images differ from an undisturbed index's" in course.problems


def test_parts_that_are_not_run_keep_what_is_stored(results):
    before = load("faults", results)["result"]
    run(["faults", *SMALL, "--part", "images", "--results", str(results)])
    after = load("faults", results)["result"]
    assert after["kill"] == before["kill"] and after["images"]["outcomes"] == before["images"]["outcomes"]


def test_the_page_has_every_part_and_names_problems(results):
    record = load("faults", results)
    assert "Problems: none." in report(record) and "| retrain |" in report(record)
    assert report(record).count("\n## ") == len(PARTS) + 1 and "| permission back | 6 |" in report(record)
    record["result"]["kill"]["problems"] = ["index, kill 3: images differ from an undisturbed run's"]
    assert "- index, kill 3: images differ" in report(record)


def test_tracebacks_strange_exit_codes_and_hanging_are_wrong():
    assert _judged(0, "") == "answered"
    assert _judged(6, "latentsearch: the catalogue is damaged") == "refused with exit code 6"
    for code, stderr in ((1, "Traceback (most recent call last)"), (-11, ""), (-1, "it hung"), (6, "")):
        assert _judged(code, stderr) == "wrong"


def test_a_mutation_changes_the_bytes():
    random = np.random.default_rng(0)
    content = bytes(range(256)) * 4
    kinds = {kind for kind, changed in (mutate(content, random) for _ in range(200)) if changed != content}
    assert kinds == set(MUTATIONS)

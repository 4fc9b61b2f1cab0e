"""`python -m benchmarks ablations` on drawn faces and tiny networks: runs are kept, and compared seed by seed."""

import json

import numpy as np
import pytest

pytest.importorskip("torch")

from benchmarks.__main__ import run
from benchmarks.core.results import load
from benchmarks.experiments.ablations.page import report
from benchmarks.experiments.ablations.run import AS_IS, CHANGES
from indexer.errors import InputError
from latentsearch.training.engine import registry
from tests.benchmarks.drawn_celeba import make_drawn_celeba

TWO = ("--change", AS_IS, "--change", "no flip")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("ablations")
    make_drawn_celeba(place / "celeba")
    return place


@pytest.fixture(autouse=True)
def cache(folder, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    monkeypatch.setitem(CHANGES, AS_IS, (CHANGES[AS_IS][0], {"batch": "16"}))  # fewer faces are drawn than 256
    monkeypatch.setitem(CHANGES, "no flip", (CHANGES["no flip"][0], {"batch": "16", "flip": "false"}))


def ablations(folder, *options):
    places = ("--data", folder / "celeba", "--runs", folder / "runs", "--results", folder / "results")
    run(["ablations", *map(str, places), "--width", "4", "--epochs", "1", "--precision", "fp32", *options])
    return load("ablations", folder / "results")


def test_each_change_is_compared_with_the_recipe_of_the_same_seed(folder):
    record = ablations(folder, "--seeds", "2", *TWO)
    as_is, no_flip = record["result"]["rows"]
    assert (as_is["change"], no_flip["change"]) == (AS_IS, "no flip") and no_flip["seeds"] == [0, 1]
    for form in ("whitened", "raw"):
        assert as_is[form]["change@1"] == {"mean": 0, "interval": [0, 0], "seeds": [0, 0]}
        apart = no_flip[form]["agreement@20"]["mean"] - as_is[form]["agreement@20"]["mean"]
        assert no_flip[form]["change@20"]["mean"] == pytest.approx(apart, abs=2e-5)
        assert np.mean(no_flip[form]["change@20"]["seeds"]) == pytest.approx(apart, abs=2e-5)
    facts = record["result"]["runs"]["no-flip-1"]
    assert facts["recipe"]["flip"] is False and facts["seed"] == 1
    assert "--change=flip=false" in json.dumps(facts["commands"])
    page = report(record)
    assert "| no flip |" in page and "--change=flip=false" in page

    before = {path: path.stat().st_mtime_ns for path in (folder / "runs").rglob("*")}
    ablations(folder, "--no-train", "--seeds", "2")
    assert {path: path.stat().st_mtime_ns for path in (folder / "runs").rglob("*")} == before


def test_without_a_run_of_the_recipe_there_is_nothing_to_compare_with(folder, tmp_path):
    with pytest.raises(InputError, match="no finished run of the recipe as it is"):
        ablations(folder, "--no-train", "--runs", str(tmp_path))


def test_runs_of_another_width_are_not_compared(folder):
    ablations(folder, "--seeds", "1", *TWO)
    facts = folder / "runs/no-flip-0/facts.json"
    before = facts.read_text()
    facts.write_text(before.replace('"width": 4', '"width": 8'))
    with pytest.raises(InputError, match="several lengths or widths"):
        ablations(folder, "--no-train", "--seeds", "1")
    facts.write_text(before)


def test_changes_name_fields_of_the_recipe_and_change_them():
    recipe = registry.choose_recipe("contrastive", "pictures", "small", {})
    made = [
        registry.change_recipe(recipe, [f"{name}={value}" for name, value in fields.items()])
        for name, (_, fields) in CHANGES.items()
        if name not in TWO
    ]
    assert recipe not in made and len(set(made)) == len(CHANGES) - 2

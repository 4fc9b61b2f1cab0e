from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.__main__ import run as run_experiment
from benchmarks.core.results import load
from benchmarks.experiments.before_after import run
from indexer.errors import InputError
from indexer.index.index import Index
from tests.latentsearch.collection import call
from tests.support import make_bundle, make_folder


def test_both_checkouts_are_measured_and_their_ratios_stored(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundles")
    make_folder(tmp_path / "pictures", 3)
    options = {"--data": tmp_path / "pictures", "--encoder": bundle.absolute(), "--results": tmp_path}
    options |= {"--rounds": 1, "--copies": 2, "--large": tmp_path / "large", "--queries": tmp_path / "queries.npy"}
    assert call("index", tmp_path / "pictures", "--index", tmp_path / "large", "--encoder", bundle).exit_code == 0
    with Index.open(tmp_path / "large") as index:
        np.save(tmp_path / "queries.npy", index.codes([1, 2]))
    run_experiment([run.NAME, "HEAD", *(str(word) for option in options.items() for word in option)])
    result = load(f"{run.NAME}-HEAD", tmp_path)["result"]
    assert (result["images"], len(result["rounds"])) == (3, 1)
    assert {one["what"]: one["measured"] > 0 for one in result["bars"]} == {
        "images per second of `index`, relative to before": True,
        "speed of a cold `query`, relative to before": True,
        "speed of `duplicates`, relative to before": True,
        "speed of a search of the large index, relative to before": True,
    }


def test_a_commit_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="names no commit"):
        run.unpack("no-such-commit", tmp_path / "before")

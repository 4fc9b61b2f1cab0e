"""An index, an encoder bundle and a training run that an earlier version made: they open, search and resume as then.

tests/made_before holds them, of drawn pictures and digits. They were made at /collection by the last commit before the
house had rooms, and are never made anew: what can be read today must be readable tomorrow.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.latentsearch.collection import call

MADE = Path(__file__).parent / "made_before"
EXPECTED = json.loads((MADE / "expected.json").read_text(encoding="utf-8"))


@pytest.fixture
def index(tmp_path: Path) -> Path:
    shutil.copytree(MADE / "index", tmp_path / "index")
    return tmp_path / "index"


def hits(index: Path) -> list[dict[str, object]]:
    done = call("query", "--id", "3", "-k", "5", "--json", "--index", index, "--encoder", MADE / "tiny")
    assert done.exit_code == 0, done.stderr
    return [{name: hit[name] for name in EXPECTED[0]} for hit in json.loads(done.stdout)["results"]]


def test_an_index_finds_what_it_found(index: Path) -> None:
    assert hits(index) == EXPECTED


def test_its_vectors_are_the_same_when_they_are_made_anew(index: Path) -> None:
    assert call("check", "--index", index).exit_code == 0
    (index / "vectors.faiss").unlink()
    assert "rebuilt: vectors.faiss" in call("check", "--index", index).stdout
    assert hits(index) == EXPECTED


def test_a_bundle_encodes_for_an_index_of_its_own(index: Path, tmp_path: Path) -> None:
    from tests.support import make_celeba

    make_celeba(tmp_path / "faces", 12)
    done = call("index", tmp_path / "faces", "--index", tmp_path / "new", "--encoder", MADE / "tiny")
    assert done.exit_code == 0, done.stderr
    assert hits(tmp_path / "new") == EXPECTED


def test_a_run_goes_on_and_is_published(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    run = tmp_path / "run"
    shutil.copytree(MADE / "run", run)
    recipe = ("--width", "2", "--batch", "8", "--latent-size", "4", "--threads", "1", "--precision", "fp32")
    words = ("train", "autoencoder", MADE / "digits.npz", "-o", run, *recipe)
    done = call(*words, "--epochs", "4", "--resume")
    assert done.exit_code == 0, done.stderr
    assert json.loads((run / "checkpoint.json").read_text(encoding="utf-8"))["total_step"] == 8
    done = call("export", run, "-o", tmp_path / "bundle", "--precision", "fp32")
    assert done.exit_code == 0, done.stderr
    assert json.loads((tmp_path / "bundle" / "model.json").read_text(encoding="utf-8"))["latent_size"] == 4

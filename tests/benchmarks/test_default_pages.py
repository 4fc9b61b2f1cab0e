"""One command for all pages that show the default: what it runs, and that it tells what failed."""

import subprocess
from types import SimpleNamespace

import pytest

from benchmarks.__main__ import experiments, run
from benchmarks.default_pages import STEPS, PagesFailed
from indexer.encoders.encoder import DEFAULT_ENCODER
from tests.benchmarks.drawn_celeba import make_drawn_celeba

NAME = "default-pages"


def test_every_step_is_an_experiment_with_options_that_it_has(tmp_path, capsys, monkeypatch):
    run([NAME, f"--data={tmp_path}", "--dry-run"])
    lines = [line.removeprefix("python -m benchmarks ").split() for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == len(STEPS) + 1 and lines[-1] == ["report"]
    assert any(DEFAULT_ENCODER in words for words in lines)
    for name, *options in lines:
        assert name in experiments()
        run([name, "--help"])
        known = capsys.readouterr().out
        assert all(word in known for word in options if word.startswith("--")), (name, options)


def test_what_failed_is_named_and_the_rest_is_measured(tmp_path, monkeypatch):
    started = []

    def start(words, check):
        started.append(words[3])
        return SimpleNamespace(returncode=int(words[3] == "edited-search"))

    monkeypatch.setattr(subprocess, "run", start)
    with pytest.raises(PagesFailed, match="not measured: edited-search"):
        run([NAME, f"--data={tmp_path}", "--only=edited-search", "--only=duplicates"])
    assert started == ["edited-search", "duplicates", "report"]


def test_unseen_faces_have_a_page_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("benchmarks.experiments.altered_search.run.QUERIES", 12)
    data = make_drawn_celeba(tmp_path / "celeba")
    options = [f"--data={data}", "--methods=dhash", "--bundle=parts", f"--results={tmp_path}", "--unseen"]
    run(["altered-search", *options])
    run(["report", f"--results={tmp_path}", f"--readme={tmp_path / 'README.md'}"])
    text = (tmp_path / "altered-search-unseen.md").read_text()
    assert "no encoder has seen" in text and "validation partition" in text and "bundle parts" in text
    assert not (tmp_path / "altered-search.md").exists()

"""The parts of the speed benchmark on a few drawn codes: what they measure with, not how long it takes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.__main__ import run as run_experiment
from benchmarks.core.child_process import in_child
from benchmarks.core.timing import bar, in_turn, milliseconds
from benchmarks.datasets import synthetic_codes
from benchmarks.datasets.synthetic_codes import SyntheticCodes
from benchmarks.datasets.synthetic_index import make_index
from benchmarks.experiments.speed import cold_query, large_index, other_searchers, run
from benchmarks.experiments.speed.bare_search import BareSearch, BareSql, recall
from benchmarks.experiments.speed.page import report, write
from indexer.index.index import Index
from indexer.index.writer import IndexWriter
from indexer.vectors import exact
from tests.support import make_folder

COUNT = 700


@pytest.fixture(scope="module")
def real() -> np.ndarray:
    """Codes on a surface of 8 dimensions, of the shipped bundle's length."""
    random = np.random.default_rng(0)
    codes = random.standard_normal((200, 8)) @ random.standard_normal((8, 100))
    return exact.unit(codes.astype(np.float32))


@pytest.fixture(scope="module")
def folder(real: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("speed") / "index"
    make_index(place, SyntheticCodes(real, "cosine", 1.0), COUNT, seed=3)
    return place


def test_without_noise_the_real_codes_come_back_each_once_before_any_comes_twice(real: np.ndarray) -> None:
    blocks = list(SyntheticCodes(real, "cosine", 0.0).blocks(500, seed=1))
    rows = np.concatenate([block.made_from for block in blocks])
    assert np.allclose(np.concatenate([block.codes for block in blocks]), real[rows], atol=1e-6)
    assert np.array_equal(np.sort(rows[:200]), np.arange(200)) and len(rows) == 500


def test_more_noise_makes_codes_harder_and_more_codes_easier(real: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthetic_codes, "QUERIES", 50)
    weak, strong = (
        synthetic_codes.ratios(SyntheticCodes(real, "cosine", noise), [200, 2_000], 0) for noise in (0.2, 3.0)
    )
    assert weak[200] < strong[200] and weak[2_000] < strong[2_000]
    assert weak[2_000] < weak[200] and strong[2_000] < strong[200]


def test_what_is_wanted_is_the_harder_of_the_line_and_what_is_asked() -> None:
    slope, height = synthetic_codes.line_through([(1_000, 0.9), (10_000, 0.8)])
    assert slope * np.log(100_000) + height == pytest.approx(0.7)
    assert synthetic_codes.wanted_ratio(1_000_000, (slope, height)) == 0.69
    assert synthetic_codes.wanted_ratio(1_000_000, (slope, height + 0.3)) == pytest.approx(0.9)


def test_a_synthetic_index_holds_what_a_real_one_holds(folder: Path) -> None:
    with IndexWriter.open(folder) as index:
        assert index.count() == COUNT and index.check().problems == []
        within = index.matching(["number<1000"])
        labels = index.labels(within.ids.tolist())
        assert 0 < len(within) < COUNT and all(values["number"] < 1_000 for values in labels.values())


def test_bare_searches_find_what_the_engine_finds(folder: Path, real: np.ndarray) -> None:
    with Index.open(folder) as index:
        bare = BareSearch(index, real[:5], 7)
        distances, ids = index.search(real[:5], 7)
        truth, apart = bare.truth()
        assert np.array_equal(truth, ids) and np.allclose(apart**2 / 2, distances, atol=1e-5)
        assert recall(ids, truth) == 1 and recall(ids[:, :0], truth) == 0 and recall(ids, np.full((5, 7), -1)) == 0
        rows = np.sort(bare.row_of_id[index.matching(["number<5000"]).ids])
        for number in range(5):
            expected = bare.truth(rows)[0][number]
            assert np.array_equal(bare.id_of_row[bare.exactly(number, rows)], expected)
            assert np.array_equal(bare.id_of_row[bare.exactly_in_place(number, rows)], expected)
        images, values = BareSql(folder).rows(ids[0].tolist())
        assert {row[0] for row in images} == set(ids[0].tolist()) and len(values) == 14


def test_calls_are_made_in_turn_and_follow_one_another_in_every_order() -> None:
    made: list[tuple[str, int]] = []
    calls = {name: lambda number, name=name: made.append((name, number)) for name in "abc"}
    seconds = in_turn(calls, 60, warm_up=2)
    rounds = [made[start : start + 3] for start in range(0, len(made), 3)]
    assert [number for ((_, number), *_) in rounds] == [58, 59, *range(60)]
    assert all({name for name, _ in one} == set("abc") and len({number for _, number in one}) == 1 for one in rounds)
    assert len({"".join(name for name, _ in one) for one in rounds}) == 6
    assert seconds["a"].shape == (60,) and (seconds["a"] > 0).all()
    assert milliseconds(np.array([1.0, 2.0, 9.0]))["median_ms"] == 2_000


def test_bars() -> None:
    assert bar("x", 1.0, 2.0)["met"] and not bar("x", 1.0, 2.0, at_least=True)["met"]


def test_memory_of_a_child_is_seen() -> None:
    small, large = (in_child(_take, size)[1]["peak_bytes"]["anonymous"] for size in (1_000, 200_000_000))
    assert 150_000_000 < large - small < 300_000_000
    with pytest.raises(RuntimeError, match="_fail failed in its process"):
        in_child(_fail)


def _take(size: int) -> int:
    import time

    taken = np.ones(size, np.uint8)
    time.sleep(0.3)
    return int(taken.sum())


def _fail() -> None:
    raise SystemExit(3)


def test_the_whole_of_it_on_few_codes_and_its_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "COLD", 30)
    monkeypatch.setattr(run, "RESULTS", tmp_path)
    monkeypatch.setattr(large_index, "in_child", _here)
    monkeypatch.setattr(other_searchers, "in_child", _here)
    monkeypatch.setattr(cold_query, "process_seconds", lambda command: 0.1 if "c30" in command[-1] else 0.2)
    monkeypatch.setattr(synthetic_codes, "QUERIES", 10)
    monkeypatch.setattr(synthetic_codes, "LEAST_SUBSET", 10)
    monkeypatch.setattr(run, "store", lambda name, result: _write(tmp_path / f"{name}.json", result))
    pictures = tmp_path / "pictures"
    make_folder(pictures, 60)
    arguments = ["--data", str(pictures), "--count", "400", "--large", "900", "--queries", "5", "--pairs", "1"]
    parts = ("codes", "search", "filters", "edited", "growth", "cold", "changes")
    run_experiment(
        [run.NAME, *arguments, "--pictures", "20", *(word for part in (*parts, "others") for word in ("--part", part))]
    )
    assert "search: recall@20: 1 >= 0.95  met" in capsys.readouterr().out
    record = json.loads((tmp_path / "speed.json").read_text())
    assert set(record["result"]) == {*parts, "others", "seed", "kept"}
    assert {path.name for path in write(record, tmp_path)} == {"speed.md", "speed-ratio.png", "speed-growth.png"}
    assert record["result"]["kept"] == []
    run_experiment([run.NAME, *arguments, "--part", "edited"])
    [earlier] = json.loads((tmp_path / "speed.json").read_text())["result"]["kept"]
    assert earlier["methods"] == [part for part in (*parts, "others") if part != "edited"]
    text = report(record)
    assert "| Searches in the open engine | recall@20 | met | 1 | at least 0.95 |" in text
    assert set(record["result"]["edited"]["times"]) == {"with_a_label_set", "every_code_compared"}
    assert "`--set` compares each of 400 codes" in text
    assert "not run: no --others was given" in text and "**synthetic**" in text


def _here(work: Callable[..., object], *arguments: object) -> tuple[object, dict[str, object]]:
    """Processes take their time to start, and one is started above."""
    return work(*arguments), {"seconds": 1.0, "peak_bytes": {"total": 3, "anonymous": 2, "files": 1}}


def _write(path: Path, result: dict[str, object]) -> Path:
    machine = {"processor": "p", "cores": 2, "versions": {"python": "3"}}
    record = {"name": "speed", "command": "c", "commit": None, "dirty": None, "date": "2026-11-24", "seed": 0}
    path.write_text(json.dumps({**record, "machine": machine, "result": result}))
    return path

"""The timing of whole query processes, on a tiny drawn collection."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import run as run_experiment
from benchmarks.experiments.query_speed import run
from tests.support import make_bundle


def test_a_process_that_fails_is_not_timed() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        run.measure([sys.executable, "-c", "raise SystemExit(3)"], pairs=1)


def test_query_and_imports_are_timed_in_pairs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = make_bundle(tmp_path, generator=True)
    run_experiment([run.NAME, "--count", "5", "--encoder", str(bundle), "--pairs", "1", "--no-store"])
    assert "ratio" in capsys.readouterr().out


def test_the_ratio_is_of_times_measured_together() -> None:
    result = run.measure([sys.executable, "-c", "pass"], pairs=2)
    ratios = sorted(pair["query_s"] / pair["imports_s"] for pair in result["pairs"])
    assert len(ratios) == 2
    assert (result["ratio_least"], result["ratio_greatest"]) == (ratios[0], ratios[1])
    assert 0 < result["ratio"] < 1

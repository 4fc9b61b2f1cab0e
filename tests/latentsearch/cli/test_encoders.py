from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from latentsearch.cli import main
from tests.support import make_bundle


@pytest.fixture(autouse=True)
def user_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of encoders; nothing ships."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    folder = tmp_path / "latentsearch" / "encoders"
    monkeypatch.setattr("indexer.encoders.encoder.SHIPPED", tmp_path / "shipped")
    return folder


def encoders(*options: str) -> Result:
    return CliRunner().invoke(main, ["encoders", *options])


def test_a_pipe_gets_a_line_for_each(user_folder: Path, tmp_path: Path) -> None:
    own = make_bundle(user_folder, "own", generator=True)
    ships = make_bundle(tmp_path / "shipped", "ships", latent_size=8)
    result = encoders()
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        f"ships\t0.0\trandom projection\t8\tdrawn pictures\t0.750\t{ships}",
        f"own\t0.0\trandom projection\t16\tdrawn pictures\t0.750\t{own}",
    ]


def test_json_has_everything_but_the_quantiles(user_folder: Path) -> None:
    bundle = make_bundle(user_folder, "own", generator=True)
    (described,) = json.loads(encoders("--json").stdout)
    size = sum((bundle / file).stat().st_size for file in ("encoder.onnx", "generator.onnx"))
    assert described["path"] == str(bundle) and described["bytes"] == size and described["generator"] is True
    assert described["scores"] == {"agreement@1": 0.75, "agreement@20": 0.74}
    assert "random_pair_distances" not in described


def test_a_terminal_gets_a_table(user_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_bundle(user_folder, "[bold]own")
    monkeypatch.setattr("latentsearch.cli.encoders._in_terminal", lambda: True)
    lines = encoders().stdout.splitlines()
    assert lines[0].split()[:3] == ["name", "MB", "family"] and lines[1].startswith("[bold]own")


def test_none_at_all_says_where_they_would_be(user_folder: Path) -> None:
    result = encoders()
    assert result.exit_code == 0 and result.stdout == ""
    assert result.stderr.startswith("latentsearch: no encoders in ") and str(user_folder) in result.stderr
    assert json.loads(encoders("--json").stdout) == []


def test_a_damaged_one_is_told_and_the_rest_is_listed(user_folder: Path) -> None:
    make_bundle(user_folder, "own")
    (make_bundle(user_folder, "broken") / "model.json").write_text("{")
    result = encoders()
    assert result.stdout.startswith("own\t") and "broken/model.json cannot be read" in result.stderr

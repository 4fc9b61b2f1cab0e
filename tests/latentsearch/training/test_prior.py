"""Codes of generated pictures are compared with the prior while a network trains; a warning says if they leave it."""

import json
import logging

import pytest

torch = pytest.importorskip("torch")

from click.testing import CliRunner  # noqa: E402
from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from latentsearch.cli import main  # noqa: E402
from latentsearch.training.engine import loop  # noqa: E402
from latentsearch.training.engine.divergence import CodeStatistics, PriorWatch  # noqa: E402
from tests.support import make_folder  # noqa: E402


def drawn(prior, seed=0):
    random = torch.Generator().manual_seed(seed)
    if prior == "uniform":
        return torch.rand(200, 100, generator=random) * 2 - 1
    return torch.randn(200, 100, generator=random)


@pytest.mark.parametrize("prior", ["uniform", "gaussian"])
def test_codes_of_the_prior_itself_show_no_problem(prior):
    codes = drawn(prior)
    found = CodeStatistics.of(codes, codes, prior)
    assert found.outer == pytest.approx(0.05, abs=0.01)
    assert found.length == pytest.approx(1, abs=0.01)
    assert found.error == 0 and found.problems() == []


@pytest.mark.parametrize("prior", ["uniform", "gaussian"])
def test_codes_of_0_have_the_error_of_the_priors_variance_and_no_length(prior):
    codes = drawn(prior)
    found = CodeStatistics.of(codes, torch.zeros_like(codes), prior)
    assert (found.outer, found.length) == (0, 0)
    assert found.error == pytest.approx(1, abs=0.02)
    assert any("mean length is 0.00" in problem for problem in found.problems())


@given(st.sampled_from(["uniform", "gaussian"]), st.integers(0, 5), st.integers(6, 9))
def test_codes_of_other_pictures_have_the_error_of_two_variances(prior, seed, other):
    found = CodeStatistics.of(drawn(prior, seed), drawn(prior, other), prior)
    assert found.error == pytest.approx(2, abs=0.05)
    assert found.length == pytest.approx(1, abs=0.02)


def test_a_saturated_encoder_is_warned_of_once(caplog):
    codes = drawn("uniform")
    watch, saturated = PriorWatch(), CodeStatistics.of(codes, codes.sign(), "uniform")
    with caplog.at_level(logging.WARNING):
        watch.look(1_000, CodeStatistics.of(codes, codes, "uniform"))
        assert not caplog.records
        watch.look(1_250, saturated)
        watch.look(1_500, saturated)
    (record,) = caplog.records
    assert record.getMessage().startswith("at step 1250, the codes of generated pictures leave the prior: 100 %")


@pytest.mark.parametrize(
    ("family", "options", "stage"),
    [
        ("aegan", ["--generator-epochs", "2", "--inverse-epochs", "2"], "inverse generator"),
        ("bigan", ["--epochs", "2"], "encoder and generator"),
    ],
)
def test_a_run_writes_the_comparison_to_its_statistics(tmp_path, monkeypatch, family, options, stage):
    monkeypatch.setattr(loop, "STATS_EVERY_STEPS", 1)
    monkeypatch.setattr(loop, "CODES_EVERY_STEPS", 1)
    make_folder(tmp_path / "pictures", 16)
    command = ["train", family, str(tmp_path / "pictures"), "-o", str(tmp_path / "run"), "--batch", "8"]
    sizes = ["--width", "4", "--latent-size", "12", "--threads", "1"]
    result = CliRunner().invoke(main, [*command, *sizes, *options])
    assert result.exit_code == 0, result.stderr
    lines = [json.loads(line) for line in (tmp_path / "run/stats.jsonl").read_text().splitlines()]
    compared = [line for line in lines if "code_error" in line]
    assert len(compared) == 4 and {line["stage"] for line in compared} == {stage}
    assert all(0 <= line["code_outer"] <= 1 and line["code_length"] >= 0 for line in compared)

"""The pages of latent-size: what they say of figures that bear the claims out, and of those that do not."""

import copy

import pytest

from benchmarks.experiments.latent_size.claims import Table, claims
from benchmarks.experiments.latent_size.page import write

SIZES, SEEDS = [10, 100, 1000], [0, 1]


def score(mean):
    one = {"mean": mean, "interval": [mean, mean], "n": 8}
    return {"error": one, "refined": one}


def figures():
    """Stored figures with which every claim holds."""
    errors = {"autoencoder": (0.3, 0.2, 0.1), "wgan-gp": (0.5, 0.4, 0.3)}
    distances = {"autoencoder": (9.0, 5.0, 2.0), "wgan-gp": (4.0, 4.1, 3.9)}
    parts = {"reconstruction": {}, "quality": {}, "noise": {}}
    for family in errors:
        for place, size in enumerate(SIZES):
            for seed in SEEDS:
                key, error = f"{family}-{size}-{seed}", errors[family][place]
                parts["reconstruction"][key] = {probe: score(error) for probe in ("train", "validation")}
                parts["quality"][key] = {"distance": distances[family][place] + 0.5 * seed, "fid": "not measured: why"}
                parts["noise"][key] = {"noise": score(0.32)}
    parts["reconstruction"] |= {"data": {"train": 0.6, "validation": 0.61}, "own wgan-gp-10-0": score(0.05)}
    parts["quality"]["data"] = {"distance": 0.4, "accuracy": 0.97}
    settings = {"sizes": SIZES, "seeds": SEEDS, "preset": "small", "images": 8, "steps": 3, "drawn": 128, "learned": 64}
    return {
        "data": "mnist",
        "seed": 0,
        "settings": settings | {"learning_rates": [0.05, 0.1]},
        "parts": parts,
        "runs": {},
    } | {"sheets": {"latent-size-mnist-train.png": ["original", "autoencoder 10"]}}


def record_of(result):
    """A result as it is stored."""
    return {
        "name": "latent-size-mnist",
        "command": "python -m benchmarks latent-size",
        "seed": 0,
        "commit": "abc",
        "dirty": False,
        "date": "2026-01-01T00:00:00",
        "machine": {"processor": "one", "cores": 2, "versions": {"numpy": "2"}},
        "result": result,
    }


def test_claims_that_come_out_are_said_to_hold():
    sentences = claims(Table(figures()))
    assert len(sentences) == 7 and all(sentence.endswith("Holds.") for sentence in sentences)


@pytest.mark.parametrize(
    ("part", "key", "value", "number", "words"),
    [
        ("reconstruction", "autoencoder-100-{seed}", {p: score(0.45) for p in ("train", "validation")}, 0, "train 100"),
        ("reconstruction", "autoencoder-1000-{seed}", {p: score(0.25) for p in ("train", "validation")}, 2, "100 to 1"),
        (
            "reconstruction",
            "wgan-gp-100-{seed}",
            {p: score(0.55) for p in ("train", "validation")},
            3,
            "10 to 100 by 10.0%.",
        ),
        ("quality", "wgan-gp-1000-{seed}", {"distance": 6.0, "fid": ""}, 4, "1.7500 between"),
        ("quality", "autoencoder-1000-{seed}", {"distance": 20.0, "fid": ""}, 5, "20.0"),
        ("noise", "wgan-gp-100-{seed}", {"noise": score(0.2)}, 6, "0.6000 at 100"),
    ],
)
def test_a_claim_that_does_not_come_out_is_said_not_to(part, key, value, number, words):
    summary = copy.deepcopy(figures())
    for seed in SEEDS:
        summary["parts"][part][key.format(seed=seed)] = value
    sentence = claims(Table(summary))[number]
    assert "**Does not hold**" in sentence and words in sentence


def test_a_rise_within_the_spread_of_seeds_is_said_to_be_that():
    summary = figures()
    for seed, error in zip(SEEDS, (0.18, 0.23), strict=True):
        summary["parts"]["reconstruction"][f"autoencoder-1000-{seed}"] = {
            "validation": score(error),
            "train": score(0.1),
        }
    sentence = claims(Table(summary))[2]
    assert sentence.endswith("**Does not hold**: it rises from 100 to 1000 by 2.5%, less than seeds differ.")


def test_a_rise_on_training_images_alone_is_told_beside_the_verdict():
    summary = figures()
    for seed in SEEDS:
        summary["parts"]["reconstruction"][f"wgan-gp-1000-{seed}"]["train"] = score(0.42)
    falls = claims(Table(summary))[3]
    assert falls.endswith("Holds. On training images it rises from 100 to 1000 by 5.0%.")


def test_whether_the_autoencoders_error_falls_is_told_by_its_errors_of_many_images():
    summary = figures()
    many = {"mean": 0.25, "interval": [0.25, 0.25], "n": 5000}
    for key in [key for key in summary["parts"]["reconstruction"] if key.startswith("autoencoder")]:
        error = many | {"mean": many["mean"] + 0.01 * key.startswith("autoencoder-1000")}
        row = {probe: {"error": error} for probe in ("train", "validation")}
        summary["parts"]["reconstruction"][f"encoded {key}"] = row
    falls = claims(Table(summary))[2]
    assert "(5,000 validation images: 0.2500 at 10, 0.2500 at 100, 0.2600 at 1000)" in falls
    assert "**Does not hold**: it rises from 10 to 100 by 0.0%, from 100 to 1000 by 4.0%." in falls


def test_a_single_seed_does_not_decide_what_seeds_spread():
    summary = figures()
    summary["settings"]["seeds"] = [0]
    assert claims(Table(summary))[4].endswith("Undecided.")


def test_the_page_has_the_figures_and_says_how_they_came_about(tmp_path):
    paths = write(record_of(figures()), tmp_path)
    assert {path.name for path in paths} == {"latent-size-mnist.md", "latent-size-mnist-sizes.png"}
    text = (tmp_path / "latent-size-mnist.md").read_text()
    row = "| 10 | 0.3000 (0.3000 to 0.3000) | 0.3000 (0.3000 to 0.3000) | 0.5000 (0.5000 to 0.5000) | 0.5000"
    assert row in text and "0.0500 |" in text
    assert "| 10 | 9.2500 (9.0000 to 9.5000) | 4.2500" in text and "FID: not measured: why." in text
    assert "| 10 | 0.9600" in text and "python -m benchmarks latent-size" in text
    assert "![original, autoencoder 10](./latent-size-mnist-train.png)" in text


@pytest.mark.parametrize(
    ("field", "key", "rate", "said"),
    [
        ("first_layer_rate", "wgan-gp-10-0", 3.0, True),
        ("code_rate", "autoencoder-10-0", 0.05, True),
        ("first_layer_rate", "wgan-gp-10-0", 1.0, False),
    ],
)
def test_the_page_says_that_layers_learned_at_a_rate_of_their_own_where_they_did(field, key, rate, said, tmp_path):
    run = {"images": 8, "steps": 1, "seconds": 2, "hardware": "one"}
    recipe = {"width": 2, "batch": 4, field: rate}
    (page, *_) = write(record_of(figures() | {"runs": {key: run | {"recipe": recipe}}}), tmp_path)
    assert (f"at {rate:g} times the rate of the other layers" in page.read_text()) == said

"""Contrastive codes of pictures and of digits: what each loss moves, what is published, and what it leaves out."""

import json
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from click.testing import CliRunner  # noqa: E402

from indexer.encoders.encoder import load_encoder  # noqa: E402
from indexer.encoders.generator import load_generator  # noqa: E402
from latentsearch.cli import main  # noqa: E402
from latentsearch.export.bundle import middle  # noqa: E402
from latentsearch.models.whitening import whitening  # noqa: E402
from latentsearch.training.engine.losses import contrastive_loss  # noqa: E402
from latentsearch.training.engine.precision import Precision  # noqa: E402
from latentsearch.training.engine.trained import load_family, load_trained  # noqa: E402
from latentsearch.training.families.contrastive import PRESETS, Contrastive, Recipe  # noqa: E402
from tests.latentsearch.one_family import (  # noqa: E402
    changed,
    copy_of,
    exported,
    indexed,
    same_end_after_a_kill,
    train,
)
from tests.support import draw_picture, make_folder  # noqa: E402

TINY = ("--width", "4", "--batch", "16", "--epochs", "6", "--latent-size", "6", "--threads", "1")
KINDS = ("pictures", "digits")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder with what each kind is learned from."""
    folder = tmp_path_factory.mktemp("data")
    make_folder(folder / "pictures", 64)
    random = np.random.default_rng(0)
    arrays = {f"x_{split}": random.integers(0, 256, (40, 28, 28), np.uint8) for split in ("train", "test")}
    np.savez(folder / "digits", **arrays, y_train=np.arange(40) % 10, y_test=np.arange(40) % 10)
    return {"pictures": folder / "pictures", "digits": folder / "digits.npz"}


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    train("contrastive", data["pictures"], folder, *TINY, "--sheet-steps", "12")
    return folder


def make(kind="pictures", **settings):
    flip = kind == "pictures"
    chosen = {"data": kind, "width": 4, "latent_size": 6, "batch": 8, "flip": flip, "average_decay": 0.9, **settings}
    return Contrastive(Recipe(**chosen), Precision.choose("cpu", "fp32"))


def draw(kind="pictures", count=8):
    size = 64 if kind == "pictures" else 28
    drawn = np.stack([np.asarray(draw_picture(seed).resize((size, size))) for seed in range(count)])
    x = torch.from_numpy(drawn).permute(0, 3, 1, 2) / 255
    return x if kind == "pictures" else x.mean(1, keepdim=True).expand(-1, 3, -1, -1)


def test_the_contrastive_loss_is_equation_1_of_simclr():
    first, second = (torch.randn(5, 4, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    views = torch.cat([first, second]).numpy()
    views /= np.linalg.norm(views, axis=1, keepdims=True)
    total = 0.0
    for i in range(10):
        j = (i + 5) % 10
        others = [math.exp(views[i] @ views[k] / 0.2) for k in range(10) if k != i]
        total -= math.log(math.exp(views[i] @ views[j] / 0.2) / sum(others))
    assert contrastive_loss(first, second, 0.2).item() == pytest.approx(total / 10, rel=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_moves_every_network_and_both_averages(kind):
    family, x = make(kind), draw(kind)
    before = copy_of(family)
    assert set(family.step(x)) == {"contrastive_loss", "reconstruction_error"}
    assert changed(family, before) == {"encoder", "generator", "projection", "encoder average", "generator average"}
    for name, network in family.networks.items():
        assert not any(map(torch.equal, before[name], network.parameters())), name


@pytest.mark.parametrize(("loss", "still"), [("reconstruction", "generator"), ("contrast", "projection")])
def test_each_loss_reaches_the_encoder_by_itself(loss, still):
    family, x = make(), draw()
    codes = family.encoder_network(torch.cat([x, x.flip(3)]))
    if loss == "reconstruction":
        family.descend(contrastive_loss(*family.projection(codes).chunk(2), 0.2), "encoder", "projection")
    else:
        family.descend(family.reconstruction_error(x, codes), "encoder", "generator")
    assert all(weight.grad is None for weight in family.networks[still].parameters())
    first = next(family.encoder_network.parameters())
    assert first.grad is not None and first.grad.abs().max() > 0


@pytest.mark.parametrize("kind", KINDS)
def test_it_learns_a_batch(kind):
    family, x = make(kind), draw(kind)
    family.progress = 0.1
    losses = [family.step(x) for _ in range(100)]
    for name in losses[0]:
        assert sum(step[name].item() for step in losses[-5:]) < 0.7 * sum(step[name].item() for step in losses[:5])


def test_the_learning_rate_warms_up_and_ends_at_nothing():
    family = make()
    rates = []
    for progress in (0.0, 0.01, 0.02, 0.5, 0.999):
        family.progress = progress
        family.set_learning_rate()
        rates.append(family.optimisers["encoder"].param_groups[0]["lr"] / family.recipe.learning_rate)
    assert rates == pytest.approx([0.1, 0.6, 1, 0.5, 0], abs=0.01)
    assert {group["lr"] for optimiser in family.optimisers.values() for group in optimiser.param_groups} == {
        family.optimisers["projection"].param_groups[0]["lr"]
    }


def test_published_codes_have_mean_0_and_unit_covariance():
    family, x = make(), draw(count=32)
    encoder = family.emas["encoder"].network.train()
    codes = encoder(x).detach()
    encoder.eval()
    encoder.mean.copy_(encoder(x).mean(0))
    encoder.covariance.copy_(encoder(x).T.cov())
    assert codes.shape == (32, 6)
    white = family.encoder()(x).detach()
    assert torch.allclose(white.mean(0), torch.zeros(6), atol=1e-3)
    assert torch.allclose(white.T.cov(), torch.eye(6), atol=0.02)


def test_the_generator_takes_the_codes_that_the_encoder_gives():
    family, x = make(), draw()
    for _ in range(5):
        family.step(x)
    averages = {name: family.emas[name].network for name in ("encoder", "generator")}
    with torch.no_grad():
        expected = averages["generator"](averages["encoder"](x))
        assert torch.allclose(family.generator()(family.encoder()(x)), expected, atol=1e-4)


def test_the_running_covariance_is_that_of_codes():
    encoder = make().encoder_network
    random = torch.Generator().manual_seed(0)
    mixing = torch.randn(6, 6, generator=random)
    for _ in range(1_000):
        encoder.follow(torch.randn(256, 6, generator=random) @ mixing + 3)
    expected = mixing.T @ mixing
    assert torch.allclose(encoder.covariance, expected, atol=0.05 * expected.max().item())
    assert torch.allclose(encoder.mean, torch.full((6,), 3.0), atol=0.1)


def test_whitening_keeps_the_principal_axes_and_divides_by_a_power_of_their_variance():
    random = np.random.default_rng(0)
    turn = np.linalg.qr(random.normal(size=(5, 5)))[0]
    codes = random.normal(size=(20_000, 5)) * [4.0, 2.0, 1.0, 0.5, 0.25] @ turn + 3
    mean, matrix = whitening(codes, 3, 0.4)
    assert matrix.shape == (5, 3)
    variances = np.sort(np.var((codes - mean) @ matrix, axis=0))
    # What varies as v is divided by v^0.4, so its variance becomes v^0.2.
    np.testing.assert_allclose(variances, np.array([1.0, 4.0, 16.0]) ** 0.2, rtol=0.05)
    np.testing.assert_allclose(np.cov((codes - mean) @ whitening(codes)[1], rowvar=False), np.eye(5), atol=0.01)


def test_the_middle_of_a_picture_is_what_lies_within_its_edges():
    x = torch.zeros(1, 3, 64, 64)
    x[..., 7:57, 7:57] = torch.linspace(0.2, 0.8, 50)
    assert middle(x).shape == x.shape and middle(x).min() > 0.19
    assert torch.allclose(middle(x)[0, 0, 0], torch.linspace(0.2, 0.8, 64), atol=0.02)


def test_features_are_what_the_last_layer_reads():
    for kind in KINDS:
        family, x = make(kind), draw(kind)
        encoder = family.emas["encoder"].network
        last = [layer for layer in encoder.reader.modules() if isinstance(layer, torch.nn.Linear)][-1]
        with torch.no_grad():
            expected = encoder.standardise(last(family.code_features()(x)))
            assert torch.allclose(encoder(x), expected, atol=1e-5), kind


def test_a_killed_run_goes_on_to_bitwise_the_same_end(data, tmp_path):
    assert same_end_after_a_kill("contrastive", data["pictures"], tmp_path, *TINY)


def test_a_run_becomes_a_bundle_that_makes_an_index(data, run, tmp_path):
    sheets = {path.name.split("-")[0] for path in (run / "sheets").iterdir()}
    assert sheets == {"samples", "reconstructions"}
    model = exported(run, tmp_path / "raw")
    assert model["family"] == "contrastive" and model["generator"] == {"latent_size": 6, "prior": "gaussian"}
    assert indexed(data["pictures"], tmp_path / "raw", tmp_path / "index") == 64


def test_the_bundles_generator_draws_the_pictures_of_the_raw_bundles_codes(run, tmp_path):
    exported(run, tmp_path / "raw")
    pixels = np.array(load_trained(run, "")[1].pixels[:8])
    drawn = load_generator(tmp_path / "raw").generate(load_encoder(tmp_path / "raw").encode(pixels))
    family = load_family(run)
    with torch.no_grad():
        expected = family.generator()(family.encoder()(torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255))
    assert np.abs(drawn - expected.permute(0, 2, 3, 1).numpy() * 255).max() < 1.5


def test_cosine_codes_are_the_same_for_a_picture_and_its_mirror_image(run, tmp_path):
    done = CliRunner().invoke(main, ["export", str(run), "-o", str(tmp_path / "bundle"), "--precision", "fp32"])
    assert done.exit_code == 0, done.output
    pixels = np.array(load_trained(run, "")[1].pixels[:16])
    encoder = load_encoder(tmp_path / "bundle")
    codes, mirrored = encoder.encode(pixels), encoder.encode(pixels[:, :, ::-1])
    np.testing.assert_allclose(codes, mirrored, atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(codes, axis=1), 1, atol=1e-5)
    alone = np.concatenate([encoder.encode(pixels[n : n + 1]) for n in range(4)])
    np.testing.assert_allclose(codes[:4], alone, atol=1e-4)


def test_a_run_on_digits_becomes_a_bundle_that_does_not_mirror(data, tmp_path):
    train("contrastive", data["digits"], tmp_path / "run", *TINY)
    assert exported(tmp_path / "run", tmp_path / "raw")["latent_size"] == 6
    done = CliRunner().invoke(main, ["export", str(tmp_path / "run"), "-o", str(tmp_path / "bundle")])
    assert done.exit_code == 0, done.output
    pixels = np.array(load_trained(tmp_path / "run", "")[1].pixels[:8])
    encoder = load_encoder(tmp_path / "bundle")
    assert np.abs(encoder.encode(pixels) - encoder.encode(pixels[:, :, ::-1])).max() > 0.01


def test_it_has_a_small_and_a_large_preset_for_each_kind():
    for kind in KINDS:
        assert set(PRESETS[kind]) >= {"small", "large"}
        assert all(recipe.data == kind and recipe.flip == (kind == "pictures") for recipe in PRESETS[kind].values())


@pytest.mark.parametrize(("family", "preset"), [("contrastive", "paper"), ("autoencoder", "large")])
def test_a_preset_that_a_family_lacks_is_refused(data, tmp_path, family, preset):
    words = ["train", family, str(data["pictures"]), "-o", str(tmp_path / "run"), "--preset", preset]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 2 and "no preset" in done.output
    assert not (tmp_path / "run").exists()


def test_the_preset_for_copies_hides_more_of_more_pictures():
    usual, copies = (PRESETS["pictures"][name].alteration for name in ("small", "copies"))
    assert copies.hidden > usual.hidden and copies.transformation.recoloured > usual.transformation.recoloured
    assert PRESETS["pictures"]["copies"].latent_size > PRESETS["pictures"]["small"].latent_size


def test_a_run_says_how_it_was_made(run):
    about = json.loads((run / "run.json").read_text())
    assert about["family"] == "contrastive" and about["recipe"]["temperature"] == 0.2

"""Autoencoders, plain and variational, of pictures and of digits."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from latentsearch.models.autoencoder import VariationalEncoder  # noqa: E402
from latentsearch.training.engine.losses import gaussian_divergence  # noqa: E402
from latentsearch.training.engine.precision import Precision  # noqa: E402
from latentsearch.training.families.autoencoder import PRESETS, Autoencoder, Recipe  # noqa: E402
from tests.latentsearch.one_family import (  # noqa: E402
    changed,
    copy_of,
    exported,
    indexed,
    parameters,
    same_end_after_a_kill,
    train,
)
from tests.support import make_folder  # noqa: E402

TINY = ("--width", "4", "--batch", "8", "--epochs", "8", "--latent-size", "6", "--threads", "1")
KINDS = [("pictures", False), ("pictures", True), ("digits", False), ("digits", True)]
CONVOLUTIONS = [25 * 3 * 64 + 128, 25 * 64 * 128 + 256, 25 * 128 * 256 + 512, 25 * 256 * 512 + 1024]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder with what each kind is learned from."""
    folder = tmp_path_factory.mktemp("data")
    make_folder(folder / "pictures", 40)
    random = np.random.default_rng(0)
    arrays = {f"x_{split}": random.integers(0, 256, (40, 28, 28), np.uint8) for split in ("train", "test")}
    np.savez(folder / "digits", **arrays, y_train=np.arange(40) % 10, y_test=np.arange(40) % 10)
    return {"pictures": folder / "pictures", "digits": folder / "digits.npz"}


def make(kind, variational, **sizes):
    chosen = {"width": 4, "latent_size": 6, "batch": 4, **sizes}
    return Autoencoder(Recipe(data=kind, variational=variational, **chosen), Precision.choose("cpu", "fp32"))


def draw(kind, count=4):
    size = 64 if kind == "pictures" else 28
    grey = torch.rand(count, 1 if kind == "digits" else 3, size, size, generator=torch.Generator().manual_seed(0))
    return grey.expand(-1, 3, -1, -1)


def trace(layers, x):
    """Shapes and parameter counts of layers, one by one."""
    shapes, counts = [], []
    for layer in layers:
        x = layer(x)
        shapes.append(tuple(x.shape[1:]))
        counts.append(parameters(layer))
    return shapes, counts


@pytest.mark.parametrize(("variational", "numbers"), [(False, 100), (True, 200)])
def test_of_pictures_it_is_tables_5_and_3_of_aegan(variational, numbers):
    family = make("pictures", variational, width=64, latent_size=100)
    shapes, counts = trace(family.encoder().layers.codes, torch.zeros(2, 3, 64, 64))
    assert shapes == [(64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4), (8192,), (numbers,), (numbers,)]
    assert counts == [*CONVOLUTIONS, 0, 8192 * numbers + numbers, 0]
    shapes, counts = trace(family.generator().layers, torch.zeros(2, 100))
    assert shapes[3:] == [(512, 4, 4), (256, 8, 8), (128, 16, 16), (64, 32, 32), (3, 64, 64)]
    assert counts[4:] == [
        25 * 512 * 256 + 512,
        25 * 256 * 128 + 256,
        25 * 128 * 64 + 128,
        25 * 64 * 3 + 3,
    ]


@pytest.mark.parametrize(("variational", "numbers"), [(False, 3), (True, 6)])
def test_of_digits_it_is_table_2_of_ivegan_without_noise(variational, numbers):
    family = make("digits", variational, width=64, latent_size=3)
    shapes, counts = trace(family.encoder().layers.layers, torch.zeros(2, 1, 32, 32))
    assert shapes == [(64, 16, 16), (128, 8, 8), (256, 4, 4), (256, 2, 2), (256, 1, 1), (256,), (numbers,)]
    assert counts == [
        25 * 64 + 128,
        9 * 64 * 128 + 256,
        9 * 128 * 256 + 512,
        9 * 256 * 256 + 512,
        4 * 256 * 256 + 512,
        0,
        256 * numbers + numbers,
    ]
    shapes, counts = trace(family.generator().layers, torch.zeros(2, 3))
    assert shapes == [(4096,), (256, 4, 4), (256, 8, 8), (128, 16, 16), (64, 32, 32), (1, 32, 32)]
    assert counts == [
        3 * 4096 + 2 * 4096,
        0,
        9 * 256 * 256 + 512,
        9 * 256 * 128 + 256,
        25 * 128 * 64 + 64,
        25 * 64 + 1,
    ]


@pytest.mark.parametrize(("kind", "variational"), KINDS)
def test_encoder_and_generator_take_and_give_rgb_images(kind, variational):
    family, x = make(kind, variational), draw(kind)
    codes = family.encoder()(x)
    images = family.generator()(codes)
    assert codes.shape == (4, 6) and images.shape == x.shape
    assert images.min() >= 0 and images.max() <= 1
    assert family.prior == ("gaussian" if variational else "none")


def test_only_the_plain_code_is_bounded():
    for variational in (False, True):
        family = make("pictures", variational)
        last = next(layer for layer in reversed(list(family.encoder().modules())) if isinstance(layer, torch.nn.Linear))
        torch.nn.init.constant_(last.bias, 5)
        assert (family.encoder()(draw("pictures")).abs().max() > 1) == variational


@pytest.mark.parametrize(("kind", "variational"), KINDS)
def test_a_step_moves_every_weight_of_both_networks(kind, variational):
    family, x = make(kind, variational), draw(kind)
    before = copy_of(family)
    losses = family.step(x)
    assert set(losses) == {"reconstruction_loss", "divergence"} if variational else {"reconstruction_loss"}
    assert changed(family, before) == {"encoder", "decoder"}
    for _ in range(2):
        family.step(x)
    for name, network in family.networks.items():
        assert not any(map(torch.equal, before[name], network.parameters())), name


@pytest.mark.parametrize(("kind", "variational"), KINDS)
def test_it_learns_a_batch(kind, variational):
    family, x = make(kind, variational), draw(kind)
    losses = [sum(family.step(x).values()).item() for _ in range(30)]
    assert losses[-1] < losses[0]


def test_the_reconstruction_loss_is_the_cross_entropy_of_a_picture():
    family, x = make("digits", False), draw("digits")
    with torch.no_grad():
        grey = torch.nn.functional.pad(x[:, :1], (2, 2, 2, 2))
        made = torch.sigmoid(family.decoder.logits(family.encoder_network(x))).clamp(1e-6, 1 - 1e-6)
    expected = -(grey * made.log() + (1 - grey) * (1 - made).log()).sum() / len(x)
    assert family.step(x)["reconstruction_loss"].item() == pytest.approx(expected.item(), rel=1e-3)


def test_the_divergence_is_the_gaussians():
    mean, deviation = torch.tensor([[0.5, -1.0]]), torch.tensor([[0.3, 2.0]])
    posterior, prior = torch.distributions.Normal(mean, deviation), torch.distributions.Normal(0.0, 1.0)
    expected = torch.distributions.kl_divergence(posterior, prior).sum()
    assert gaussian_divergence(mean, 2 * deviation.log()).item() == pytest.approx(expected.item(), rel=1e-5)
    assert gaussian_divergence(torch.zeros(3, 4), torch.zeros(3, 4)) == 0


def test_a_variational_code_is_the_mean_of_what_is_drawn():
    family, x = make("pictures", True), draw("pictures")
    encoder = family.encoder()
    assert isinstance(encoder, VariationalEncoder)
    with torch.no_grad():
        draws = torch.stack([family.encode(x)[0] for _ in range(400)])
        mean, log_variance = encoder.distribution(x)
    assert torch.equal(encoder(x), mean)
    assert (draws.mean(0) - mean).abs().max() < 0.3
    assert (draws.std(0) - (log_variance / 2).exp()).abs().max() < 0.3


def test_the_presets_have_the_widths_of_the_gans_and_the_papers_batches():
    pictures, digits = (PRESETS[kind]["paper"] for kind in ("pictures", "digits"))
    assert (pictures.width, pictures.latent_size, pictures.batch, pictures.epochs) == (64, 100, 64, 25)
    assert (digits.width, digits.latent_size, digits.batch, digits.epochs) == (64, 3, 512, 100)
    assert (digits.framing.width, pictures.framing.width) == (28, 64)


@pytest.mark.parametrize(("kind", "options"), [("pictures", ("--variational",)), ("digits", ())])
def test_a_killed_run_goes_on_to_bitwise_the_same_end(data, tmp_path, kind, options):
    assert same_end_after_a_kill("autoencoder", data[kind], tmp_path, *TINY, *options)


@pytest.mark.parametrize(("options", "prior"), [((), "none"), (("--variational",), "gaussian")])
def test_a_run_becomes_a_bundle_that_makes_an_index(data, tmp_path, options, prior):
    train("autoencoder", data["pictures"], tmp_path / "run", *TINY, *options, "--sheet-steps", "10")
    sheets = {path.name.split("-")[0] for path in (tmp_path / "run/sheets").iterdir()}
    assert sheets == ({"reconstructions"} if prior == "none" else {"samples", "reconstructions"})
    model = exported(tmp_path / "run", tmp_path / "bundle")
    assert model["family"] == "autoencoder" and model["generator"] == {"latent_size": 6, "prior": prior}
    assert indexed(data["pictures"], tmp_path / "bundle", tmp_path / "index") == 40


def test_a_run_on_digits_becomes_a_bundle(data, tmp_path):
    train("autoencoder", data["digits"], tmp_path / "run", *TINY)
    assert exported(tmp_path / "run", tmp_path / "bundle")["latent_size"] == 6

"""AEGAN's recipe beyond the paper: D without normalisation, with a penalty, and what keeps IG within the prior."""

import pytest

torch = pytest.importorskip("torch")

from latentsearch.models.dcgan import Discriminator, InverseGenerator  # noqa: E402
from latentsearch.training.engine.losses import PENALTY_EVERY, lazy_penalty, squared_gradient  # noqa: E402
from latentsearch.training.engine.precision import Precision  # noqa: E402
from latentsearch.training.families.aegan import Aegan, Recipe, length_error  # noqa: E402
from tests.latentsearch.one_family import changed, copy_of, same_end_after_a_kill  # noqa: E402
from tests.support import make_folder  # noqa: E402


def made(**changes):
    return Aegan(Recipe(width=4, batch=4, latent_size=6, **changes), Precision.choose("cpu", "fp32"))


@pytest.fixture
def x():
    return torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def test_a_discriminator_without_normalisation_judges_each_picture_alone(x):
    network = Discriminator(4, normalised=False).train()
    together, alone = network(x), torch.cat([network(one[None]) for one in x])
    assert torch.allclose(together, alone, atol=1e-5)
    assert not [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert not torch.allclose(Discriminator(4).train()(x)[:1], Discriminator(4).train()(x[:1]))


def test_the_squared_gradient_of_a_linear_critic_is_that_of_its_weights(x):
    weights = torch.arange(x[0].numel(), dtype=torch.float32).view(x[0].shape) / 1e4
    measured = squared_gradient(lambda points: (points * weights).flatten(1).sum(1), x)
    assert measured.item() == pytest.approx(weights.square().sum().item(), rel=1e-5)


def test_the_gradient_penalty_counts_in_every_sixteenth_step_for_all_of_them(x):
    family = made(r1=2.0, normalised=False)
    expected = PENALTY_EVERY * squared_gradient(family.discriminator, x).item()
    at = [lazy_penalty(family.discriminator, x, 2.0, step).item() for step in (0, 1, 15, 16)]
    assert at == [pytest.approx(expected, rel=1e-4), 0, 0, pytest.approx(expected, rel=1e-4)]
    assert lazy_penalty(family.discriminator, x, 0.0, 16).item() == 0


def test_a_small_start_is_a_tenth_of_dcgans_last_layer(x):
    usual, small = made().inverse_generator.eval(), made(small_start=True).inverse_generator.eval()
    assert torch.allclose(torch.atanh(small(x)), torch.atanh(usual(x)) / 10, atol=1e-4)
    assert InverseGenerator(4, 6).codes[-2].bias.abs().max() == 0


def test_the_code_weight_adds_the_squared_error_of_z(x):
    z, z_hat = torch.zeros(4, 6), torch.full((4, 6), 0.5)
    plain, weighted = made(), made(code_weight=0.4)
    without, with_it = (family.inverse_loss(z, x, z_hat).item() for family in (plain, weighted))
    assert with_it - without == pytest.approx(0.4 * 0.25, abs=1e-5)


def test_real_pictures_count_only_as_pictures(x):
    family, seen = made(real_share=0.5, code_weight=1.0), {}
    before = copy_of(family)
    inverse_loss = family.inverse_loss

    def watched(z, images, z_hat):
        seen.update(z=len(z), images=images.clone(), codes=len(z_hat))
        return inverse_loss(z, images, z_hat)

    family.inverse_loss = watched
    losses = family.inverse_step(x)
    assert (seen["z"], seen["codes"]) == (4, 6) and torch.equal(seen["images"][4:], x[:2])
    assert losses["reconstruction_loss"].isfinite()
    assert changed(family, before) == {"inverse_generator"}


@pytest.mark.parametrize(("progress", "share"), [(0.0, 1.0), (0.5, 0.5), (1.0, 0.0)])
def test_an_annealed_rate_falls_along_a_cosine(x, progress, share):
    family = made(annealed=True, inverse_learning_rate=1e-3)
    family.progress = progress
    family.inverse_step(x)
    rates = {group["lr"] for group in family.optimisers["inverse_generator"].param_groups}
    assert list(rates) == [pytest.approx(share * 1e-3)]


def test_a_killed_run_with_all_of_it_ends_as_an_undisturbed_one(tmp_path):
    make_folder(tmp_path / "pictures", 24)
    sizes = ("--width", "4", "--batch", "8", "--generator-epochs", "8", "--inverse-epochs", "6", "--threads", "1")
    changes = ("r1=1", "normalised=false", "flip=true", "small_start=true", "code_weight=0.1", "real_share=0.25")
    options = [word for change in (*changes, "annealed=true") for word in ("--change", change)]
    assert same_end_after_a_kill("aegan", tmp_path / "pictures", tmp_path, *sizes, *options, after_steps=20)


def test_the_length_error_is_0_for_codes_as_long_as_the_priors():
    z = torch.rand(64, 20_000, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert length_error(z).item() == pytest.approx(0, abs=1e-3)
    assert length_error(z / 2).item() == pytest.approx(9 / 16, abs=0.02)
    assert length_error(torch.zeros(4, 6)).item() == 1


def test_the_length_counts_in_the_inverses_loss():
    without, with_length = made(), made(length_weight=2.0)
    z, x = torch.zeros(4, 6), torch.rand(4, 3, 64, 64)
    found = without.inverse_loss(z, x, z + 0.1), with_length.inverse_loss(z, x, z + 0.1)
    assert (found[1] - found[0]).item() == pytest.approx(2 * length_error(z + 0.1).item(), rel=1e-3)

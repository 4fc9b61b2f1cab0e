"""BiGAN: its joint discriminator is Table 6, its steps move what they should, its runs can be resumed and published."""

import pytest

torch = pytest.importorskip("torch")

from latentsearch.models.bigan import JointDiscriminator  # noqa: E402
from latentsearch.training.engine.precision import Precision  # noqa: E402
from latentsearch.training.families.bigan import PRESETS, Bigan, Recipe  # noqa: E402
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

TINY = ("--width", "4", "--batch", "8", "--epochs", "8", "--latent-size", "12", "--threads", "1")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    make_folder(folder, 40)
    return folder


@pytest.fixture
def family():
    return Bigan(Recipe(width=4, latent_size=6, batch=4), Precision.choose("cpu", "fp32"))


@pytest.fixture
def x():
    return torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def hold(family, *names):
    for name in names:
        family.optimisers[name].step = lambda: None


def test_the_joint_discriminator_is_table_6_layer_by_layer():
    network, x, shapes, counts = JointDiscriminator().eval(), torch.zeros(2, 3, 64, 64), [], []
    for layer in network.features:
        x = layer(x)
        shapes.append(tuple(x.shape[1:]))
        counts.append(parameters(layer))
    x = torch.cat([x, torch.zeros(2, 100, 8, 8)], 1)
    for layer in network.logits:
        x = layer(x)
        shapes.append(tuple(x.shape[1:]))
        counts.append(parameters(layer))
    convolutions = [(64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4), (512, 2, 2), (512, 1, 1)]
    assert shapes == [*convolutions, (512,), (1,)]
    assert counts == [
        25 * 3 * 64 + 2 * 64,
        25 * 64 * 128 + 2 * 128,
        25 * 128 * 256 + 2 * 256,
        25 * (256 + 100) * 512 + 2 * 512,
        25 * 512 * 512 + 2 * 512,
        25 * 512 * 512 + 2 * 512,
        0,
        512 + 1,
    ]


def test_the_small_preset_is_without_the_last_batch_normalisation():
    small = PRESETS["pictures"]["small"]
    assert not small.normalise_last and PRESETS["pictures"]["paper"].normalise_last
    last = JointDiscriminator(normalise_last=False).logits[2]
    assert parameters(last) == 25 * 512 * 512 + 512 and last(torch.zeros(1, 512, 2, 2)).shape == (1, 512, 1, 1)


def test_the_joint_discriminator_sees_image_and_code(x):
    network, z = JointDiscriminator(width=4, latent_size=6).eval(), torch.rand(4, 6) * 2 - 1
    judged = network(x, z)
    assert judged.shape == (4,)
    assert not torch.equal(judged, network(x.flip(0), z)) and not torch.equal(judged, network(x, z.flip(0)))


def test_the_code_stands_at_every_place():
    network, seen = JointDiscriminator(width=4, latent_size=6).eval(), []
    network.logits.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    z = torch.rand(2, 6)
    network(torch.rand(2, 3, 64, 64), z)
    assert seen[0].shape == (2, 4 * 4 + 6, 8, 8)
    assert torch.equal(seen[0][:, 16:], z[:, :, None, None].expand(2, 6, 8, 8))


def test_the_papers_preset_has_the_papers_sizes(family):
    recipe = PRESETS["pictures"]["paper"]
    assert (recipe.width, recipe.latent_size, recipe.batch, recipe.epochs) == (64, 100, 64, 25)
    for optimiser in family.optimisers.values():
        assert isinstance(optimiser, torch.optim.Adam)
        assert optimiser.defaults["lr"] == 2e-4 and optimiser.defaults["betas"] == (0.5, 0.999)


def test_a_step_moves_every_network_and_its_average(family, x):
    before = copy_of(family)
    assert set(family.step(x)) == {"discriminator_loss", "joint_loss"}
    networks = {"generator", "encoder", "discriminator"}
    assert changed(family, before) == networks | {"generator average", "encoder average"}


def test_every_weight_of_every_network_is_moved(family, x):
    before = copy_of(family)
    for _ in range(2):
        family.step(x)
    for name, network in family.networks.items():
        assert not any(map(torch.equal, before[name], network.parameters())), name


@pytest.mark.parametrize(
    ("held", "moved"), [(("discriminator",), {"generator", "encoder"}), (("generator", "encoder"), {"discriminator"})]
)
def test_each_loss_moves_its_own_networks_alone(family, x, held, moved):
    hold(family, *held)
    before = copy_of(family)
    family.step(x)
    assert {name for name in changed(family, before) if "average" not in name} == moved


def test_a_discriminator_that_stands_still_is_deceived_and_one_that_is_alone_wins(family, x):
    hold(family, "discriminator")
    losses = [family.step(x)["joint_loss"].item() for _ in range(40)]
    assert sum(losses[-5:]) < sum(losses[:5])
    other = Bigan(family.recipe, Precision.choose("cpu", "fp32"))
    hold(other, "generator", "encoder")
    losses = [other.step(x)["discriminator_loss"].item() for _ in range(40)]
    assert sum(losses[-5:]) < sum(losses[:5])


def test_a_killed_run_goes_on_to_bitwise_the_same_end(pictures, tmp_path):
    assert same_end_after_a_kill("bigan", pictures, tmp_path, *TINY)


def test_a_run_becomes_a_bundle_that_makes_an_index(pictures, tmp_path):
    train("bigan", pictures, tmp_path / "run", *TINY, "--sheet-steps", "10")
    sheets = {path.name.split("-")[0] for path in (tmp_path / "run/sheets").iterdir()}
    assert sheets == {"samples", "reconstructions"}
    model = exported(tmp_path / "run", tmp_path / "bundle")
    assert model["family"] == "bigan" and model["generator"] == {"latent_size": 12, "prior": "uniform"}
    assert indexed(pictures, tmp_path / "bundle", tmp_path / "index") == 40

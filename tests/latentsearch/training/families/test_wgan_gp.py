"""WGAN-GP and the autoencoder with its networks, of pictures, CIFAR-10 and digits."""

import numpy as np
import pytest
from click.testing import CliRunner

torch = pytest.importorskip("torch")

from latentsearch.cli import main  # noqa: E402
from latentsearch.models.wgan import Generator, Reader  # noqa: E402
from latentsearch.training.engine.losses import gradient_penalty  # noqa: E402
from latentsearch.training.engine.precision import Precision  # noqa: E402
from latentsearch.training.engine.trained import load_family  # noqa: E402
from latentsearch.training.families import autoencoder, wgan_gp  # noqa: E402
from tests.latentsearch.one_family import (  # noqa: E402
    changed,
    copy_of,
    exported,
    parameters,
    same_end_after_a_kill,
    train,
)
from tests.support import make_folder  # noqa: E402

KINDS = ("pictures", "cifar10", "digits")
SIDES = {"pictures": 64, "cifar10": 32, "digits": 28}
TINY = ("--width", "2", "--batch", "4", "--epochs", "4", "--latent-size", "6", "--threads", "1")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """What each kind is learned from, by kind."""
    folder = tmp_path_factory.mktemp("data")
    make_folder(folder / "pictures", 40)
    random = np.random.default_rng(0)
    for kind, shape in (("digits", (40, 28, 28)), ("cifar10", (40, 32, 32, 3))):
        arrays = {f"x_{split}": random.integers(0, 256, shape, np.uint8) for split in ("train", "test")}
        np.savez(folder / kind, **arrays, y_train=np.arange(40) % 10, y_test=np.arange(40) % 10)
    return {"pictures": folder / "pictures", "digits": folder / "digits.npz", "cifar10": folder / "cifar10.npz"}


def make(kind, module=wgan_gp, **settings):
    chosen = {"width": 2, "latent_size": 6, "batch": 4, **settings}
    return module.FAMILY(module.Recipe(data=kind, **chosen), Precision.choose("cpu", "fp32"))


def draw(kind, count=20):
    channels = 1 if kind == "digits" else 3
    x = torch.rand(count, channels, SIDES[kind], SIDES[kind], generator=torch.Generator().manual_seed(0))
    return x.expand(-1, 3, -1, -1)


def trace(layers, x):
    shapes, counts = [], []
    for layer in layers:
        x = layer(x)
        shapes.append(tuple(x.shape[1:]))
        counts.append(parameters(layer))
    return shapes, counts


def test_the_generator_is_table_1_layer_by_layer():
    with torch.device("meta"):
        network, z = Generator(128, 100, 64, 3), torch.zeros(2, 100)
        shapes, counts = trace(network.layers, z)
    assert shapes[1:4] == [(2048, 4, 4)] * 3
    assert shapes[4:] == [
        (2048, 8, 8),
        (1024, 8, 8),
        (1024, 16, 16),
        (512, 16, 16),
        (512, 32, 32),
        (256, 32, 32),
        (256, 64, 64),
        (128, 64, 64),
        (3, 64, 64),
    ]
    assert counts[:4] == [100 * 4 * 4 * 2048, 0, 2 * 2048, 0]
    lines = [(2048, 1024), (1024, 512), (512, 256), (256, 128)]
    assert counts[5:12:2] == [25 * before * after + 2 * after for before, after in lines]
    assert counts[12] == 25 * 128 * 3 + 3


def test_the_critic_is_table_1_layer_by_layer_without_batch_normalisation():
    with torch.device("meta"):
        network = Reader(128, 1, 64, 3)
        shapes, counts = trace(network.layers, torch.zeros(2, 3, 64, 64))
    widths = (256, 512, 1024, 2048)
    assert shapes[:8] == [(width, side, side) for width, side in zip(widths, (32, 16, 8, 4), strict=True) for _ in "12"]
    assert shapes[8:] == [(4 * 4 * 2048,), (1,)]
    pairs = [(3, 256), (256, 256), (256, 512), (512, 512), (512, 1024), (1024, 1024), (1024, 2048), (2048, 2048)]
    assert counts == [*(25 * before * after + after for before, after in pairs), 0, 4 * 4 * 2048 + 1]
    assert not [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]


def test_at_32_pixels_a_stage_is_left_out_and_1024_maps_come_first():
    with torch.device("meta"):
        shapes, _ = trace(Generator(128, 100, 32, 3).layers, torch.zeros(2, 100))
        read, _ = trace(Reader(128, 1, 32, 3).layers, torch.zeros(2, 3, 32, 32))
    assert shapes[1] == (1024, 4, 4) and shapes[-2:] == [(128, 32, 32), (3, 32, 32)]
    assert read[0] == (256, 16, 16) and read[5] == (1024, 4, 4) and len(read) == 8


def test_weights_begin_as_glorot_draws_them():
    torch.manual_seed(0)
    network = Generator(8, 100, 64, 3)
    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
            fans = [layer.weight.shape[side] * layer.weight[0][0].numel() for side in (0, 1)]
            bound = (6 / sum(fans)) ** 0.5
            assert layer.weight.abs().max() <= bound
            assert layer.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.05)
            assert layer.bias is None or not layer.bias.any()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_published_draws_rgb_images(kind):
    family = make(kind, average_decay=0.9)
    images = family.generator()(family.codes(4))
    assert images.shape == (4, 3, SIDES[kind], SIDES[kind]) and family.prior == "gaussian"
    assert 0 <= images.min() < 0.5 < images.max() <= 1
    assert torch.equal(images[:, 0], images[:, 1]) == (kind == "digits")


def test_the_penalty_is_of_each_image_by_itself():
    real, fake, shares = torch.zeros(2, 1, 2, 2), torch.ones(2, 1, 2, 2), torch.tensor([0.25, 0.5])

    def critic(x):  # the length of its gradient is 2 |x| for each image: 1 and 2
        return x.square().sum((1, 2, 3))

    assert gradient_penalty(critic, real, fake, shares).item() == pytest.approx(((1 - 1) ** 2 + (2 - 1) ** 2) / 2)


def test_the_penalty_lengthens_a_critic_that_is_flat():
    weight = torch.tensor(0.1, requires_grad=True)
    penalty = gradient_penalty(
        lambda x: weight * x.flatten(1).sum(1), torch.zeros(3, 4), torch.ones(3, 4), torch.rand(3)
    )
    penalty.backward()
    assert weight.grad < 0


@pytest.mark.parametrize("kind", KINDS)
def test_each_loss_moves_its_own_network(kind):
    family = make(kind, average_decay=0.9)
    before = copy_of(family)
    losses = family.critic_step(family.prepare(draw(kind, 4)))
    assert changed(family, before) == {"critic"} and set(losses) == {"critic_loss", "penalty"}
    before = copy_of(family)
    family.generator_step()
    assert changed(family, before) == {"generator", "generator average"}


def test_a_step_has_five_batches_for_the_critic_and_one_generator_step():
    family = make("digits")
    assert family.batch == 20
    steps = {name: [] for name in family.networks}
    for name, optimiser in family.optimisers.items():
        optimiser.register_step_post_hook(lambda *_, name=name: steps[name].append(1))
    losses = family.step(draw("digits", family.batch))
    assert (len(steps["critic"]), len(steps["generator"])) == (5, 1)
    assert set(losses) == {"critic_loss", "penalty", "generator_loss"}
    group = family.optimisers["critic"].param_groups[0]
    assert (group["lr"], group["betas"]) == (1e-4, (0.0, 0.9))


def test_the_paper_presets_take_80_000_steps_of_their_data():
    for kind, images in (("pictures", 162_079), ("cifar10", 50_000), ("digits", 60_000)):
        recipe = wgan_gp.PRESETS[kind]["paper"]
        assert recipe.epochs * (images // recipe.step_size) == pytest.approx(80_000, rel=0.01), kind
        mirrored = autoencoder.FORMS["mirrored"][kind]["paper"]
        assert mirrored.epochs * (images // mirrored.batch) == pytest.approx(80_000, rel=0.02), kind
        assert (recipe.width, mirrored.width) == (128, 128)


@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_run_goes_on_to_bitwise_the_same_end(data, tmp_path, kind):
    assert same_end_after_a_kill("wgan-gp", data[kind], tmp_path, *TINY, after_steps=2)


def test_a_run_draws_and_has_no_encoder(data, tmp_path):
    train("wgan-gp", data["cifar10"], tmp_path / "run", *TINY, "--sheet-steps", "5")
    assert (tmp_path / "run/sheets/samples-0000005.png").is_file()
    assert load_family(tmp_path / "run").generator()(torch.zeros(2, 6)).shape == (2, 3, 32, 32)
    done = CliRunner().invoke(main, ["export", str(tmp_path / "run"), "-o", str(tmp_path / "bundle")])
    assert done.exit_code == 2 and "learns no encoder" in done.stderr


def test_fewer_images_than_a_step_takes_leave_nothing_behind(data, tmp_path):
    words = ["train", "wgan-gp", str(data["digits"]), "-o", str(tmp_path / "run"), "--batch", "9"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 2 and "45" in done.stderr and not (tmp_path / "run").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_the_mirrored_autoencoder_learns_by_the_squared_error(kind):
    family, x = make(kind, autoencoder, mirrored=True, batch=20), draw(kind)
    before = copy_of(family)
    with torch.no_grad():
        error = (family.decoder.draw(family.encoder_network(x)) - family.encoder_network.prepare(x)).square().sum()
    first = family.step(x)["reconstruction_loss"].item()
    assert first == pytest.approx(error.item() / 20, rel=1e-4)
    assert changed(family, before) == {"encoder", "decoder"}
    assert [family.step(x)["reconstruction_loss"].item() for _ in range(20)][-1] < first
    codes = family.encoder()(x)
    assert codes.shape == (20, 6) and family.generator()(codes).shape == x.shape
    shapes = [tuple(weight.shape) for weight in make(kind).critic.parameters()]
    assert [tuple(weight.shape) for weight in family.encoder_network.parameters()][:-2] == shapes[:-2]


def test_rates_of_an_autoencoder_rise_and_fall_once_where_a_recipe_asks_for_it():
    for once, shares in ((True, [0.04, 0.52, 1, 0.5, 0]), (False, [1, 1, 1, 1, 1])):
        family = make("digits", autoencoder, mirrored=True, one_cycle=once)
        rates = []
        for family.progress in (0.0, 0.15, 0.3, 0.65, 1.0):
            family.step(draw("digits"))
            rates.append([optimiser.param_groups[0]["lr"] for optimiser in family.optimisers.values()])
        assert np.array(rates) / family.recipe.learning_rate == pytest.approx(np.repeat(shares, 2).reshape(5, 2))


@pytest.mark.parametrize("options", [(), ("--variational",)])
def test_a_mirrored_run_becomes_a_bundle(data, tmp_path, options):
    train("autoencoder", data["cifar10"], tmp_path / "run", "--mirrored", *TINY, *options)
    model = exported(tmp_path / "run", tmp_path / "bundle")
    assert (model["family"], model["latent_size"]) == ("autoencoder", 6)


def test_a_mirrored_run_goes_on_to_bitwise_the_same_end(data, tmp_path):
    assert same_end_after_a_kill("autoencoder", data["pictures"], tmp_path, *TINY, "--mirrored")


def test_others_do_not_learn_from_cifar10(data, tmp_path):
    words = ["train", "aegan", str(data["cifar10"]), "-o", str(tmp_path / "run")]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 2 and "does not learn from cifar10" in done.stderr


def moves(networks, step, *x):
    """The furthest that a number of each layer moves in a step, by the layer's name."""
    before = {name: weights.detach().clone() for name, weights in networks.named_parameters()}
    step(*x)
    return {name: float((weights.detach() - before[name]).abs().max()) for name, weights in networks.named_parameters()}


def test_the_layer_that_reads_codes_learns_at_its_own_rate():
    moved = {}
    for rate in (1.0, 3.0):
        family = make("digits", first_layer_rate=rate)
        moved[rate] = moves(family.generator_network, family.generator_step)
    shares = {name: moved[3.0][name] / moved[1.0][name] for name in moved[1.0]}
    first, *others = shares.values()
    assert [first, *others] == pytest.approx([3, *[1] * len(others)], rel=1e-3)


def test_the_layers_beside_the_code_of_mirrored_autoencoders_learn_at_their_own_rate_through_the_cycle():
    moved = {}
    for rate in (1.0, 0.05):
        family = make("digits", autoencoder, mirrored=True, one_cycle=True, code_rate=rate)
        family.progress = 0.3  # where the cycle is at its height
        moved[rate] = moves(torch.nn.ModuleDict(family.networks), family.step, draw("digits", 4))
    shares = {name: moved[0.05][name] / moved[1.0][name] for name in moved[1.0]}
    assert {name for name, share in shares.items() if share == pytest.approx(0.05, rel=1e-2)} == {
        "encoder.layers.layers.7.0.weight",
        "encoder.layers.layers.7.0.bias",
        "decoder.layers.layers.0.weight",
    }
    assert sum(share == pytest.approx(1, rel=1e-2) for share in shares.values()) == len(shares) - 3

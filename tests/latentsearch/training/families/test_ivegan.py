"""IVE-GAN: its networks are its tables, its steps move what they should, its runs can be resumed and published."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from latentsearch.models.ivegan import compared, digit_networks, picture_networks, ring_networks  # noqa: E402
from latentsearch.training.datasets.transforms import Jitter  # noqa: E402
from latentsearch.training.engine.losses import prediction_loss, squared_gradient  # noqa: E402
from latentsearch.training.engine.precision import Precision  # noqa: E402
from latentsearch.training.families.ivegan import DISCRIMINATORS, NOISY, READ_EVERY, Ivegan  # noqa: E402
from latentsearch.training.families.ivegan_recipe import PRESETS, RING_SCALE  # noqa: E402
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

KINDS = ("pictures", "digits", "ring")
TINY = ("--width", "4", "--batch", "8", "--latent-size", "6", "--threads", "1")


def lines(network, *inputs):
    """(shapes, parameter counts) of a network's layers, one a line of its table."""
    x, shapes, counts = torch.cat(inputs, 1), [], []
    for layer in network.eval().layers:
        x = layer(x)
        shapes.append(tuple(x.shape[1:]))
        counts.append(parameters(layer))
    return shapes, counts


def normalised(kernel, channels_in, channels_out):
    return kernel * kernel * channels_in * channels_out + 2 * channels_out


def plain(kernel, channels_in, channels_out):
    return kernel * kernel * channels_in * channels_out + channels_out


def test_ring_networks_are_table_1():
    networks = ring_networks()
    assert set(networks) == {"encoder", "generator", "discriminator", "prior_discriminator"}
    x, z, noise = torch.zeros(2, 2), torch.zeros(2, 3), torch.zeros(2, 4)
    assert lines(networks["encoder"], x) == ([(128,), (3,)], [plain(1, 2, 128), plain(1, 128, 3)])
    assert lines(networks["generator"], noise, z) == ([(128,), (2,)], [plain(1, 7, 128), plain(1, 128, 2)])
    assert lines(networks["discriminator"], x, x) == ([(128,), (1,)], [plain(1, 4, 128), plain(1, 128, 1)])
    assert lines(networks["prior_discriminator"], x) == ([(128,), (1,)], [plain(1, 2, 128), plain(1, 128, 1)])


def test_deeper_ring_networks_repeat_the_hidden_layer_of_all_but_the_encoder():
    deep, flat = ring_networks(width=6, depth=3), ring_networks(width=6)
    assert parameters(deep["encoder"]) == parameters(flat["encoder"])
    for name in ("generator", "discriminator", "prior_discriminator"):
        assert parameters(deep[name]) - parameters(flat[name]) == 2 * plain(1, 6, 6)


@pytest.mark.parametrize(("name", "end"), [("encoder", 3), ("features", 1024)])
def test_readers_of_digits_are_table_2(name, end):
    shapes, counts = lines(digit_networks()[name], torch.zeros(2, 1, 32, 32))
    assert shapes == [(64, 16, 16), (128, 8, 8), (256, 4, 4), (256, 2, 2), (256, 1, 1), (256,), (end,)]
    assert counts == [
        normalised(5, 1, 64),
        normalised(3, 64, 128),
        normalised(3, 128, 256),
        normalised(3, 256, 256),
        normalised(2, 256, 256),
        0,
        plain(1, 256, end),
    ]


def test_generator_of_digits_is_table_2():
    shapes, counts = lines(digit_networks()["generator"], torch.zeros(2, 4), torch.zeros(2, 3))
    assert shapes == [(4096,), (256, 4, 4), (256, 8, 8), (128, 16, 16), (64, 32, 32), (1, 32, 32)]
    assert counts == [
        normalised(1, 7, 4096),
        0,
        normalised(3, 256, 256),
        normalised(3, 256, 128),
        plain(5, 128, 64),
        plain(5, 64, 1),
    ]


def test_discriminators_of_digits_are_table_2():
    networks, features = digit_networks(), torch.zeros(2, 1024)
    shapes, counts = lines(networks["discriminator"], features, features)
    assert shapes == [(128,), (64,), (16,), (1,)]
    assert counts == [plain(1, 2048, 128), plain(1, 128, 64), plain(1, 64, 16), plain(1, 16, 1)]
    assert lines(networks["prior_discriminator"], features) == ([(64,), (1,)], [plain(1, 1024, 64), plain(1, 64, 1)])


@pytest.mark.parametrize("name", ["encoder", "features"])
def test_readers_of_pictures_are_table_3(name):
    shapes, counts = lines(picture_networks()[name], torch.zeros(2, 3, 128, 128))
    assert shapes == [
        (128, 64, 64), (128, 32, 32), (256, 16, 16), (256, 8, 8), (512, 4, 4), (512, 2, 2), (1024, 1, 1),
        (1024,), (1024,),
    ]  # fmt: skip
    assert counts == [
        normalised(5, 3, 128),
        normalised(5, 128, 128),
        normalised(5, 128, 256),
        normalised(3, 256, 256),
        normalised(3, 256, 512),
        normalised(3, 512, 512),
        normalised(2, 512, 1024),
        0,
        plain(1, 1024, 1024),
    ]


def test_generator_of_pictures_is_table_3():
    shapes, counts = lines(picture_networks()["generator"], torch.zeros(2, 16), torch.zeros(2, 1024))
    assert shapes == [
        (4096,), (1024, 2, 2), (512, 4, 4), (512, 4, 4), (256, 8, 8), (256, 8, 8), (256, 16, 16), (256, 16, 16),
        (128, 32, 32), (128, 32, 32), (128, 64, 64), (128, 64, 64), (64, 128, 128), (3, 128, 128),
    ]  # fmt: skip
    assert counts == [
        normalised(1, 1040, 4096),
        0,
        normalised(2, 1024, 512),
        normalised(2, 512, 512),
        normalised(3, 512, 256),
        normalised(3, 256, 256),
        normalised(3, 256, 256),
        normalised(3, 256, 256),
        normalised(5, 256, 128),
        normalised(5, 128, 128),
        normalised(5, 128, 128),
        plain(5, 128, 128),
        plain(5, 128, 64),
        plain(5, 64, 3),
    ]


def test_discriminators_of_pictures_are_table_3():
    networks, features = picture_networks(), torch.zeros(2, 1024)
    shapes, counts = lines(networks["discriminator"], features, features)
    assert shapes == [(1024,), (512,), (128,), (1,)]
    assert counts == [plain(1, 2048, 1024), plain(1, 1024, 512), plain(1, 512, 128), plain(1, 128, 1)]
    assert lines(networks["prior_discriminator"], features) == ([(128,), (1,)], [plain(1, 1024, 128), plain(1, 128, 1)])


def test_pictures_of_64_pixels_leave_out_one_stage():
    networks = picture_networks(width=8, latent_size=6, noise_size=2, size=64)
    shapes, _ = lines(networks["encoder"], torch.zeros(2, 3, 64, 64))
    assert shapes == [(8, 32, 32), (16, 16, 16), (16, 8, 8), (32, 4, 4), (32, 2, 2), (64, 1, 1), (64,), (6,)]
    shapes, _ = lines(networks["generator"], torch.zeros(2, 2), torch.zeros(2, 6))
    assert shapes[-5:] == [(16, 16, 16), (8, 32, 32), (8, 32, 32), (4, 64, 64), (3, 64, 64)]


def test_weights_are_drawn_by_activation():
    networks = picture_networks(width=32, latent_size=64)
    he, xavier = networks["encoder"].layers[3][0], networks["encoder"].layers[-1][0]
    assert he.weight.std().item() == pytest.approx((2 / (1 + 0.2**2) / (9 * 64)) ** 0.5, rel=0.05)
    assert xavier.weight.std().item() == pytest.approx((2 / (256 + 64)) ** 0.5, rel=0.05)
    linear = [
        layer for network in networks.values() for layer in network.modules() if isinstance(layer, torch.nn.Linear)
    ]
    assert all(not layer.bias.any() for layer in linear if layer.bias is not None)


def test_the_papers_presets_have_the_papers_sizes():
    pictures, digits, ring = (PRESETS[kind]["paper"] for kind in KINDS)
    assert (pictures.latent_size, pictures.noise_size, pictures.batch, pictures.epochs) == (1024, 16, 64, 16)
    assert (pictures.shift, pictures.rotation, pictures.flip) == (20, 20, True)
    assert pictures.framing.box(178, 218) == (25, 45, 153, 173)
    assert (digits.latent_size, digits.noise_size, digits.batch, digits.epochs) == (3, 4, 512, 100)
    assert (digits.shift, digits.rotation, digits.flip, digits.hue) == (4, 20, False, 0)
    assert (ring.latent_size, ring.noise_size, ring.batch, ring.epochs) == (3, 4, 1024, 50)
    assert ring.transformation == Jitter(RING_SCALE * 0.02 / 2**0.5)


@pytest.mark.parametrize(("kind", "beta1"), [("pictures", 0.5), ("digits", 0.7), ("ring", 0.7)])
def test_the_papers_optimisers(kind, beta1):
    family = Ivegan(replace(PRESETS[kind]["paper"], width=4), Precision.choose("cpu", "fp32"))
    for name, optimiser in family.optimisers.items():
        assert isinstance(optimiser, torch.optim.Adam)
        assert optimiser.defaults["lr"] == (1e-4 if name in DISCRIMINATORS else 2e-4)
        assert optimiser.defaults["betas"] == (beta1, 0.999) and optimiser.defaults["eps"] == 1e-8


def test_rates_fall_in_the_second_half_where_a_recipe_asks_for_it():
    recipe = replace(PRESETS["ring"]["paper"], width=4, falling_rates=True)
    family = Ivegan(recipe, Precision.choose("cpu", "fp32"))
    shares = []
    for family.progress in (0.0, 0.5, 0.75, 1.0):
        family.set_rates()
        rates = {name: optimiser.param_groups[0]["lr"] for name, optimiser in family.optimisers.items()}
        shares.append(rates["generator"] / 2e-4)
        assert rates["discriminator"] == pytest.approx(rates["generator"] / 2)
    assert shares == pytest.approx([1, 1, 0.5, 0])


def test_instance_noise_is_what_the_discriminators_see_and_vanishes():
    recipe = replace(PRESETS["ring"]["paper"], instance_noise=0.3)
    family = Ivegan(recipe, Precision.choose("cpu", "fp32"))
    points = torch.zeros(20_000, 2)
    assert family.features(points)[0].std().item() == pytest.approx(0.3, rel=0.03)
    family.progress = NOISY / 2
    assert family.features(points)[0].std().item() == pytest.approx(0.3 / 4, rel=0.03)
    family.progress = NOISY
    assert torch.equal(family.features(points)[0], points)


def test_spectral_normalisation_bounds_every_layer_of_the_discriminators_and_replaces_batch_normalisation():
    networks = digit_networks(width=4, spectral=True)
    for name in ("features", "discriminator", "prior_discriminator"):
        layers = list(networks[name].eval().modules())
        assert not any("BatchNorm" in type(layer).__name__ for layer in layers)
        weighted = [layer for layer in layers if isinstance(layer, (torch.nn.Conv2d, torch.nn.Linear))]
        assert weighted
        for layer in weighted:
            assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1, rel=0.2)
    for name in ("encoder", "generator"):
        assert any("BatchNorm" in type(layer).__name__ for layer in networks[name].modules())


def test_sharpened_networks_tell_near_points_apart():
    torch.manual_seed(0)
    plain_, sharp = (ring_networks(prior_sharpness=factor)["prior_discriminator"] for factor in (1, 40))
    near = torch.tensor([[0.5, 0.5], [0.515, 0.5]])
    steps = [(network.layers[0](near)).diff(dim=0).abs().max().item() for network in (plain_, sharp)]
    assert steps[0] < 0.01 < 0.1 < steps[1]
    assert (
        not plain_.layers[0][0].bias.any()
        and sharp.layers[0][0].bias.abs().min() < 1 < sharp.layers[0][0].bias.abs().max()
    )


def test_two_are_compared_by_distances_and_products():
    first, second = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, -1.0]])
    assert compared(first, second).tolist() == [[1, 2, 3, -1, 2, 3, 3, -2]]


@pytest.mark.parametrize(("kind", "features"), [("digits", 4 * 16), ("ring", 2)])
def test_a_discriminator_that_compares_reads_twice_as_much(kind, features):
    widths = []
    for compares in (False, True):
        recipe = replace(PRESETS[kind]["paper"], width=4, compared=compares)
        discriminator = Ivegan(recipe, Precision.choose("cpu", "fp32")).networks["discriminator"]
        widths.append(discriminator.layers[0][0].in_features)
        assert discriminator(torch.zeros(2, features), torch.ones(2, features)).shape == (2,)
    assert widths == [2 * features, 4 * features]


@pytest.mark.parametrize("mismatched", [False, True])
def test_a_discriminator_that_does_not_compare_pays_for_it_where_pairs_are_mismatched(mismatched):
    """Points left are real, right generated: a D that sees sides alone is right but for real ones beside others."""
    recipe = replace(PRESETS["ring"]["paper"], width=4, mismatched=mismatched)
    family = Ivegan(recipe, Precision.choose("cpu", "fp32"))
    real = torch.stack([torch.full((8,), -0.5), torch.arange(8.0)], 1)
    made = torch.full((8, 2), 0.5)
    costs = []
    for compares in (False, True):
        family.networks["discriminator"] = Judge(compares)
        costs.append(family.judge(real, real, made, made).item())
    assert costs[0] - costs[1] == pytest.approx(5 if mismatched else 0, abs=1e-3)


class Judge(torch.nn.Module):
    """A D that takes points on the left for real; one that compares, only beside themselves."""

    def __init__(self, compares):
        super().__init__()
        self.compares = compares

    def forward(self, known, point):
        real = point[:, 0] < 0
        if self.compares:
            real &= (known == point).all(1)
        return torch.where(real, 10.0, -10.0)


@pytest.fixture
def matched():
    """The family of digits with a matcher, in evaluation mode: else spectral normalisation goes a step on each time."""
    recipe = replace(PRESETS["digits"]["small"], width=4, latent_size=6)
    family = Ivegan(recipe, Precision.choose("cpu", "fp32"))
    for network in family.networks.values():
        network.eval()
    return family


def test_the_matcher_learns_from_what_was_transformed(matched):
    x = matched.prepare(batch("digits"))
    costs = []
    for transformed in (x, x.roll(1, 0)):
        costs.append((matched.judge(x, transformed, x, x), matched.mismatch(x, transformed)))
    assert costs[0][1] < costs[1][1]
    matched.recipe = replace(matched.recipe, matching=0.0)
    assert costs[0][0].item() == pytest.approx((matched.judge(x, x, x, x) + costs[0][1]).item(), rel=1e-4)
    assert not {"matcher", "predictor"} & set(Ivegan(matched.recipe, matched.precision).networks)


@pytest.mark.parametrize("weight", ["matching", "prediction"])
def test_what_the_matcher_says_of_a_picture_is_reconstructed_and_foretold(matched, weight):
    x = matched.prepare(batch("digits"))
    codes = matched.networks["encoder"](x)
    made, *_ = matched.generate(codes)
    of_x, of_made = matched.matched(x, made)
    expected = prediction_loss(of_made if weight == "matching" else matched.networks["predictor"](codes), of_x).item()
    costs = []
    for value in (1.0, 3.0):
        matched.recipe = replace(matched.recipe, **{weight: value})
        costs.append(matched.persuade(x, codes, made, made))
    difference = costs[1] - costs[0]
    assert expected > 0.01
    assert difference.item() == pytest.approx(2 * expected, rel=1e-3)
    difference.backward()
    moved = {name for name in ("encoder", "generator", "predictor") if any_gradient(matched.networks[name])}
    assert moved == {"encoder", "generator" if weight == "matching" else "predictor"}


def any_gradient(network):
    return any(weight.grad is not None and weight.grad.abs().max() > 1e-6 for weight in network.parameters())


def test_the_prediction_loss_is_equation_2_of_byol():
    foretold, told = torch.tensor([[3.0, 4.0], [0.0, 2.0]]), torch.tensor([[6.0, 8.0], [5.0, 0.0]])
    assert prediction_loss(foretold, told).item() == pytest.approx((0 + 2) / 2)


def batch(kind):
    shape = {"pictures": (8, 3, 64, 64), "digits": (8, 3, 28, 28), "ring": (8, 2)}[kind]
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


@pytest.fixture(params=KINDS)
def family(request):
    # Fewer units: sharpened ones may stand still all over the plane, and a lone one of bounded weight has no gradient.
    recipe = replace(PRESETS[request.param]["small"], width=8, latent_size=6, batch=8, average_decay=0.9)
    recipe = replace(recipe, discriminator_sharpness=1.0)
    return Ivegan(recipe, Precision.choose("cpu", "fp32"))


def hold(family, *names):
    for name in names:
        family.optimisers[name].step = lambda: None


def test_a_step_moves_every_network_and_average(family):
    before = copy_of(family)
    losses = family.step(batch(family.recipe.data))
    assert set(losses) == {"discriminator_loss", "generator_loss"}
    assert changed(family, before) == {*family.networks, "encoder average", "generator average"}
    assert all(weight.requires_grad for network in family.networks.values() for weight in network.parameters())


def test_every_weight_of_every_network_is_moved(family):
    before = copy_of(family)
    for _ in range(3):
        family.step(batch(family.recipe.data))
    for name, network in family.networks.items():
        assert not any(map(torch.equal, before[name], network.parameters())), name


@pytest.mark.parametrize("held", [DISCRIMINATORS, ("encoder", "generator", "predictor")])
def test_each_loss_moves_its_own_networks_alone(family, held):
    hold(family, *(name for name in held if name in family.networks))
    before = copy_of(family)
    family.step(batch(family.recipe.data))
    moved = {name for name in changed(family, before) if "average" not in name}
    assert moved == set(family.networks) - set(held)


def test_the_encoder_learns_from_the_pair_and_not_from_the_prior(family):
    x = family.prepare(batch(family.recipe.data))
    family.recipe = replace(family.recipe, prediction=0.0)
    codes = family.networks["encoder"](x)
    reconstructed, generated, *_ = family.generate(codes)
    weights = list(family.networks["encoder"].parameters())
    with_pair = torch.autograd.grad(family.persuade(x, codes, reconstructed, generated), weights, retain_graph=True)
    assert all(gradient.any() for gradient in with_pair)
    # In evaluation mode the two halves of a batch do not meet in the batch statistics.
    family.networks["generator"].eval()
    _, generated, *_ = family.generate(codes)
    assert not any(
        gradient is not None and gradient.any()
        for gradient in torch.autograd.grad(generated.sum(), weights, allow_unused=True)
    )


def test_the_discriminator_sees_what_was_transformed_and_the_encoder_what_was_not(family, monkeypatch):
    seen = {"encoder": [], "transformed": []}
    family.networks["encoder"].register_forward_pre_hook(lambda _, given: seen["encoder"].append(given[0]))
    transform = family.transform
    monkeypatch.setattr(
        family,
        "transform",
        lambda x, random: seen["transformed"].append(transform(x, random)) or seen["transformed"][-1],
    )
    x = family.prepare(batch(family.recipe.data))
    family.step(batch(family.recipe.data))
    assert all(torch.equal(given, x) for given in seen["encoder"])
    assert len(seen["transformed"]) == 1 and not torch.allclose(seen["transformed"][0], x, atol=1e-3)


def small(kind, **changes):
    recipe = replace(PRESETS[kind]["small"], width=4, latent_size=6, batch=8, average_decay=0.9, **changes)
    return Ivegan(recipe, Precision.choose("cpu", "fp32"))


@pytest.mark.parametrize("kind", ["pictures", "digits"])
def test_a_reconstruction_is_of_the_code_without_noise(kind):
    family, codes = small(kind, reconstruction=3.0), torch.rand(8, 6)
    with family.in_eval_mode():
        *_, noiseless = family.generate(codes)
        expected = family.networks["generator"](torch.zeros(8, family.recipe.noise_size), codes)
    assert torch.allclose(noiseless, expected, atol=1e-6)
    assert len(small(kind, reconstruction=0.0).generate(codes)) == 2


@pytest.mark.parametrize("kind", ["pictures", "digits"])
def test_the_reconstruction_gets_closer_to_the_picture(kind):
    # No other loss moves G and E here, except those of discriminators that stand still.
    family, x = small(kind, reconstruction=100.0, learning_rate=1e-3, matching=0.0, prediction=0.0), batch(kind)
    hold(family, "features", "discriminator", "prior_discriminator")

    def error():
        prepared = family.prepare(x)
        return (family.generate(family.networks["encoder"](prepared))[2] - prepared).square().mean().item()

    before = error()
    for _ in range(10):
        family.step(x)
    assert error() < before


def test_the_gradient_penalty_counts_in_one_step_of_sixteen():
    family, x = small("pictures", r1=2.0, normalised=False), batch("pictures")
    assert not [layer for layer in family.networks["features"].modules() if "BatchNorm" in type(layer).__name__]

    def critic(points):
        (features,) = family.features(points)
        return family._pair(features, features) + family._single(features)

    found = [family._penalty(x).item() for _ in range(160)]
    counted = [value for value in found if value]
    assert 3 <= len(counted) <= 20
    assert counted == pytest.approx([16 * squared_gradient(critic, x).item()] * len(counted), rel=1e-3)
    for without in (small("pictures"), small("pictures", r1=2.0, adversarial=False)):
        assert not any(without._penalty(x).item() for _ in range(40))


def test_published_networks_take_and_give_rgb(family):
    if family.recipe.data == "ring":
        pytest.skip("points are not pictures")
    x = batch(family.recipe.data)
    codes = family.encoder().eval()(x)
    made = family.generator().eval()(codes)
    assert codes.shape == (8, 6) and codes.abs().max() <= 1
    assert made.shape == x.shape and made.min() >= 0 and made.max() <= 1


@pytest.mark.parametrize("name", ["encoder", "generator"])
def test_batch_statistics_of_the_averages_are_those_of_their_own_weights(family, name):
    """Not an average of the followed network's, which would lag behind."""
    norms = [layer for layer in family.emas[name].network.modules() if "BatchNorm" in type(layer).__name__]
    before = [layer.num_batches_tracked.item() for layer in norms]
    for _ in range(READ_EVERY + 1):
        family.step(batch(family.recipe.data))
    assert [layer.num_batches_tracked.item() for layer in norms] == [count + 2 for count in before]
    assert not any(module.training for module in family.emas[name].network.modules())


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    make_folder(folder / "pictures", 40)
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (64, 28, 28), dtype=np.uint8)
    labels = random.integers(0, 10, 64, dtype=np.uint8)
    np.savez(folder / "mnist.npz", x_train=images[:40], y_train=labels[:40], x_test=images[40:], y_test=labels[40:])
    return {"pictures": folder / "pictures", "digits": folder / "mnist.npz", "ring": Path("ring")}


@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_run_goes_on_to_bitwise_the_same_end(kind, data, tmp_path):
    options = ("--epochs", "8") if kind != "ring" else ("--epochs", "2", "--batch", "51200")
    assert same_end_after_a_kill("ivegan", data[kind], tmp_path, *TINY, *options)


@pytest.mark.parametrize("kind", ["pictures", "digits"])
def test_a_run_becomes_a_bundle(kind, data, tmp_path):
    train("ivegan", data[kind], tmp_path / "run", *TINY, "--epochs", "2", "--sheet-steps", "5")
    assert {path.name.split("-")[0] for path in (tmp_path / "run/sheets").iterdir()} == {"samples", "reconstructions"}
    model = exported(tmp_path / "run", tmp_path / "bundle")
    assert model["family"] == "ivegan" and model["generator"] == {"latent_size": 6, "prior": "uniform"}
    assert indexed(data["pictures"], tmp_path / "bundle", tmp_path / "index") == 40


def test_a_ring_leaves_density_plots(tmp_path):
    train("ivegan", Path("ring"), tmp_path / "run", *TINY, "--epochs", "1", "--batch", "102400", "--sheet-steps", "5")
    assert [path.name for path in sorted((tmp_path / "run/sheets").iterdir())] == [
        "density-0000005.png",
        "density-0000010.png",
    ]

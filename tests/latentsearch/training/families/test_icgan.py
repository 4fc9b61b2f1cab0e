"""IcGAN: its networks are its tables, its steps move what they should, its runs can be resumed and published."""

import json
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from click.testing import CliRunner  # noqa: E402

from latentsearch.cli import main  # noqa: E402
from latentsearch.models.icgan import Discriminator, Encoder, Generator, SingleEncoder  # noqa: E402
from latentsearch.training.datasets.labelled import papers_attributes  # noqa: E402
from latentsearch.training.engine.losses import matching_aware_loss  # noqa: E402
from latentsearch.training.engine.precision import Precision  # noqa: E402
from latentsearch.training.engine.trained import load_family  # noqa: E402
from latentsearch.training.families.attributes import PRESETS as ANET_PRESETS  # noqa: E402
from latentsearch.training.families.attributes import Anet  # noqa: E402
from latentsearch.training.families.icgan import DESIGNS, PRESETS, Icgan  # noqa: E402
from tests.latentsearch.one_family import (  # noqa: E402
    changed,
    copy_of,
    parameters,
    same_end_after_a_kill,
    train,
)
from tests.support import ATTRIBUTES, make_celeba, make_folder  # noqa: E402

SIZES = ("--width", "4", "--batch", "8", "--latent-size", "6", "--threads", "1")
EPOCHS = ("--generator-epochs", "2", "--attribute-epochs", "1", "--inverse-epochs", "1")
TINY = {"width": 4, "encoder_width": 4, "batch": 4, "latent_size": 6, "labels": ATTRIBUTES, "guidance": 0.0}


@pytest.fixture(scope="module")
def celeba(tmp_path_factory):
    folder = tmp_path_factory.mktemp("celeba")
    make_celeba(folder, 60)
    return folder


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    random, path = np.random.default_rng(0), tmp_path_factory.mktemp("digits") / "mnist.npz"
    arrays = {}
    for split, count in (("train", 32), ("test", 16)):
        arrays[f"x_{split}"] = random.integers(0, 256, (count, 28, 28), np.uint8)
        arrays[f"y_{split}"] = np.arange(count, dtype=np.uint8) % 10
    np.savez(path, **arrays)
    return path


def made(kind="pictures", **fields):
    recipe = replace(PRESETS[kind]["small"], **{**TINY, **fields})
    family = Icgan(recipe, Precision.choose("cpu", "fp32"))
    family.take_labels(torch.eye(8, len(recipe.labels)))
    return family


def batch(kind="pictures"):
    random = torch.Generator().manual_seed(0)
    size = 28 if kind == "digits" else 64
    return torch.rand(4, 3, size, size, generator=random), torch.tensor([[1.0, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1]])


def lines(layers, x):
    shapes, counts = [], []
    for layer in layers:
        x = layer(x)
        shapes.append(tuple(x.shape[1:]))
        counts.append(parameters(layer))
    return shapes, counts


def normalised(kernel, channels_in, channels_out):
    return kernel * kernel * channels_in * channels_out + 2 * channels_out


def test_the_generator_is_table_1_layer_by_layer():
    shapes, counts = lines(Generator().eval().layers.after, torch.zeros(2, 118, 1, 1))
    assert shapes == [(512, 4, 4), (256, 8, 8), (128, 16, 16), (64, 32, 32), (3, 64, 64)]
    assert counts == [
        normalised(4, 100 + 18, 512),
        normalised(4, 512, 256),
        normalised(4, 256, 128),
        normalised(4, 128, 64),
        4 * 4 * 64 * 3 + 3,
    ]


def test_the_discriminator_is_table_1_layer_by_layer():
    network = Discriminator().eval()
    before = lines(network.layers.before, torch.zeros(2, 3, 64, 64))
    after = lines(network.layers.after, torch.zeros(2, 64 + 18, 32, 32))
    assert before == ([(64, 32, 32)], [4 * 4 * 3 * 64 + 64])
    assert after[0] == [(128, 16, 16), (256, 8, 8), (512, 4, 4), (1, 1, 1)]
    assert after[1] == [
        normalised(4, 64 + 18, 128),
        normalised(4, 128, 256),
        normalised(4, 256, 512),
        4 * 4 * 512 + 1,
    ]


@pytest.mark.parametrize(("hidden", "end"), [(4096, 100), (512, 18)])
def test_the_encoders_are_table_2_layer_by_layer(hidden, end):
    network = Encoder(hidden, end).eval()
    layers = [*network.convolutions.after, torch.nn.Flatten(), network.hidden, network.last]
    shapes, counts = lines(layers, torch.zeros(2, 3, 64, 64))
    assert shapes == [(32, 32, 32), (64, 16, 16), (128, 8, 8), (256, 4, 4), (4096,), (hidden,), (end,)]
    assert counts == [
        normalised(5, 3, 32),
        normalised(5, 32, 64),
        normalised(5, 64, 128),
        normalised(5, 128, 256),
        0,
        normalised(1, 4096, hidden),
        hidden * end + end,
    ]
    assert not any(isinstance(module, torch.nn.ReLU) for module in network.last.modules())


def test_the_single_encoder_shares_its_convolutions_alone():
    network = SingleEncoder()
    z, y = network.eval()(torch.zeros(2, 3, 64, 64))
    assert z.shape == (2, 100) and y.shape == (2, 18)
    assert parameters(network.z) == normalised(1, 4096, 4096) + 4096 * 100 + 100
    assert parameters(network.y) == normalised(1, 4096, 512) + 512 * 18 + 18


@pytest.mark.parametrize("position", range(5))
def test_labels_join_where_they_are_asked_to(position):
    z, x, y = torch.rand(2, 6), torch.rand(2, 3, 64, 64), torch.rand(2, 5)
    seen = []
    generator, discriminator = Generator(4, 6, 5, position).eval(), Discriminator(4, 5, position).eval()
    for network in (generator, discriminator):
        network.layers.after.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    assert generator(z, y).shape == x.shape and discriminator(x, y).shape == (2,)
    assert len(generator.layers.before) == len(discriminator.layers.before) == position
    for joined in seen:
        assert torch.equal(joined[:, -5:], y[:, :, None, None].expand(-1, -1, *joined.shape[2:]))


def test_the_papers_presets_have_the_papers_sizes():
    recipe = PRESETS["pictures"]["paper"]
    assert (recipe.width, recipe.encoder_width, recipe.latent_size, recipe.batch) == (64, 32, 100, 64)
    assert (recipe.generator_epochs, recipe.learning_rate, recipe.beta1, recipe.design) == (25, 2e-4, 0.5, "IND")
    assert (recipe.generator_position, recipe.discriminator_position) == (0, 1)
    assert (ANET_PRESETS["pictures"]["paper"].width, ANET_PRESETS["pictures"]["paper"].latent_size) == (32, 512)
    assert len(papers_attributes()) == 18


def test_the_loss_counts_a_wrong_pair_only_where_it_is_wrong():
    real, wrong, fake = torch.tensor([2.0, 2.0]), torch.tensor([1.0, 50.0]), torch.tensor([-1.0, -1.0])
    differs = torch.tensor([True, False])
    softplus = torch.nn.functional.softplus
    wanted = softplus(torch.tensor(-2.0)) + (softplus(torch.tensor(1.0)) + softplus(torch.tensor(-1.0))) / 2
    assert matching_aware_loss(real, wrong, fake, differs).item() == pytest.approx(wanted.item())


@pytest.mark.parametrize("kind", ["pictures", "digits"])
@pytest.mark.parametrize(
    ("design", "step", "moved"),
    [
        ("IND", "generator_step", {"generator", "discriminator", "generator average"}),
        ("IND", "attribute_step", {"attribute_encoder"}),
        ("IND", "latent_step", {"latent_encoder"}),
        ("IND-COND", "latent_step", {"latent_encoder"}),
        ("SNG", "single_step", {"single_encoder"}),
    ],
)
def test_each_step_moves_its_own_networks_alone(kind, design, step, moved):
    family = made(kind, design=design)
    before = copy_of(family)
    losses = getattr(family, step)(*batch(kind))
    assert all(torch.isfinite(loss) for loss in losses.values())
    assert changed(family, before) == moved


@pytest.mark.parametrize(("attribute_epochs", "inverse_epochs"), [(4, 1), (1, 4)])
def test_the_single_encoder_learns_as_long_as_the_longer_of_two(attribute_epochs, inverse_epochs):
    family = made(design="SNG", attribute_epochs=attribute_epochs, inverse_epochs=inverse_epochs)
    assert [stage.epochs for stage in family.stages] == [family.recipe.generator_epochs, 4]


def test_the_losses_of_the_encoders_are_those_of_code_and_labels(monkeypatch):
    family, (x, y) = made(), batch()
    monkeypatch.setattr(family, "generate", lambda count: (torch.ones(count, 6), torch.rand(count, 3, 64, 64)))
    for encoder in (family.latent_encoder, family.attribute_encoder):
        for parameter in encoder.last.parameters():
            torch.nn.init.zeros_(parameter)  # every output is 0
    assert family.latent_step(x, y)["latent_loss"].item() == pytest.approx(1)
    assert family.attribute_step(x, y)["attribute_loss"].item() == pytest.approx(y.square().mean().item())


def test_a_discriminator_alone_learns_to_tell_wrong_labels():
    family, (x, y) = made(average_decay=0.5), batch()
    family.optimisers["generator"].step = lambda: None
    family.take_labels(y)
    for _ in range(150):
        family.generator_step(x, y)
    own, other = family.discriminator(x, y), family.discriminator(x, y.roll(1, 0))
    assert own.mean() > other.mean() + 1


def test_conditioning_reaches_the_code():
    family = made(design="IND-COND")
    images = torch.rand(4, 3, 64, 64)
    before = family.encoder().eval()(images)
    with torch.no_grad():
        family.attribute_encoder.last[0].bias.add_(1)
    assert not torch.allclose(before, family.encoder().eval()(images))


@pytest.mark.parametrize("kind", ["pictures", "digits"])
@pytest.mark.parametrize("design", DESIGNS)
def test_what_is_published_has_its_shapes(kind, design):
    family, (x, _) = made(kind, design=design), batch(kind)
    codes, values = family.encoder().eval()(x), family.attributes().eval()(x)
    assert codes.shape == (4, 6) and values.shape == (4, 3)
    images = family.generator().eval()(torch.cat([codes, values], 1))
    assert images.shape == x.shape and images.min() >= 0 and images.max() <= 1
    assert set(family.image_grids(x)) == {"samples", "reconstructions"}


def test_the_attribute_net_learns_alone():
    family = Anet(
        replace(ANET_PRESETS["pictures"]["small"], width=4, latent_size=12, labels=ATTRIBUTES, flip=False),
        Precision.choose("cpu", "fp32"),
    )
    (x, y), before = batch(), copy_of(family)
    losses = [family.step(x, y)["attribute_loss"].item() for _ in range(60)]
    assert changed(family, before) == {"attributes"} and losses[-1] < losses[0] / 2
    assert family.encoder().eval()(x).shape == (4, 12) and family.attributes().eval()(x).shape == (4, 3)


@pytest.mark.parametrize("design", ["IND-COND", "SNG"])
def test_a_killed_run_goes_on_to_bitwise_the_same_end(celeba, tmp_path, design):
    options = (*SIZES, *EPOCHS, "--design", design)
    assert same_end_after_a_kill("icgan", celeba, tmp_path, *options)


def test_a_killed_attribute_net_goes_on_to_bitwise_the_same_end(celeba, tmp_path):
    assert same_end_after_a_kill("attributes", celeba, tmp_path, *SIZES, "--epochs", "4")


def test_another_design_takes_the_generator_and_the_attribute_encoder_of_a_run(celeba, tmp_path):
    train("icgan", celeba, tmp_path / "first", *SIZES, *EPOCHS, "--generator-position", "2")
    options = ("--generator", str(tmp_path / "first"), "--attribute-epochs", "0", "--design", "IND-COND")
    train("icgan", celeba, tmp_path / "second", *SIZES, *options, "--inverse-epochs", "1")
    first, second = load_family(tmp_path / "first"), load_family(tmp_path / "second")
    assert second.recipe.generator_position == 2
    for name in ("generator", "discriminator", "attribute_encoder"):
        for ours, theirs in zip(second.networks[name].parameters(), first.networks[name].parameters(), strict=True):
            assert torch.equal(ours, theirs)
    codes = torch.rand(4, 9)
    assert torch.equal(first.generator()(codes), second.generator()(codes))


def invoked(*words):
    return CliRunner().invoke(main, ["train", *map(str, words)])


def test_a_finished_attribute_net_can_be_given_more_epochs(celeba, tmp_path):
    once, more = (*SIZES, "--epochs", "1"), (*SIZES, "--epochs", "3")
    train("attributes", celeba, tmp_path / "run", *once)
    train("attributes", celeba, tmp_path / "run", *more, "--resume")
    assert json.loads((tmp_path / "run/checkpoint.json").read_text())["total_step"] == 6


def test_labels_are_celebas_or_those_of_a_file_or_chosen(celeba, tmp_path):
    train("attributes", celeba, tmp_path / "all", *SIZES, "--epochs", "1")
    assert json.loads((tmp_path / "all/run.json").read_text())["recipe"]["labels"] == list(ATTRIBUTES)
    values = np.load(tmp_path / "all/labels.npy")
    assert values.shape == (40, 3)  # 20 held out, and the 20 of the test partition left out
    assert values[:20].tolist() == [[i >> j & 1 for j in range(3)] for i in range(60) if i % 3 == 1]
    train("attributes", celeba, tmp_path / "one", *SIZES, "--epochs", "1", "--label", "Young")
    assert np.load(tmp_path / "one/labels.npy").tolist() == values[:, 1:2].tolist()
    paths = make_folder(tmp_path / "pictures", 12)
    table = tmp_path / "labels.csv"
    table.write_text("file,Round\n" + "".join(f"{path.name},{row % 2}\n" for row, path in enumerate(paths)))
    train("attributes", tmp_path / "pictures", tmp_path / "csv", *SIZES, "--epochs", "1", "--labels", str(table))
    assert np.load(tmp_path / "csv/labels.npy").ravel().tolist() == [0, 1] * 6


def test_digits_have_one_label_a_class(digits, tmp_path):
    train("icgan", digits, tmp_path / "run", *SIZES, *EPOCHS)
    values = np.load(tmp_path / "run/labels.npy")
    assert values.sum(axis=1).tolist() == [1] * 48 and values.argmax(axis=1)[:12].tolist() == [*range(10), 0, 1]


def test_data_without_labels_or_with_others_is_one_sentence(celeba, tmp_path):
    (first, *_) = make_folder(tmp_path / "pictures", 12)
    table = tmp_path / "labels.csv"
    table.write_text(f"file,age\n{first.name},31\n")
    for words, said in (
        (("icgan", tmp_path / "pictures"), "has no labels to learn with"),
        (("icgan", celeba, "--label", "Bearded"), "has no label 'Bearded'"),
        (("bigan", tmp_path / "pictures", "--labels", table), "leave out --labels"),
        (("bigan", tmp_path / "pictures", "--label", "age"), "bigan has no --labels"),
    ):
        done = invoked(*words, "-o", tmp_path / "run")
        assert done.exit_code == 2 and said in done.stderr and done.stderr.count("\n") == 1, done.stderr
        assert not (tmp_path / "run").exists()
    done = invoked("icgan", tmp_path / "pictures", "--labels", table, "--batch", "8", "-o", tmp_path / "run")
    assert done.exit_code == 2 and "needs 1 or 0" in done.stderr


def test_another_familys_generator_is_refused(celeba, tmp_path):
    train("attributes", celeba, tmp_path / "anet", *SIZES, "--epochs", "1")
    done = invoked("icgan", celeba, "-o", tmp_path / "run", *SIZES, "--generator", tmp_path / "anet")
    assert done.exit_code == 2 and "needs a run of icgan" in done.stderr


@pytest.mark.parametrize("position", range(5))
def test_a_discriminator_without_normalisation_joins_labels_anywhere(position):
    network = Discriminator(4, 5, position, normalised=False)
    assert network(torch.rand(2, 3, 64, 64), torch.rand(2, 5)).isfinite().all()


def test_flipped_labels_differ_in_exactly_one_label():
    family = made(flipped_labels=True)
    y = torch.tensor([[1.0, 0, 0], [0, 1, 0], [1, 1, 0]]).repeat(40, 1)
    wrong = family.wrong_labels(y)
    assert ((wrong == 0) | (wrong == 1)).all() and ((wrong - y).abs().sum(1) == 1).all()
    assert (wrong != y).any(0).all()  # each label has its turn


def test_half_of_the_drawn_labels_have_one_flipped():
    family = made(flipped_labels=True)
    family.take_labels(torch.zeros(8, 3))
    drawn = family.drawn_labels(400).sum(1)
    assert set(drawn.tolist()) == {0.0, 1.0} and 150 < drawn.sum() < 250


@pytest.mark.parametrize("r1", [0.0, 5.0])
def test_the_gradient_penalty_moves_the_discriminator_alone(r1):
    with_penalty, without = made(r1=r1, normalised=False), made(r1=0.0, normalised=False)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in with_penalty.discriminator.modules())
    for family in (with_penalty, without):
        family.generator_step(*batch())
    same = [
        torch.equal(mine, other)
        for mine, other in zip(with_penalty.discriminator.parameters(), without.discriminator.parameters(), strict=True)
    ]
    assert all(same) == (r1 == 0)


def test_guidance_draws_the_generator_towards_its_labels():
    """Ey learns beside D, and the error of its values moves G but not Ey."""
    family = made(guidance=5.0)
    before = copy_of(family)
    family.generator_step(*batch())
    assert changed(family, before) == {"generator", "discriminator", "generator average", "attribute_encoder"}
    fake = torch.rand(4, 3, 64, 64, requires_grad=True)
    family.optimisers["attribute_encoder"].zero_grad()
    family._label_error(fake, torch.ones(4, 3)).backward()
    assert fake.grad.abs().max() > 0
    assert all(weight.grad is None for weight in family.attribute_encoder.parameters())


def test_a_rare_label_guides_as_much_as_a_common_one():
    family = made(guidance=1.0)
    values = torch.zeros(100, 3)
    values[:2, 0], values[:50, 1], values[:50, 2] = 1, 1, 1
    family.take_labels(values)
    for parameter in family.attribute_encoder.last.parameters():
        torch.nn.init.zeros_(parameter)  # every value is 0
    fake, (rare, common) = torch.rand(4, 3, 64, 64), torch.eye(3)[:2]
    errors = [family._label_error(fake, label.repeat(4, 1)).item() for label in (rare, common)]
    assert errors == pytest.approx([1 / (0.02 * 0.98) / 3, 1 / 0.25 / 3], rel=1e-3)


def test_the_single_encoder_goes_without_guidance():
    family = made(design="SNG", guidance=5.0)
    before = copy_of(family)
    family.generator_step(*batch())
    assert changed(family, before) == {"generator", "discriminator", "generator average"}

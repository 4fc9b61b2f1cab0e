"""The directly learned inverse, and the generator that it takes from a run of AEGAN."""

import json

import pytest

torch = pytest.importorskip("torch")

from click.testing import CliRunner  # noqa: E402

from latentsearch.cli import main  # noqa: E402
from latentsearch.training.engine.precision import Precision  # noqa: E402
from latentsearch.training.engine.trained import load_family, load_trained  # noqa: E402
from latentsearch.training.families.direct import Direct, Recipe  # noqa: E402
from tests.support import make_folder  # noqa: E402

SCHEDULE = ["--batch", "8", "--threads", "1"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("direct")
    make_folder(folder / "pictures", 16)
    options = ["--width", "4", "--latent-size", "12", "--generator-epochs", "2", "--inverse-epochs", "1"]
    assert train(folder, "aegan", "aegan", *options).exit_code == 0
    return folder


def train(folder, family, run, *options):
    arguments = ["train", family, str(folder / "pictures"), "-o", str(folder / run), *SCHEDULE, *options]
    return CliRunner().invoke(main, arguments)


def test_it_takes_the_generator_of_an_aegan_run_and_leaves_it_as_it_is(place):
    result = train(place, "direct", "direct", "--generator", str(place / "aegan"), "--inverse-epochs", "2")
    assert result.exit_code == 0, result.stderr
    aegan, direct = load_family(place / "aegan"), load_family(place / "direct")
    z = torch.rand(4, 12) * 2 - 1
    assert torch.allclose(aegan.generator()(z), direct.generator()(z), atol=0.05)  # batch statistics are drawn anew
    for name in ("generator", "discriminator"):
        for ours, theirs in zip(direct.networks[name].parameters(), aegan.networks[name].parameters(), strict=True):
            assert torch.equal(ours, theirs)
    recipe = json.loads((place / "direct/run.json").read_text())["recipe"]
    assert (recipe["width"], recipe["latent_size"], recipe["generator_epochs"]) == (4, 12, 0)


def test_it_goes_on_after_the_generator_with_resume(place):
    # A rate that falls depends on the number of epochs.
    options = ("--generator", str(place / "aegan"), "--change", "annealed=false", "--inverse-epochs")
    assert train(place, "direct", "resumed", *options, "1").exit_code == 0
    assert train(place, "direct", "resumed", *options, "3", "--resume").exit_code == 0
    assert train(place, "direct", "undisturbed", *options, "3").exit_code == 0
    ours, theirs = load_family(place / "resumed"), load_family(place / "undisturbed")
    pictures = torch.rand(2, 3, 64, 64)
    assert torch.equal(ours.encoder()(pictures), theirs.encoder()(pictures))


def test_a_generator_learns_on_if_epochs_are_named(place):
    options = ("--generator", str(place / "aegan"), "--generator-epochs", "1", "--inverse-epochs", "1")
    assert train(place, "aegan", "longer", *options).exit_code == 0
    before, after = (load_family(place / name).networks["generator"].parameters() for name in ("aegan", "longer"))
    assert not all(torch.equal(ours, theirs) for ours, theirs in zip(after, before, strict=True))


def test_a_runs_facts_count_the_steps_of_the_generator_that_it_started_from(place):
    options = ("--generator", str(place / "aegan"), "--inverse-epochs", "2")
    assert train(place, "direct", "counted", *options).exit_code == 0
    first, second = (load_trained(place / name, terms="")[0].facts for name in ("aegan", "counted"))
    assert second["steps"] == first["steps"] + 2 * 2 and second["seconds"] >= first["seconds"]
    assert second["commands"][:-1] == first["commands"] and len(second["commands"]) == len(first["commands"]) + 1


def test_a_run_that_began_before_a_setting_existed_can_be_resumed(place):
    options = ("--width", "4", "--latent-size", "12", "--generator-epochs", "1", "--inverse-epochs")
    assert train(place, "aegan", "early", *options, "1", "--preset", "paper").exit_code == 0
    about = json.loads((place / "early/run.json").read_text())
    for name in ("length_weight", "code_weight"):
        del about["recipe"][name]
    (place / "early/run.json").write_text(json.dumps(about))
    assert train(place, "aegan", "early", *options, "2", "--preset", "paper", "--resume").exit_code == 0
    changed = ("--change", "code_weight=0.5", "--preset", "paper", "--resume")
    assert train(place, "aegan", "early", *options, "2", *changed).exit_code == 2


def test_it_learns_a_generator_of_its_own_without_one(place):
    result = train(place, "direct", "alone", "--width", "4", "--generator-epochs", "1", "--inverse-epochs", "1")
    assert result.exit_code == 0, result.stderr


def test_its_loss_is_the_squared_error_of_the_code():
    family = Direct(Recipe(width=4, batch=4, latent_size=5), Precision.choose("cpu", "fp32"))
    z, z_hat = torch.zeros(4, 5), torch.full((4, 5), 0.5)
    assert family.inverse_loss(z, torch.rand(4, 3, 64, 64), z_hat).item() == pytest.approx(0.25)


@pytest.mark.parametrize("family", ["bigan", "autoencoder"])
def test_other_families_take_no_generator(place, family):
    result = train(place, family, f"wrong-{family}", "--generator", str(place / "aegan"))
    assert result.exit_code == 2 and "--generator" in result.stderr and result.stderr.count("\n") == 1
    assert not (place / f"wrong-{family}").exists()


def test_a_setting_that_a_family_lacks_is_one_sentence(place):
    result = train(place, "aegan", "wrong", "--variational")
    assert result.exit_code == 2 and "aegan has no --variational" in result.stderr
    assert not (place / "wrong").exists()


def test_a_kind_of_data_that_a_family_lacks_is_one_sentence(tmp_path):
    result = CliRunner().invoke(main, ["train", "aegan", "ring", "-o", str(tmp_path / "run")])
    assert result.exit_code == 2 and "aegan does not learn from ring" in result.stderr

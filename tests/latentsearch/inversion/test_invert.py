"""A picture's code by optimisation: through the command line, and many pictures at once."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

torch = pytest.importorskip("torch")

from indexer.encoders.encoder import SHIPPED  # noqa: E402
from indexer.encoders.framing import CELEBA  # noqa: E402
from indexer.encoders.generator import load_generator  # noqa: E402
from indexer.errors import EncoderError  # noqa: E402
from latentsearch.cli import main  # noqa: E402
from latentsearch.inversion.onnx_module import load_differentiable  # noqa: E402
from latentsearch.inversion.optimise import draw, invert, project, radius  # noqa: E402
from tests.support import GENERATOR_LATENT, make_bundle, make_folder  # noqa: E402

SHIPPED_BUNDLE = SHIPPED / "aegan"
METHODS = ("gradient", "projected")
# The tiny generator's pictures change fast with its codes: 8 numbers, whose every one moves the whole picture.
TINY = {"gradient": 1e-4, "projected": 0.05}


def latentsearch(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def inverted(*arguments):
    result = latentsearch("invert", *arguments, "--json", "--threads", 1)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return make_bundle(tmp_path_factory.mktemp("tiny"), generator=True)


@pytest.fixture(scope="module")
def picture(tiny, tmp_path_factory):
    """A picture that the tiny generator made, as a file."""
    path = tmp_path_factory.mktemp("pictures") / "generated.png"
    Image.fromarray(next(load_generator(tiny).draw(1, seed=7))).save(path)
    return path


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    """Bundles of a training run of seconds, by precision."""
    folder = tmp_path_factory.mktemp("training")
    make_folder(folder / "pictures", 32)
    options = ("--width", 8, "--batch", 16, "--generator-epochs", 2, "--inverse-epochs", 1, "--threads", 1)
    commands = [("train", "aegan", folder / "pictures", "-o", folder / "run", *options)]
    for precision in ("fp32", "int8"):
        form = ("--precision", precision, "--distance", "euclidean")
        commands.append(("export", folder / "run", "-o", folder / precision, *form))
    for command in commands:
        result = latentsearch(*command)
        assert result.exit_code == 0, result.output
    return folder


@pytest.fixture(scope="module")
def exported(bundles):
    return bundles / "int8"


def differences(bundle, count=4):
    generator = load_differentiable(bundle)
    codes = draw("uniform", count, generator.latent_size, 3)
    with torch.no_grad():
        pictures = generator(codes).permute(0, 2, 3, 1).numpy() * 255
    assert pictures.shape == (count, CELEBA.height, CELEBA.width, 3)
    return np.abs(load_generator(bundle, threads=1).generate(codes.numpy()) - pictures)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_the_differentiable_generator_makes_the_pictures_of_onnx_runtime(bundles, precision):
    assert differences(bundles / precision).max() <= 1


def test_so_does_the_one_that_ships():
    assert differences(SHIPPED_BUNDLE).max() <= 1


def test_and_one_that_cuts_off_where_others_round(tiny):
    assert differences(tiny).max() <= 1


def test_every_picture_has_the_gradient_of_its_own_code(exported):
    generator = load_differentiable(exported)
    codes = draw("uniform", 3, generator.latent_size, 3).requires_grad_(True)
    generator(codes)[1].sum().backward()
    assert (codes.grad.abs().amax(1) > 0).tolist() == [False, True, False]


@pytest.mark.parametrize("method", METHODS)
def test_a_generated_picture_is_found_again(tiny, picture, method):
    found = inverted(picture, "--generator", tiny, "--method", method, "--learning-rate", TINY[method], "--steps", 400)
    assert found["start"]["difference"] > 20
    assert found["end"]["difference"] < 1.5
    assert found["end"]["cross_entropy"] < found["start"]["cross_entropy"]
    true = draw_of(tiny, seed=7)
    # Eight bits a colour hide a little of the code.
    assert np.abs(np.array(found["code"]) - true).max() < 0.1


def draw_of(bundle, seed):
    return np.random.default_rng(seed).uniform(-1, 1, (1, GENERATOR_LATENT))[0]


@pytest.mark.parametrize("method", METHODS)
def test_errors_fall_from_the_neighbourhood_of_the_true_code(exported, method):
    generator = load_differentiable(exported)
    codes = draw("uniform", 3, generator.latent_size, 0)
    with torch.no_grad():
        images = generator(codes)
    start = codes + 0.3 * draw("gaussian", 3, generator.latent_size, 1)
    found = invert(generator, images, latent_size=generator.latent_size, method=method, start=start, steps=30)
    assert found.errors.shape == (31, 3)
    assert (found.errors[-1] < found.errors[0]).all()
    assert ((found.codes - codes).norm(dim=1) < (start - codes).norm(dim=1)).all()


def test_pictures_do_not_influence_each_other(exported):
    generator = load_differentiable(exported)
    with torch.no_grad():
        images = generator(draw("uniform", 3, generator.latent_size, 5))
    start = draw("uniform", 3, generator.latent_size, 6)
    for method in METHODS:
        options = {"latent_size": generator.latent_size, "method": method, "steps": 5}
        together = invert(generator, images, start=start, **options).codes
        alone = torch.cat(
            [invert(generator, images[n : n + 1], start=start[n : n + 1], **options).codes for n in range(3)]
        )
        torch.testing.assert_close(together, alone, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("prior", ["uniform", "gaussian"])
def test_projected_codes_stay_in_the_priors_ball(exported, prior):
    generator = load_differentiable(exported)
    size, longest = generator.latent_size, radius(prior, generator.latent_size)
    white = torch.ones(2, 3, CELEBA.height, CELEBA.width)  # farther than any code goes
    options = {"latent_size": size, "prior": prior, "start": torch.full((2, size), 5.0), "learning_rate": 0.5}
    found = invert(generator, white, method="projected", steps=10, **options)
    assert found.codes.norm(dim=1).max() <= longest * 1.00001
    assert project(torch.full((1, size), 0.01), longest).equal(torch.full((1, size), 0.01))


@pytest.mark.parametrize("prior", ["uniform", "gaussian"])
def test_the_ball_holds_nearly_all_codes_and_little_more(prior):
    lengths = draw(prior, 20_000, 100, 0).norm(dim=1)
    assert 0.995 < (lengths <= radius(prior, 100)).float().mean() < 0.9999
    assert radius("gaussian", 100) == pytest.approx((100 + 3 * 200**0.5) ** 0.5)


def test_seeds_repeat(tiny, picture):
    codes = [inverted(picture, "--generator", tiny, "--steps", 3, "--seed", seed)["code"] for seed in (1, 1, 2)]
    assert codes[0] == codes[1] != codes[2]


def test_the_reconstruction_is_written_and_is_the_codes_own(tiny, picture, tmp_path):
    found = inverted(picture, "--generator", tiny, "--steps", 20, "-o", tmp_path / "again.png")
    written = np.asarray(Image.open(tmp_path / "again.png"), np.float32)
    code = np.array([found["code"]], np.float32)
    assert np.abs(written - load_generator(tiny).generate(code)[0]).max() <= 1
    original = np.asarray(Image.open(picture), np.float32)
    assert np.abs(written - original).mean() == pytest.approx(found["end"]["difference"], abs=0.6)


def test_several_pictures_are_inverted_at_once(tiny, picture, tmp_path):
    others = make_folder(tmp_path / "pictures", 2)
    words = ("invert", picture, *others, "--generator", tiny, "--steps", 5, "--threads", 1, "-o", tmp_path)
    result = latentsearch(*words, "--json")
    assert result.exit_code == 0, result.output
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert [one["image"] for one in found] == [str(path) for path in (picture, *others)]
    for one in found:
        assert one["end"]["difference"] < one["start"]["difference"] and one["end"]["length"] <= one["radius"] + 1e-3
        written = np.asarray(Image.open(tmp_path / f"{Path(one['image']).stem}.png"), np.float32)
        assert np.abs(written - load_generator(tiny).generate(np.array([one["code"]], np.float32))[0]).max() <= 1


def test_several_reconstructions_need_a_folder_and_names(tiny, picture, tmp_path):
    for images, target, sentence in (
        ((picture, picture), tmp_path / "a.png", "is not a folder"),
        ((picture, picture), tmp_path, "have the same name"),
    ):
        result = latentsearch("invert", *images, "--generator", tiny, "-o", target)
        assert result.exit_code == 2 and sentence in result.stderr
        assert not list(tmp_path.iterdir())


def test_a_person_reads_the_errors_and_the_ball(tiny, picture):
    result = latentsearch("invert", picture, "--generator", tiny, "--steps", 2, "--method", "gradient")
    assert result.exit_code == 0, result.output
    for words in ("gradient descent, 2 steps", "in steps of 255", "cross-entropy", "the prior's ball: 2.28"):
        assert words in result.stdout


def test_an_encoder_gives_the_start(exported, picture):
    found = inverted(picture, "--generator", exported, "--start", exported, "--steps", 0)
    from indexer.decoding.decode import decode
    from indexer.encoders.encoder import load_encoder

    encoder = load_encoder(exported)
    np.testing.assert_allclose(found["code"], encoder.encode(decode(picture, CELEBA)[None])[0], atol=1e-4)


@pytest.mark.parametrize(
    ("bundle", "sentence"),
    [
        (
            {"distance": "cosine"},
            "export its training run with `latentsearch export RUN -o BUNDLE --distance euclidean`",
        ),
        ({"distance": "euclidean"}, "gives codes of 16 numbers where the generator takes 8"),
    ],
)
def test_an_encoder_whose_codes_the_generator_does_not_take_is_refused(tiny, picture, tmp_path, bundle, sentence):
    other = make_bundle(tmp_path, "other", **bundle)
    result = latentsearch("invert", picture, "--generator", tiny, "--start", other)
    assert result.exit_code == 4 and sentence in result.stderr


def test_what_is_missing_is_one_sentence(tiny, picture, tmp_path):
    bare = make_bundle(tmp_path, "bare")
    (tmp_path / "text.jpg").write_text("no picture")
    for arguments, status, sentence in (
        ((tmp_path / "none.png", "--generator", tiny), 2, "there is no picture at"),
        ((tmp_path, "--generator", tiny), 2, "is a folder"),
        ((tmp_path / "text.jpg", "--generator", tiny), 3, "text.jpg"),
        ((picture, "--generator", bare), 4, "has no generator"),
        ((picture, "--generator", tmp_path / "nowhere"), 4, "no encoder"),
        ((picture, "--generator", tiny, "-o", tmp_path / "a.txt"), 2, "end its name in .png"),
        ((picture, "--generator", tiny, "-o", tmp_path / "no" / "a.png"), 2, "no such folder"),
    ):
        result = latentsearch("invert", *arguments)
        assert (result.exit_code, len(result.stderr.splitlines())) == (status, 1), result.output
        assert sentence in result.stderr


def test_a_damaged_generator_is_refused(tiny, picture, tmp_path):
    bundle = make_bundle(tmp_path, generator=True)
    with (bundle / "generator.onnx").open("ab") as file:
        file.write(b"more")
    result = latentsearch("invert", picture, "--generator", bundle)
    assert result.exit_code == 4 and "its sha256 is not the one" in result.stderr


def test_an_unknown_operator_is_named(tiny):
    import onnx

    from latentsearch.inversion.onnx_module import GraphGenerator

    graph = onnx.load(tiny / "generator.onnx").graph
    next(node for node in graph.node if node.op_type == "Sigmoid").op_type = "Erf"
    with pytest.raises(EncoderError, match="the operator Erf, which cannot be differentiated here"):
        GraphGenerator(graph, json.loads((tiny / "model.json").read_text()))


def test_a_prior_that_there_is_not_needs_a_start(tiny, picture, tmp_path):
    bundle = make_bundle(tmp_path, generator=True)
    model = json.loads((bundle / "model.json").read_text())
    model["generator"]["prior"] = "none"
    (bundle / "model.json").write_text(json.dumps(model))
    result = latentsearch("invert", picture, "--generator", bundle)
    assert result.exit_code == 2 and "have no prior" in result.stderr and "--start ENCODER" in result.stderr

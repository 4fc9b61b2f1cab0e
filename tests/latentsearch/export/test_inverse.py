"""A bundle with a generator also computes the generator's own codes, so that G(E(x)) redraws pictures."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from indexer.decoding.decode import decode  # noqa: E402
from indexer.encoders.encoder import load_encoder  # noqa: E402
from indexer.encoders.generator import load_generator, load_inverse  # noqa: E402
from indexer.errors import EncoderError  # noqa: E402
from latentsearch.training.engine.trained import load_trained  # noqa: E402
from tests.latentsearch.one_family import train  # noqa: E402
from tests.support import make_bundle, make_folder  # noqa: E402

TINY = ("--width", "4", "--latent-size", "6", "--batch", "8", "--threads", "1")
FAMILIES = {
    "aegan": ("--generator-epochs", "2", "--inverse-epochs", "2"),
    "contrastive": ("--epochs", "2"),  # its published codes come from other features than its generator's
}


@pytest.fixture(scope="module", params=FAMILIES)
def run(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    make_folder(folder / "pictures", 24)
    train(request.param, folder / "pictures", folder / "run", *TINY, *FAMILIES[request.param])
    return folder / "run"


@pytest.fixture(scope="module")
def pixels(run):
    framing = load_trained(run, "")[0].framing
    return np.stack([decode(path, framing) for path in sorted((run.parent / "pictures").iterdir())])


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_the_generators_codes_are_the_networks_own_whatever_the_published_codes_are(run, pixels, tmp_path, distance):
    bundle = exported(run, tmp_path / "bundle", "--distance", distance)
    trained, _ = load_trained(run, "")
    with torch.no_grad():
        z = trained.encoder(torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255)
        redrawn = trained.generator(z).permute(0, 2, 3, 1).numpy() * 255
    inverse = load_inverse(bundle)
    found = inverse.invert(pixels)
    assert inverse.latent_size == 6 and inverse.framing == trained.framing
    np.testing.assert_allclose(found, z.numpy(), atol=1e-4)
    assert np.abs(load_generator(bundle).generate(found) - redrawn).max() <= 1


def test_published_codes_are_the_same_with_and_without_them(run, pixels, tmp_path):
    encoder = load_encoder(exported(run, tmp_path / "bundle"))
    codes = encoder.encode(pixels)
    assert codes.shape == (len(pixels), 6) and encoder.model["fidelity"]["inverse_mean_difference"] < 1e-3
    np.testing.assert_allclose(np.linalg.norm(codes, axis=1), 1, atol=1e-5)


def test_a_bundle_without_them_is_one_sentence(tmp_path):
    with pytest.raises(EncoderError, match="has no codes that a generator redraws"):
        load_inverse(make_bundle(tmp_path))


def test_codes_by_parts_are_redrawn_as_they_are():
    inverse, encoder = load_inverse("parts"), load_encoder("parts")
    side = (encoder.framing.height, encoder.framing.width, 3)
    pixels = np.random.default_rng(0).integers(0, 256, (3, *side), np.uint8)
    np.testing.assert_allclose(inverse.invert(pixels), encoder.encode(pixels), atol=1e-5)


def exported(run, bundle, *options):
    from click.testing import CliRunner

    from latentsearch.cli import main

    done = CliRunner().invoke(main, ["export", str(run), "-o", str(bundle), "--precision", "fp32", *options])
    assert done.exit_code == 0, done.output
    return bundle

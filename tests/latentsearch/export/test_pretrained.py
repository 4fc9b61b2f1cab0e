"""`latentsearch export timm:NAME`: a network of timm, here with random weights, becomes a bundle like any other."""

import json
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")
timm = pytest.importorskip("timm")

from indexer.decoding.decode import decode  # noqa: E402
from indexer.encoders.encoder import load_encoder  # noqa: E402
from indexer.encoders.framing import CELEBA  # noqa: E402
from tests.latentsearch.collection import assert_fails, call  # noqa: E402
from tests.support import make_folder  # noqa: E402

NAME = "test_resnet"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pretrained") / "pictures"
    make_folder(folder, 32)
    return folder


def export(pictures, folder, *options):
    made = call("export", f"timm:{NAME}", "-o", folder, "--pictures", pictures, "--untrained", *options)
    assert made.exit_code == 0, made.stderr
    return load_encoder(folder)


def framed(pictures, encoder):
    return np.stack([decode(path, encoder.framing) for path in sorted(pictures.iterdir())])


def test_normalisation_is_inside_and_codes_are_the_networks_own(pictures, tmp_path):
    encoder = export(pictures, tmp_path / "own", "--distance", "euclidean", "--precision", "fp32")
    torch.manual_seed(0)
    network = timm.create_model(NAME, pretrained=False, num_classes=0).eval()
    mean, deviation = (np.array(network.pretrained_cfg[key], np.float32) for key in ("mean", "std"))
    pixels = framed(pictures, encoder)
    with torch.no_grad():
        expected = network(torch.from_numpy((pixels / np.float32(255) - mean) / deviation).permute(0, 3, 1, 2)).numpy()
    np.testing.assert_allclose(encoder.encode(pixels), expected, atol=1e-4)
    assert encoder.framing.crops == CELEBA.crops


def test_pictures_are_indexed_and_found_with_it(pictures, tmp_path):
    encoder = export(pictures, tmp_path / "bundle")
    assert encoder.distance == "cosine" and encoder.latent_size <= 100
    index = tmp_path / "index"
    assert call("index", pictures, "--index", index, "--encoder", encoder.folder).exit_code == 0
    first = sorted(pictures.iterdir())[0]
    found = json.loads(call("query", first, "--index", index, "--json").stdout)
    assert found["results"][0]["path"] == str(first) and found["results"][0]["distance"] < 1e-3


def test_the_model_card_names_source_and_licence(pictures, tmp_path):
    folder = tmp_path / "bundle"
    export(pictures, folder, "--terms", "for tests alone")
    card, model = (folder / "MODEL_CARD.md").read_text(), json.loads((folder / "model.json").read_text())
    assert f"`timm:{NAME}`, timm {timm.__version__}" in card and "| weights | random |" in card
    assert "licence of the weights" in card and "**Terms:** for tests alone" in card
    assert "No label" not in card and "generator" not in card.lower()
    assert model["trained"]["pictures"] == 32 and set(model["files"]) == {"encoder.onnx"}
    listed = call("encoders", "--json")
    assert listed.exit_code == 0


def test_an_unknown_name_is_one_sentence(pictures, tmp_path):
    result = call("export", "timm:no_such_net", "-o", tmp_path / "bundle", "--pictures", pictures)
    assert_fails(result, 2, "has no network 'no_such_net'")


def test_missing_weights_are_one_sentence(pictures, tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise OSError("no network here\nand more")

    monkeypatch.setattr(timm, "create_model", refuse)
    result = call("export", f"timm:{NAME}", "-o", tmp_path / "bundle", "--pictures", pictures)
    said, failed = result.stderr.splitlines()
    assert said == f"timm takes the weights of timm:{NAME} from its cache, or fetches them from the Internet"
    assert failed.startswith("latentsearch: ") and "cannot be fetched (no network here)" in failed
    assert (result.exit_code, result.stdout) == (10, "")
    assert not (tmp_path / "bundle").exists()


def test_without_timm_its_extra_is_named(pictures, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    result = call("export", f"timm:{NAME}", "-o", tmp_path / "bundle", "--pictures", pictures)
    assert_fails(result, 8, "timm is not installed: pip install 'latentsearch[pretrained]'")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("timm:x", "-o", "bundle"), "go together"),
        (("run", "-o", "bundle", "--pictures", "p"), "go together"),
        (("run", "-o", "bundle", "--untrained"), "for timm:NAME alone"),
    ],
)
def test_options_that_do_not_fit_are_told(options, sentence):
    result = call("export", *options)
    assert result.exit_code == 2 and sentence in result.stderr

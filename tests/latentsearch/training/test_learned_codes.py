"""Training to a score, on drawn pictures: `make test-slow`, seven minutes of processor time."""

import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("torch")

from indexer.decoding.decode import decode
from indexer.encoders.encoder import load_encoder
from indexer.encoders.framing import CELEBA
from latentsearch.cli import main
from tests.support import draw_picture, make_folder

GALLERY, QUERIES = 2000, 200
LEAST_RECALL = 0.8


def latentsearch(*arguments):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output


def smaller_and_darker(number):
    picture = draw_picture(number).resize((121, 148))
    return picture.point(lambda value: value * 0.85)


@pytest.mark.slow
def test_learned_codes_find_the_original_of_an_altered_picture(tmp_path):
    gallery = make_folder(tmp_path / "gallery", GALLERY)
    options = ("--width", 16, "--batch", 32, "--generator-epochs", 8, "--inverse-epochs", 8)
    latentsearch("train", "aegan", tmp_path / "gallery", "-o", tmp_path / "run", *options)
    latentsearch("export", tmp_path / "run", "-o", tmp_path / "bundle")
    encoder = load_encoder(tmp_path / "bundle")
    codes = encoder.encode(np.stack([decode(path, CELEBA) for path in gallery]))
    queries = []
    for number in range(QUERIES):
        smaller_and_darker(number).save(tmp_path / "query.png")
        queries.append(decode(tmp_path / "query.png", CELEBA))
    found = (encoder.encode(np.stack(queries)) @ codes.T).argmax(axis=1)
    recall = np.mean(found == np.arange(QUERIES))
    print(f"recall@1 of altered pictures: {recall:.3f}")
    assert recall >= LEAST_RECALL

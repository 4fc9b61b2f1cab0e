"""Decoded chunks become codes, several at once, whatever is among them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from indexer.encoders.encoder import Encoder, load_encoder
from indexer.pipeline.encoding import EncodingPool
from indexer.workers.tasks import DecodedChunk, Job, Outcome
from tests.support import make_bundle

SIZES = (5, 1, 0, 64, 7, 3)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    return load_encoder(make_bundle(tmp_path_factory.mktemp("bundles")))


def chunk(encoder: Encoder, number: int, count: int) -> DecodedChunk:
    framing, random = encoder.framing, np.random.default_rng(number)
    pixels = random.integers(0, 256, (count, framing.height, framing.width, 3), np.uint8)
    return DecodedChunk([Outcome(Job(f"{number}", 1, 1), "")], pixels, 0.0)


def test_every_chunk_gets_its_codes(encoder: Encoder) -> None:
    chunks = [chunk(encoder, number, count) for number, count in enumerate(SIZES)]
    # Where nothing is ready yet, a stage gives None.
    with EncodingPool(encoder, iter([None, *chunks[:3], None, *chunks[3:]])) as encoding:
        found = {encoded.decoded.outcomes[0].job.path: encoded for encoded in filter(None, encoding.results())}
    assert sorted(found) == [str(number) for number in range(len(SIZES))]
    for number, decoded in enumerate(chunks):
        assert found[str(number)].decoded is decoded
        np.testing.assert_array_equal(found[str(number)].codes, encoder.encode(decoded.pixels))


def test_what_goes_wrong_before_reaches_whoever_takes_the_codes(encoder: Encoder) -> None:
    def decoded() -> Iterator[DecodedChunk | None]:
        yield chunk(encoder, 0, 2)
        raise RuntimeError("the disk is gone")

    with EncodingPool(encoder, decoded()) as encoding, pytest.raises(RuntimeError, match="the disk is gone"):
        list(encoding.results())


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_the_number_of_threads_changes_no_code(encoder: Encoder, threads: int) -> None:
    pixels = chunk(encoder, 3, 23).pixels
    several = load_encoder(encoder.folder, threads=threads)
    np.testing.assert_array_equal(several.encode(pixels, batch_size=4), encoder.encode(pixels))
    assert several.encode(pixels[:0]).shape == (0, encoder.latent_size)

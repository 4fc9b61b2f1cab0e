"""Faces packed for another machine: as many, as alike, with their labels."""

import numpy as np
import pytest

from benchmarks.datasets.celeba import load_faces
from benchmarks.datasets.packed_faces import pack
from indexer.errors import InputError
from tests.benchmarks.drawn_celeba import make_drawn_celeba


def test_packed_faces_are_the_same_faces(tmp_path):
    make_drawn_celeba(tmp_path / "celeba")
    count = pack(tmp_path / "celeba", tmp_path / "packed")
    kept = [load_faces(tmp_path / "celeba", name) for name in ("train", "validation")]
    packed = [load_faces(tmp_path / "packed", name) for name in ("train", "validation")]
    assert count == sum(map(len, kept)) == sum(map(len, packed))
    for before, after in zip(kept, packed, strict=True):
        assert np.array_equal(before.attributes, after.attributes) and before.names_sha256 == after.names_sha256
        assert np.abs(before.pixels().astype(int) - after.pixels()).mean() < 6
    with pytest.raises(InputError, match="exists"):
        pack(tmp_path / "celeba", tmp_path / "packed")

"""What the tests of the Python interface share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import latentsearch as ls
from tests.support import make_bundle, make_celeba


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with twelve labelled pictures, a tiny bundle, and the index `index` of them."""
    folder = tmp_path_factory.mktemp("python")
    make_celeba(folder / "faces", 12)
    with ls.create(folder / "index", encoder=make_bundle(folder / "bundles")) as faces:
        assert faces.add(folder / "faces").encoded == 12
    return folder


@pytest.fixture
def faces(made: Path) -> Iterator[ls.Collection]:
    with ls.open(made / "index") as opened:
        yield opened

"""Collections: opened, made, described, changed, exported."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

import latentsearch as ls
from tests.latentsearch.interface.faces import picture
from tests.support import ATTRIBUTES, draw_picture, make_bundle


def test_create_opens_what_is_there(made: Path, tmp_path: Path) -> None:
    with ls.create(made / "index") as again:
        assert (len(again), again.encoder) == (12, "tiny")
    with pytest.raises(ls.EncoderError, match="tiny"):
        ls.create(made / "index", encoder=make_bundle(tmp_path, "other", seed=1))


def test_open_requires_an_encoder(made: Path, tmp_path: Path) -> None:
    bundle = shutil.copytree(made / "bundles" / "tiny", tmp_path / "moved")
    with ls.open(made / "index", encoder=bundle) as faces:
        assert len(faces.search(faces.encode(draw_picture(1))[0])) == 12
    with pytest.raises(ls.EncoderError, match="tiny"):
        ls.open(made / "index", encoder=make_bundle(tmp_path, "other", seed=1))


def test_open_says_that_there_is_no_index(tmp_path: Path) -> None:
    with pytest.raises(ls.IndexStateError, match=re.escape(str(tmp_path))):
        ls.open(tmp_path)


def test_a_closed_collection_says_so(made: Path) -> None:
    faces = ls.open(made / "index")
    faces.close()
    faces.close()
    assert "closed" in repr(faces)
    for use in (lambda: len(faces), lambda: faces.search(1), lambda: faces.add(made), lambda: faces.encode([])):
        with pytest.raises(ValueError, match="is closed"):
            use()


def test_a_collection_describes_itself(faces: ls.Collection, made: Path) -> None:
    assert repr(faces) == f"<Collection {str(made / 'index')!r}: 12 pictures, encoder 'tiny'>"
    assert picture(made, 1) in faces
    assert made / "nothing.jpg" not in faces
    assert (faces.latent_size, faces.distance, faces.folder) == (16, "cosine", made / "index")
    assert {label.name for label in faces.labels()} >= set(ATTRIBUTES)
    assert faces.status()["images"] == 12
    assert faces.failures() == []
    assert faces.check().problems == []

"""Grouping of codes, and `latentsearch faces` on photographs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

import latentsearch as ls
from indexer.vectors.exact import unit
from latentsearch.search import face_groups
from latentsearch.search.face_groups import grouped
from tests.faces_in_photographs import photograph
from tests.latentsearch.collection import assert_fails, call
from tests.support import make_bundle


def clusters(sizes: list[int], spread: float, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Unit codes around far centres, shuffled, and the number of each one's centre."""
    random = np.random.default_rng(seed)
    centres = np.eye(len(sizes), 16, dtype=np.float32)
    owners = np.repeat(np.arange(len(sizes)), sizes)
    random.shuffle(owners)
    return unit(centres[owners] + random.normal(0, spread, (len(owners), 16)).astype(np.float32)), owners


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_separate_clusters_are_found_largest_first(distance: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(face_groups, "ROWS_AT_ONCE", 7)
    codes, owners = clusters([3, 9, 1, 5], 0.02)
    groups = grouped(codes, 0.3, distance)
    assert [len(group) for group in groups] == [9, 5, 3, 1]
    assert all(len(set(owners[group])) == 1 for group in groups)


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
@settings(max_examples=40, deadline=None)
@given(count=st.integers(0, 40), greatest=st.floats(0, 1.5), seed=st.integers(0, 1000))
def test_groups_are_a_partition_no_farther_apart_than_asked(
    distance: str, count: int, greatest: float, seed: int
) -> None:
    codes = unit(np.random.default_rng(seed).normal(0, 1, (count, 3)).astype(np.float32))
    groups = grouped(codes, greatest, distance)
    assert sorted(row for group in groups for row in group.tolist()) == list(range(count))
    assert [len(group) for group in groups] == sorted((len(group) for group in groups), reverse=True)
    for group in groups:
        if len(group) > 1:
            closest = [np.delete(1 - codes[group] @ codes[row], place).min() for place, row in enumerate(group)]
            nearest = np.array(closest) if distance == "cosine" else np.sqrt(2 * np.maximum(closest, 0))
            assert nearest.max() <= greatest + 1e-3


def test_a_chain_is_not_one_group() -> None:
    """Neighbours are close, the ends are opposite: single linkage would join them all."""
    angles = np.linspace(0, np.pi, 60)
    codes = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    assert len(grouped(codes, 0.05, "cosine")) >= 4


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of photographs with face 0 three times, face 3 twice and face 1 once."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "photos").mkdir()
    for number, faces in enumerate(([0, 1], [0, 3], [3], [0])):
        places = [(30, 40, 200), (330, 180, 220)]
        picture = photograph(faces, places, seed=number).rotate(3 * number, Image.Resampling.BICUBIC)
        picture.save(folder / "photos" / f"{number}.png")
    make_bundle(folder)
    options = ("--index", folder / "index", "--encoder", folder / "tiny", "--faces")
    assert call("index", folder / "photos", *options).exit_code == 0
    return folder


def test_faces_that_are_alike_are_grouped(made: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "groups.png"
    found = call("faces", "--index", made / "index", "--json", "--min-similarity", "0.99995", "--sheet", sheet)
    assert found.exit_code == 0, found.stderr
    groups = json.loads(found.stdout)["groups"]
    names = [[Path(face["path"]).name for face in group] for group in groups]
    assert list(map(sorted, names)) == [["0.png", "1.png", "3.png"], ["1.png", "2.png"]]
    assert "5 of 6 faces in 2 groups" in found.stderr
    with Image.open(sheet) as drawn:
        assert drawn.width > drawn.height
    lines = call("faces", "--index", made / "index", "--min-similarity", "0.99995").stdout.splitlines()
    first = groups[0][0]
    assert lines[0].split("\t") == ["1", str(first["id"]), ",".join(map(str, first["face"]["box"])), first["path"]]


def test_python_groups_faces(made: Path) -> None:
    with ls.open(made / "index") as pictures:
        found = pictures.faces(min_similarity=0.99995, least=1)
        assert [len(group) for group in found] == [3, 2, 1]
        assert found.faces == 6
        assert len(pictures.faces(min_similarity=0.99995, least=3)) == 1
        for wrong in ({"min_similarity": 1.5}, {"least": 0}):
            with pytest.raises(ls.InputError):
                pictures.faces(**wrong)  # type: ignore[arg-type]


def test_an_index_without_faces_says_how_to_find_them(made: Path, tmp_path: Path) -> None:
    call("index", made / "photos", "--index", tmp_path / "without", "--encoder", made / "tiny")
    assert_fails(call("faces", "--index", tmp_path / "without"), 2, "has no faces", "--faces")


def test_sheets_show_faces(made: Path, tmp_path: Path) -> None:
    picture, sheet = made / "photos" / "2.png", tmp_path / "sheet.png"
    found = call("query", picture, "--index", made / "index", "-k", "3", "--sheet", sheet)
    assert found.exit_code == 0, found.stderr
    with Image.open(sheet) as drawn:
        query, first = (np.asarray(drawn.crop((8 + 168 * n, 8, 168 + 168 * n, 168)), int) for n in (0, 1))
    assert np.abs(query - first).mean() < 3  # the same face, cut out of the same file
    with Image.open(picture) as whole:
        small = np.asarray(whole.convert("RGB").resize((52, 39)), int)
    assert np.abs(first[-40:-1, -53:-1] - small).mean() < 12

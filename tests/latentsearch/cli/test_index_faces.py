"""`latentsearch index --faces`: what is stored for photographs with three faces, one, and none."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from indexer.catalog.faces import FaceRecord, packed, unpacked
from indexer.index.index import Index
from indexer.index.writer import IndexWriter
from tests.faces_in_photographs import PLACES, photograph, places_of
from tests.latentsearch.collection import assert_fails, call
from tests.support import make_bundle

THREE, ONE, NONE = "three.jpg", "one.jpg", "none.jpg"
ORIENTATION = 0x0112


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles")
    make_bundle(folder)
    make_bundle(folder, "aligned", seed=1, latent_size=24, aligned=True)
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, bundles: Path) -> Path:
    """A folder with an index, `index`, of three photographs, `photos`."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "photos").mkdir()
    for name, faces in ((THREE, [0, 1, 2]), (ONE, [3]), (NONE, [])):
        photograph(faces, seed=len(faces)).save(folder / "photos" / name, quality=95)
    index(folder, bundles, "--face-encoder", bundles / "aligned")
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of it, whose index names the photographs of the copy."""
    shutil.copytree(made, tmp_path / "here")
    with IndexWriter.open(tmp_path / "here" / "index") as writer:
        for record in list(writer.catalog.images.all()):
            path = tmp_path / "here" / "photos" / Path(record.path).name
            writer.catalog.images.relocate(record.id, str(path), record.size, path.stat().st_mtime_ns)
        writer.commit()
    return tmp_path / "here"


def index(folder: Path, bundles: Path, *options: str | Path) -> dict[str, Any]:
    made = call("index", folder / "photos", "--index", folder / "index", "--json", *options)
    assert made.exit_code == 0, made.stderr
    summary: dict[str, Any] = json.loads(made.stdout)
    return summary


def faces_of(folder: Path, name: str) -> list[FaceRecord]:
    """The faces of a photograph; fails unless the codes, and a search for each, agree with the rows."""
    with Index.open(folder / "index") as opened:
        image_id = opened.id_of(folder / "photos" / name)
        assert image_id is not None and opened.faces is not None
        faces = opened.faces.of_image(image_id)
        assert opened.faces.count() == opened.catalog.faces.count()
        if faces:
            codes = opened.faces.codes([face.id for face in faces])
            distances, ids = opened.faces.search(codes, 1)
            assert np.abs(distances).max() < 1e-5
            assert {face.id for face in opened.faces.faces(ids[:, 0].tolist())} <= {int(one) for one in ids[:, 0]}
        return faces


def counts(folder: Path, names: Sequence[str] = (THREE, ONE, NONE)) -> list[int]:
    return [len(faces_of(folder, name)) for name in names]


def assert_sound(folder: Path) -> None:
    checked = call("check", "--index", folder / "index")
    assert checked.exit_code == 0, checked.stderr
    assert "faces.f32" in checked.stdout


def test_a_photograph_has_a_row_for_each_face(made: Path) -> None:
    assert counts(made) == [3, 1, 0]
    faces = faces_of(made, THREE)
    assert list(places_of([face.box for face in faces], PLACES)) == [1, 0, 2]
    for face in faces:
        points = unpacked(face.points)
        assert (points >= face.box[:2]).all() and (points <= face.box[2:]).all()
        assert 0.5 < face.score <= 1
    assert_sound(made)


def test_status_counts_faces(made: Path) -> None:
    status = json.loads(call("status", "--index", made / "index", "--json").stdout)
    faces = status["faces"]
    assert (faces["faces"], faces["searched"], faces["with_faces"]) == (4, 3, 2)
    assert (faces["encoder"]["name"], faces["encoder"]["latent_size"], faces["detector"]) == (
        "aligned",
        24,
        "centerface",
    )
    assert "4 faces in 2 of 3 pictures searched" in call("status", "--index", made / "index").stdout


def test_the_index_remembers_that_it_has_faces(folder: Path, bundles: Path) -> None:
    photograph([2, 3], seed=9).save(folder / "photos" / "new.jpg", quality=95)
    summary = index(folder, bundles)
    assert (summary["encoded"], summary["unchanged"], summary["faces"]) == (1, 3, 2)
    assert counts(folder, [THREE, "new.jpg"]) == [3, 2]


def test_faces_come_to_an_index_without_them(folder: Path, bundles: Path) -> None:
    without = folder / "without"
    shutil.copytree(folder / "photos", without / "photos")
    assert "faces" not in index(without, bundles, "--encoder", bundles / "tiny")
    with Index.open(without / "index") as opened:
        before = list(opened.catalog.images.all()), np.array(opened.vectors.codes)
        assert opened.faces is None
    summary = index(without, bundles, "--face-encoder", bundles / "aligned")
    assert (summary["encoded"], summary["unchanged"], summary["faces"]) == (0, 3, 4)
    with Index.open(without / "index") as opened:
        assert (list(opened.catalog.images.all()), True) == (
            before[0],
            np.array_equal(opened.vectors.codes[:3], before[1]),
        )
    assert counts(without) == [3, 1, 0]
    assert_sound(without)


def test_moved_copied_and_changed_photographs(folder: Path, bundles: Path) -> None:
    before = [face.id for face in faces_of(folder, THREE)]
    (folder / "photos" / THREE).rename(folder / "photos" / "moved.jpg")
    shutil.copy(folder / "photos" / "moved.jpg", folder / "photos" / "copy.jpg")
    photograph([0, 1], seed=5).save(folder / "photos" / ONE, quality=95)
    summary = index(folder, bundles, "--prune")
    assert (summary["moved"], summary["copied"], summary["changed"], summary["faces"]) == (1, 1, 1, 5)
    names = "moved.jpg", "copy.jpg"
    moved = next(name for name in names if [face.id for face in faces_of(folder, name)] == before)
    (copy,) = {*names} - {moved}
    assert [face[3:] for face in faces_of(folder, copy)] == [face[3:] for face in faces_of(folder, moved)]
    assert counts(folder, [*names, ONE, NONE]) == [3, 3, 2, 0]
    found = json.loads(call("duplicates", "--exact", "--json", "--index", folder / "index").stdout)
    assert [sorted(Path(one["path"]).name for one in group["pictures"]) for group in found["groups"]] == [sorted(names)]
    assert_sound(folder)


def test_removing_a_photograph_removes_its_faces(folder: Path, bundles: Path) -> None:
    greatest = max(face.id for name in (THREE, ONE) for face in faces_of(folder, name))
    removed = call("remove", folder / "photos" / THREE, "--index", folder / "index")
    assert removed.exit_code == 0, removed.stderr
    assert counts(folder, [ONE, NONE]) == [1, 0]
    (folder / "photos" / ONE).unlink()
    assert index(folder, bundles, "--prune=force")["removed"] == 1
    assert min(face.id for face in faces_of(folder, THREE)) > greatest
    with Index.open(folder / "index") as opened:
        assert opened.faces is not None and opened.faces.count() == 3
    assert_sound(folder)


def test_a_lost_search_index_of_faces_is_made_again(folder: Path) -> None:
    (folder / "index" / "faces.faiss").unlink()
    assert counts(folder) == [3, 1, 0]
    checked = call("check", "--index", folder / "index")
    assert "faces.faiss" in checked.stdout and (folder / "index" / "faces.faiss").exists()
    (folder / "index" / "faces.f32").write_bytes(b"")
    damaged = call("check", "--index", folder / "index")
    assert damaged.exit_code != 0
    assert "faces.f32 ends after 0 codes: those of 4 faces are lost" in damaged.stdout + damaged.stderr


def test_faces_that_were_not_committed_are_not_there(folder: Path, bundles: Path) -> None:
    photograph([2], seed=3).save(folder / "photos" / "new.jpg", quality=95)
    with IndexWriter.open(folder / "index") as writer:  # as a run that is killed before its first commit
        [position] = writer.append_faces(np.ones((1, 24), np.float32))
        first = writer.catalog.faces.next_id()
        writer.catalog.faces.add([FaceRecord(first, 1, position, 0, 0, 9, 9, packed(np.zeros((5, 2))), 0.9)])
    assert (folder / "index" / "faces.f32").stat().st_size == 5 * 24 * 4
    assert counts(folder) == [3, 1, 0]
    assert index(folder, bundles)["faces"] == 1
    assert counts(folder, [THREE, "new.jpg"]) == [3, 1]
    assert_sound(folder)


def test_an_export_has_the_faces_and_an_import_leaves_them(made: Path, bundles: Path, tmp_path: Path) -> None:
    table = tmp_path / "codes.parquet"
    exported = call("export", "-o", table, "--index", made / "index")
    assert exported.exit_code == 0, exported.stderr
    rows = pq.read_table(table, columns=["path", "faces"]).to_pylist()
    assert {Path(row["path"]).name: len(row["faces"]) for row in rows} == {THREE: 3, ONE: 1, NONE: 0}
    [row] = [row for row in rows if Path(row["path"]).name == THREE]
    stored = sorted(faces_of(made, THREE))
    assert [face["id"] for face in row["faces"]] == [face.id for face in stored]
    assert list(places_of([[face[e] for e in ("left", "top", "right", "bottom")] for face in row["faces"]], PLACES))
    with Index.open(made / "index") as opened:
        assert opened.faces is not None
        codes = opened.faces.codes([face.id for face in stored])
    assert np.array_equal(np.array([face["code"] for face in row["faces"]], np.float32), codes)
    imported = call("import", table, "--index", tmp_path / "again", "--encoder", made / "index" / "none")
    assert imported.exit_code != 0
    imported = call("import", table, "--index", tmp_path / "again")
    assert imported.exit_code == 0, imported.stderr
    found = call("index", made / "photos", "--index", tmp_path / "again", "--face-encoder", bundles / "aligned")
    assert "4 new faces" in found.stdout, found.output


def test_another_encoder_is_refused(folder: Path, bundles: Path) -> None:
    make_bundle(folder, "other", seed=2, latent_size=24, aligned=True)
    place = (folder / "photos", "--index", folder / "index")
    refused = call("index", *place, "--face-encoder", folder / "other")
    assert_fails(refused, 4, "the faces of the index at", "encoded with aligned", "--face-encoder")
    refused = call("index", *place, "--face-encoder", bundles / "tiny")
    assert_fails(refused, 4, "tiny was not learned on aligned faces")
    assert counts(folder) == [3, 1, 0]


def test_boxes_are_in_pixels_of_the_upright_photograph(tmp_path: Path, bundles: Path) -> None:
    (tmp_path / "photos").mkdir()
    large = photograph([0, 1, 2]).resize((4480, 3360), Image.Resampling.BICUBIC)
    large.save(tmp_path / "photos" / "large.jpg", quality=80)
    turned = photograph([0, 1, 2])
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    turned.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "photos" / "turned.jpg", quality=95, exif=exif)
    turned.convert("L").save(tmp_path / "photos" / "grey.png")
    index(tmp_path, bundles, "--encoder", bundles / "tiny", "--face-encoder", bundles / "aligned")
    for name, scale in (("large.jpg", 7), ("turned.jpg", 1), ("grey.png", 1)):
        boxes = [[edge / scale for edge in face.box] for face in faces_of(tmp_path, name)]
        assert list(places_of(boxes, PLACES)) == [1, 0, 2], name

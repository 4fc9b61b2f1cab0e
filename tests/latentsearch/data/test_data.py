"""Manifests: their facts agree with one another; copies: whole, partial, damaged and missing ones are told apart."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from indexer.errors import InputError
from latentsearch.cli import main
from latentsearch.data import draw_ring, folder_of, load_manifest, manifest_names, verify
from latentsearch.data.manifest import parse_manifest
from tests.latentsearch.loopback import manifest_of, tarred

CELEBA_NAMES = load_manifest("celeba").labels[0].names


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, ["data", *arguments])
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def celeba(tmp_path: Path) -> Path:
    """Six drawn pictures in CelebA's format: four of the train partition, two of the validation partition."""
    folder = tmp_path / "celeba"
    pictures = folder / "img_align_celeba"
    pictures.mkdir(parents=True)
    names = [f"{number:06}.jpg" for number in (1, 4, 17, 18, 182609, 182620)]
    for shade, name in enumerate(names):
        Image.new("RGB", (178, 218), (40 * shade, 90, 120)).save(pictures / name)
    values = ["  1" if column % 3 else " -1" for column in range(40)]
    rows = "".join(f"{name} {' '.join(values)}\n" for name in names)
    (folder / "list_attr_celeba.txt").write_text(f"{len(names)}\n{' '.join(CELEBA_NAMES)} \n{rows}")
    (folder / "list_eval_partition.txt").write_text("".join(f"{name} {int(name > '1')}\n" for name in names))
    (folder / "identity_CelebA.txt").write_text(
        "".join(f"{name} {10177 - place}\n" for place, name in enumerate(names))
    )
    return folder


@pytest.mark.parametrize("name", manifest_names())
def test_every_manifest_agrees_with_itself(name: str) -> None:
    manifest = load_manifest(name)
    assert manifest.name == name
    assert manifest.licence and manifest.source and manifest.by_hand
    assert sum(split.images for split in manifest.splits) == manifest.images
    for file in manifest.files:
        assert {"md5", "sha256"} <= set(file.hashes)
        assert all(url.startswith(("https://", "http://")) for url in file.urls)
        assert file.rows in (None, manifest.images) and file.pictures in (None, manifest.images)
    for labels in manifest.labels:
        assert len(set(labels.names)) == len(labels.names) and len(set(labels.values)) == len(labels.values)


def test_the_known_sets() -> None:
    assert manifest_names() == ["celeba", "cifar10", "fashion-mnist", "mnist", "ring"]


def test_labels_and_splits_are_the_published_ones() -> None:
    celeba = load_manifest("celeba")
    binary, split, identity = celeba.labels
    assert (binary.kind, len(binary.names)) == ("binary", 40)
    assert list(binary.names) == sorted(binary.names)
    assert (identity.kind, identity.count) == ("identity", 10_177)
    assert (split.kind, split.values) == ("split", celeba.split_names())
    assert [part.images for part in celeba.splits] == [162_770, 19_867, 19_962]
    for name, train in (("mnist", 60_000), ("fashion-mnist", 60_000), ("cifar10", 50_000)):
        manifest = load_manifest(name)
        assert [part.images for part in manifest.splits] == [train, 10_000]
        assert [(labels.kind, len(labels.values)) for labels in manifest.labels] == [("class", 10)]


def test_the_protocol_of_aegan() -> None:
    (protocol,) = [protocol for protocol in load_manifest("celeba").protocols if protocol.paper == "AEGAN"]
    assert protocol.gallery and protocol.queries
    assert (protocol.gallery.take, protocol.gallery.images) == ("first", 20_000)
    assert (protocol.queries.take, protocol.queries.images) == ("others", 64)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("images = 3\n", "images = 4\n"), "splits"),
        (('name = "a.bin"', 'name = "../a.bin"'), "plain file name"),
        (('md5 = "', 'md5 = "0'), "md5 hash"),
        (("bytes = ", "octets = "), "octets"),
        (('licence = "MIT"', ""), "licence"),
        (("shape = [2, 2, 1]", "shape = ["), "cannot be used"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(change: tuple[str, str], complaint: str) -> None:
    digest = hashlib.md5(b"").hexdigest()
    text = (
        'name = "t"\ntitle = "T"\nsource = "s"\nlicence = "MIT"\nimages = 3\nshape = [2, 2, 1]\nby_hand = "ask"\n'
        'splits = [{ name = "train", images = 3 }]\n'
        f'[[files]]\nname = "a.bin"\nholds = "x"\nbytes = 0\nurls = ["http://127.0.0.1:9/a.bin"]\nmd5 = "{digest}"\n'
    )
    assert parse_manifest(text).name == "t"
    with pytest.raises(InputError, match=complaint):
        parse_manifest(text.replace(*change))


def test_the_ring_has_eight_equal_modes() -> None:
    ring = load_manifest("ring").ring
    assert ring
    points, modes = draw_ring(ring, 8_000)
    assert points.dtype == np.float32 and points.shape == (8_000, 2)
    assert np.bincount(modes).min() > 850 and len(np.bincount(modes)) == 8
    for mode in range(8):
        angle = 2 * np.pi * mode / 8
        assert np.allclose(points[modes == mode].mean(axis=0), [np.cos(angle), np.sin(angle)], atol=0.005)
        assert np.allclose(points[modes == mode].std(axis=0), 0.02, atol=0.003)
    assert np.array_equal(points, draw_ring(ring, 8_000)[0])
    assert not np.array_equal(points, draw_ring(ring, 8_000, seed=1)[0])


def test_list_names_source_size_split_and_licence() -> None:
    status, out, _ = run("list")
    assert status == 0
    assert "202,599 pictures (train 162,770, validation 19,867, test 19,962), 1,476 MB to fetch" in out
    assert "non-commercial research only" in out and "(synthetic)" in out
    sets = json.loads(run("list", "--json")[1])
    assert [one["name"] for one in sets] == manifest_names()
    assert sets[0]["files"][0]["hashes"]["md5"] == "00d2c5bc6d35e252742224ab0c1e8fcb"


def test_an_unknown_name_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    for verb in ("verify", "fetch"):
        status, _, err = run(verb, "imagenet", "--root", str(tmp_path))
        assert status == 2
        assert "'imagenet'; there are celeba, cifar10, fashion-mnist, mnist, ring" in err


def test_a_partial_celeba_is_accepted_and_said_to_be_partial(celeba: Path) -> None:
    for root in (celeba, celeba.parent):
        status, out, err = run("verify", "celeba", "--root", str(root))
        assert (status, err) == (0, "")
        assert out.splitlines()[-1] == (
            f"{celeba}: partial: 6 of 202,599 pictures, labels for all of them; splits train 4, validation 2"
        )
    report = json.loads(run("verify", "celeba", "--root", str(celeba), "--json")[1])
    assert report["state"] == "partial"
    assert report["pictures"] == {
        "found": 6, "of": 202_599, "labelled": 6, "splits": {"train": 4, "validation": 2, "test": 0}, "empty": 0
    }  # fmt: skip
    assert [file["status"] for file in report["files"]] == ["partial"] * 4 + ["missing"] * 2


def test_a_folder_by_another_name_is_found_by_its_files(celeba: Path) -> None:
    other = celeba.rename(celeba.with_name("faces"))
    assert folder_of(load_manifest("celeba"), other) == other
    assert verify(load_manifest("celeba"), other).state == "partial"


def test_pictures_without_labels_are_counted(celeba: Path) -> None:
    identity = celeba / "identity_CelebA.txt"
    identity.write_text("".join(identity.read_text().splitlines(keepends=True)[1:]))
    assert "6 of 202,599 pictures, labels for 5 of them" in verify(load_manifest("celeba"), celeba).summary


@pytest.mark.parametrize(
    ("name", "change", "complaint"),
    [
        ("list_attr_celeba.txt", ("6\n", "7\n"), "its first line says '7' rows and it has 6"),
        ("list_attr_celeba.txt", ("Bald Bangs", "Bangs Bald"), "does not name the published labels"),
        ("list_attr_celeba.txt", ("-1   1", "-1   2"), "the row of '000001.jpg' has invalid labels"),
        ("list_eval_partition.txt", ("000004.jpg 0", "000004.jpg 3"), "the row of '000004.jpg' has invalid labels"),
        ("identity_CelebA.txt", ("10177", "10178"), "the row of '000001.jpg' has invalid labels"),
        ("identity_CelebA.txt", ("10177", ""), "the row of '000001.jpg' has invalid labels"),
    ],
)
def test_a_label_file_that_does_not_fit_is_damaged(
    celeba: Path, name: str, change: tuple[str, str], complaint: str
) -> None:
    text = (celeba / name).read_text()
    assert change[0] in text
    (celeba / name).write_text(text.replace(*change, 1))
    status, _, err = run("verify", "celeba", "--root", str(celeba))
    assert status == 10
    assert name in err and complaint in err


def test_an_empty_picture_is_damage(celeba: Path) -> None:
    (celeba / "img_align_celeba" / "000004.jpg").write_bytes(b"")
    status, _, err = run("verify", "celeba", "--root", str(celeba))
    assert status == 10 and "1 of the pictures are empty files" in err


def test_a_missing_set_is_told_how_to_be_had_by_hand(tmp_path: Path) -> None:
    status, out, err = run("verify", "celeba", "--root", str(tmp_path))
    assert status == 2 and "missing: none of its files is there" in out
    assert "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html" in err
    assert f"Place the files in {tmp_path / 'celeba'} and run `latentsearch data fetch celeba --root {tmp_path}`" in err
    assert list(tmp_path.iterdir()) == []


def test_the_ring_needs_no_files(tmp_path: Path) -> None:
    for verb in ("verify", "fetch"):
        status, out, _ = run(verb, "ring", "--root", str(tmp_path))
        assert status == 0 and "synthetic" in out
    assert list(tmp_path.iterdir()) == []


def test_whole_wrong_and_missing_files_are_told_apart(tmp_path: Path) -> None:
    files = {"a.bin": b"a" * 10, "b.bin": b"b" * 10}
    manifest, folder = manifest_of(files), tmp_path / "tiny"
    folder.mkdir()
    assert verify(manifest, tmp_path).state == "missing"
    (folder / "a.bin").write_bytes(files["a.bin"])
    assert verify(manifest, tmp_path).summary == "partial: 1 of 2 files; not b.bin (missing)"
    (folder / "b.bin").write_bytes(b"c" * 10)
    assert "b.bin (wrong hash: not the published md5 and sha256)" in verify(manifest, tmp_path).summary
    (folder / "b.bin").write_bytes(b"b" * 9)
    assert "b.bin (wrong size: 9 bytes, published with 10)" in verify(manifest, tmp_path).summary
    (folder / "b.bin").write_bytes(files["b.bin"])
    assert verify(manifest, tmp_path).summary == "complete: 3 pictures; splits train 2, test 1"


def test_the_same_content_in_another_gzip_or_in_none_is_whole(tmp_path: Path) -> None:
    manifest = manifest_of({"x-idx3-ubyte.gz": gzip.compress(b"numbers" * 50, mtime=1)})
    (tmp_path / "x-idx3-ubyte.gz").write_bytes(gzip.compress(b"numbers" * 50, mtime=2))
    assert verify(manifest, tmp_path).files[0].detail == "the published content, compressed anew"
    (tmp_path / "x-idx3-ubyte.gz").rename(tmp_path / "x-idx3-ubyte.gz.old")
    (tmp_path / "x-idx3-ubyte").write_bytes(b"numbers" * 50)
    assert verify(manifest, tmp_path).files[0].detail == "decompressed: x-idx3-ubyte"
    (tmp_path / "x-idx3-ubyte").write_bytes(b"Numbers" * 50)
    assert verify(manifest, tmp_path).state == "missing"


def test_unpacked_members_stand_for_their_archive(tmp_path: Path) -> None:
    content = {"batches/one": b"1", "batches/two": b"2"}
    tables = "".join(
        f'[[files.members]]\nname = "{Path(name).name}"\nmd5 = "{hashlib.md5(data).hexdigest()}"\n'
        for name, data in content.items()
    )
    more = {"batches.tar.gz": f'unpacks_to = "batches"\n{tables}'}
    manifest = manifest_of({"batches.tar.gz": tarred(content)}, more=more)
    (tmp_path / "batches").mkdir()
    (tmp_path / "batches" / "one").write_bytes(b"1")
    assert verify(manifest, tmp_path).files[0].status == "partial"
    (tmp_path / "batches" / "two").write_bytes(b"x")
    assert verify(manifest, tmp_path).files[0].status == "partial"
    (tmp_path / "batches" / "two").write_bytes(b"2")
    assert verify(manifest, tmp_path).files[0].status == "unpacked"
    assert verify(manifest, tmp_path).state == "complete"

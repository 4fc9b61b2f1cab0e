"""What a run learns from: pictures, digits, CIFAR-10 and the ring."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from indexer.encoders.framing import Framing  # noqa: E402
from indexer.errors import InputError  # noqa: E402
from latentsearch.data.cifar10 import load_photographs  # noqa: E402
from latentsearch.data.digits import load_digits  # noqa: E402
from latentsearch.training.datasets.examples import content_of, count, load  # noqa: E402
from latentsearch.training.datasets.ring import ring  # noqa: E402
from tests.support import make_folder  # noqa: E402

DIGIT = Framing(28, 28)
FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


def drawn(split):
    random = np.random.default_rng(len(split))
    total = {"train": 24, "test": 8}[split]
    return random.integers(0, 256, (total, 28, 28), dtype=np.uint8), random.integers(0, 10, total, dtype=np.uint8)


@pytest.fixture
def npz(tmp_path):
    (x_train, y_train), (x_test, y_test) = drawn("train"), drawn("test")
    np.savez(tmp_path / "mnist.npz", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return tmp_path / "mnist.npz"


def write_idx(path, array, packed):
    content = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
    if packed:
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(content))
    else:
        path.write_bytes(content)


@pytest.mark.parametrize("packed", [False, True])
def test_digits_are_the_same_from_idx_files_as_from_npz(npz, tmp_path, packed):
    folder = tmp_path / "idx"
    folder.mkdir()
    for split, names in FILES.items():
        for name, array in zip(names, drawn(split), strict=True):
            write_idx(folder / name, array, packed)
    assert content_of(folder) == content_of(npz) == "digits"
    for split in FILES:
        ours, theirs = load_digits(folder, split), load_digits(npz, split)
        assert np.array_equal(ours.images, theirs.images) and np.array_equal(ours.labels, theirs.labels)


def test_digits_are_learned_from_as_rgb_and_the_test_split_is_held_out(npz, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    examples = load(npz, run, DIGIT, lambda done, total: None)
    assert (len(examples), examples.held_out, count(npz)) == (24, 8, 24)
    batch = examples.batch(np.array([3, 0]))
    assert batch.shape == (2, 3, 28, 28)
    assert np.array_equal((batch[0, 1] * 255).round().numpy().astype(np.uint8), drawn("train")[0][3])
    assert torch.equal(examples.shown()[:8, 0] * 255, torch.from_numpy(drawn("test")[0]).float())
    before = (run / "images.u8").stat().st_mtime_ns
    load(npz, run, DIGIT, lambda done, total: None)
    assert (run / "images.u8").stat().st_mtime_ns == before


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 cut"])
def test_a_damaged_npz_is_one_sentence(tmp_path, content):
    (tmp_path / "mnist.npz").write_bytes(content)
    with pytest.raises(InputError, match="does not hold the train split of MNIST"):
        count(tmp_path / "mnist.npz")


def test_an_npz_of_something_else_is_one_sentence(tmp_path):
    np.savez(tmp_path / "other.npz", x_train=np.zeros((4, 32, 32, 4), np.uint8), y_train=np.zeros(4, np.uint8))
    with pytest.raises(InputError, match="grey digits"):
        count(tmp_path / "other.npz")


def make_cifar10(path, labels=16):
    random = np.random.default_rng(1)
    train, test = (random.integers(0, 256, (count, 32, 32, 3), np.uint8) for count in (16, 4))
    np.savez(path, y_train=np.arange(labels) % 10, y_test=np.arange(4), x_train=train, x_test=test)
    return train, test


def test_cifar10_is_told_by_its_colours_and_its_test_split_is_held_out(npz, tmp_path):
    (train, test), path = make_cifar10(tmp_path / "cifar10.npz"), tmp_path / "cifar10.npz"
    assert (content_of(path), content_of(npz)) == ("cifar10", "digits")
    run = tmp_path / "run"
    run.mkdir()
    examples = load(path, run, Framing(32, 32), lambda done, total: None)
    assert (len(examples), examples.held_out, count(path)) == (16, 4, 16)
    assert np.array_equal((examples.batch(np.array([5]))[0] * 255).round().permute(1, 2, 0).numpy(), train[5])
    assert torch.equal(examples.shown()[3], torch.from_numpy(test[3]).permute(2, 0, 1) / 255)
    photographs = load_photographs(path, "test")
    assert np.array_equal(photographs.images, test) and photographs.labels.tolist() == [0, 1, 2, 3]


def test_cifar10_with_labels_missing_is_one_sentence(tmp_path):
    make_cifar10(tmp_path / "cifar10.npz", labels=15)
    with pytest.raises(InputError, match=r"cifar10\.npz does not hold CIFAR-10"):
        count(tmp_path / "cifar10.npz")


def test_the_ring_is_drawn_from_its_manifest(tmp_path):
    assert content_of(Path("ring")) == "ring"
    examples = load(Path("ring"), tmp_path, DIGIT, lambda done, total: None)
    points = examples.batch(np.arange(len(examples)))
    assert points.shape == (count(Path("ring")), 2)
    assert torch.allclose(points.norm(dim=1).mean(), torch.tensor(ring().radius), atol=0.01)
    assert not list(tmp_path.iterdir())


def test_a_folder_of_that_name_is_a_folder_of_pictures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_folder(tmp_path / "ring", 2)
    assert content_of(Path("ring")) == "pictures" and count(Path("ring")) == 2

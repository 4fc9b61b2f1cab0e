"""The experiment `faces` and its page, on generated faces in CelebA's format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from benchmarks.__main__ import run
from benchmarks.core.results import load
from benchmarks.datasets.pasted_faces import paste, textures
from benchmarks.experiments.faces import speed
from indexer.encoders.framing import CELEBA_POINTS
from indexer.faces.alignment import mapped
from tests.faces_in_photographs import generated

TRAIN, VALIDATION = 25, 5


@pytest.fixture(scope="module")
def celeba(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Generated faces, each in the crop of a picture of 178x218 pixels: five people, darker and brighter."""
    folder = tmp_path_factory.mktemp("celeba")
    (folder / "img_align_celeba").mkdir()
    names = [f"{number + 1:06}.jpg" for number in range(TRAIN + VALIDATION)]
    for number, name in enumerate(names):
        face = ImageEnhance.Brightness(generated()[number % 5]).enhance(0.75 + 0.1 * (number // 5))
        picture = Image.new("RGB", (178, 218), (120, 110, 100))
        picture.paste(face.resize((148, 148), Image.Resampling.BICUBIC), (15, 40))
        picture.save(folder / "img_align_celeba" / name, quality=95)
    rows = [f"{name} {1 if number % 2 else -1}" for number, name in enumerate(names)]
    (folder / "list_attr_celeba.txt").write_text("\n".join([str(len(names)), "Odd", *rows]) + "\n")
    for file, numbers in (
        ("list_eval_partition.txt", [int(number >= TRAIN) for number in range(len(names))]),
        ("identity_CelebA.txt", [number % 5 for number in range(len(names))]),
    ):
        lines = [f"{name} {number}" for name, number in zip(names, numbers, strict=True)]
        (folder / file).write_text("\n".join(lines) + "\n")
    return folder


def test_faces_are_measured(celeba: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    pictures = {name: random.integers(90, 160, (40, 32, 32, 3), dtype=np.uint8) for name in ("x_train", "x_test")}
    np.savez(tmp_path / "cifar.npz", **pictures, y_train=np.zeros(40, np.uint8), y_test=np.zeros(40, np.uint8))
    for name, value in {"SIZE": (800, 600), "HEIGHTS": (100, 200), "INDEXED": 300, "SEARCHES": 5}.items():
        monkeypatch.setattr(speed, name, value)
    small = ("--count=8", "--photographs=3", "--rounds=1")
    run(["faces", f"--data={celeba}", f"--pictures={tmp_path / 'cifar.npz'}", f"--results={tmp_path}", *small])
    run(["report", f"--results={tmp_path}", f"--readme={tmp_path / 'README.md'}"])
    result = load("faces", tmp_path)["result"]
    assert result["large"]["faces"] == 8 and result["large"]["found"]["mean"] > 0.7
    assert result["large"]["error_median"] < 0.08
    assert set(result["small"]) == {"40 to 55", "55 to 70", "70 to 85", "85 to 100"}
    assert sum(kind["pictures"] for kind in result["false"].values()) == 8 + 3 * 2
    assert 0 < result["agreement"]["pasted"]["mean"] <= 1
    assert len(result["groups"]["thresholds"]) == 3
    assert result["photographs"]["index"] > 0 and result["photographs"]["detect"] > 0
    assert result["queries"]["faces"]["median_ms"] > 0
    page = (tmp_path / "faces.md").read_text()
    assert all(f"## {part}" in page for part in ("Faces found", "False finds", "Agreement", "Groups", "Photographs"))


def test_pasted_faces_lie_where_their_transform_says(celeba: Path) -> None:
    """A red dot at each point of an original is at the mapped place in the picture."""
    random = np.random.default_rng(1)
    original = celeba / "dots.png"
    dotted = np.full((218, 178, 3), 40, np.uint8)
    for x, y in CELEBA_POINTS:
        dotted[round(y) - 3 : round(y) + 4, round(x) - 3 : round(x) + 4] = (255, 0, 0)
    Image.fromarray(dotted).save(original)
    (scene,) = textures(random, (900, 700), 1)
    made = paste(scene, [(0, original), (1, original)], (100, 200), random)
    assert len(made.faces) == 2
    for face in made.faces:
        for x, y in mapped(face.transform, np.array(CELEBA_POINTS)):
            red, green, _ = made.picture.getpixel((round(x), round(y)))  # type: ignore[misc]
            assert red > 180 > 80 > green

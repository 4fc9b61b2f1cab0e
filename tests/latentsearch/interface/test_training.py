"""Training, bundles and public data through the Python interface, and that it is what the verbs do."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import latentsearch as ls
from tests.latentsearch.collection import call
from tests.support import draw_picture, make_folder

TINY = {"size": 32, "latent_size": 4}
OPTIONS = ("--change", "size=32", "--latent-size", "4")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    make_folder(folder, 24)
    return folder


@pytest.fixture(scope="module")
def fitted(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "fitted"
    stages: list[str] = []
    described = ls.train("parts", pictures, run, changes=TINY, on_progress=lambda now: stages.append(now.stage))
    assert (described["family"], described["recipe"]["size"], described["data"]["images"]) == ("parts", 32, 24)
    assert list(dict.fromkeys(stages)) == ["decoding", "directions", "reduction", "generator"]
    return run


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix == ".onnx"}


def test_train_does_what_the_verb_does(fitted: Path, pictures: Path, tmp_path: Path) -> None:
    done = call("train", "parts", pictures, "-o", tmp_path / "run", *OPTIONS)
    assert done.exit_code == 0, done.stderr
    assert files(tmp_path / "run") == files(fitted) and len(files(fitted)) == 2
    said = done.stderr.splitlines()
    assert said[0].startswith("training on 24 pictures; parts: whole")
    assert said[1].endswith(f"latentsearch export {tmp_path / 'run'} -o BUNDLE")


def test_export_bundle_does_what_the_verb_does(fitted: Path, tmp_path: Path) -> None:
    model = ls.export_bundle(fitted, tmp_path / "bundle", name="tiny")
    done = call("export", fitted, "-o", tmp_path / "other", "--name", "tiny")
    assert done.exit_code == 0, done.stderr
    assert files(tmp_path / "other") == files(tmp_path / "bundle")
    assert model == json.loads((tmp_path / "bundle" / "model.json").read_text(encoding="utf-8"))
    assert f"{model['latent_size']} numbers a picture" in done.stdout
    assert ls.encode(draw_picture(0), encoder=tmp_path / "bundle").shape == (1, model["latent_size"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"family": "gan"}, "family is 'gan'"),
        ({"device": "abacus"}, "device is 'abacus'"),
        ({"precision": "fp4"}, "precision is 'fp4'"),
        ({"preset": "huge"}, "no preset huge"),
        ({"labels": ["Smiling"]}, "takes no generator, labels"),
        ({"changes": {"latent_size": "auto"}}, "takes no generator, labels"),
        ({"changes": {"sizes": 32}}, "no 'sizes' to set: choose from"),
        ({"changes": {"size": "large"}}, "a value of type int"),
        ({"changes": {"size": 32.5}}, "a value of type int"),
        ({"changes": {"mirror": 1}}, "a value of type bool"),
        ({"changes": {"size": 0}}, "too small"),
        ({"data": "missing"}, "missing"),
    ],
)
def test_what_cannot_be_trained_is_one_sentence_and_leaves_nothing(
    pictures: Path, tmp_path: Path, arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(ls.InputError, match=said):
        ls.train(**{"family": "parts", "data": pictures, "run": tmp_path / "run", **arguments})
    assert not (tmp_path / "run").exists()


def test_a_run_is_not_overwritten(fitted: Path, pictures: Path) -> None:
    with pytest.raises(ls.InputError, match="already holds a run"):
        ls.train("parts", pictures, fitted, changes=TINY)


def test_changes_apply_in_order(pictures: Path, tmp_path: Path) -> None:
    pairs = [("size", 64), ("latent_size", 4), ("size", "32"), ("mirror", False), ("parts", "grid"), ("colour", 0)]
    recipe = ls.train("parts", pictures, tmp_path / "run", changes=pairs)["recipe"]
    assert (recipe["size"], recipe["latent_size"], recipe["mirror"]) == (32, 4, False)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"precision": "fp64"}, "precision is 'fp64'"),
        ({"distance": "taxicab"}, "distance is 'taxicab'"),
        ({"read": "layers"}, "read is 'layers'"),
        ({"layer": 1}, "go with read"),
        ({"parts": "grid"}, "go with read"),
        ({"untrained": True}, "timm:NAME alone"),
        ({"pictures": "photos"}, "go together"),
        ({"run": "timm:resnet18"}, "go together"),
        ({"read": "parts"}, "read by parts already"),
        ({"run": "nothing"}, "holds no training run"),
    ],
)
def test_what_cannot_be_exported_is_one_sentence(
    fitted: Path, tmp_path: Path, arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(ls.InputError, match=said):
        ls.export_bundle(**{"run": fitted, "target": tmp_path / "bundle", **arguments})
    assert not (tmp_path / "bundle").exists()


def test_a_network_is_trained_resumed_and_exported(pictures: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    changes = {"width": 2, "batch": 8, "latent_size": 4, "epochs": 7}
    seen: list[tuple[str, int, int | None]] = []
    settings: dict[str, Any] = {"threads": 1, "precision": "fp32", "device": "cpu"}
    described = ls.train(
        "autoencoder",
        pictures,
        tmp_path / "run",
        changes=changes,
        on_progress=lambda now: seen.append((now.stage, now.step, now.steps)),
        **settings,
    )
    assert described["recipe"]["width"] == 2 and described["precision"] == "cpu float32"
    assert ("decoding", 24, 24) in seen and ("autoencoder", 20, 21) in seen
    again = ls.train(
        "autoencoder", pictures, tmp_path / "run", changes=changes | {"epochs": 8}, resume=True, **settings
    )
    assert again["recipe"]["epochs"] == 8
    assert ls.export_bundle(tmp_path / "run", tmp_path / "bundle", precision="fp32")["latent_size"] == 4


def test_labels_for_a_family_without_labels_are_refused(pictures: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    with pytest.raises(ls.InputError, match="has no --labels"):
        ls.train("autoencoder", pictures, tmp_path / "run", labels=["Smiling"])
    with pytest.raises(ls.InputError, match="learns without labels"):
        ls.train("autoencoder", pictures, tmp_path / "run", label_file=tmp_path / "labels.csv")


def test_without_torch_a_network_names_the_extra(pictures: Path, fitted: Path, tmp_path: Path) -> None:
    code = (
        "import importlib.util, latentsearch as ls\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, package=None: None if name == 'torch' else find(name, package)\n"
        f"for use in (lambda: ls.train('aegan', {str(pictures)!r}, {str(tmp_path / 'run')!r}),\n"
        f"            lambda: ls.invert({str(next(pictures.rglob('*.*')))!r})):\n"
        "    try:\n        use()\n"
        "    except ls.MissingExtra as error:\n        print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["torch is not installed: pip install 'latentsearch[train]'"] * 2


def test_sample_draws_what_the_verb_writes(tmp_path: Path) -> None:
    from PIL import Image

    assert call("sample", "--count", "3", "--seed", "5", "-o", tmp_path).exit_code == 0
    written = [np.asarray(Image.open(path)) for path in sorted(tmp_path.iterdir())]
    assert np.array_equal(np.stack(list(ls.sample(count=3, seed=5))), np.stack(written))
    for count, seed in ((0, 0), (1, -1)):
        with pytest.raises(ls.InputError, match="at least"):
            ls.sample(count=count, seed=seed)


def test_invert_finds_what_the_verb_finds(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    draw_picture(1).save(tmp_path / "one.png")
    steps: list[tuple[str, int, int | None]] = []
    [found] = ls.invert(
        tmp_path / "one.png", steps=2, target=tmp_path / "again.png", on_progress=lambda *step: steps.append(step)
    )
    done = call("invert", tmp_path / "one.png", "--steps", "2", "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["code"] == found.to_json()["code"]
    assert steps[-1] == ("projected", 2, 2) and (tmp_path / "again.png").is_file()
    with pytest.raises(ls.InputError, match="method is 'guess'"):
        ls.invert(tmp_path / "one.png", method="guess")  # type: ignore[arg-type]


def test_predict_labels_finds_what_the_verb_prints(tmp_path: Path) -> None:
    draw_picture(1).save(tmp_path / "one.png")
    (tmp_path / "two.png").write_bytes(b"no picture")
    found, unreadable = ls.predict_labels([tmp_path / "one.png", tmp_path / "two.png"])
    done = call("attributes", tmp_path / "one.png", tmp_path / "two.png", "--json")
    assert json.loads(done.stdout) == [found.to_json()]  # type: ignore[union-attr]
    assert unreadable.reason in done.stderr  # type: ignore[union-attr]
    with pytest.raises(ls.UnreadableImage):
        ls.predict_labels(str(tmp_path / "two.png"))


def test_public_data_are_listed_and_verified(tmp_path: Path) -> None:
    listed = json.loads(call("data", "list", "--json").stdout)
    assert [known.name for known in ls.data_sets()] == [known["name"] for known in listed]
    report = ls.verify_data("mnist", tmp_path)
    assert (report.state, report.folder) == ("missing", tmp_path / "mnist")
    assert call("data", "verify", "mnist", "--root", tmp_path).exit_code == 2
    for use in (ls.verify_data, ls.fetch_data):
        with pytest.raises(ls.InputError, match="nothing"):
            use("nothing", tmp_path)
    with pytest.raises(ls.InputError, match="not an http"):
        ls.fetch_data("mnist", tmp_path, base_url="ftp://example.org")

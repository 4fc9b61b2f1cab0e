from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from indexer.encoders.encoder import available_encoders, find_bundle, load_encoder
from indexer.encoders.framing import CELEBA
from indexer.encoders.generator import load_generator
from indexer.errors import EncoderError
from tests.support import draw_picture, make_bundle

LARGEST_ALLOWED = 1e-4


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("bundles"), generator=True)


@pytest.fixture
def user_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of encoders, in a data folder of the test's own."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data" / "latentsearch" / "encoders"


def images(count: int) -> NDArray[np.uint8]:
    return np.stack([np.asarray(draw_picture(seed, (64, 64))) for seed in range(count)])


def change_model(bundle: Path, **changes: Any) -> None:
    """Change keys of model.json; None removes one."""
    model = json.loads((bundle / "model.json").read_text()) | changes
    kept = {key: value for key, value in model.items() if value is not None}
    (bundle / "model.json").write_text(json.dumps(kept))


def test_a_loaded_encoder_says_what_it_is(bundle: Path) -> None:
    encoder = load_encoder(bundle)
    assert (encoder.name, encoder.latent_size, encoder.distance) == ("tiny", 16, "cosine")
    assert (encoder.framing, encoder.folder) == (CELEBA, bundle)
    assert encoder.sha256 == hashlib.sha256((bundle / "encoder.onnx").read_bytes()).hexdigest()
    assert encoder.model["family"] == "random projection"


def test_codes_are_what_the_network_computes(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path, distance="euclidean", seed=3)
    (projection,) = (
        numpy_helper.to_array(tensor)
        for tensor in onnx.load(bundle / "encoder.onnx").graph.initializer
        if tensor.name == "projection"
    )
    pooled = images(5).reshape(5, 8, 8, 8, 8, 3).mean(axis=(2, 4)).transpose(0, 3, 1, 2).reshape(5, -1) / 255
    np.testing.assert_allclose(load_encoder(bundle).encode(images(5)), pooled @ projection, atol=1e-4)


def test_codes_of_a_cosine_bundle_have_length_1(bundle: Path) -> None:
    codes = load_encoder(bundle).encode(images(4))
    assert codes.dtype == np.float32 and codes.shape == (4, 16)
    np.testing.assert_allclose(np.linalg.norm(codes, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 130])
def test_batches_do_not_change_codes(bundle: Path, count: int) -> None:
    encoder = load_encoder(bundle)
    pictures = images(130)[:count]
    one_by_one = [encoder.encode(picture[None])[0] for picture in pictures]
    codes = encoder.encode(pictures)
    assert codes.shape == (count, 16)
    assert count == 0 or np.abs(codes - one_by_one).max() < LARGEST_ALLOWED


def test_several_threads_may_encode(bundle: Path) -> None:
    encoder = load_encoder(bundle, threads=1)
    expected = encoder.encode(images(8))
    with ThreadPoolExecutor(4) as pool:
        for codes in pool.map(encoder.encode, [images(8)] * 8):
            np.testing.assert_allclose(codes, expected, atol=LARGEST_ALLOWED)


@pytest.mark.parametrize(
    "wrong", [np.zeros((2, 64, 64, 3), np.float32), np.zeros((64, 64, 3), np.uint8), np.zeros((1, 32, 32, 3), np.uint8)]
)
def test_images_of_another_shape_or_type_are_refused(bundle: Path, wrong: NDArray[Any]) -> None:
    with pytest.raises(ValueError, match=r"not uint8 \(n, 64, 64, 3\)"):
        load_encoder(bundle).encode(wrong)


def test_similarity_is_the_share_of_random_pairs_that_are_farther_apart(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path)
    change_model(bundle, random_pair_distances=[0.5, 1.0, 1.5])
    similarity = load_encoder(bundle).similarity([0.0, 0.5, 0.75, 1.0, 1.5, 2.0])
    np.testing.assert_allclose(similarity, [1, 1, 0.75, 0.5, 0, 0])


def test_similarity_is_finer_where_the_bundle_states_its_closest_pairs(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path)
    change_model(bundle, random_pair_distances=[0.2, 0.8, 1.5], closest_pairs=[[0.001, 0.4], [0.1, 0.6], [0.6, 0.9]])
    similarity = load_encoder(bundle).similarity([0.0, 0.2, 0.4, 0.6, 0.8, 1.5])
    np.testing.assert_allclose(similarity, [1, 0.9995, 0.999, 0.9, 0.5, 0])


@pytest.mark.parametrize(
    "changes",
    [
        {"random_pair_distances": [1.0]},
        {"random_pair_distances": [1.0, 0.5]},
        {"random_pair_distances": ["a", "b"]},
        {"random_pair_distances": [0.5, float("nan")]},
        {"closest_pairs": [0.1, 0.2]},
        {"closest_pairs": [[0.002, 0.01], [0.001, 0.02]]},
    ],
)
def test_distances_of_random_pairs_that_make_no_sense(tmp_path: Path, changes: dict[str, Any]) -> None:
    bundle = make_bundle(tmp_path)
    change_model(bundle, **changes)
    with pytest.raises(EncoderError, match="does not state the distances of random pairs"):
        load_encoder(bundle)


def test_the_generator_draws_the_same_pictures_for_the_same_seed(bundle: Path) -> None:
    generator = load_generator(bundle)
    drawn = np.stack(list(generator.draw(70, seed=1)))
    assert drawn.shape == (70, 64, 64, 3) and drawn.dtype == np.uint8 and drawn.std() > 10
    np.testing.assert_array_equal(drawn, list(generator.draw(70, seed=1)))
    assert (drawn != list(generator.draw(70, seed=2))).any() and list(generator.draw(0)) == []


def test_the_generator_turns_codes_into_pictures(bundle: Path) -> None:
    generator = load_generator(bundle)
    codes = np.linspace(-1, 1, 70 * generator.latent_size, dtype=np.float32).reshape(70, -1)
    assert generator.generate(codes).shape == (70, 64, 64, 3) and len(generator.generate(codes[:0])) == 0
    np.testing.assert_array_equal(generator.generate(codes)[3:5], generator.generate(codes[3:5]))


def test_a_bundle_without_a_generator_says_so(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=r"tiny at .* has no generator"):
        load_generator(make_bundle(tmp_path))


def test_encoders_are_found_by_name_and_by_folder(user_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = make_bundle(user_folder, name="mine")
    assert find_bundle("mine") == find_bundle(bundle) == find_bundle(str(bundle)) == bundle
    monkeypatch.chdir(user_folder.parent)
    assert find_bundle("encoders/mine") == bundle
    assert (bundle, load_encoder("mine").model) in available_encoders()


@pytest.mark.parametrize("name", ["nobody", "no/where", "..", "/"])
def test_an_encoder_that_is_not_there(user_folder: Path, name: str) -> None:
    with pytest.raises(EncoderError, match=f"no encoder '{name}': give a name that `latentsearch encoders` lists"):
        load_encoder(name)


def test_a_damaged_network_is_refused(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path, generator=True)
    for file, load in (("encoder.onnx", load_encoder), ("generator.onnx", load_generator)):
        content = bytearray((bundle / file).read_bytes())
        content[-40] ^= 1
        (bundle / file).write_bytes(content)
        with pytest.raises(EncoderError, match=f"{file} is damaged"):
            load(bundle)
        (bundle / file).unlink()
        with pytest.raises(EncoderError, match=f"{file} cannot be read"):
            load(bundle)


def test_a_network_that_onnx_runtime_cannot_load(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path)
    (bundle / "encoder.onnx").write_bytes(b"no network")
    files = {"encoder.onnx": {"sha256": hashlib.sha256(b"no network").hexdigest(), "bytes": 10}}
    change_model(bundle, files=files)
    with pytest.raises(EncoderError, match="cannot be loaded by ONNX Runtime"):
        load_encoder(bundle)


@pytest.mark.parametrize("damage", [b"\x7f\x7f\x7f\x7f", b"\n\n\x1b[", b"oops"])
def test_what_onnx_runtime_says_of_a_network_is_one_line_and_nothing_beside_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], damage: bytes
) -> None:
    bundle = make_bundle(tmp_path, generator=True)
    content = (bundle / "generator.onnx").read_bytes().replace(b"nearest", damage + b"est")
    (bundle / "generator.onnx").write_bytes(content)
    files = json.loads((bundle / "model.json").read_text())["files"]
    files["generator.onnx"] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    change_model(bundle, files=files)
    with pytest.raises(EncoderError, match="cannot be loaded by ONNX Runtime") as caught:
        load_generator(bundle)
    assert str(caught.value).isprintable()
    assert capfd.readouterr() == ("", "")


def test_codes_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path, distance="euclidean")
    graph = onnx.load(bundle / "encoder.onnx")
    for tensor in graph.graph.initializer:
        if tensor.name == "white":
            tensor.CopyFrom(numpy_helper.from_array(np.array(0, np.float32), "white"))
    content = graph.SerializeToString()
    (bundle / "encoder.onnx").write_bytes(content)
    files = {"encoder.onnx": {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}}
    change_model(bundle, files=files)
    with pytest.raises(EncoderError, match="codes that are not finite"):
        load_encoder(bundle).encode(images(1))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"format": 2}, "has bundle format 2, not 1"),
        ({"latent_size": None, "distance": None}, "lacks latent_size, distance"),
        ({"framing": {"width": 64}}, "does not state its framing or its files"),
        ({"framing": "square"}, "does not state its framing or its files"),
        ({"files": {}}, "does not state its framing or its files"),
    ],
)
def test_a_model_json_that_makes_no_sense(tmp_path: Path, changes: dict[str, Any], sentence: str) -> None:
    bundle = make_bundle(tmp_path)
    change_model(bundle, **changes)
    with pytest.raises(EncoderError, match=sentence):
        load_encoder(bundle)


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "7"])
def test_a_model_json_that_is_damaged(tmp_path: Path, content: str) -> None:
    bundle = make_bundle(tmp_path)
    (bundle / "model.json").write_text(content)
    with pytest.raises(EncoderError, match=r"model\.json (cannot be read|lacks format)"):
        load_encoder(bundle)


def test_damaged_bundles_are_told_and_the_others_listed(user_folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    bundle = make_bundle(user_folder)
    (user_folder / "broken").mkdir(parents=True)
    (user_folder / "broken" / "model.json").write_text("{")
    (user_folder / "empty").mkdir()
    assert [folder for folder, _ in available_encoders() if user_folder in folder.parents] == [bundle]
    assert len(caplog.messages) == 1 and "broken" in caplog.messages[0]


def test_onnx_runtime_is_imported_only_for_encoding(bundle: Path) -> None:
    look = f"import sys, indexer.encoders.encoder as e; e.read_model(e.find_bundle({str(bundle)!r}))"
    loaded = subprocess.run(
        [sys.executable, "-c", f"{look}; print({{'onnxruntime', 'torch'}} & set(sys.modules))"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout.strip() == "set()" and loaded.stderr == ""

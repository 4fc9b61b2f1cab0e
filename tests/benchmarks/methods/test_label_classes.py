"""Codes learned with labels: their rows in label-similarity, in tables of their own."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from benchmarks.__main__ import run  # noqa: E402
from benchmarks.core.results import load  # noqa: E402
from benchmarks.datasets.celeba import load_faces  # noqa: E402
from benchmarks.experiments.label_similarity.page import label_report, readme_table  # noqa: E402
from benchmarks.methods import efficientnet  # noqa: E402
from benchmarks.methods.label_classes import ELSEWHERE, WITH_LABELS, WITHOUT_LABELS  # noqa: E402
from benchmarks.methods.metric_head import ATTRIBUTES, IDENTITIES, MetricHead  # noqa: E402
from indexer.encoders.encoder import load_encoder  # noqa: E402
from indexer.errors import MissingExtra  # noqa: E402
from tests.benchmarks.drawn_celeba import make_drawn_celeba  # noqa: E402
from tests.support import make_bundle  # noqa: E402

NAME = "label-similarity"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setattr("benchmarks.methods.metric_head.STEPS", 150)
        yield make_drawn_celeba(tmp_path_factory.mktemp("data") / "celeba")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return load_encoder(make_bundle(tmp_path_factory.mktemp("bundles")))


def nearest(codes):
    cosines = codes @ codes.T / np.outer(*[np.linalg.norm(codes, axis=1)] * 2)
    np.fill_diagonal(cosines, -2)
    return cosines.argmax(axis=1)


@pytest.mark.parametrize("labels", [ATTRIBUTES, IDENTITIES])
def test_a_head_brings_faces_near_that_are_labelled_alike(data, encoder, labels):
    gallery, others = load_faces(data, "train"), load_faces(data, "validation")
    head = MetricHead(labels, 0, encoder)
    head.fit(gallery)
    found = nearest(head.codes(others))
    assert np.mean(others.attributes == others.attributes[found]) > 0.95
    again = MetricHead(labels, 0, encoder)
    again.fit(gallery)
    np.testing.assert_array_equal(head.codes(others), again.codes(others))


def test_their_rows_stand_in_tables_of_their_own(data, encoder, tmp_path):
    chosen = ["--methods", "dhash,head-attributes", "--bundle", str(encoder.folder)]
    run([NAME, "--data", str(data), *chosen, "--results", str(tmp_path)])
    record = load(NAME, tmp_path)
    classes = {row["key"]: row["class"] for row in record["result"]["methods"]}
    assert classes["dhash"] == WITHOUT_LABELS and classes["head-attributes"] == WITH_LABELS
    before, _, after = label_report(record).partition(f"## Learned {WITH_LABELS}")
    assert "| head on" in after and "head on" not in before and "head on" not in after.partition("## By attribute")[2]
    assert "head on" not in readme_table(record) and ELSEWHERE not in classes.values()


def test_weights_of_the_same_layers_are_taken_by_order_and_others_refused():
    stored = {"a.weight": torch.ones(2, 3), "a.num_batches_tracked": torch.tensor(1), "b.bias": torch.ones(4)}
    wanted = {"x.weight": torch.zeros(2, 3), "y.bias": torch.zeros(4), "y.num_batches_tracked": torch.tensor(0)}
    renamed = efficientnet.renamed(stored, wanted)
    assert list(renamed) == ["x.weight", "y.bias", "y.num_batches_tracked"] and renamed["x.weight"].sum() == 6
    with pytest.raises(ValueError, match="another network"):
        efficientnet.renamed(stored, wanted | {"y.bias": torch.zeros(5)})


def test_without_its_package_efficientnet_is_left_out(data, monkeypatch):
    monkeypatch.setattr(efficientnet, "PACKAGE", "no_such_package")
    with pytest.raises(MissingExtra, match=r"no_such_package is not installed: pip install 'latentsearch\[bench"):
        efficientnet.EfficientNet().fit(load_faces(data, "train"))


def test_efficientnet_gives_a_feature_of_unit_scale_for_every_face(data):
    pytest.importorskip("timm")
    pytest.importorskip(efficientnet.PACKAGE)
    faces = load_faces(data, "validation")
    method = efficientnet.EfficientNet()
    method.fit(faces)
    codes = method.codes(faces)
    assert codes.shape == (32, 1280) and np.isfinite(codes).all() and 0.1 < codes.std() < 10
    # Red and blue backgrounds, large and small discs: what was learned elsewhere tells them apart.
    assert np.mean(faces.attributes == faces.attributes[nearest(codes)]) > 0.9

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from indexer.errors import MissingExtra
from indexer.system.extras import require


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment with nothing installed."""
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    for module in ("onnxruntime", "faiss"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    return tmp_path


def install(site: Path, distribution: str, module: str) -> None:
    folder = site / f"{distribution.replace('-', '_')}-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (site / module).mkdir(exist_ok=True)
    (site / module / "__init__.py").write_text("raise RuntimeError('imported')")


@pytest.mark.parametrize("module", ["onnxruntime", "faiss"])
def test_neither_is_told_with_the_command(site: Path, module: str) -> None:
    with pytest.raises(MissingExtra) as told:
        require(module)
    assert str(told.value) == f"{module} is not installed: pip install 'latentsearch[cpu]' (or 'latentsearch[gpu]')"


@pytest.mark.parametrize(
    ("module", "cpu", "gpu"), [("onnxruntime", "onnxruntime", "onnxruntime-gpu"), ("faiss", "faiss-cpu", "faiss-gpu")]
)
def test_one_will_do_and_both_are_told(site: Path, module: str, cpu: str, gpu: str) -> None:
    install(site, gpu, module)
    require(module)
    install(site, cpu, module)
    with pytest.raises(MissingExtra, match=f"{cpu} and {gpu} overwrite each other: pip uninstall -y {cpu} {gpu}, then"):
        require(module)


def test_a_build_under_another_name_will_do(site: Path) -> None:
    install(site, "faiss", "faiss")
    require("faiss")
    with pytest.raises(MissingExtra, match="onnxruntime is not installed"):
        require("faiss", "onnxruntime")


def test_this_environment_has_one_of_each() -> None:
    require("onnxruntime", "faiss")

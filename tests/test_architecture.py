"""The floors of the house, what the commands may import, and that every verb is documented."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from latentsearch.cli import VERBS
from tests.support import make_bundle, make_folder

ROOT = Path(__file__).parent.parent
FLOORS = ("indexer", "latentsearch", "benchmarks")
HEAVY = ("torch", "torchvision", "faiss", "onnxruntime", "sqlalchemy", "sklearn", "matplotlib", "pyarrow", "watchfiles")
# None in sys.modules makes any import of that name fail, wherever it stands.
WITHOUT = "import sys\nfor name in {names}: sys.modules[name] = None\n"
IMPORTING = ("import_module", "importorskip", "__import__")
RUN = "from latentsearch.cli import main\nmain({arguments}, prog_name='latentsearch')\n"


def modules() -> list[Path]:
    return sorted(path for floor in FLOORS for path in (ROOT / floor).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    yield from imported_by(ast.parse(path.read_text(encoding="utf-8")), path.relative_to(ROOT).parts[:-1])


def imported_by(tree: ast.Module, package: tuple[str, ...]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            yield ".".join((*above, *filter(None, [node.module])))


def run(arguments: list[str], without: tuple[str, ...], index: Path) -> subprocess.CompletedProcess[str]:
    code = WITHOUT.format(names=without) + RUN.format(arguments=arguments)
    environment = {**os.environ, "LATENTSEARCH_INDEX": str(index), "COLUMNS": "100"}
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_imports_from_a_floor_above(path: Path) -> None:
    floor = FLOORS.index(path.relative_to(ROOT).parts[0])
    above = {*FLOORS[floor + 1 :], "tests"}
    assert not [name for name in imported(path) if name.partition(".")[0] in above]


@pytest.mark.parametrize("path", sorted((ROOT / "indexer").rglob("*.py")), ids=lambda path: path.name)
def test_the_indexer_never_names_torch(path: Path) -> None:
    assert not [name for name in imported(path) if name.partition(".")[0] in ("torch", "torchvision")]


@pytest.mark.parametrize("path", [*modules(), *sorted((ROOT / "tests").rglob("*.py"))], ids=lambda path: path.name)
def test_onnx_runtime_is_imported_in_one_place(path: Path) -> None:
    """There, its reports of use are turned off. A name in a call counts, such as that of pytest.importorskip."""
    if path in (ROOT / "indexer" / "system" / "extras.py", Path(__file__)):
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = []
    names = list(imported_by(tree, path.relative_to(ROOT).parts[:-1]))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in IMPORTING:
            names += [word.value for word in node.args if isinstance(word, ast.Constant)]
    assert not [name for name in names if str(name).partition(".")[0] == "onnxruntime"]


def test_index_and_query_work_without_torch(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundles")
    first, *_ = make_folder(tmp_path / "pictures", 6)
    made = run(["index", str(first.parent), "--encoder", str(bundle)], ("torch", "torchvision"), tmp_path / "index")
    assert made.returncode == 0, made.stderr
    for arguments in (["query", str(first), "--json"], ["query", "--id", "1"], ["status"], ["check"]):
        done = run(arguments, ("torch", "torchvision"), tmp_path / "index")
        assert done.returncode == 0, done.stderr


def test_a_query_by_id_needs_no_onnx_runtime(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundles")
    make_folder(tmp_path / "pictures", 3)
    made = run(["index", str(tmp_path / "pictures"), "--encoder", str(bundle)], (), tmp_path / "index")
    assert made.returncode == 0, made.stderr
    done = run(["query", "--id", "1", "--paths"], ("onnxruntime", "rich"), tmp_path / "index")
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 3), done.stderr


@pytest.mark.parametrize("verb", ["", *VERBS])
def test_help_imports_nothing_heavy(verb: str, tmp_path: Path) -> None:
    done = run([*verb.split(), "--help"], HEAVY, tmp_path / "index")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Usage: latentsearch")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_stands_in_the_readme(verb: str) -> None:
    assert f"`latentsearch {verb}" in (ROOT / "README.md").read_text(encoding="utf-8")

"""The rooms of the house, what they and the commands may import, and that every verb is documented."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections import Counter
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


# Each folder imports only from those above it; an experiment is a folder of its own below all of them.
ROOMS = (
    "indexer", "indexer/system", "indexer/facts", "indexer/encoders", "indexer/decoding/formats", "indexer/decoding",
    "indexer/faces", "indexer/files", "indexer/vectors", "indexer/catalog", "indexer/index", "indexer/workers",
    "indexer/parquet", "indexer/pipeline", "indexer/watch", "latentsearch", "latentsearch/data", "latentsearch/models",
    "latentsearch/parts", "latentsearch/training", "latentsearch/training/datasets", "latentsearch/training/engine",
    "latentsearch/training/families", "latentsearch/export", "latentsearch/attributes", "latentsearch/search",
    "latentsearch/inversion", "latentsearch/duplicates/compare", "latentsearch/duplicates", "latentsearch/interface",
    "latentsearch/cli",
    "benchmarks/core", "benchmarks/datasets", "benchmarks/methods", "benchmarks/statistics", "benchmarks/judges",
    "benchmarks/experiments", "benchmarks",
)  # fmt: skip
# What runs the whole program, or lists what there is, is imported by nobody.
ENTRANCES = ("latentsearch/__main__.py", "latentsearch/__init__.py")
# A verb calls the engine through the Python interface. Beside it, it may import what reads its arguments, checks them
# before any work, or prints results.
INTERFACE = ("latentsearch.interface", "latentsearch.cli")
FOR_ARGUMENTS = (
    "indexer.errors", "indexer.numbers", "indexer.encoders.encoder.bundle_folders", "indexer.system.limits.parse_size",
    "indexer.parquet.schema.import_pyarrow", "indexer.system.extras.require_training",
    "latentsearch.training.engine.limits", "latentsearch.training.engine.registry.FAMILIES",
    "latentsearch.training.engine.registry.require_fields", "latentsearch.address.fetch_picture",
    "latentsearch.notation", "latentsearch.query", "latentsearch.vector_files",
    "latentsearch.duplicates.compare.changes.CHANGES",
    "latentsearch.duplicates.deletion_plan.check_plan",
)  # fmt: skip
FOR_PRINTING = (
    "indexer.paths.printable", "indexer.files.passed.EXCLUDED", "indexer.files.passed.in_words",
    "latentsearch.search.formats", "latentsearch.search.contact_sheet", "latentsearch.search.face_sheets",
    "latentsearch.duplicates.formats",
    "latentsearch.data.by_hand", "latentsearch.data.manifest",
)  # fmt: skip
HELPERS = FOR_ARGUMENTS + FOR_PRINTING
MODULES_A_ROOM, LINES_A_FILE, LINES_A_FUNCTION = 15, 300, 50
IMPORTED_BY_QUERY, IMPORTED_BY_INDEX = 40, 55


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


def module_of(path: Path) -> str:
    words = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(words[:-1] if words[-1] == "__init__" else words)


MODULES = {module_of(path): path for path in modules()}


def own_imports(path: Path) -> set[str]:
    """The modules of this project that a file imports anywhere, in functions and for types as well."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= inner & MODULES.keys() or {node.module}
    return (found & MODULES.keys()) - {module_of(path)}


def names_imported(path: Path) -> set[str]:
    """The names of this project that a file imports when it runs, with their modules; not those for types."""
    tree = without_types(ast.parse(path.read_text(encoding="utf-8")))
    found = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.partition(".")[0] in FLOORS}


def without_types(tree: ast.Module) -> ast.Module:
    """A module without its imports for type checkers."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = []
    return tree


def room_of(path: Path) -> str:
    folder = path.parent.relative_to(ROOT).as_posix()
    return "benchmarks/experiments" if folder.startswith("benchmarks/experiments/") else folder


def run(arguments: list[str], without: tuple[str, ...], index: Path) -> subprocess.CompletedProcess[str]:
    code = WITHOUT.format(names=without) + RUN.format(arguments=arguments)
    environment = {**os.environ, "LATENTSEARCH_INDEX": str(index), "COLUMNS": "100"}
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_imports_from_a_floor_above(path: Path) -> None:
    floor = FLOORS.index(path.relative_to(ROOT).parts[0])
    above = {*FLOORS[floor + 1 :], "tests"}
    assert not [name for name in imported(path) if name.partition(".")[0] in above]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_imports_only_from_rooms_above_it(path: Path) -> None:
    if path.relative_to(ROOT).as_posix() in ENTRANCES:
        return
    below = ROOMS[ROOMS.index(room_of(path)) + 1 :]
    assert not [name for name in own_imports(path) if room_of(MODULES[name]) in below]


def is_of(name: str, allowed: tuple[str, ...]) -> bool:
    return any(name == one or name.startswith(f"{one}.") for one in allowed)


def test_the_verbs_reach_the_engine_through_the_python_interface() -> None:
    verbs = {path.stem: names_imported(path) for path in (ROOT / "latentsearch" / "cli").glob("*.py")}
    beside = {verb: {name for name in names if not is_public(name)} for verb, names in verbs.items()}
    assert not {verb: names for verb, names in beside.items() if any(not is_of(name, HELPERS) for name in names)}
    used = set().union(*beside.values())
    assert not [helper for helper in HELPERS if not any(is_of(name, (helper,)) for name in used)]
    for verb in (
        "attributes", "check", "data", "duplicates", "encoders", "export", "faces", "import_", "index_run", "invert",
        "labels", "query", "remove", "sample", "status", "train",
    ):  # fmt: skip
        assert any(name == "latentsearch" or is_of(name, INTERFACE[:1]) for name in verbs[verb]), verb


def is_public(name: str) -> bool:
    return name == "latentsearch" or is_of(name, INTERFACE)


def test_no_experiment_imports_from_another() -> None:
    for path in (ROOT / "benchmarks" / "experiments").rglob("*.py"):
        others = [MODULES[name] for name in own_imports(path) if room_of(MODULES[name]) == "benchmarks/experiments"]
        assert {other.parent for other in others} <= {path.parent, ROOT / "benchmarks" / "experiments"}, path


def test_nothing_imports_in_a_circle() -> None:
    left = {name: own_imports(path) for name, path in MODULES.items()}
    while free := [name for name, needed in left.items() if not needed & left.keys()]:
        for name in free:
            del left[name]
    assert not left


def test_rooms_files_and_functions_are_small() -> None:
    rooms = Counter(path.parent for path in modules() if path.name != "__init__.py")
    assert not {room for room, count in rooms.items() if count > MODULES_A_ROOM} - {ROOT / "latentsearch" / "cli"}
    for path in modules():
        text = path.read_text(encoding="utf-8")
        assert text.count("\n") <= LINES_A_FILE, path
        tree = ast.parse(text)
        assert ast.get_docstring(tree), f"{path} does not say what it is"
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                assert (node.end_lineno or 0) - node.lineno < LINES_A_FUNCTION, f"{path}: {node.name}"


def imported_by_command(*arguments: str | Path) -> set[str]:
    """The modules of this project that Python lists as imported by a command."""
    words = [sys.executable, "-X", "importtime", "-m", "latentsearch", *map(str, arguments)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    listed = re.findall(r"^import time:.*\| +(\S+)$", done.stderr, re.MULTILINE)
    return {name for name in listed if name.partition(".")[0] in FLOORS}


def test_indexing_and_querying_import_few_modules(tmp_path: Path) -> None:
    """As docs/architecture.md says."""
    bundle = make_bundle(tmp_path / "bundles")
    first, *_ = make_folder(tmp_path / "pictures", 6)
    place = ("--index", tmp_path / "index")
    by_index = imported_by_command("index", first.parent, *place, "--encoder", bundle)
    assert len(by_index) <= IMPORTED_BY_INDEX, sorted(by_index)
    by_query = imported_by_command("query", first, *place)
    assert len(by_query) <= IMPORTED_BY_QUERY, sorted(by_query)


@pytest.mark.parametrize("path", sorted((ROOT / "indexer").rglob("*.py")), ids=lambda path: path.name)
def test_the_indexer_never_names_torch(path: Path) -> None:
    assert not [name for name in imported(path) if name.partition(".")[0] in ("torch", "torchvision")]


@pytest.mark.parametrize("path", [*modules(), *sorted((ROOT / "tests").rglob("*.py"))], ids=lambda path: path.name)
def test_onnx_runtime_is_imported_in_one_place(path: Path) -> None:
    """There, its reports of use are turned off. A name in a call counts, such as that of pytest.importorskip."""
    if path in (ROOT / "indexer" / "system" / "extras.py", Path(__file__)):
        return
    tree = without_types(ast.parse(path.read_text(encoding="utf-8")))
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


def test_the_page_of_the_house_names_what_is_there() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = [room.rstrip("/") for room in re.findall(r"^\| `([\w/]+)/?`", text, re.MULTILINE)]
    assert set(ROOMS) - {"benchmarks", "latentsearch/training", "benchmarks/experiments"} <= set(rooms)
    walks = text.split("## Three walks")[1].split("## How many")[0].split("**")[2::2]
    for walk in walks:
        files = re.findall(r"^\d+\. `([\w/.]+)`", walk, re.MULTILINE)
        assert 10 <= len(files) <= 15
        assert not [file for file in files if not (ROOT / file).is_file()]

"""docs/papers.md names nothing that is not there, and leaves out nothing that the papers have."""

import ast
import re
from pathlib import Path

import pytest

from benchmarks.__main__ import experiments
from latentsearch.cli import VERBS

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs/papers.md").read_text(encoding="utf-8")
SECTIONS = dict(section.split("\n", 1) for section in TEXT.split("\n## ")[1:])
LATENT = "The size of the latent space"


def names(path: Path) -> set[str]:
    """The functions and classes of a module, and CLASS.METHOD."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{part.name}" for part in node.body if isinstance(part, ast.FunctionDef)}
    return found


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`(\w+/[\w/]+\.\w+)`", TEXT))))
def test_every_file_exists(path):
    assert (ROOT / path).is_file()


@pytest.mark.parametrize(("words", "path"), re.findall(r"((?:`[\w.]+` and )*`[\w.]+`) in `([\w/]+\.py)`", TEXT))
def test_every_name_is_in_its_file(words, path):
    assert set(re.findall(r"[\w.]+\w", words.replace(" and ", " "))) <= names(ROOT / path)


def test_every_command_exists():
    assert set(re.findall(r"`python -m benchmarks ([\w-]+)", TEXT)) <= set(experiments())
    assert set(re.findall(r"`latentsearch (\w+)", TEXT)) <= set(VERBS)


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(\.\./([\w/.-]+)\)", TEXT))))
def test_every_link_leads_somewhere(link):
    assert (ROOT / link).is_file()


@pytest.mark.parametrize(
    ("section", "kind", "count"),
    [
        ("AEGAN", "Fig.", 5), ("AEGAN", "Table", 6), ("AEGAN", "eq.", 8), ("IVE-GAN", "Fig.", 9),
        ("IVE-GAN", "Table", 3), ("IVE-GAN", "eq.", 4), ("IcGAN", "Fig.", 6), ("IcGAN", "Table", 3),
        ("IcGAN", "eq.", 4), (LATENT, "Fig.", 12), (LATENT, "Table", 1), (LATENT, "eq.", 5),
    ],
)  # fmt: skip
def test_every_item_of_the_papers_has_a_row(section, kind, count):
    items = [line.split("|")[1] for line in SECTIONS[section].splitlines() if line.startswith("| ")]
    numbers = [int(number) for item in items if kind[:2] in item for number in re.findall(r"\d+", item.split(",")[0])]
    assert sorted(numbers) == list(range(1, count + 1))

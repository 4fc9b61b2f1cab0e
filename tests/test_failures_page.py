"""docs/failures.md: every case that it tells of is shown by a test that is there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "failures.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)
ROWS = [line for line in PAGE.split("\n## ")[0].splitlines() if line.startswith("| ")][1:]


@cache
def functions_of(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_every_test_that_is_named_exists(path: str, name: str) -> None:
    assert name.startswith("test_") and name in functions_of(path)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[2:50])
def test_every_case_names_a_test(row: str) -> None:
    assert len(row.split(" | ")) == 4 and "::test_" in row


def test_the_page_has_all_that_was_asked_for() -> None:
    assert len(ROWS) >= 30 and len(NAMED) >= 40

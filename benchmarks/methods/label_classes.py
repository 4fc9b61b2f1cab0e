"""The classes of codes that are never mixed in one table: by whose labels they were learned."""

from __future__ import annotations

from typing import Any

WITHOUT_LABELS = "without labels"
WITH_LABELS = "with the gallery's labels"
ELSEWHERE = "elsewhere"


def class_of(method: Any) -> str:
    """The class of a method: its `learned_from`, or that of the method whose codes it projects, where it has one."""
    inner = getattr(method, "inner", method)
    return str(getattr(inner, "learned_from", WITHOUT_LABELS))


def of_class(summary: dict[str, Any], label_class: str) -> dict[str, Any]:
    """A stored summary with the rows of one class alone."""
    return summary | {"methods": [row for row in summary["methods"] if row.get("class", WITHOUT_LABELS) == label_class]}

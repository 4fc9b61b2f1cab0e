"""Classes of codes by the labels that they were trained on; a table never mixes classes."""

from __future__ import annotations

from typing import Any

WITHOUT_LABELS = "without labels"
WITH_LABELS = "with the gallery's labels"
ELSEWHERE = "elsewhere"


def class_of(method: Any) -> str:
    """A method's class: its `learned_from`, or for a projection the class of the method whose codes it projects."""
    inner = getattr(method, "inner", method)
    return str(getattr(inner, "learned_from", WITHOUT_LABELS))


def of_class(summary: dict[str, Any], label_class: str) -> dict[str, Any]:
    """A stored summary reduced to the rows of one class."""
    return summary | {"methods": [row for row in summary["methods"] if row.get("class", WITHOUT_LABELS) == label_class]}

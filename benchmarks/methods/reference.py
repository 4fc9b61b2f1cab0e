"""Compares our figures with published figures of the same rows on the same faces."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path
from typing import Any

FIGURES = Path(__file__).parent / "reference.toml"


def check_against_reference(summary: dict[str, Any], figures: Path = FIGURES) -> dict[str, Any]:
    """Compare a summary of label-similarity with the reference figures.

    Returns {"comparable": False, "reason"} for other faces, otherwise {"comparable": True, "tolerance", "agree",
    "rows"} with one row per figure: {"method", "score", "reference", "measured", "deviation", "within"}.
    """
    reference = tomllib.loads(figures.read_text(encoding="utf-8"))
    names = ("gallery_names_sha256", "queries_names_sha256")
    if any(summary["protocol"][name] != reference[name] for name in names):
        return {"comparable": False, "reason": "the reference figures are of other faces"}
    measured = {method["key"]: _scores(method) for method in summary["methods"]}
    rows = [
        _compare(key, score, figure, measured[key][score], reference["tolerance"])
        for key, figures in reference["rows"].items()
        if key in measured
        for score, figure in _named(figures)
    ]
    agree = all(row["within"] for row in rows)
    return {"comparable": True, "tolerance": reference["tolerance"], "agree": agree, "rows": rows}


def same_person_deviations(summary: dict[str, Any], figures: Path = FIGURES) -> list[dict[str, Any]]:
    """Compare same person@k of rows by parts with the reference figures: one row per figure.

    Each is {"method", "score", "reference", "measured", "deviation", "standard_error"}. The standard error is that of a
    share of independent queries.
    """
    reference = tomllib.loads(figures.read_text(encoding="utf-8"))["same_person"]
    measured = {method["key"]: _scores(method) for method in summary["methods"]}
    rows = []
    for key in (key for key in reference if key in measured):
        for score, figure in _named({"same_person": reference[key]}):
            share = measured[key][score]
            rows.append(
                {
                    "method": key,
                    "score": score,
                    "reference": figure,
                    "measured": share,
                    "deviation": round(share - figure, 5),
                    "standard_error": math.sqrt(share * (1 - share) / summary["protocol"]["queries"]),
                }
            )
    return rows


def _named(figures: dict[str, list[float]]) -> list[tuple[str, float]]:
    ks = {"agreement": (1, 5, 20), "same_person": (1, 10)}
    return [
        (f"{score}@{k}", value) for score, values in figures.items() for k, value in zip(ks[score], values, strict=True)
    ]


def _scores(method: dict[str, Any]) -> dict[str, float]:
    return {
        f"{score}@{k}": values["mean"] for score in ("agreement", "same_person") for k, values in method[score].items()
    }


def _compare(key: str, score: str, reference: float, measured: float, tolerance: float) -> dict[str, Any]:
    deviation = round(measured - reference, 5)
    return {
        "method": key,
        "score": score,
        "reference": reference,
        "measured": measured,
        "deviation": deviation,
        "within": abs(deviation) <= tolerance,
    }

"""Markdown tables of label similarity, from its stored summary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.core.page import markdown, with_interval

# Rows of the table by attribute, besides those of bundles.
BY_ATTRIBUTE = ("dhash", "pca-cosine", "fine-and-pixels-128", "oracle")
BASELINES = (
    "random", "oracle", "dhash", "phash", "ahash", "whash", "colours", "pixels", "pca", "pca-whitened", "pca-cosine",
    "untrained", "untrained-whitened", "symmetric-pixels", "pixels-by-parts", "gradients-by-parts",
    "gradients-directions", "fine-by-parts", "fine-directions", "fine-and-pixels", "fine-and-pixels-128",
)  # fmt: skip


def main_table(summary: dict[str, Any], ks: Sequence[int] | None = None) -> str:
    """Agreement at these k (all by default) with 95 % intervals, chance-corrected, and same-person hit rates."""
    ks = ks or summary["protocol"]["ks"]
    persons = list(summary["chance"]["same_person"])
    header = ["code", "", "distance", *(f"agreement @{k}" for k in ks)]
    header += [*(f"same person @{k}" for k in persons), *(f"chance-corrected @{k}" for k in ks)]
    return markdown(header, (_main_row(method, ks, persons) for method in summary["methods"]), words=3)


def _main_row(method: dict[str, Any], ks: Sequence[int], persons: list[str]) -> list[str]:
    scores = [method["agreement"][str(k)] for k in ks]
    row = [method["name"], method["code"], distance(method)]
    row += [with_interval(score) for score in scores]
    row += [f"{method['same_person'][k]['mean']:.3f}" for k in persons]
    return row + [f"{score['corrected']:z.3f}" for score in scores]


def baseline_table(summary: dict[str, Any]) -> str:
    """Each method's gain in agreement over the best method without a network; empty if that was not measured."""
    ks = summary["protocol"]["ks"]
    rows = [
        [method["name"], distance(method), *(_signed(method["agreement"][str(k)]["beyond_baseline"]) for k in ks)]
        for method in summary["methods"]
        if "beyond_baseline" in method["agreement"][str(ks[0])] and method["key"] != summary.get("baseline")
    ]
    return markdown(["code", "distance", *(f"@{k}" for k in ks)], rows, words=2) if rows else ""


def _signed(score: dict[str, Any]) -> str:
    low, high = score["interval"]
    return f"{score['mean']:+.3f} [{low:+.3f}, {high:+.3f}]"


def distance(method: dict[str, Any]) -> str:
    """The display name of a method's distance."""
    name = str(method["distance"])
    return name if name == "cosine" else name.capitalize()  # the rest are people's names


def draws_table(summary: dict[str, Any]) -> str:
    """The results of a study with only a few queries: mean and spread over random draws of that size."""
    ks = summary["protocol"]["ks"]
    size = summary["protocol"]["draw_size"]
    header = ["code", "distance", *(f"@{k}, {size} queries" for k in ks)]
    rows = []
    for method in summary["methods"]:
        draws = [method["agreement"][str(k)]["draws"] for k in ks]
        spreads = [f"{draw['mean']:.3f} ({draw['spread'][0]:.3f} to {draw['spread'][1]:.3f})" for draw in draws]
        rows.append([method["name"], distance(method), *spreads])
    return markdown(header, rows, words=2)


def attribute_table(summary: dict[str, Any], k: int) -> str:
    """For each attribute, the share of results with the query's value; chance level first."""
    shown = [m for m in summary["methods"] if m["key"] in BY_ATTRIBUTE or m["key"] not in BASELINES]
    header = ["attribute", "chance", *(f"{method['name']}, {distance(method)}" for method in shown)]
    rows = []
    for column, name in enumerate(summary["protocol"]["attributes"]):
        shares = [summary["chance"]["by_attribute"][column], *(m["by_attribute"][str(k)][column] for m in shown)]
        rows.append([name.replace("_", " "), *(f"{share:.3f}" for share in shares)])
    return markdown(header, rows, words=1)


def reference_table(summary: dict[str, Any]) -> str:
    """Our figures beside the reference figures of the same rows."""
    header = ["row", "score", "reference", "measured", "deviation", "within"]
    rows = (
        [
            row["method"],
            row["score"],
            f"{row['reference']:.3f}",
            f"{row['measured']:.4f}",
            f"{row['deviation']:+.4f}",
            "yes" if row["within"] else "**no**",
        ]
        for row in summary["reference"]["rows"]
    )
    return markdown(header, rows, words=2)


def same_person_table(deviations: Sequence[dict[str, Any]]) -> str:
    """The rows of `same_person_deviations`."""
    header = ["row", "score", "reference", "measured", "deviation", "standard error"]
    rows = (
        [
            row["method"],
            row["score"],
            f"{row['reference']:.3f}",
            f"{row['measured']:.3f}",
            f"{row['deviation']:+.3f}",
            f"{row['standard_error']:.3f}",
        ]
        for row in deviations
    )
    return markdown(header, rows, words=2)


def same_person_sentence(deviations: Sequence[dict[str, Any]], queries: int) -> str:
    """How far same person@k deviates from the reference, in standard errors, and whether in one direction."""
    farthest = max(deviations, key=lambda row: abs(row["deviation"]) / row["standard_error"])
    errors = abs(farthest["deviation"]) / farthest["standard_error"]
    mean = sum(row["deviation"] for row in deviations) / len(deviations)
    return (
        f"Same person@k counts all {queries:,} queries, so one query is {1 / queries:.3f}. The reference defines it in "
        "the same way, but states neither how areas are averaged nor which alterations were drawn. The farthest "
        f"figure, {farthest['method']} {farthest['score']}, deviates by {farthest['deviation']:+.3f}, {errors:.1f} "
        f"standard errors of a share of {queries:,} independent queries; the mean deviation is {mean:+.4f}. The five "
        "pictures of a person are not independent: counted by person, the standard errors are 1.4 times as large."
    )


def reference_sentence(summary: dict[str, Any]) -> str:
    """One sentence on the deviation from the reference figures."""
    check = summary["reference"]
    if not check["comparable"]:
        return f"Not compared with reference figures: {check['reason']}."
    far = [row for row in check["rows"] if not row["within"]]
    if not far:
        largest = max((abs(row["deviation"]) for row in check["rows"]), default=0)
        return (
            f"All {len(check['rows'])} figures that have a reference are within {check['tolerance']} of it "
            f"(farthest {largest:.4f})."
        )
    named = ", ".join(f"{row['method']} {row['score']} by {row['deviation']:+.4f}" for row in far)
    return f"{len(far)} of {len(check['rows'])} figures are farther than {check['tolerance']} from it: {named}."

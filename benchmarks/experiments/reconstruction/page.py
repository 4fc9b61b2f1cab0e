"""The page of reconstruction: generated pictures and their reconstructions, beside the paper's Table 1."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.core.page import import_pyplot, markdown, page, provenance, save, with_interval, write_page

NAME = "reconstruction"
PAGES = (NAME, "reconstruction-paper")
PAPERS_ORDER = ("aegan", "direct", "bigan")
LEAST, LEAST_ABOVE, LEAST_DIVERSITY = 0.80, 0.15, 0.8

Summary = dict[str, Any]


def write(record: dict[str, Any], folder: Path) -> list[Path]:
    """Write the record's page, reconstruction.md or reconstruction-paper.md, and its plot into the folder."""
    written = write_page(folder, record["name"], report(record))
    return [written, plot(record["result"], folder / f"{record['name']}.png")]


def report(record: dict[str, Any]) -> str:
    """The text of the page: protocol, table, verdict, sheet, provenance."""
    summary, name = record["result"], record["name"]
    return page(
        "# Reconstruction" if name == NAME else "# Reconstruction, with the `paper` presets",
        _protocol_text(summary),
        summary_table(summary),
        f"![similarity of every method, and of random pairs](./{name}.png)",
        "## Verdict",
        *_verdict(summary),
        "## Generated pictures and their reconstructions",
        f"![rows of pictures](./{name}-sheet.png)",
        f"Rows, from the top: {'; '.join(summary['sheet'])}. These are the first pictures measured, not a selection.",
        "## How it was trained and measured",
        _schedules_text(summary),
        provenance(record),
    )


def _protocol_text(summary: Summary) -> str:
    return (
        f"dHash similarity (the share of equal bits out of 64) of {summary['images']:,} generated pictures and their "
        "reconstructions, as in AEGAN's Table 1. Brackets give 95 % intervals by bootstrap over the pictures "
        f"({summary['resamples']:,} resamples). AEGAN and the directly trained inverse share one generator and its "
        "pictures; BiGAN has its own. Gradient descent on z (AEGAN eq. 2) starts at a random code, on "
        f"{summary['descended']:,} of AEGAN's pictures. Chance is the similarity of random pairs of a generator's "
        "pictures. Diversity is (1 - chance) divided by the same for real faces; it is needed because a generator of "
        "a single picture would reach similarity 1. Real faces come from the validation partition, on which no "
        "network was trained."
    )


def _schedules_text(summary: Summary) -> str:
    """The command, duration and hardware of each run's training."""
    runs = [
        f"{method['name']}: {run['steps']:,} steps in {run['seconds']:,} s, {run['hardware']}\n\n"
        + "\n".join(f"    {command}" for command in run["commands"])
        for method in summary["methods"]
        if (run := method["run"])
    ]
    return "\n\n".join(runs)


def summary_table(summary: Summary) -> str:
    """One row per method: the paper's figure, ours, its generator's chance and diversity, and real faces."""
    header = [
        "method",
        "generator of",
        "paper",
        "similarity",
        "random pairs",
        "above random pairs",
        "diversity",
        "real faces",
    ]
    return markdown(header, map(_row, summary["methods"]), words=2)


def _row(method: dict[str, Any]) -> list[str]:
    return [
        method["name"],
        method["generator"],
        _number(method["paper"], 4),
        with_interval(method["similarity"]),
        _number(method["random_pairs"]["mean"]),
        _number(method["above_random_pairs"]),
        _number(method["relative_diversity"]),
        with_interval(method["real"]) if method["real"] else "",
    ]


def _number(value: float | None, digits: int = 3) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _verdict(summary: Summary) -> list[str]:
    """The bars, and by how much each is met or missed."""
    sentences = [_order_sentence(difference) for difference in summary["differences"]]
    aegan = next((method for method in summary["methods"] if method["key"] == "aegan"), None)
    if aegan:
        sentences += [
            _bar("AEGAN's similarity", aegan["similarity"]["mean"], LEAST),
            _bar("AEGAN above random pairs of its generator's pictures", aegan["above_random_pairs"], LEAST_ABOVE),
            _bar("Diversity of that generator's pictures", aegan["relative_diversity"], LEAST_DIVERSITY),
        ]
    sentences += _real_order(summary)
    return ["\n".join(f"- {sentence}" for sentence in sentences)] if sentences else []


def _real_order(summary: Summary) -> list[str]:
    """Whether real faces follow the paper's order for generated ones; empty without all three methods."""
    by_key = {method["key"]: method["real"] for method in summary["methods"]}
    order = [real for key in PAPERS_ORDER if (real := by_key.get(key))]
    if len(order) < len(PAPERS_ORDER):
        return []
    apart = all(better["interval"][0] > worse["interval"][1] for better, worse in pairwise(order))
    figures = ", ".join(f"{key} {real['mean']:.3f}" for key, real in zip(PAPERS_ORDER, order, strict=True))
    return [f"Real faces, which Table 1 does not cover: {figures}; {'' if apart else 'not '}in the paper's order."]


def _order_sentence(difference: dict[str, Any]) -> str:
    low, high = difference["interval"]
    holds = "met" if low > 0 else "missed"
    how = "on the same pictures" if difference["paired"] else "on different pictures"
    return (
        f"{difference['better']} above {difference['worse']}, as in the paper: {holds}, by {difference['mean']:+.4f} "
        f"[{low:+.4f}, {high:+.4f}], {how}."
    )


def _bar(what: str, measured: float, least: float) -> str:
    verdict = "met" if measured >= least else f"missed by {least - measured:.4f}"
    return f"{what}: {measured:.4f}, required {least:.2f}: {verdict}."


def plot(summary: Summary, path: Path) -> Path:
    """Draw every method's similarity with its interval, the paper's figure and its generator's random pairs."""
    methods = list(reversed(summary["methods"]))
    figure, panel = import_pyplot().subplots(figsize=(8, 1.4 + 0.5 * len(methods)))
    for row, method in enumerate(methods):
        panel.hlines(row, *method["similarity"]["interval"], color="tab:blue", linewidth=5, alpha=0.6)
        panel.plot(method["similarity"]["mean"], row, "o", color="tab:blue", label="measured" if not row else None)
        pairs = method["random_pairs"]["mean"]
        panel.plot(pairs, row, "|", color="tab:grey", markersize=14, label="random pairs" if not row else None)
        if method["paper"]:
            panel.plot(method["paper"], row, "x", color="tab:red")
    panel.plot([], [], "x", color="tab:red", label="the paper's")
    panel.set_yticks(range(len(methods)), [method["name"] for method in methods])
    panel.set_xlabel("dHash similarity of generated pictures and their reconstructions")
    panel.grid(axis="x", alpha=0.3)
    panel.legend(loc="upper left", bbox_to_anchor=(1, 1))
    figure.tight_layout()
    return save(figure, path)

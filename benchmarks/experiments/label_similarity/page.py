"""The page of label-similarity: agreement of every method by k, draw and attribute; and the README's table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.core.page import import_pyplot, page, provenance, save
from benchmarks.methods.label_classes import ELSEWHERE, WITH_LABELS, WITHOUT_LABELS, of_class
from benchmarks.methods.reference import same_person_deviations
from benchmarks.statistics import label_tables as tables
from benchmarks.statistics.differences import NO_CODES, without_network

NAME = "label-similarity"
PAGES = (NAME,)
README_ROWS = (
    "dhash", "pixels", "pca-cosine", "symmetric-pixels", "pixels-by-parts", "gradients-by-parts", "fine-directions",
    "fine-and-pixels-128", "parts", "contrastive", "contrastive-by-parts", "aegan", "ivegan",
)  # fmt: skip
OTHER_CLASSES = {
    WITH_LABELS: "These codes form a separate class: they were trained on the labels of the gallery's faces, which "
    "show other people than the queries. They show how much labels can still add to the same codes, not how good a "
    "code learned without labels is.",
    ELSEWHERE: "A further class: networks trained on other pictures and their labels, used without fine-tuning.",
}


def write(record: dict[str, Any], folder: Path) -> list[Path]:
    """Write label-similarity.md and label-similarity.png into the folder."""
    written = folder / f"{NAME}.md"
    written.write_text(label_report(record), encoding="utf-8")
    return [written, plot(of_class(record["result"], WITHOUT_LABELS), folder / f"{NAME}.png")]


def readme_table(record: dict[str, Any]) -> str:
    """The README's table: some rows learned without labels, at the first and the last k, and the comparison."""
    summary = of_class(record["result"], WITHOUT_LABELS)
    ks = summary["protocol"]["ks"]
    shown = [row for row in summary["methods"] if row["key"] in README_ROWS]
    table = tables.main_table({**summary, "methods": shown or summary["methods"]}, (ks[0], ks[-1]))
    return "\n\n".join(filter(None, [table, _comparison(summary, ks[-1])]))


def _comparison(summary: dict[str, Any], k: int) -> str:
    """One sentence: whether the best network beats the best code without one; empty if either is missing."""
    known = without_network(summary)
    networks = [
        row
        for row in summary["methods"]
        if row["key"] not in (*known, *NO_CODES) and "beyond_baseline" in row["agreement"][str(k)]
    ]
    best = next((row for row in summary["methods"] if row["key"] == summary.get("baseline")), None)
    if not networks or best is None:
        return ""
    network = max(networks, key=lambda row: float(row["agreement"][str(k)]["mean"]))
    low, high = network["agreement"][str(k)]["beyond_baseline"]["interval"]
    verdict = "Networks beat" if low > 0 else "Networks do not yet beat"
    return (
        f"{verdict} the codes made without a network. The agreement@{k} of the best network ({network['name']}) minus "
        f"that of the best code without one ({best['name']}) is "
        f"{network['agreement'][str(k)]['beyond_baseline']['mean']:+.3f} [{low:+.3f}, {high:+.3f}]."
    )


def label_report(record: dict[str, Any]) -> str:
    """The text of the page: protocol, tables by class of codes, provenance."""
    summary = of_class(record["result"], WITHOUT_LABELS)
    protocol = summary["protocol"]
    return page(
        "# Label similarity",
        _protocol_text(protocol, summary["chance"]["agreement"]),
        tables.main_table(summary),
        *(f"Left out: {key} ({reason})." for key, reason in summary["left_out"].items()),
        f"![agreement@k of every method](./{NAME}.png)",
        f"## {protocol['draw_size']} queries, as in the AEGAN paper",
        f"The mean, and the 2.5th to 97.5th percentiles, of {protocol['draws']:,} seeded draws of "
        f"{protocol['draw_size']} of the queries. Figures from different draws that differ by less than this spread "
        "cannot be distinguished. The paper gives 0.7918 for AEGAN and 0.7483 for dHash; it states neither its "
        "queries nor its number of results.",
        tables.draws_table(summary),
        *_baseline_parts(summary),
        *_other_classes(record["result"]),
        "## By attribute",
        f"The share of the first {protocol['ks'][-1]} results that have the query's value of the attribute.",
        tables.attribute_table(summary, protocol["ks"][-1]),
        "## Against reference figures",
        tables.reference_sentence(summary),
        *_reference_parts(summary),
        "## How it was measured",
        provenance(record),
    )


def _reference_parts(summary: dict[str, Any]) -> list[str]:
    """Tables of agreement and of same person@k beside the reference figures; empty for other faces."""
    if not summary["reference"]["comparable"]:
        return []
    parts, deviations = [tables.reference_table(summary)], same_person_deviations(summary)
    if deviations:
        sentence = tables.same_person_sentence(deviations, summary["protocol"]["queries"])
        parts += [sentence, tables.same_person_table(deviations)]
    return parts


def _other_classes(summary: dict[str, Any]) -> list[str]:
    """Separate tables of codes learned with labels; empty if none were measured."""
    parts = []
    for label_class, sentence in OTHER_CLASSES.items():
        rows = of_class(summary, label_class)
        if rows["methods"]:
            parts += [f"## Learned {label_class}", sentence, tables.main_table(rows)]
    return parts


def _baseline_parts(summary: dict[str, Any]) -> list[str]:
    table = tables.baseline_table(summary)
    if not table:
        return []
    name = next(method["name"] for method in summary["methods"] if method["key"] == summary["baseline"])
    sentence = (
        f"The gain in agreement over {name}, the best code made without a network: the mean of the paired differences "
        "by query, with its 95 % interval. If the interval excludes 0, the two codes differ."
    )
    return ["## Against the best code without a network", sentence, table]


def _protocol_text(protocol: dict[str, Any], chance: float) -> str:
    return (
        f"Gallery: {protocol['gallery']:,} faces of CelebA's train partition. Queries: {protocol['queries']:,} faces "
        f"of its validation partition. Agreement@k: the share of the {len(protocol['attributes'])} attributes that a "
        "query and its first k results have in common. Brackets give 95 % intervals by bootstrap over the queries "
        f"({protocol['resamples']:,} resamples). Two random faces agree on {chance:.3f} of the attributes; "
        "chance-corrected is (agreement - random) / (oracle - random), where random is that expected value. "
        "Same person@k: each query is searched among the other queries, and counts if a picture of the same person is "
        "among the first k. Search is exact."
    )


def plot(summary: dict[str, Any], path: Path) -> Path:
    """Draw agreement @1 and @20 of every method except the oracle, with intervals and spreads of small draws."""
    methods = [method for method in reversed(summary["methods"]) if method["key"] not in ("random", "oracle")]
    ks = [summary["protocol"]["ks"][0], summary["protocol"]["ks"][-1]]
    figure, panels = import_pyplot().subplots(1, 2, sharex=True, sharey=True, figsize=(11, 1.2 + 0.34 * len(methods)))
    for panel, k in zip(panels, ks, strict=True):
        _draw_panel(panel, methods, str(k), summary["chance"]["agreement"])
        panel.set_title(f"agreement @{k}")
    panels[0].set_yticks(range(len(methods)), [f"{m['name']}, {tables.distance(m)}" for m in methods])
    figure.supxlabel(
        "dot and thick line: mean and 95 % interval; thin line: 95 % of draws of "
        f"{summary['protocol']['draw_size']} queries; dashed: chance",
        fontsize=9,
    )
    figure.tight_layout()
    return save(figure, path)


def _draw_panel(panel: Any, methods: list[dict[str, Any]], k: str, chance: float) -> None:
    panel.axvline(chance, color="grey", linestyle="--", linewidth=1)
    for row, method in enumerate(methods):
        score = method["agreement"][k]
        colour = "tab:grey" if method["key"] in tables.BASELINES else "tab:blue"
        panel.hlines(row, *score["draws"]["spread"], color=colour, linewidth=0.8)
        panel.hlines(row, *score["interval"], color=colour, linewidth=4, alpha=0.6)
        panel.plot(score["mean"], row, "o", color=colour, markersize=5)
    panel.grid(axis="x", alpha=0.3)

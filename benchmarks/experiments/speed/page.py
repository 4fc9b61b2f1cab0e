"""The page of speed: every bar with its figure, cost by number of codes, filters, other searches."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.core.page import import_pyplot, markdown, page, provenance, save, write_page

NAME = "speed"
PAGES = (NAME,)
GIB = 2**30
TITLES = {
    "search": "Searches in the open engine",
    "filters": "Searches under filters",
    "edited": "Searches with a label set",
    "growth": "Cost by number of codes",
    "cold": "A cold query",
    "changes": "Adding and removing",
    "indexing": "Indexing pictures",
    "others": "Compared with other image searches",
}
# Stored name of a step -> its name on the page.
CHANGES = {"add": "add", "remove": "remove", "anew": "rebuild"}

Result = dict[str, Any]


def write(record: dict[str, Any], folder: Path) -> list[Path]:
    """Write speed.md and, for measured parts, speed-ratio.png and speed-growth.png into the folder."""
    result = record["result"]
    written = [write_page(folder, NAME, report(record))]
    if "codes" in result:
        written.append(plot_ratio(result, folder / f"{NAME}-ratio.png"))
    if "growth" in result:
        written.append(plot_growth(result["growth"], folder / f"{NAME}-growth.png"))
    return written


def report(record: dict[str, Any]) -> str:
    """The text of the page: the bars, then each part with its tables."""
    result = record["result"]
    return page(
        "# Speed",
        "Codes beyond the real ones are **synthetic**: real codes, moved at random along the differences to their "
        "neighbours, so that the ratio below falls no faster than with real codes. Medians are over queries that are "
        "not in the index; our search and bare calls take turns for each query.",
        bars_table(result),
        *(part for name in TITLES if name in result for part in _part(name, result[name])),
        *_codes(result.get("codes")),
        "## How it was measured",
        provenance(record),
    )


def bars_table(result: Result) -> str:
    """Every bar of every part: the figure, the limit, and whether it is met."""
    rows = [(TITLES[name], one) for name in TITLES if name in result for one in _labelled(name, result[name])]
    return markdown(["part", "figure", "verdict", "measured", "required"], [_bar(*row) for row in rows], words=3)


def _labelled(name: str, part: Result) -> Iterable[Result]:
    if name != "filters":
        return list(part["bars"])
    return [
        {**one, "what": f"{measured['share']:.2%} pass: {one['what']}"}
        for measured in part["filters"]
        for one in measured["bars"]
    ]


def _bar(part: str, one: Result) -> list[str]:
    sign, unit = ("at least", "at most")[not one["at_least"]], one["unit"]
    verdict = "met" if one["met"] else "**missed**"
    return [
        part,
        one["what"],
        verdict,
        f"{one['measured']:.4g} {unit}".strip(),
        f"{sign} {one['limit']:.4g} {unit}".strip(),
    ]


def _part(name: str, part: Result) -> list[str]:
    tables = {"search": _search, "filters": _filters, "edited": _edited, "growth": _growth, "others": _others}
    described = tables[name](part) if name in tables else [_plain(name, part)]
    return [f"## {TITLES[name]}", *described, _beside(part)]


def _beside(part: Result) -> str:
    before, after = part["load_average"]
    note = f" Also running: {part['note']}." if part.get("note") else ""
    return f"Load average {before:.1f} before, {after:.1f} after; {part['seconds_in_all']:.0f} s in all.{note}"


def _search(part: Result) -> list[str]:
    vectors = part["vectors"]
    sentence = (
        f"{part['images']:,} codes, index type {vectors['kind']}, effort {vectors['effort']}, {vectors['candidates']} "
        f"candidates, {part['queries']} queries, k = {part['k']}; ratio {part['ratio']:.3f}; recall "
        f"{part['recall']:.3f}."
    )
    return [sentence, _times(part["times"])]


def _times(times: dict[str, dict[str, float]]) -> str:
    rows = [
        [name.replace("_", " "), *(f"{row[key]:.3f}" for key in ("median_ms", "p99_ms", "least_ms"))]
        for name, row in times.items()
    ]
    return markdown(["search", "median, ms", "99th percentile, ms", "minimum, ms"], rows, words=1)


def _filters(part: Result) -> list[str]:
    parts = []
    for measured in part["filters"]:
        parts.append(
            f"`--where '{measured['condition']}'`: {measured['passing']:,} images pass ({measured['share']:.2%}). "
            f"Evaluating the condition takes {measured['evaluation_ms']:.1f} ms, once. Compared with exact search, "
            "with and without copying the codes together first, and with bare FAISS, widened to effort "
            f"{measured['widened_effort']}."
        )
        parts.append(_times(measured["times"]))
    return parts


def _edited(part: Result) -> list[str]:
    edited, unedited = (part["times"][name]["median_ms"] for name in ("with_a_label_set", "every_code_compared"))
    sentence = (
        f"`--set` compares each of {part['images']:,} codes and its predictions of {part['labels']} labels; "
        f"{part['queries']} queries, k = {part['k']}. This takes {edited / unedited:.1f} times as long as comparing "
        "the codes alone. The labels are random, so the results themselves are meaningless."
    )
    return [sentence, _times(part["times"])]


def _growth(part: Result) -> list[str]:
    header = ["codes", "index type", "recall@20", "median, ms", "99th percentile, ms", "build, s"]
    header += ["build memory", "of it, private", "search memory", "of it, private", "bytes/image"]
    notes = {one["build"]["note"] for one in part["sizes"] if one["build"]["note"]}
    return [
        markdown(header, map(_size, part["sizes"]), words=2),
        "Memory is the peak in GiB, including mapped files, which the system can reclaim; private memory excludes "
        "them. Bytes per image count the catalogue with paths and two labels, the codes and the base. "
        + " ".join(f"Running during the build: {note}." for note in sorted(notes)),
        f"![cost by number of codes](./{NAME}-growth.png)",
    ]


def _size(one: Result) -> list[str]:
    build, search = one["build"]["peak_bytes"], one["search_process"]["peak_bytes"]
    memory = [f"{peak[pages] / GIB:.2f}" for peak in (build, search) for pages in ("total", "anonymous")]
    times = one["times"]["ours"]
    figures = [f"{one['recall']:.3f}", f"{times['median_ms']:.2f}", f"{times['p99_ms']:.2f}"]
    return [
        f"{one['images']:,}",
        one["vectors"]["kind"],
        *figures,
        f"{one['build']['derive_s']:.0f}",
        *memory,
        f"{one['bytes_an_image']:.0f}",
    ]


def _plain(name: str, part: Result) -> str:
    if name == "cold":
        return f"Whole process of `query --id`: {part['large_s']:.3f} s, and {part['small_s']:.3f} s on 1,000 codes."
    if name == "changes":
        seconds = ", ".join(f"{CHANGES[what]} {spent:.2f} s" for what, spent in part["seconds"].items())
        return f"{part['changed']:,} of {part['images']:,} codes, index type {part['kind']}, with labels: {seconds}."
    speeds = ", ".join(f"{what.replace('_', ' ')} {speed:.0f}" for what, speed in part["images_per_second"].items())
    peaks = ", ".join(f"{which} {peak['anonymous'] / GIB:.2f} GiB" for which, peak in part["peak_bytes"].items())
    return f"{part['images']:,} pictures, images/s: {speeds}; bound {part['bound']:.0f}. Private memory: {peaks}."


def _others(part: Result) -> list[str]:
    header = ["tool", "cannot", "images/s", "one search, ms", "all against all, s", "memory, GiB"]
    sentence = (
        f"{part['images']:,} pictures; all tools use the same files and cores, one after another. The other tools' "
        "networks have random weights. One search by latentsearch includes reading, decoding and encoding the file."
    )
    return [sentence, markdown(header, map(_other, part["rows"]), words=2)]


def _other(row: Result) -> list[str]:
    if "failed" in row:
        return [row["name"], f"not run: {row['failed']}", "", "", "", ""]
    one = f"{row['search_ms']:.1f}" if "search_ms" in row else ""
    everything = f"{row['search_all_s']:.1f}" if "search_all_s" in row else ""
    memory = f"{row['peak_bytes']['total'] / GIB:.2f}"
    return [row["name"], row["cannot"], f"{row['images_per_second']:.0f}", one, everything, memory]


def _codes(codes: Result | None) -> list[str]:
    if codes is None:
        return []
    wanted = dict(map(tuple, codes["wanted"]))
    header = ["noise", *(f"{count:,}" for count in wanted)]
    rows = [["required", *(f"{ratio:.3f}" for ratio in wanted.values())]]
    rows += [[f"{one['noise']:g}", *(f"{ratio:.3f}" for _, ratio in one["ratios"])] for one in codes["tried"]]
    return [
        "## How hard the codes are",
        "The table shows the median distance at rank 20, divided by the median distance of random pairs, by number of "
        "codes. Required is the line through the ratios of subsets of real codes or a fixed minimum, whichever is "
        f"higher. The benchmarks use noise {codes['noise']:g}.",
        markdown(header, rows, words=1),
        f"![ratio by number of codes](./{NAME}-ratio.png)",
    ]


def plot_ratio(result: Result, path: Path) -> Path:
    """Draw the ratio by number of codes: real codes, the required ratio, and the synthetic codes used."""
    codes = result["codes"]
    figure, panel = import_pyplot().subplots(figsize=(7, 4))
    used = next(one["ratios"] for one in codes["tried"] if one["noise"] == codes["noise"])
    for points, label, style in (
        (codes["real"], "real codes", "o-"),
        (codes["wanted"], "required", "k--"),
        (used, f"synthetic, noise {codes['noise']:g}", "s-"),
        ([(one["images"], one["ratio"]) for one in result.get("growth", {}).get("sizes", [])], "the indexes", "x"),
    ):
        panel.plot(*zip(*points, strict=True), style, label=label) if points else None
    panel.set_xscale("log")
    panel.set_xlabel("codes")
    panel.set_ylabel("distance at rank 20 / distance of random pairs")
    panel.grid(alpha=0.3)
    panel.legend()
    figure.tight_layout()
    return save(figure, path)


def plot_growth(growth: Result, path: Path) -> Path:
    """Draw a search's median and 99th percentile, the build time and the memory by number of codes."""
    sizes = growth["sizes"]
    counts = [one["images"] for one in sizes]
    figure, panels = import_pyplot().subplots(1, 3, figsize=(13, 4))
    for name, label in (("ours", "ours"), ("bare_faiss", "bare FAISS")):
        panels[0].plot(counts, [one["times"][name]["median_ms"] for one in sizes], "o-", label=f"{label}, median")
    panels[0].plot(counts, [one["times"]["ours"]["p99_ms"] for one in sizes], "x--", label="ours, 99th percentile")
    panels[0].set_ylabel("ms per search")
    panels[1].plot(counts, [one["build"]["derive_s"] for one in sizes], "o-", label="building the base")
    panels[1].set_ylabel("s")
    for pages in ("total", "anonymous"):
        peaks = [one["search_process"]["peak_bytes"][pages] / GIB for one in sizes]
        panels[2].plot(counts, peaks, "o-", label=f"searching, {pages}")
    panels[2].set_ylabel("GiB")
    for panel in panels:
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.set_xlabel("codes")
        panel.grid(alpha=0.3)
        panel.legend()
    figure.tight_layout()
    return save(figure, path)

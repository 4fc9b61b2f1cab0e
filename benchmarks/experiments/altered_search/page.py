"""The page of altered-search: recall by alteration and method, and whether a learned code beats the hashes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.core.page import import_pyplot, markdown, page, provenance, save, with_interval, write_page

NAME = "altered-search"
PAGES = (NAME, "altered-search-unseen")
# The bar excludes this alteration.
EXEMPT = "jpeg"
WORDS = {
    "colour": "hue rotated by 120 degrees (red, green and blue are the original's {channels})",
    "sunglasses": "dark ellipses with radii of {radii[0]} and {radii[1]} px over the eyes, joined by a bridge",
    "blur": "Gaussian, sigma {sigma} px",
    "shift": "moved by {length} px in a random direction, edges repeated",
    "rotation": "rotated by {degrees} degrees to either side, edges repeated",
    "flip": "mirrored left to right",
    "crop": "the central {share:.0%} of width and height, scaled to full size",
    "jpeg": "quality {quality}",
    "patch": "a black rectangle over {area:.0%} of the picture at a random place",
}
COLOURS = {"hash": "tab:grey", "baseline": "tab:olive", "learned": "tab:blue"}

Summary = dict[str, Any]
Method = dict[str, Any]


def write(record: dict[str, Any], folder: Path) -> list[Path]:
    """Write the page and the plot, named like the record, into the folder."""
    name = record["name"]
    return [write_page(folder, name, report(record)), plot(record["result"], folder / f"{name}.png")]


def report(record: dict[str, Any]) -> str:
    """The text of the page: protocol, verdict, tables, provenance."""
    summary = record["result"]
    first, last = summary["protocol"]["ks"]
    return page(
        "# Altered pictures that no encoder has seen" if summary["protocol"].get("unseen") else "# Altered pictures",
        _protocol_text(summary["protocol"]),
        markdown(["alteration", "change to a 178x218 picture"], _described(summary["protocol"]), words=2),
        "## Verdict",
        *_verdict(summary),
        f"## Recall@{first}",
        recall_table(summary, first),
        *(f"Left out: {key} ({reason})." for key, reason in summary["left_out"].items()),
        f"![recall@{first} of every method by alteration](./{record['name']}.png)",
        f"## Recall@{last}",
        recall_table(summary, last),
        "## How it was measured",
        provenance(record),
    )


def _protocol_text(protocol: dict[str, Any]) -> str:
    queries, gallery = f"{protocol['queries']:,}", f"{protocol['gallery']:,}"
    sets = f"{queries} random faces of CelebA's train partition", f"all {gallery} unaltered faces of the partition"
    if protocol.get("unseen"):
        sets = (
            f"{queries} random faces of CelebA's validation partition, on which nothing was fitted,",
            f"{gallery} unaltered faces of the train and validation partitions",
        )
    return (
        f"{sets[0]} are altered, and each altered picture is searched among {sets[1]}. Recall@k is the share of "
        "queries whose original is among the first k results; pictures at the same distance, which are common with "
        "hashes, count as if in random order. Intervals are 95 %, by bootstrap over the queries "
        f"({protocol['resamples']:,} resamples). Search is exact. AEGAN's Fig. 3 shows one face altered in three ways "
        "and the first results of AEGAN, dHash, pHash and colour histogram; it gives no figures, nor the strength of "
        "its colour transform."
    )


def _described(protocol: dict[str, Any]) -> list[list[str]]:
    return [
        [name, WORDS[name].format(**strength).replace("%", " %")] for name, strength in protocol["strengths"].items()
    ]


def recall_table(summary: Summary, k: int) -> str:
    """Recall@k: one row per alteration, one column per method."""
    methods = summary["methods"]
    header = ["alteration", *(f"{method['name']}, {_distance(method)}" for method in methods)]
    rows = (
        [name, *(f"{method['recall'][name][str(k)]['mean']:.3f}" for method in methods)]
        for name in summary["protocol"]["strengths"]
    )
    return markdown(header, rows, words=1)


def _distance(method: Method) -> str:
    name = str(method["distance"])
    return name if name == "cosine" else name.capitalize()  # the rest are people's names


def _verdict(summary: Summary) -> list[str]:
    hashes = [method for method in summary["methods"] if method["kind"] == "hash"]
    learned = [method for method in summary["methods"] if method["kind"] == "learned"]
    if not hashes or not learned:
        return ["No verdict: it needs both hashes and learned codes."]
    code = nearest_to_the_bar(learned, hashes)
    names = [name for name in summary["protocol"]["strengths"] if name != EXEMPT]
    won = [name for name in names if ahead(code, hashes, name)]
    return [_sentence(code, hashes, names, won), _verdict_table(summary, code, hashes, learned)]


def _sentence(code: Method, hashes: list[Method], names: list[str], won: list[str]) -> str:
    text = (
        "The bar: a single learned code beats dHash, pHash, aHash and wHash on every row but JPEG, that is, its "
        f"interval of recall@1 lies above theirs. {'Met' if won == names else 'Missed'}: the learned code that comes "
        f"closest, {code['name']}, {_distance(code)}, is ahead on {len(won)} of {len(names)} rows"
    )
    full = [name for name in names if score(best(hashes, name), name)["interval"][1] >= 1]
    if full:
        text += f". On {len(full)} ({', '.join(full)}) no code can be ahead: the best hash's interval reaches 1.000"
    return text + "."


def nearest_to_the_bar(learned: list[Method], hashes: list[Method]) -> Method:
    """The learned code ahead of all hashes on the most alterations; ties by the higher mean recall@1."""
    names = [name for name in learned[0]["recall"] if name != EXEMPT]

    def merit(code: Method) -> tuple[int, float]:
        return sum(ahead(code, hashes, name) for name in names), sum(score(code, name)["mean"] for name in names)

    return max(learned, key=merit)


def ahead(code: Method, hashes: list[Method], name: str) -> bool:
    """Whether the code's interval of recall@1 lies above the interval of every hash."""
    return all(score(code, name)["interval"][0] > score(one, name)["interval"][1] for one in hashes)


def best(methods: list[Method], name: str) -> Method:
    """The method with the highest recall@1 on this alteration."""
    return max(methods, key=lambda method: float(score(method, name)["mean"]))


def score(method: Method, name: str) -> dict[str, Any]:
    """Recall@1 of an alteration: {"mean", "interval"}."""
    value: dict[str, Any] = method["recall"][name]["1"]
    return value


def _verdict_table(summary: Summary, code: Method, hashes: list[Method], learned: list[Method]) -> str:
    header = ["alteration", "best hash", "its recall@1", code["name"], "ahead", "best learned code", "its recall@1"]
    rows = []
    for name in summary["protocol"]["strengths"]:
        hash_, other = best(hashes, name), best(learned, name)
        verdict = "yes" if ahead(code, hashes, name) else "no"
        rows.append(
            [
                name,
                hash_["name"],
                with_interval(score(hash_, name)),
                with_interval(score(code, name)),
                f"({verdict})" if name == EXEMPT else verdict,
                f"{other['name']}, {_distance(other)}",
                with_interval(score(other, name)),
            ]
        )
    return markdown(header, rows, words=2)


def plot(summary: Summary, path: Path) -> Path:
    """Draw recall@1 with its interval: one panel per alteration, one line per method."""
    methods, names = summary["methods"][::-1], list(summary["protocol"]["strengths"])
    lines = -(-len(names) // 3)
    size = (12, lines * (0.7 + 0.2 * len(methods)))
    figure, panels = import_pyplot().subplots(lines, 3, sharex=True, sharey=True, figsize=size, squeeze=False)
    for panel, name in zip(panels.flat, names, strict=False):
        _draw_panel(panel, methods, name)
    panels[0, 0].set_yticks(range(len(methods)), [f"{m['name']}, {_distance(m)}" for m in methods])
    figure.supxlabel("recall@1 and its 95 % interval; grey: hashes, blue: learned codes", fontsize=9)
    figure.tight_layout()
    return save(figure, path)


def _draw_panel(panel: Any, methods: list[Method], name: str) -> None:
    panel.set_title(name, fontsize=10)
    panel.tick_params(labelsize=8)
    for row, method in enumerate(methods):
        recall, colour = score(method, name), COLOURS[method["kind"]]
        panel.hlines(row, *recall["interval"], color=colour, linewidth=4, alpha=0.5)
        panel.plot(recall["mean"], row, "o", color=colour, markersize=4)
    panel.set_xlim(-0.02, 1.02)
    panel.grid(axis="x", alpha=0.3)

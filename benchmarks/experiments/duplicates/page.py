"""The page of duplicates: planted copies found, false reports, look-alikes, and the search at a large scale."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.core.page import markdown, page, provenance, write_page

NAME = "duplicates"
PAGES = (NAME,)
LEAST_PRECISION, LEAST_RECALL = 0.98, 0.9
WORDS = {
    "re-encoded": "saved as {formats}, quality {quality[0]} to {quality[1]}",
    "resized": "to {scale[0]} to {scale[1]} times width and height",
    "flipped": "mirrored left to right, saved at quality {quality}",
    "cropped": "to {share[0]} to {share[1]} of width and height, at a random place",
    "brightened": "every value multiplied by {factor[0]} to {factor[1]}",
    "turned": "by {how}, saved at quality {quality}",
}
HALVES = ("with even numbers", "with odd numbers")

Part = dict[str, Any]


def write(record: dict[str, Any], folder: Path) -> list[Path]:
    """Write duplicates.md into the folder."""
    return [write_page(folder, NAME, report(record))]


def report(record: dict[str, Any]) -> str:
    """The text of the page, for the parts that were run: protocol, verdict, tables, provenance."""
    copies, alike, scale = (record["result"].get(part) for part in ("copies", "look-alikes", "scale"))
    return page(
        "# Duplicates",
        *(_found(copies) if copies else []),
        *(_looks_alike(alike) if alike else []),
        *(_searched(scale) if scale else []),
        "## How it was measured",
        "The command below is the last one run; parts that it did not run keep their earlier results.",
        provenance(record),
    )


def _found(copies: Part) -> list[str]:
    return [
        f"{copies['planted']:,} of {copies['faces']:,} faces of CelebA's train partition, {copies['people']:,} people, "
        "drawn at random, are each copied in one way, and `latentsearch duplicates` searches faces and copies "
        "together. A copy is found if it is in a group with its original. A reported copy is right if it and the best "
        "picture of its group come from one original, or from two files of CelebA that show the same photograph. The "
        f"data set contains such pairs: {copies['known']} of the {copies['reported']:,} reported copies belong to "
        "pairs confirmed by eye and listed in `benchmarks/datasets/copies.toml`.",
        "## Verdict",
        verdict(copies),
        halves_table(copies),
        "The thresholds were set on all of these faces, and CelebA's own pairs were confirmed among the reported ones: "
        "the halves show the variation between people, not the performance on new people.",
        "## Recall by kind",
        recall_table(copies),
        f"The 95 % interval of the overall recall, by bootstrap, is [{copies['recall_interval'][0]:.4f}, "
        f"{copies['recall_interval'][1]:.4f}].",
        _reported_wrongly(copies),
        "## Candidates",
        f"Only {copies['candidates']['pairs']:,} candidate pairs are compared closely. The table shows the share of "
        "copies paired with their originals, if candidates are chosen by fingerprint, as `duplicates` does, and if the "
        "same number of pairs is chosen by the shipped encoder's nearest codes:",
        candidates_table(copies["candidates"]),
    ]


def verdict(copies: Part) -> str:
    """Whether precision and recall reach their bars."""
    met = copies["precision"] >= LEAST_PRECISION and copies["recall"] >= LEAST_RECALL
    return (
        f"The bar: precision at least {LEAST_PRECISION}, recall at least {LEAST_RECALL}. {'Met' if met else 'Missed'}: "
        f"precision {copies['precision']:.4f}, recall {copies['recall']:.4f}. If all of CelebA's own pairs counted as "
        f"wrong, precision would be {copies['precision_without_known']:.4f}. The search took {copies['seconds']:.0f} "
        f"s, indexing {copies['indexing_s']:.0f} s."
    )


def halves_table(copies: Part) -> str:
    """Precision and recall, overall and by half of the people."""
    rows = [
        [name, f"{part['reported']:,}", f"{part['precision']:.4f}", f"{part['recall']:.4f}"]
        for name, part in zip(("all", *HALVES), (copies, *copies["halves"]), strict=True)
    ]
    return markdown(["people", "reported", "precision", "recall"], rows, words=1)


def recall_table(copies: Part) -> str:
    """Recall by kind of copy, and how each kind is made."""
    rows = (
        [kind, WORDS[kind].format(**_readable(copies["strengths"][kind])), f"{recall:.4f}"]
        for kind, recall in copies["recall_by_kind"].items()
    )
    return markdown(["copy", "how it is made", "recall"], rows, words=2)


def _readable(strength: dict[str, Any]) -> dict[str, Any]:
    return strength | {key: ", ".join(strength.get(key, ())) for key in ("formats", "how")}


def _reported_wrongly(copies: Part) -> str:
    if not copies["wrong"]:
        return "False reports: none."
    return "False reports: " + ", ".join(f"{first} with {second}" for first, second in copies["wrong"]) + "."


def candidates_table(candidates: Part) -> str:
    """The share of copies that become candidates, by fingerprint and by code."""
    kinds = list(candidates["fingerprints"])
    rows = ([words, *(f"{candidates[key][kind]:.4f}" for kind in kinds)] for key, words in (
        ("fingerprints", "fingerprint"), ("codes", "distance between codes"),
    ))  # fmt: skip
    return markdown(["pairs by", *kinds], rows, words=1)


def _looks_alike(alike: Part) -> list[str]:
    rows = (
        [kind, f"{found['planted']:,}", str(found["called_same"]), ", ".join(_counts(found["called"])) or "nothing"]
        for kind, found in alike["kinds"].items()
    )
    called_same = sum(found["called_same"] for found in alike["kinds"].values())
    return [
        "## Look-alikes",
        f"{alike['planted']:,} pictures are made from {alike['faces']:,} other faces so that they resemble but do not "
        "copy them (`benchmarks/datasets/copies.toml` gives the changes). The bar: none is reported as `same` as its "
        "original or another look-alike, because it would then be deleted. "
        f"{'Met' if called_same == 0 else 'Missed'}: {called_same}.",
        markdown(["look-alike", "planted", "reported as same", "reported otherwise"], rows, words=1),
    ]


def _counts(called: dict[str, int]) -> list[str]:
    return [f"{kind} {count:,}" for kind, count in sorted(called.items(), key=lambda item: -item[1])]


def _searched(scale: Part) -> list[str]:
    found = scale["found"]
    return [
        f"## Among {scale['fingerprints']:,} pictures",
        f"The {scale['real']:,} fingerprints of faces and copies are mixed with synthetic ones: faces' fingerprints "
        "plus noise, with the same mean and covariance; `docs/decisions.md` says how close to real ones they are. The "
        "search uses FAISS's inverted file and does not compare all pairs.",
        markdown(
            ["fingerprints", "seconds", "candidate pairs", "copies among them", "peak memory, MB", "before, MB"],
            [
                [
                    f"{scale['fingerprints']:,}",
                    f"{scale['seconds']:,.0f}",
                    f"{scale['pairs']:,}",
                    f"{found['all']:.4f}",
                    f"{scale['peak_mb']:,.0f}",
                    f"{scale['peak_mb_before']:,.0f}",
                ]
            ],
            words=0,
        ),
    ]

"""The page of duplicates: planted copies found, what is reported wrongly, and the search among very many pictures."""

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
    "flipped": "left and right exchanged, saved at quality {quality}",
    "cropped": "to {share[0]} to {share[1]} of width and height, anywhere",
    "brightened": "every value times {factor[0]} to {factor[1]}",
    "turned": "by {how}, saved at quality {quality}",
}
HALVES = ("with even numbers", "with odd numbers")

Part = dict[str, Any]


def write(record: dict[str, Any], folder: Path) -> list[Path]:
    """Write duplicates.md into the folder."""
    return [write_page(folder, NAME, report(record))]


def report(record: dict[str, Any]) -> str:
    """The page: what was measured, the verdict, the tables, how to run it again; of the parts that were run."""
    copies, alike, scale = (record["result"].get(part) for part in ("copies", "look-alikes", "scale"))
    return page(
        "# Duplicates",
        *(_found(copies) if copies else []),
        *(_looks_alike(alike) if alike else []),
        *(_searched(scale) if scale else []),
        "## How it was measured",
        "By part: the command below is the last that was run, and what it did not run is kept from before.",
        provenance(record),
    )


def _found(copies: Part) -> list[str]:
    return [
        f"{copies['planted']:,} of {copies['faces']:,} faces of CelebA's train partition, {copies['people']:,} people, "
        "drawn at random, are copied, each in one way, and `latentsearch duplicates` looks through faces and copies "
        "together. A copy is found where it stands in one group with its original. A reported copy is right where it "
        "and the best of its group come from one original, or from two files of CelebA that show one photograph. The "
        f"data set has such: {copies['known']} of the {copies['reported']:,} reported are of the pairs that were "
        "looked at and are listed in `benchmarks/copies.toml`.",
        "## Verdict",
        verdict(copies),
        halves_table(copies),
        "Thresholds were set on all of these faces, and CelebA's own pairs were judged by eye among what was reported: "
        "the halves say whether people differ, not how it does on new ones.",
        "## Recall by kind",
        recall_table(copies),
        f"95 % interval of the recall of all, by bootstrap: [{copies['recall_interval'][0]:.4f}, "
        f"{copies['recall_interval'][1]:.4f}].",
        _reported_wrongly(copies),
        "## Candidates",
        f"Only {copies['candidates']['pairs']:,} pairs are compared closely. How many copies stand in one with their "
        "originals, by fingerprint, as is done, and among as many pairs of the shipped encoder's nearest codes:",
        candidates_table(copies["candidates"]),
    ]


def verdict(copies: Part) -> str:
    """Whether precision and recall reach their bars."""
    met = copies["precision"] >= LEAST_PRECISION and copies["recall"] >= LEAST_RECALL
    return (
        f"The bar: precision at least {LEAST_PRECISION}, recall at least {LEAST_RECALL}. {'Met' if met else 'Missed'}: "
        f"precision {copies['precision']:.4f}, recall {copies['recall']:.4f}. Were all of CelebA's own pairs wrong, "
        f"precision would be {copies['precision_without_known']:.4f}. Looking for them took {copies['seconds']:.0f} s, "
        f"indexing {copies['indexing_s']:.0f} s."
    )


def halves_table(copies: Part) -> str:
    """Precision and recall, of all and by half of the people."""
    rows = [
        [name, f"{part['reported']:,}", f"{part['precision']:.4f}", f"{part['recall']:.4f}"]
        for name, part in zip(("all", *HALVES), (copies, *copies["halves"]), strict=True)
    ]
    return markdown(["people", "reported", "precision", "recall"], rows, words=1)


def recall_table(copies: Part) -> str:
    """Recall of each kind of copy, and how it was made."""
    rows = (
        [kind, WORDS[kind].format(**_readable(copies["strengths"][kind])), f"{recall:.4f}"]
        for kind, recall in copies["recall_by_kind"].items()
    )
    return markdown(["copy", "how it is made", "recall"], rows, words=2)


def _readable(strength: dict[str, Any]) -> dict[str, Any]:
    return strength | {key: ", ".join(strength.get(key, ())) for key in ("formats", "how")}


def _reported_wrongly(copies: Part) -> str:
    if not copies["wrong"]:
        return "Reported wrongly: none."
    return "Reported wrongly: " + ", ".join(f"{first} with {second}" for first, second in copies["wrong"]) + "."


def candidates_table(candidates: Part) -> str:
    """The share of copies that are candidates, by fingerprint and by code."""
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
        "## Look-alikes that are no copies",
        f"{alike['planted']:,} pictures that were made of {alike['faces']:,} other faces and are no copies of them, as "
        "`benchmarks/copies.toml` says. The bar: none is called `same` as, and would be deleted for, its original or "
        f"another look-alike. {'Met' if called_same == 0 else 'Missed'}: {called_same}.",
        markdown(["look-alike", "planted", "called same", "called otherwise"], rows, words=1),
    ]


def _counts(called: dict[str, int]) -> list[str]:
    return [f"{kind} {count:,}" for kind, count in sorted(called.items(), key=lambda item: -item[1])]


def _searched(scale: Part) -> list[str]:
    found = scale["found"]
    return [
        f"## Among {scale['fingerprints']:,} pictures",
        f"The {scale['real']:,} fingerprints of faces and copies among made ones, which are faces' with noise of the "
        "same mean and covariance; how near they come is told in `docs/decisions.md`. FAISS's inverted file, no "
        "quadratic pass.",
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

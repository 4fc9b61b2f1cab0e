"""The page of latent-map: how well neighbours share what the paper colours its map by, and the maps themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.core.page import import_pyplot, markdown, page, provenance, save, with_interval, write_page
from benchmarks.statistics.label_tables import distance

NAME = "latent-map"
PAGES = (NAME,)
SPACES = {"codes": "by the codes themselves", "plane": "in the plane of t-SNE"}
MEASURES = {"having": "of faces that have it", "balanced": "balanced"}
# The paper's colours (Fig. 8 b and d).
COLOURS = {"Eyeglasses": "red", "Wearing_Hat": "green", "Bangs": "blue", "Blond_Hair": "gold"}
GENDER = "Male"

Summary = dict[str, Any]
Method = dict[str, Any]


def write(record: dict[str, Any], folder: Path) -> list[Path]:
    """Write latent-map.md and latent-map.png into the folder, which has latent-map.npz too."""
    written = write_page(folder, NAME, report(record))
    with np.load(folder / f"{NAME}.npz") as raw:
        return [written, plot(record["result"], raw, folder / f"{NAME}.png")]


def report(record: dict[str, Any]) -> str:
    """The page: what was measured, the verdict, the tables, how to run it again."""
    summary = record["result"]
    tables = [
        part
        for space, words in SPACES.items()
        for part in (
            f"## Neighbours {words}",
            sharing_table(summary, space, "having"),
            "Balanced:",
            sharing_table(summary, space, "balanced"),
        )
    ]
    return page(
        "# A map of the codes",
        _protocol_text(summary["protocol"]),
        "## Verdict",
        *_verdict(summary),
        f"![t-SNE of every kind of code, coloured by attribute](./{NAME}.png)",
        *tables,
        "## How it was measured",
        provenance(record),
    )


def _protocol_text(protocol: dict[str, Any]) -> str:
    return (
        f"{protocol['faces']:,} faces of CelebA's train partition, drawn at random. For every face that has an "
        f"attribute: how many of its {protocol['k']} nearest others have it too, which is what a cluster on a map "
        "shows. Where some faces are near to very many others, as by pixels, those faces' attributes gain: so balanced "
        "too, the mean of that share and of the one of neighbours that lack it, of faces that lack it; a random "
        "neighbour gives one half. In brackets the 95 % interval by bootstrap over the faces "
        f"({protocol['resamples']:,} resamples). Nearest by each code's own distance, and in the plane that t-SNE "
        "(scikit-learn's, perplexity 30) makes of it; of pixels t-SNE gets the first "
        f"{protocol['pixel_components']} principal components, as is customary. IVE-GAN's Fig. 8 shows such maps of "
        "1,024 numbers and of raw pixels, and states no figure."
    )


def sharing_table(summary: Summary, space: str, measure: str) -> str:
    """A row a method, a column an attribute; space: "codes" or "plane"; measure: "having" or "balanced"."""
    names = summary["protocol"]["attributes"]
    rows = [["a random face", "", *(f"{summary['chance'][name][measure]:.3f}" for name in names)]]
    for method in summary["methods"]:
        scores = method["sharing"][space]
        rows.append([method["name"], distance(method), *(with_interval(scores[name][measure]) for name in names)])
    return markdown(["neighbours", "distance", *(word(name) for name in names)], rows, words=2)


def word(attribute: str) -> str:
    """CelebA's name of an attribute as words."""
    return attribute.replace("_", " ").lower()


def _verdict(summary: Summary) -> list[str]:
    names = summary["protocol"]["attributes"]
    compared = [
        (method, space, measure)
        for method in summary["methods"]
        if method["key"] != summary["baseline"]
        for measure in MEASURES
        for space in SPACES
    ]
    bar = (
        "The bar: the codes ahead of the pixels on each of the five, the 95 % interval of the difference between what "
        "their neighbours share above 0."
    )
    rows = [
        [
            f"{method['name']}, {distance(method)}",
            f"{SPACES[space]}, {MEASURES[measure]}",
            *(_difference(method["sharing"][space][name][measure]) for name in names),
        ]
        for method, space, measure in compared
    ]
    table = markdown(["beyond pixels", "neighbours", *(word(name) for name in names)], rows, words=2)
    return [bar, "\n".join(_outcome(*one, names) for one in compared), table]


def _outcome(method: Method, space: str, measure: str, names: list[str]) -> str:
    lost = [word(name) for name in names if not is_ahead(method["sharing"][space][name][measure])]
    outcome = f"missed on {', '.join(lost)}" if lost else "met"
    return f"- {method['name']}, {distance(method)}, {SPACES[space]}, {MEASURES[measure]}: {outcome}."


def is_ahead(score: dict[str, Any]) -> bool:
    """Whether the interval of the difference from pixels lies above 0."""
    return bool(score["beyond_baseline"]["interval"][0] > 0)


def _difference(score: dict[str, Any]) -> str:
    low, high = score["beyond_baseline"]["interval"]
    return f"{score['beyond_baseline']['mean']:+.3f} [{low:+.3f}, {high:+.3f}]"


def plot(summary: Summary, raw: Any, path: Path) -> Path:
    """Draw the maps: a column a method, above the paper's four attributes, below gender."""
    methods, names = summary["methods"], summary["protocol"]["attributes"]
    size = (4.6 * len(methods), 9.4)
    figure, panels = import_pyplot().subplots(2, len(methods), figsize=size, squeeze=False)
    attributes = dict(zip(names, raw["attributes"].T, strict=True))
    for column, method in zip(panels.T, methods, strict=True):
        plane = raw[f"{method['key']}_plane"].astype(np.float32)
        column[0].set_title(f"{method['name']}, {distance(method)}", fontsize=10)
        draw_points(column[0], plane, {name: attributes[name] == 1 for name in COLOURS if name in names}, COLOURS)
        if GENDER in names:
            male = attributes[GENDER] == 1
            draw_points(column[1], plane, {"male": male, "female": ~male}, {"male": "red", "female": "royalblue"})
    figure.tight_layout()
    return save(figure, path)


def draw_points(
    panel: Any, plane: NDArray[np.float32], groups: dict[str, NDArray[np.bool_]], colours: dict[str, str]
) -> None:
    """All points in grey, those of each group in its colour."""
    panel.scatter(*plane.T, s=1.5, color="lightgrey", linewidths=0)
    for name, members in groups.items():
        panel.scatter(*plane[members].T, s=2.5, color=colours[name], linewidths=0, label=word(name), alpha=0.7)
    panel.set(xticks=[], yticks=[])
    if groups:
        panel.legend(markerscale=5, fontsize=8, loc="lower right")

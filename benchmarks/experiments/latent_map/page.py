"""The page of latent-map: how well neighbours share the attributes that colour the paper's map, and the maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.core.page import import_pyplot, markdown, page, provenance, save, with_interval, write_page
from benchmarks.statistics.label_tables import distance

NAME = "latent-map"
PAGES = (NAME,)
SPACES = {"codes": "in code space", "plane": "in the plane of t-SNE"}
MEASURES = {"having": "of faces with the attribute", "balanced": "balanced"}
# The paper's colours (Fig. 8 b and d).
COLOURS = {"Eyeglasses": "red", "Wearing_Hat": "green", "Bangs": "blue", "Blond_Hair": "gold"}
GENDER = "Male"

Summary = dict[str, Any]
Method = dict[str, Any]


def write(record: dict[str, Any], folder: Path) -> list[Path]:
    """Write latent-map.md and latent-map.png into the folder that holds latent-map.npz."""
    written = write_page(folder, NAME, report(record))
    with np.load(folder / f"{NAME}.npz") as raw:
        return [written, plot(record["result"], raw, folder / f"{NAME}.png")]


def report(record: dict[str, Any]) -> str:
    """The text of the page: protocol, verdict, tables, provenance."""
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
        f"{protocol['faces']:,} random faces of CelebA's train partition. For every face with an attribute, the "
        f"figure is the share of its {protocol['k']} nearest others that have it too, which is what a cluster on a map "
        "shows. In some spaces, such as pixels, a few faces are near to very many others, and their attributes gain. "
        "The balanced figure corrects for this: it is the mean of that share and, for faces without the attribute, of "
        "the share of neighbours without it; a random neighbour gives one half. Brackets give 95 % intervals by "
        f"bootstrap over the faces ({protocol['resamples']:,} resamples). Neighbours are found by each code's own "
        "distance, and in the plane of its t-SNE (scikit-learn, perplexity 30); pixels are first reduced to "
        f"{protocol['pixel_components']} principal components, as is customary. IVE-GAN's Fig. 8 shows such maps of "
        "1,024 numbers and of raw pixels, and gives no figures."
    )


def sharing_table(summary: Summary, space: str, measure: str) -> str:
    """One row per method, one column per attribute; space: a key of SPACES; measure: a key of MEASURES."""
    names = summary["protocol"]["attributes"]
    rows = [["a random face", "", *(f"{summary['chance'][name][measure]:.3f}" for name in names)]]
    for method in summary["methods"]:
        scores = method["sharing"][space]
        rows.append([method["name"], distance(method), *(with_interval(scores[name][measure]) for name in names)])
    return markdown(["neighbours", "distance", *(word(name) for name in names)], rows, words=2)


def word(attribute: str) -> str:
    """CelebA's attribute name in words."""
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
        "The bar: the neighbours by code share each of the five attributes more often than neighbours by pixels; the "
        "95 % interval of the difference is above 0."
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
    """Draw the maps: one column per method, the paper's four attributes above, gender below."""
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
    """Draw all points in grey, then each group in its colour."""
    panel.scatter(*plane.T, s=1.5, color="lightgrey", linewidths=0)
    for name, members in groups.items():
        panel.scatter(*plane[members].T, s=2.5, color=colours[name], linewidths=0, label=word(name), alpha=0.7)
    panel.set(xticks=[], yticks=[])
    if groups:
        panel.legend(markerscale=5, fontsize=8, loc="lower right")

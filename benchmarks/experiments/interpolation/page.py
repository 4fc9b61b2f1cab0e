"""The page of interpolation: how evenly pictures change between two codes, and the effects of z' and z."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.core.page import import_pyplot, markdown, page, provenance, save, with_interval, write_page

NAME = "interpolation"
PAGES = (NAME,)
BAR = 0.9

Summary = dict[str, Any]
Row = dict[str, Any]


def write(record: dict[str, Any], folder: Path) -> list[Path]:
    """Write interpolation.md and interpolation.png; the sheet of the same z with five z' already exists."""
    written = write_page(folder, NAME, report(record))
    return [written, plot(record["result"], folder / f"{NAME}.png")]


def report(record: dict[str, Any]) -> str:
    """The text of the page: protocol, verdict, tables, provenance."""
    summary = record["result"]
    return page(
        "# Interpolation",
        _protocol_text(summary["protocol"]),
        "## Verdict",
        *(verdict(row) for row in summary["rows"]),
        path_table(summary),
        f"![distance from the start between one face and another](./{NAME}.png)",
        *_noise_parts(summary),
        "## How it was measured",
        provenance(record),
    )


def _protocol_text(protocol: dict[str, Any]) -> str:
    return (
        f"{protocol['pairs']} pairs of faces of CelebA's validation partition are encoded, and pictures are generated "
        f"from {protocol['steps']} even steps on the straight line between their codes (IVE-GAN's with z' = 0). A "
        "judge, the discriminator of another run that was trained with neither this encoder nor its generator, "
        "measures the distance of each picture from the first one in its features, the flattened last convolution. "
        "Monotone: every step increases the distance. Largest step: its share of the total length of all steps, where "
        f"{1 / protocol['steps']:.2f} is even and 1 is a single jump. Cross-fade: the same end pictures blended pixel "
        "by pixel, which shows how the judge rates a path without a generator. It meets the bar too, because the bar "
        "requires that a path does not turn back, not that its pictures are faces. Ends: the distance of the generated "
        "end pictures from the faces that they should show, where 1 is the distance between two different faces. "
        "Brackets give 95 % intervals by bootstrap over the pairs "
        f"({protocol['resamples']:,} resamples). IVE-GAN's Fig. 9 shows three such paths and gives no figures."
    )


def verdict(row: Row) -> str:
    """One sentence: whether the bar is met."""
    share = row["codes"]["monotone"]
    outcome = "Met" if share["mean"] >= BAR else f"Missed by {BAR - share['mean']:.3f}"
    return (
        f"The bar: monotone in {BAR:.0%} of the pairs. {row['name']}, judged by {row['judge']}: "
        f"{with_interval(share)}. {outcome}."
    )


def path_table(summary: Summary) -> str:
    """One row per encoder and judge."""
    header = [
        "codes",
        "numbers",
        "judge",
        "monotone",
        "largest step",
        "monotone, cross-fade",
        "largest step, cross-fade",
        "ends",
    ]
    rows = [
        [
            row["name"],
            str(row["latent_size"]),
            row["judge"],
            *(with_interval(row[way][what]) for way in ("codes", "fades") for what in ("monotone", "largest_jump")),
            with_interval(row["misses"]),
        ]
        for row in summary["rows"]
    ]
    return markdown(header, rows, words=3)


def _noise_parts(summary: Summary) -> list[str]:
    rows = [row for row in summary["rows"] if row["noise"]]
    if not rows:
        return []
    noise = rows[0]["noise"]
    return [
        "## The same z with five z'",
        f"Pictures are generated from {noise['codes']} codes z, each with the same {noise['noises']} noises z'. The "
        "table shows the mean distance in the judge's features between pictures that differ only in z' or only in z, "
        "with 95 % intervals by bootstrap over z. IVE-GAN's section 4.3 says of its Fig. 7 that z' induces a similar "
        "relative transformation in each image. Same change is the mean cosine between the effects of the same change "
        "of z' on two pictures; different changes is the same for two changes that share no z'.",
        noise_table(rows),
        f"![generated faces: each column has one z, each row one z'](./{NAME}-noise.png)",
    ]


def noise_table(rows: list[Row]) -> str:
    """One row per encoder and judge."""
    header = ["codes", "judge", "moved by z'", "moved by z", "z' : z", "same change", "different changes"]
    cells = [
        [
            row["name"],
            row["judge"],
            with_interval(row["noise"]["by_noise"]),
            with_interval(row["noise"]["by_code"]),
            f"{row['noise']['by_noise']['mean'] / row['noise']['by_code']['mean']:.2f}",
            f"{row['noise']['alike']:+.3f}",
            f"{row['noise']['unrelated']:+.3f}",
        ]
        for row in rows
    ]
    return markdown(header, cells, words=2)


def plot(summary: Summary, path: Path) -> Path:
    """Draw the mean distance from the start after each step and the central 95 % of pairs, one panel per row."""
    rows = summary["rows"]
    size = (4.2 * len(rows), 3.8)
    figure, panels = import_pyplot().subplots(1, len(rows), figsize=size, sharey=True, squeeze=False)
    steps = range(summary["protocol"]["steps"] + 1)
    for panel, row in zip(panels[0], rows, strict=True):
        for way, colour, name in (("fades", "tab:grey", "cross-fade"), ("codes", "tab:blue", "between the codes")):
            low, high = row[way]["curve_spread"]
            panel.fill_between(steps, [0, *low], [0, *high], color=colour, alpha=0.2, linewidth=0)
            panel.plot(steps, [0, *row[way]["curve"]], "o-", color=colour, markersize=3, label=name)
        panel.set_title(f"{row['name']}, judged by {row['judge']}", fontsize=10)
        panel.set_xlabel("step")
        panel.grid(alpha=0.3)
    panels[0][0].set_ylabel("distance from the start / distance of the ends")
    panels[0][0].legend(loc="lower right", fontsize=9)
    figure.tight_layout()
    return save(figure, path)

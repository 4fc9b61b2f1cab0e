"""The pages of latent-size, one per data set: the paper's claims, tables and plots by latent size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.core.page import markdown, page, provenance, with_interval, write_page
from benchmarks.experiments.latent_size.claims import (
    FAMILIES,
    NOISE_VARIANCE,
    Table,
    claims,
    distance_of,
    error_of,
    refined_of,
)
from benchmarks.experiments.latent_size.plots import plots

TITLES = {"mnist": "MNIST", "cifar10": "CIFAR-10", "celeba": "CelebA"}
PAGES = tuple(f"latent-size-{data}" for data in TITLES)
SPREAD = " (lowest to highest of the seeds)"

Summary = dict[str, Any]


def write(record: dict[str, Any], folder: Path) -> list[Path]:
    """Write NAME.md and its plots, NAME-….png."""
    made = plots(record["result"], folder, record["name"])
    text = report(record, [path.name for path in made])
    return [write_page(folder, record["name"], text), *made]


def report(record: dict[str, Any], plotted: list[str]) -> str:
    """The text of the page. plotted: the file names of its plots."""
    summary = record["result"]
    table = Table(summary)
    return page(
        f"# The size of the latent space: {TITLES[summary['data']]}",
        _protocol(summary),
        "## Verdict",
        "\n".join(f"- {claim}" for claim in claims(table)),
        *_errors(summary, table),
        *_quality(summary, table),
        *_probes(table),
        *_weights(table),
        *_surface(table),
        *_lengths(table),
        *_classifier(table),
        *_labels(table),
        *(["## Plots", *(f"![{name}](./{name})" for name in plotted)] if plotted else []),
        *_sheets(summary),
        "## The runs",
        _runs(summary),
        "## How it was measured",
        provenance(record),
    )


def _protocol(summary: Summary) -> str:
    settings = summary["settings"]
    return (
        'This page tests the claims of "Impact of the latent space on the ability of GANs to fit the distribution", '
        f"with the preset `{settings['preset']}`, latent sizes {', '.join(map(str, settings['sizes']))}, and "
        f"{len(settings['seeds'])} seed{'s' if len(settings['seeds']) > 1 else ''} per size. Errors are mean squared "
        f"errors of values in [-1, 1], over {settings['images']} images. The autoencoder encodes the images; codes of "
        f"the WGAN-GP are found by {settings['steps']} steps of projected Adam within ||z||² ≤ dim + 3 √(2 dim) "
        f"(eq. 5), from random codes, with the rates {' and '.join(map(str, settings['learning_rates']))}; the better "
        f"code of each image counts.{_own_rates(summary)} The paper searches for 10,000 steps and trains for 80,000, "
        "with networks 20 to 32 times as wide, so the figures cannot be compared with the paper's."
    )


def _own_rates(summary: Summary) -> str:
    recipes = [run["recipe"] for run in summary["runs"].values()]
    fields = {
        "first_layer_rate": "The layer of the WGAN-GP that reads codes learns",
        "code_rate": "The layers of the autoencoder that write and read codes learn",
    }
    return "".join(
        f" {layers} at {rate:g} times the rate of the other layers, at every size: docs/decisions.md gives the effect."
        for field, layers in fields.items()
        for rate in sorted({recipe.get(field, 1.0) for recipe in recipes} - {1.0})
    )


def _cell(values: list[float], digits: int = 4) -> str:
    if not values:
        return ""
    mean = f"{sum(values) / len(values):.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def _by_size(table: Table, columns: dict[str, Callable[[int], str]]) -> str:
    rows = [[str(size), *(cell(size) for cell in columns.values())] for size in table.sizes]
    return markdown(["latent size", *columns], [row for row in rows if any(row[1:])], words=0)


def _column(
    table: Table, part: str, family: str, pick: Callable[[Any], float], digits: int = 4
) -> Callable[[int], str]:
    return lambda size: _cell(table.values(part, family, size, pick), digits)


def _errors(summary: Summary, table: Table) -> list[str]:
    rows = table.parts.get("reconstruction")
    if not rows:
        return []
    columns = {
        f"{name}, {probe}": _column(table, "reconstruction", family, error_of(probe))
        for family, name in FAMILIES.items()
        for probe in ("train", "validation")
    }
    for probe in ("train", "validation"):
        columns[f"autoencoder, refined, {probe}"] = _column(table, "reconstruction", "autoencoder", refined_of(probe))
    for probe in ("train", "validation"):
        columns[f"autoencoder, many, {probe}"] = _column(
            table, "reconstruction", "encoded autoencoder", error_of(probe)
        )
    own = {key.removeprefix("own "): row for key, row in rows.items() if key.startswith("own ")}
    columns["WGAN-GP, its own images"] = lambda size: _cell(
        [row["error"]["mean"] for key, row in own.items() if key.startswith(f"wgan-gp-{size}-")]
    )
    means = rows.get("data", {})
    text = (
        f"Fig. 3, and Fig. 9a for MNIST; means over the seeds{SPREAD}. The mean training image, used for every image, "
        f"has {means.get('train', float('nan')):.4f} and {means.get('validation', float('nan')):.4f}. Refined: the "
        "autoencoder's codes after as many steps of the same search, started at the encoder's codes, without a ball. "
        f"Many: the autoencoder's error on up to {summary['settings']['drawn']:,} images, which need no search. The "
        "error of images that the WGAN-GP generated itself is the limit of the search: more steps would lower it."
    )
    return ["## Reconstruction error", text, _by_size(table, columns)]


def _quality(summary: Summary, table: Table) -> list[str]:
    rows = table.parts.get("quality")
    if not rows:
        return []
    columns = {name: _column(table, "quality", family, distance_of) for family, name in FAMILIES.items()}
    fids = sorted({str(row["fid"]) for key, row in rows.items() if key != "data"})
    fid = f"FID: {fids[0]}." if len(fids) == 1 and fids[0].startswith("not") else f"FID: {', '.join(fids)}."
    data = rows.get("data")
    floor = (
        f"Real validation images have {data['distance']:.4f}; the classifier predicts {data['accuracy']:.3f} of their "
        "labels correctly. "
        if data
        else ""
    )
    text = (
        "Fig. 4: a Frechet distance between generated and real training images over 64 features of a classifier that "
        "was trained here on the training labels. It is not an FID, and figures can be compared only within this "
        "table. Generated images are new ones for the WGAN-GP and reconstructions of validation images for the "
        f"autoencoder, up to {summary['settings']['drawn']:,} of each. {floor}{fid}"
    )
    return ["## Perceptual quality", text, _by_size(table, columns)]


def _probes(table: Table) -> list[str]:
    titles = {
        "shifted": ("Shifted images", "Fig. 6: training images moved right and down by the given number of pixels."),
        "other": ("Images of CIFAR-10", "Figs 7 and 11: enlarged, reconstructed by models of CelebA."),
        "noise": (
            "Noise",
            f"Fig. 8: U(-1, 1) noise; errors are divided by its variance, {NOISE_VARIANCE:.4f}; a grey image has 1.",
        ),
    }
    parts = []
    for part, (title, text) in titles.items():
        rows = table.parts.get(part)
        if rows:
            scale = NOISE_VARIANCE if part == "noise" else 1
            parts += [f"## {title}", text, _by_size(table, _probe_columns(table, part, scale))]
    return parts


def _probe_columns(table: Table, part: str, scale: float) -> dict[str, Callable[[int], str]]:
    probes = list(next(iter(table.parts[part].values())))
    return {
        f"{name}, {probe}": _column(table, part, family, _scaled(probe, scale))
        for family, name in FAMILIES.items()
        for probe in probes
    }


def _scaled(probe: str, scale: float) -> Callable[[Any], float]:
    return lambda row: error_of(probe)(row) / scale


def _weights(table: Table) -> list[str]:
    rows = table.parts.get("weights")
    if not rows:
        return []
    cells = [
        [
            key.split("-")[2],
            layer["layer"],
            f"{layer['weights']:,}",
            f"{layer['deviation']:.4f}",
            f"{layer['moved']:.2f}",
            f"{layer['kolmogorov']:.3f}",
            f"{layer['kolmogorov_before']:.3f}",
            f"{layer['excess_kurtosis']:+.2f}",
        ]
        for key, layers in rows.items()
        for layer in layers
    ]
    header = ["latent size", "layer", "weights", "deviation", "moved", "from normal", "before", "excess kurtosis"]
    text = (
        "Fig. 1: the weights of the generators' layers. From normal: the largest difference between their distribution "
        "function and a normal one with the same mean and standard deviation, after training and before it, when they "
        "are uniform (0.058). Moved: the distance moved by training, relative to the deviation before it."
    )
    return ["## Weights", text, markdown(header, cells, words=2)]


def _surface(table: Table) -> list[str]:
    rows = table.parts.get("surface")
    if not rows:
        return []
    cells = [[key.split("-")[2], f"{row['found']:.2f}", f"{row['minima']:.2f}"] for key, row in rows.items()]
    text = (
        "Fig. 2: the loss in the plane through z0 = 0 and a code z* of the prior (eq. 1), for "
        f"{next(iter(rows.values()))['codes']} codes. Found: the share for which descent over grid points from z0 ends "
        "at z*. Minima: the number of points of the 21 x 21 grid that are lower than their neighbours."
    )
    return ["## The loss around a code", text, markdown(["latent size", "found", "minima"], cells, words=0)]


def _lengths(table: Table) -> list[str]:
    parts = []
    for key, row in table.parts.get("lengths", {}).items():
        cells = [["of the prior", *_range(row["prior"]), ""]]
        cells += [[name, *_range(one["lengths"]), f"{one['within']:.2f}"] for name, one in row["found"].items()]
        text = f"Fig. 10, latent size {key.split('-')[2]}: codes found without the ball of radius {row['radius']:.2f}."
        header = ["codes", "shortest", "mean", "longest", "within the ball"]
        parts += ["## Lengths of codes", text, markdown(header, cells, words=1)]
    return parts


def _range(values: list[float]) -> list[str]:
    return [f"{value:.2f}" for value in (min(values), sum(values) / len(values), max(values))]


def _classifier(table: Table) -> list[str]:
    rows = table.parts.get("classifier")
    if not rows:
        return []
    columns = {
        name: _column(table, "classifier", family, lambda row: float(row["accuracy"]), 3)
        for family, name in FAMILIES.items()
    }
    text = (
        "Fig. 9b: the accuracy on test digits of a classifier trained on reconstructions of training digits; trained "
        f"on those digits themselves, it reaches {rows['data']['accuracy']:.3f}."
    )
    return ["## Learning from reconstructions", text, _by_size(table, columns)]


def _labels(table: Table) -> list[str]:
    found = table.parts.get("labels", {}).get("data")
    if not found:
        return []
    cells = []
    for row in found["rows"]:
        name, _, rest = row["key"].partition("-")
        size = rest.split("-")[0] if rest else ""
        distance = "cosine, whitened" if row["key"].endswith("whitened") else "Euclidean" if rest else ""
        scores = [with_interval(row["agreement"][k]) for k in ("1", "20")]
        cells.append([name, size, distance, *scores, *(f"{row['same_person'][k]['mean']:.3f}" for k in ("1", "10"))])
    header = ["codes", "latent size", "distance", "agreement @1", "@20", "same person @1", "@10"]
    return [
        "## Agreement of labels",
        "As in [label-similarity](label-similarity.md), validation faces are searched among the training faces.",
        markdown(header, cells, words=1),
    ]


def _sheets(summary: Summary) -> list[str]:
    if summary["data"] != "mnist" or not summary["sheets"]:
        return []
    parts = ["## Sheets", "One row per image: the original, then the autoencoder's and the WGAN-GP's, by latent size."]
    return parts + [f"![{', '.join(titles)}](./{name})" for name, titles in summary["sheets"].items()]


def _runs(summary: Summary) -> str:
    rows = [
        [
            key,
            f"{run['images']:,}",
            f"{run['steps']:,}",
            f"{run['seconds']:,}",
            str(run["recipe"]["width"]),
            str(run["recipe"]["batch"]),
            str(run["hardware"]),
        ]
        for key, run in summary["runs"].items()
    ]
    header = ["run", "images", "steps", "seconds", "width", "batch", "hardware"]
    return "Seconds are wall-clock time, with other work on the machine.\n\n" + markdown(header, rows, words=1)

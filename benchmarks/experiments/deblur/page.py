"""The page of deblur: blurred pictures and their reconstructions against the originals, by the blur's width."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.core.page import import_pyplot, markdown, page, provenance, save, write_page

NAME = "deblur"
PAGES = (NAME,)
MEASURES = {"psnr": "PSNR, dB", "ssim": "SSIM", "dhash": "dHash similarity"}
DIGITS = {"psnr": 2, "ssim": 3, "dhash": 3}

Summary = dict[str, Any]


def write(record: dict[str, Any], folder: Path) -> list[Path]:
    """Write deblur.md and deblur.png into the folder."""
    written = write_page(folder, NAME, report(record))
    return [written, plot(record["result"], folder / f"{NAME}.png")]


def report(record: dict[str, Any]) -> str:
    """The page: what was measured, the verdict, the tables, the sheet, how to run it again."""
    summary = record["result"]
    generated, real = summary_tables(summary)
    return page(
        "# Deblurring",
        _protocol_text(summary),
        "## Verdict",
        "\n".join(f"- {sentence}" for origin in summary["originals"] for sentence in _verdict(summary, origin)),
        f"![closeness to the originals against the blur's width](./{NAME}.png)",
        "## Generated originals, as in the paper",
        generated,
        "## Real originals",
        real,
        "## Generated originals, blurred and reconstructed",
        f"![rows of pictures](./{NAME}-sheet.png)",
        f"Rows, from the top: {'; '.join(summary['sheet'])}. The first of those that were measured, not chosen.",
        "## How it was measured",
        provenance(record),
    )


def _protocol_text(summary: Summary) -> str:
    counts = summary["images"]
    return (
        f"{counts['generated']:,} pictures that {summary['inverter']['name']}'s generator made, and {counts['real']:,} "
        "faces of CelebA's validation partition, blurred by a Gaussian and given to the encoder; what the generator "
        "makes of those codes is compared with the sharp original, as is the blurred picture itself (AEGAN, section "
        "4.3 and Fig. 5, which has no figures). Widths are sigma in pixels of the 64x64 picture. PSNR of equal "
        "pictures counts as 90 dB. Closer means that the 95 % interval of the gain, by bootstrap over the pictures "
        f"({summary['resamples']:,} resamples), is above 0 at this width and every greater one."
    )


def _verdict(summary: Summary, origin: str) -> list[str]:
    """By measure, from which width on the reconstruction is closer."""
    return [
        _sentence(origin, words, summary["originals"][origin][name]["closer_from"]) for name, words in MEASURES.items()
    ]


def _sentence(origin: str, measure: str, sigma: float | None) -> str:
    what = f"{origin.capitalize()} originals, {measure.partition(',')[0]}"
    if sigma is None:
        return f"{what}: missed, the reconstruction is at no width closer than the blurred picture."
    return f"{what}: met, the reconstruction is closer than the blurred picture from sigma {sigma:g} px on."


def summary_tables(summary: Summary) -> list[str]:
    """A table for each origin: every measure of blurred and reconstructed, by width."""
    return [_table(summary["sigmas"], measured) for measured in summary["originals"].values()]


def _table(sigmas: list[float], measured: dict[str, Any]) -> str:
    header = ["sigma"]
    for words in MEASURES.values():
        header += [f"{words}: blurred", "reconstructed", "gain"]
    return markdown(header, [_row(sigma, column, measured) for column, sigma in enumerate(sigmas)], words=0)


def _row(sigma: float, column: int, measured: dict[str, Any]) -> list[str]:
    cells = [f"{sigma:g}"]
    for name, digits in DIGITS.items():
        scores = {what: measured[name][what][column] for what in ("blurred", "reconstructed", "gain")}
        low, high = scores["gain"]["interval"]
        cells += [f"{scores[what]['mean']:.{digits}f}" for what in ("blurred", "reconstructed")]
        cells += [f"{scores['gain']['mean']:+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}]"]
    return cells


def plot(summary: Summary, path: Path) -> Path:
    """Draw every measure against the width: blurred dashed, reconstructed solid, generated and real originals."""
    figure, panels = import_pyplot().subplots(1, len(MEASURES), figsize=(13, 4))
    for panel, (name, words) in zip(panels, MEASURES.items(), strict=True):
        for origin, colour in (("generated", "tab:blue"), ("real", "tab:orange")):
            measured = summary["originals"][origin][name]
            for what, style in (("blurred", "--"), ("reconstructed", "-")):
                _draw(panel, summary["sigmas"], measured[what], style, colour, f"{origin}, {what}")
        if name == "psnr":
            panel.set_ylim(8, 45)  # equal pictures are beyond the top
        panel.set(title=words, xlabel="sigma of the blur, px")
        panel.grid(alpha=0.3)
    panels[0].legend(fontsize=8)
    figure.tight_layout()
    return save(figure, path)


def _draw(panel: Any, sigmas: list[float], scores: list[dict[str, Any]], style: str, colour: str, label: str) -> None:
    panel.plot(sigmas, [score["mean"] for score in scores], style, color=colour, marker=".", label=label)
    low, high = zip(*(score["interval"] for score in scores), strict=True)
    panel.fill_between(sigmas, low, high, color=colour, alpha=0.2, linewidth=0)

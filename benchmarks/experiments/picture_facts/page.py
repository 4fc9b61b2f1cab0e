"""The page of picture-facts: values compared with exiftool's, and the speed of indexing with facts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.core.page import markdown, page, provenance, write_page

NAME = "picture-facts"
PAGES = (NAME,)


def write(record: dict[str, Any], folder: Path) -> list[Path]:
    """Write picture-facts.md into the folder."""
    return [write_page(folder, NAME, report(record))]


def report(record: dict[str, Any]) -> str:
    """The text of the page: the bars, one row per fact, every value that differs, and the speed."""
    result = record["result"]
    speed, decoding = result["speed"], result["speed"]["decoding"]
    return page(
        "# Facts of pictures",
        markdown(["figure", "measured", "required", "verdict"], map(_bar, result["bars"]), words=1),
        f"Of {result['pictures']} pictures of public Exif samples ({', '.join(result['folders'])}), read by us and by "
        "exiftool, which follows the same rules for what comes first. Lenses that only a maker's note names are not "
        "read. Times are compared to the second, with their offsets; places to 0.000001 degrees.",
        markdown(["fact", "stated", "equal", "share"], [_row(*item) for item in result["facts"].items()], words=1),
        "## Values that differ",
        "\n".join(map(_differing, result["differing"])) or "None.",
        "## Speed",
        f"{speed['pictures']} drawn photographs of 12 megapixels with Exif data, a maker's note and XMP are "
        f"indexed at {speed['images_per_second']['with']:.1f} images/s, the same without any metadata at "
        f"{speed['images_per_second']['without']:.1f}: {speed['ratio']:.3f} of it. In one process, decoding one takes "
        f"{decoding['with_ms']:.2f} ms with facts and {decoding['without_ms']:.2f} ms without.",
        "## How it was measured",
        provenance(record),
    )


def _bar(one: dict[str, Any]) -> list[str]:
    sign = "at least" if one["at_least"] else "at most"
    verdict = "met" if one["met"] else "**missed**"
    return [one["what"], f"{one['measured']:.3f}", f"{sign} {one['limit']:g}", verdict]


def _row(fact: str, counts: dict[str, int]) -> list[str]:
    share = f"{counts['equal'] / counts['stated']:.3f}" if counts["stated"] else "–"
    return [fact, str(counts["stated"]), str(counts["equal"]), share]


def _differing(one: dict[str, Any]) -> str:
    return f"- `{one['file']}`, {one['fact']}: {one['ours']} instead of {one['exiftool']}"

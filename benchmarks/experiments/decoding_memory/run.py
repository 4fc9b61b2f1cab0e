"""Does indexing large pictures stay within a memory cap? Two workers take turns; the peak includes all processes."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
from PIL import Image

from benchmarks.core.child_process import MemoryWatch
from benchmarks.core.experiment import experiment, publish
from benchmarks.core.options import results_option
from benchmarks.core.timing import bar
from indexer.decoding.file_types import PNG
from indexer.decoding.opened import needed_bytes
from indexer.system.limits import cores, parse_size
from indexer.workers.budget import workers_within

NAME = "decoding-memory"

# PNG of these modes cannot be decoded at a reduced size.
MODES = ("RGB", "RGBA")
# From about this side on, each further pixel adds four bytes to the memory that decoding needs.
LARGE_SIDE = 5_000


def draw(folder: Path, count: int, needed: int) -> int:
    """Write square PNGs, with and without alpha, that each need `needed` bytes to decode. Returns their side."""
    side = math.isqrt((needed - needed_bytes(Image.new("RGB", (LARGE_SIDE, LARGE_SIDE)), PNG, 0)) // 4 + LARGE_SIDE**2)
    canvas = {mode: Image.new(mode, (side, side)) for mode in MODES}
    for number in range(count):
        drawn = canvas[MODES[number % len(MODES)]]
        colour = (6 * number % 256, 255 - 6 * number % 256, 37 * number % 256, 128)[: len(drawn.mode)]
        drawn.paste(colour, (side // 8, side // 8, side // 2 + 40 * number, side // 2))
        drawn.save(folder / f"{number:03}.png", compress_level=1)
    return side


def measure(pictures: Path, index: Path, cap: str) -> dict[str, Any]:
    """Index the pictures under a cap, such as 2GB, and record the memory of all processes."""
    command = [sys.executable, "-m", "latentsearch", "index", str(pictures), "--index", str(index), "--memory", cap]
    command += ["--encoder", "parts"]
    begin = time.perf_counter()
    process = subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    watch = MemoryWatch(process.pid)
    watch.start()
    summary = json.loads(process.communicate()[0])
    return {
        "cap": cap,
        "cap_bytes": parse_size(cap, "--cap"),
        "workers": workers_within(parse_size(cap, "--cap"), cores()),
        "found": summary["found"],
        "indexed": summary["encoded"],
        "peak_bytes": watch.stop(),
        "seconds": time.perf_counter() - begin,
    }


def verdicts(run: dict[str, Any]) -> list[dict[str, Any]]:
    """Check that all pictures are indexed, and that the peak is below the cap."""
    share = run["peak_bytes"]["total"] / run["cap_bytes"]
    return [
        bar(f"pictures indexed under {run['cap']}", run["indexed"], run["found"], at_least=True),
        bar(f"peak of all processes to the cap of {run['cap']}", share, 1.0),
    ]


@experiment(NAME, help=__doc__)
@click.option("--count", default=40, show_default=True, help="Number of pictures.")
@click.option("--needed", default="600MB", show_default=True, help="Memory to decode each picture.")
@click.option(
    "--cap",
    "caps",
    multiple=True,
    default=("1GB", "2GB", "4GB"),
    show_default=True,
    help="Memory cap; may be repeated.",
)
@results_option
def command(count: int, needed: str, caps: tuple[str, ...], results: Path) -> None:
    """Draw, measure, print and store."""
    with tempfile.TemporaryDirectory() as folder:
        pictures = Path(folder) / "pictures"
        pictures.mkdir()
        side = draw(pictures, count, parse_size(needed, "--needed"))
        runs = []
        for number, cap in enumerate(caps):
            runs.append(measure(pictures, Path(folder) / f"index-{number}", cap))
            click.echo(runs[-1])
    result = {"count": count, "needed": needed, "side": side, "runs": runs}
    result["bars"] = [one for run in runs for one in verdicts(run)]
    publish(NAME, result, results)

"""Builds an index of synthetic codes with the indexer's own modules: catalogue, labels, codes and base, no pictures.

Paths name files that do not exist. The label `number`, 0 to 9,999 at random, makes filters of any selectivity; `face`
is the row of the real code that a synthetic one was made from. Facts select the same images as `number`: `taken` is
FIRST_DAY plus that many days, and the images with the lowest numbers were taken nearest to CENTRE.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.datasets.synthetic_codes import Block, SyntheticCodes
from indexer.catalog.images import ImageRecord
from indexer.catalog.labels import LabelValue
from indexer.encoders.encoder import load_encoder
from indexer.facts.facts import Facts
from indexer.facts.moments import seconds_of
from indexer.facts.places import DEGREE
from indexer.index.status import status_of
from indexer.index.writer import IndexWriter
from indexer.progress import StepReport

# The bundle whose codes are multiplied; the noise in benchmarks/experiments/speed/run.py is fitted to them.
ENCODER = "contrastive"
NUMBERS = 10_000
FILES_A_FOLDER = 10_000
ROWS_A_COMMIT = 500_000

FIRST_DAY = date(2000, 1, 1)
# Latitude and longitude in degrees, and the distance of the farthest image in kilometres.
CENTRE, FARTHEST = (48.2, 16.3), 2_000.0

Codes = NDArray[np.float32]


def make_index(
    folder: Path,
    source: SyntheticCodes,
    count: int,
    seed: int,
    encoder: str | None = ENCODER,
    index_type: str = "auto",
    recall: float = 0.95,
    report: StepReport | None = None,
) -> dict[str, Any]:
    """Fill an index with `count` codes and build its base; return the seconds of both and the vectors' status."""
    begin = time.perf_counter()
    with IndexWriter.create(folder, load_encoder(encoder, network=False)) as index:
        fill(index, source, count, seed)
        filled = time.perf_counter()
        index.rebuild(index_type, recall, report=report)
        vectors = status_of(index)["vectors"]
    return {"fill_s": filled - begin, "derive_s": time.perf_counter() - filled, "vectors": vectors}


def fill(index: IndexWriter, source: SyntheticCodes, count: int, seed: int, folder: str = "/synthetic") -> None:
    """Add `count` synthetic images to an index that is open for writing, and commit."""
    random = np.random.default_rng((seed, count))
    uncommitted = 0
    for block in source.blocks(count, seed):
        first = index.catalog.images.next_id()
        positions = index.append(block.codes)
        index.catalog.images.add(_records(first, positions, folder))
        labels = list(_labels(first, block, random))
        index.catalog.labels.add(labels)
        index.catalog.facts.add((image_id, _facts(int(of_one["number"]))) for image_id, of_one in labels)
        uncommitted += len(positions)
        if uncommitted >= ROWS_A_COMMIT:
            index.commit()
            uncommitted = 0
    index.commit()


def _records(first: int, positions: range, folder: str) -> Iterator[ImageRecord]:
    for image_id, position in enumerate(positions, start=first):
        path = f"{folder}/{image_id // FILES_A_FOLDER:05}/{image_id:09}.jpg"
        digest = image_id.to_bytes(32, "little")
        yield ImageRecord(image_id, path, 6_000, 0, digest, 178, 218, position, float(image_id))


def _labels(first: int, block: Block, random: np.random.Generator) -> Iterator[tuple[int, dict[str, LabelValue]]]:
    numbers = random.integers(0, NUMBERS, len(block.codes)).tolist()
    for image_id, (number, face) in enumerate(zip(numbers, block.made_from.tolist(), strict=True), start=first):
        yield image_id, {"number": number, "face": face}


def day_of(number: int) -> date:
    """The day on which images with this number were taken."""
    return FIRST_DAY + timedelta(days=number)


def radius_below(number: int) -> float:
    """The kilometres from CENTRE within which the images with lower numbers, and no others, were taken."""
    return FARTHEST * math.sqrt((number - 0.5) / NUMBERS)


def _facts(number: int) -> Facts:
    """Facts of an image: places lie to the north of CENTRE, where a kilometre is the same share of a degree."""
    north = FARTHEST * math.sqrt(number / NUMBERS) / DEGREE
    day = day_of(number)
    taken = seconds_of(datetime(day.year, day.month, day.day, 12))
    camera = f"Camera {number % 100}"
    return Facts(taken, None, camera, None, CENTRE[0] + north, CENTRE[1], 1)


def add_missing_facts(index: IndexWriter) -> None:
    """Add the facts of an index that was filled before images had facts."""
    if index.catalog.has_facts():
        return
    first = 0
    while records := index.catalog.images.from_id(first, FILES_A_FOLDER):
        first = records[-1].id + 1
        labels = index.labels([record.id for record in records])
        index.catalog.facts.add((image_id, _facts(int(of_one["number"]))) for image_id, of_one in labels.items())
        index.catalog.facts.mark_read(labels)
    index.commit()

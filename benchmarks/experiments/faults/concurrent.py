"""Two indexers and eight readers at once: only the lock may refuse a writer, and every answer must be consistent."""

from __future__ import annotations

import shutil
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.experiments.faults.fault_collection import Collection, run
from indexer.errors import LatentsearchError
from indexer.index.index import Index

WRITERS, READERS = 2, 8
LOCKED = "another process writes to the index"


def concurrent_use(collection: Collection, scratch: Path, seconds: float) -> dict[str, Any]:
    """Run writers and readers on one index for `seconds`; writers add, remove and rebuild through the command line."""
    index = scratch / "index"
    pictures = scratch / "pictures"
    shutil.copytree(collection.pictures, pictures)
    assert run(["index", str(pictures), "--index", str(index), "--encoder", "parts"])[0] == 0
    end = time.monotonic() + seconds
    counted: Counter[str] = Counter()
    problems: list[str] = []
    threads = [
        threading.Thread(target=_write, args=(number, pictures, index, end, counted, problems))
        for number in range(WRITERS)
    ]
    threads += [threading.Thread(target=_read, args=(index, end, counted, problems)) for _ in range(READERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    code, stdout, stderr = run(["check", "--index", str(index)])
    if code:
        problems.append(f"check: {stdout} {stderr}")
    return {"for_seconds": seconds, **counted, "problems": problems[:20]}


def _write(number: int, pictures: Path, index: Path, end: float, counted: Counter[str], problems: list[str]) -> None:
    turn = 0
    while time.monotonic() < end:
        some = sorted(pictures.iterdir())[number::WRITERS][turn % 7 :: 7]
        commands = [["remove", *map(str, some)], ["index", str(pictures)], ["check"]]
        code, _, stderr = run([*commands[turn % 3], "--index", str(index)])
        turn += 1
        if code == 0:
            counted["writes"] += 1
        elif LOCKED in stderr:
            counted["refused_by_the_lock"] += 1
        elif commands[(turn - 1) % 3][0] == "remove" and "is not in the index" in stderr:
            counted["already_removed_by_the_other"] += 1
        else:
            problems.append(f"writer {number}: {stderr.strip()}")


def _read(index: Path, end: float, counted: Counter[str], problems: list[str]) -> None:
    while time.monotonic() < end:
        try:
            with Index.open(index) as opened:
                _look(opened, problems)
                opened.refresh()
                _look(opened, problems)
        except (LatentsearchError, AssertionError) as error:
            problems.append(f"reader: {error!r}")
        counted["reads"] += 1


def _look(opened: Index, problems: list[str]) -> None:
    """Check one state: a search by an image finds all images and no others, and the image itself at distance 0."""
    records = list(opened.catalog.images.all())
    if not records:
        return
    assert opened.count() == len(records), f"{opened.count()} counted, {len(records)} there"
    first = records[len(records) // 2]
    distances, ids = opened.search(opened.codes([first.id]), len(records))
    assert sorted(ids[0].tolist()) == [record.id for record in records], "a search finds other images than there are"
    assert distances[0, 0] < 1e-6, f"an image is {distances[0, 0]} from itself"
    if opened.problem:
        problems.append(opened.problem)

"""Large pictures under a cap: the measurement and its page, on pictures that are not that large."""

from benchmarks.experiments.decoding_memory.page import NAME, write
from benchmarks.experiments.decoding_memory.run import draw, measure, verdicts
from indexer.decoding.decode import decode_bytes
from indexer.encoders.framing import CELEBA


def test_pictures_need_what_was_asked_for(tmp_path):
    draw(tmp_path, 2, 180_000_000)
    needed = []
    for path in sorted(tmp_path.iterdir()):
        decode_bytes(path.read_bytes(), CELEBA, needed.append)
    assert all(0.98 < size / 180_000_000 < 1.03 for size in needed) and len(needed) == 2


def test_they_are_indexed_below_the_cap_and_the_page_says_so(tmp_path):
    (tmp_path / "pictures").mkdir()
    side = draw(tmp_path / "pictures", 4, 180_000_000)
    run = measure(tmp_path / "pictures", tmp_path / "index", "500MB")
    assert (run["found"], run["indexed"], run["workers"]) == (4, 4, 1)
    assert all(one["met"] for one in verdicts(run))
    machine = {"versions": {}, "processor": "drawn", "cores": 2}
    record = {
        "machine": machine,
        "seed": None,
        "commit": None,
        "dirty": False,
        "command": "python",
        "date": "2026-11-30",
    }
    result = {"count": 4, "needed": "180MB", "side": side, "runs": [run], "bars": verdicts(run)}
    (page,) = write({**record, "result": result}, tmp_path)
    assert page.name == f"{NAME}.md"
    assert "| 4 of 4 |" in page.read_text() and "| met |" in page.read_text()
    missed = {**run, "peak_bytes": {**run["peak_bytes"], "total": 600_000_000}}
    assert [one["met"] for one in verdicts(missed)] == [True, False]

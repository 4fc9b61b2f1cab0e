"""The time that training took is added up from stored results, each run once."""

from benchmarks.__main__ import run
from benchmarks.core.results import load, store
from benchmarks.experiments.training_time.page import report
from benchmarks.experiments.training_time.run import EXPERIMENTS


def test_every_run_counts_once(tmp_path):
    judge = {"seconds": 600, "commands": ["latentsearch train attributes"], "commit": "a"}
    for name in EXPERIMENTS:
        store(name, {"runs": {}, "rows": []}, tmp_path)
    store("latent-size-mnist", {"runs": {"one": {"seconds": 60}, "two": {"seconds": 60}}}, tmp_path)
    store("conditional-position", {"judge": judge, "rows": [{"seconds": 1_200}, {"images": 3}]}, tmp_path)
    store("encoder-designs", {"judge": judge, "rows": {"IND": {"run": {**judge, "commit": "b"}}}}, tmp_path)
    run(["training-time", "--results", str(tmp_path)])
    record = load("training-time", tmp_path)
    runs = {row["experiment"]: (row["runs"], row["seconds"]) for row in record["result"]["rows"]}
    assert runs["latent-size-mnist"] == (2, 120) and runs["conditional-position"] == (2, 1_800)
    assert runs["encoder-designs"] == (1, 600)
    text = report(record)
    assert "| all | 5 | 42 |" in text and "0.3 hours on 2 cores; required under 5: met" in text
    record["result"]["rows"][0]["seconds"] = 40_000
    assert "missed" in report(record)

"""The speed of the shipped encoders: the measurement and its page. No time is judged."""

from benchmarks.__main__ import run
from benchmarks.core.results import load

NAME = "encoder-speed"


def test_the_default_is_held_against_the_reference(tmp_path):
    run([NAME, "--rounds=2", "--images=8", f"--results={tmp_path}"])
    run(["report", f"--results={tmp_path}", f"--readme={tmp_path / 'README.md'}"])
    result = load(NAME, tmp_path)["result"]
    rows = {row["key"]: row for row in result["rows"]}
    assert list(rows) == ["parts", "contrastive", "aegan"]
    assert rows["contrastive"]["to_reference"] == 1
    (bar,) = result["bars"]
    assert bar["measured"] == rows["parts"]["to_reference"] > 0
    text = (tmp_path / f"{NAME}.md").read_text()
    for key, row in rows.items():
        shown = (key, row["precision"], row["latent_size"], f"{row['images_per_second']:,.0f}")
        assert f"| {' | '.join(map(str, shown))} | {row['to_reference']:.2f} |" in text
    assert ("met" if bar["measured"] >= bar["limit"] else "missed") in text

"""Shared by the tests of all model families: steps on tiny networks, and runs through the command line."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
from click.testing import CliRunner
from safetensors.torch import load_file

from latentsearch.cli import main
from latentsearch.training.engine.family import Family
from latentsearch.training.engine.trained import load_trained


def parameters(layer: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in layer.parameters())


def copy_of(family: Family) -> dict[str, list[torch.Tensor]]:
    """A copy of the weights of every network and average, by name."""
    networks = family.networks | {f"{name} average": ema.network for name, ema in family.emas.items()}
    return {name: [weight.detach().clone() for weight in network.parameters()] for name, network in networks.items()}


def changed(family: Family, before: dict[str, list[torch.Tensor]]) -> set[str]:
    """The names of networks and averages with a changed weight."""
    now = copy_of(family)
    return {name for name in now if not all(map(torch.equal, before[name], now[name]))}


def train(family: str, data: Path, run: Path, *options: str) -> None:
    done = CliRunner().invoke(main, ["train", family, str(data), "-o", str(run), *options])
    assert done.exit_code == 0, done.output


def same_end_after_a_kill(family: str, data: Path, folder: Path, *options: str, after_steps: int = 3) -> bool:
    """Whether a killed and resumed run ends bitwise equal to an undisturbed one, statistics included."""
    options += ("--precision", "fp32")  # otherwise each run chooses by its own measurement
    train(family, data, folder / "undisturbed", *options)
    command = [sys.executable, "-m", "latentsearch", "train", family, str(data), "-o", str(folder / "killed"), *options]
    process = subprocess.Popen([*command, "--checkpoint-seconds", "0"], stderr=subprocess.DEVNULL)
    while not (folder / "killed/checkpoint.json").exists() or _total_step(folder / "killed") < after_steps:
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    train(family, data, folder / "killed", *options, "--resume")
    ours, theirs = _weights(folder / "killed"), _weights(folder / "undisturbed")
    statistics = [(folder / name / "stats.jsonl").read_text() for name in ("killed", "undisturbed")]
    return (
        ours.keys() == theirs.keys()
        and all(torch.equal(ours[name], theirs[name]) for name in ours)
        and statistics[0] == statistics[1]
    )


def _total_step(run: Path) -> int:
    step: int = json.loads((run / "checkpoint.json").read_text())["total_step"]
    return step


def _weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / json.loads((run / "checkpoint.json").read_text())["weights"])


def exported(run: Path, bundle: Path) -> dict[str, object]:
    """Export a run in fp32, check that the bundle encodes like the network, and return its model.json."""
    from indexer.encoders.encoder import load_encoder

    words = ["export", str(run), "-o", str(bundle), "--precision", "fp32", "--distance", "euclidean"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    trained, images = load_trained(run, "")
    pixels = np.array(images.pixels[:16])
    with torch.no_grad():
        codes = trained.encoder(torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255).numpy()
    np.testing.assert_allclose(load_encoder(bundle).encode(pixels), codes, atol=1e-4)
    model: dict[str, object] = json.loads((bundle / "model.json").read_text())
    return model


def indexed(pictures: Path, bundle: Path, index: Path) -> int:
    """Index the pictures with a bundle and return the number of codes."""
    words = ["index", str(pictures), "--encoder", str(bundle), "--index", str(index), "--json"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    encoded: int = json.loads(done.stdout)["encoded"]
    return encoded

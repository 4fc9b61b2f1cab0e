"""Damaged indexes and encoder bundles: each must work or be refused with one sentence, without a crash or a hang."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.datasets.mutations import mutate
from benchmarks.experiments.faults.fault_collection import Collection, content, run
from indexer.encoders.encoder import find_bundle

INDEX_FILES = ("catalog.sqlite", "vectors.faiss", "codes.f32")
# Unless the hash is corrected, a bundle is refused before its graph is read.
MENDED = "encoder.onnx with its hash mended"
TARGETS = (*INDEX_FILES, "model.json", "encoder.onnx", MENDED)
# The cap on a command's resident memory, in MB.
CAP_MB = 1_500
SECONDS_A_COMMAND = 60.0


@dataclass
class Findings:
    """The outcomes of the commands, by damaged file, and their maximum time and memory."""

    answers: dict[str, Counter[str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    slowest: float = 0.0
    peak: float = 0.0


@dataclass(frozen=True)
class Victim:
    """A copy of an index and its bundle with one damaged file; `new` is a path for a new index."""

    index: Path
    bundle: Path
    new: Path


def damaged_indexes(collection: Collection, scratch: Path, count: int, seed: int) -> dict[str, Any]:
    """Repeatedly damage one file of an index or of its bundle, and use both."""
    random = np.random.default_rng(seed)
    whole = Victim(scratch / "whole", scratch / "bundle", scratch / "new")
    _make(whole, collection)
    expected = content(whole.index)["found"]
    findings = Findings()
    for number in range(count):
        target = TARGETS[number % len(TARGETS)]
        victim = _copy(whole, scratch / str(number))
        mutation = _damage(target, victim, random)
        for arguments in _commands(target, collection, victim):
            _try(arguments, f"{target}, {mutation}", target, findings)
        if target == "vectors.faiss" and content(victim.index)["found"] != expected:
            findings.problems.append(f"{target}, {mutation}: the results are others than before")
        shutil.rmtree(scratch / str(number))
    return {
        "files": count,
        "answers": {name: dict(found) for name, found in findings.answers.items()},
        "problems": findings.problems,
        "slowest_s": round(findings.slowest, 2),
        "peak_mb": round(findings.peak, 1),
        "cap_mb": CAP_MB,
        "within_cap": findings.peak <= CAP_MB,
    }


def _make(whole: Victim, collection: Collection) -> None:
    shutil.copytree(find_bundle(), whole.bundle)
    (whole.bundle / "generator.onnx").unlink()
    made = collection.index(whole.index, "--kind", "ivf-sq8", "--recall", "1", "--encoder", str(whole.bundle))
    code, _, stderr = run(made, slowed=True)
    assert code == 0, stderr


def _copy(whole: Victim, folder: Path) -> Victim:
    shutil.copytree(whole.index, folder / "index")
    shutil.copytree(whole.bundle, folder / "bundle")
    return Victim(folder / "index", folder / "bundle", folder / "new")


def _damage(target: str, victim: Victim, random: np.random.Generator) -> str:
    """Mutate the target's bytes; return the name of the mutation."""
    name = target.split()[0]
    path = (victim.index if target in INDEX_FILES else victim.bundle) / name
    mutation, damaged = mutate(path.read_bytes(), random)
    path.write_bytes(damaged)
    if target == MENDED:
        about = victim.bundle / "model.json"
        model = json.loads(about.read_text(encoding="utf-8"))
        model["files"][name] = {"sha256": hashlib.sha256(damaged).hexdigest(), "bytes": len(damaged)}
        about.write_text(json.dumps(model), encoding="utf-8")
    return mutation


def _commands(target: str, collection: Collection, victim: Victim) -> list[list[str]]:
    picture, index = str(next(collection.pictures.iterdir())), str(victim.index)
    query = ["query", picture, "--encoder", str(victim.bundle), "--json", "--index", index]
    if target in INDEX_FILES:
        return [query, ["query", "--id", "1", "--index", index], ["check", "--index", index]]
    # An index refuses another encoder by its hash, so only a new index reaches the graph.
    return [query, ["index", str(collection.pictures), "--encoder", str(victim.bundle), "--index", str(victim.new)]]


def _try(arguments: list[str], what: str, target: str, findings: Findings) -> None:
    begin = time.perf_counter()
    code, stderr, memory = _guarded(arguments)
    findings.slowest = max(findings.slowest, time.perf_counter() - begin)
    findings.peak = max(findings.peak, memory)
    answer = _judged(code, stderr)
    findings.answers.setdefault(target, Counter())[f"{arguments[0]}: {answer}"] += 1
    if answer == "wrong":
        findings.problems.append(f"{what}, {arguments[0]}: exit code {code}, {stderr.strip()[-300:]}")


def _judged(code: int, stderr: str) -> str:
    """Classify the outcome: the command worked, or refused with one sentence; anything else is wrong."""
    if code == 0:
        return "answered"
    is_sentence = stderr.startswith("latentsearch: ") and "Traceback" not in stderr
    return f"refused with exit code {code}" if is_sentence and 1 <= code <= 10 else "wrong"


def _guarded(arguments: list[str]) -> tuple[int, str, float]:
    """Run a command within a time limit: exit code (-1 if it timed out), stderr, peak memory in MB."""
    code = (
        "import sys\nfrom benchmarks.core.child_process import own_peak_kib\nfrom latentsearch.cli import main\n"
        f"try:\n    main({arguments!r}, prog_name='latentsearch')\n"
        "finally:\n    print(own_peak_kib(), file=sys.stderr)\n"
    )
    try:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=SECONDS_A_COMMAND)
    except subprocess.TimeoutExpired:
        return -1, "it hung", 0.0
    stderr, _, memory = done.stderr.rstrip().rpartition("\n")
    return done.returncode, stderr, float(memory) / 1e3 if memory.isdigit() else 0.0

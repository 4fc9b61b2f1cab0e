"""Save and load checkpoints: tensors as safetensors, the position as JSON, both written atomically."""

from __future__ import annotations

import errno
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from indexer.errors import InputError
from indexer.system.disk import atomic_path, write_json

STATE = "checkpoint.json"


@dataclass
class Checkpoint:
    """The complete state of a run, sufficient to resume it bitwise.

    tensors: weights, batch statistics, Adam's moments and random states by name. position: stage, step and other JSON
    values.
    """

    tensors: dict[str, Tensor]
    position: dict[str, Any] = field(default_factory=dict)


def save_checkpoint(run: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint, then delete the previous one.

    Raises OSError, for example if the disk is full; the previous checkpoint then remains valid.
    """
    position = checkpoint.position
    weights = run / f"checkpoint-{position['stage']}-{position['step']:08d}.safetensors"
    with atomic_path(weights) as unfinished:
        _save({name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.tensors.items()}, unfinished)
    write_json(run / STATE, {**position, "weights": weights.name, "sha256": _sha256(weights)})
    for old in run.glob("checkpoint-*.safetensors"):
        if old != weights:
            old.unlink()


def load_checkpoint(run: Path) -> Checkpoint | None:
    """Load a run's checkpoint, or None if it has none; raises InputError if the weights are missing or damaged."""
    if not (run / STATE).exists():
        return None
    position = json.loads((run / STATE).read_text())
    weights = run / position.pop("weights")
    if not weights.exists() or _sha256(weights) != position.pop("sha256"):
        raise InputError(f"{weights} is not the file that {run / STATE} names: restore it, or train into a new folder")
    return Checkpoint(load_file(weights), position)


def _save(tensors: dict[str, Tensor], path: Path) -> None:
    try:
        save_file(tensors, path)
    except SafetensorError as error:  # wraps operating system errors; only the message has the number
        number = errno.ENOSPC if "os error 28" in str(error) else errno.EIO
        raise OSError(number, str(error), str(path)) from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

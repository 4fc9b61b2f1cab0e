"""Choose the device and precision of a run: bf16 with channels_last where that is faster, AMP on a GPU."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn

from indexer.errors import InputError
from indexer.system.limits import cores

# On a CPU, bf16 is chosen if it is at least LEAST_GAIN times as fast as fp32, each in the fastest of TRIALS trials.
LEAST_GAIN, TRIALS = 1.2, 5


@dataclass(frozen=True)
class Precision:
    """A device, the data type of convolutions, and the memory format that is fastest for this type."""

    device: torch.device
    dtype: torch.dtype
    memory_format: torch.memory_format

    @classmethod
    def choose(cls, device: str = "auto", precision: str = "auto") -> Precision:
        """Choose the fastest device and precision, or use the given ones.

        precision: "fp32", "bf16", "fp16" or the name of a PyTorch data type. Raises InputError if the device is not
        present.
        """
        found = torch.device(_available() if device == "auto" else device)
        if found.type == "cuda" and not torch.cuda.is_available():
            raise InputError("no CUDA device is present: use --device cpu")
        if found.type == "mps" and not torch.backends.mps.is_available():
            raise InputError("no MPS device is present: use --device cpu")
        dtype = _fastest(found) if precision == "auto" else getattr(torch, _TORCH_NAMES.get(precision, precision))
        # Measured on two cores: channels_last is faster with bf16 and slightly slower with fp32.
        memory_format = torch.contiguous_format if dtype == torch.float32 else torch.channels_last
        return cls(found, dtype, memory_format)

    def move(self, network: nn.Module) -> None:
        """Move a network to the device and memory format; its weights stay float32."""
        for tensor in (*network.parameters(), *network.buffers()):
            fits = tensor.dim() == 4
            tensor.data = tensor.data.to(
                self.device, memory_format=self.memory_format if fits else torch.preserve_format
            )

    def move_batch(self, x: Tensor) -> Tensor:
        """Move a batch to the device; images also get the memory format."""
        return x.to(self.device, memory_format=self.memory_format if x.dim() == 4 else torch.preserve_format)

    def autocast(self) -> AbstractContextManager[object]:
        """Return the context for forward passes and losses."""
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32)

    def scaler(self) -> torch.amp.GradScaler:
        """Return a gradient scaler, enabled only for fp16."""
        return torch.amp.GradScaler(self.device.type, enabled=self.dtype == torch.float16)

    def __str__(self) -> str:
        return f"{self.device.type} {str(self.dtype).removeprefix('torch.')}"


_TORCH_NAMES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}


def _available() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _fastest(device: torch.device) -> torch.dtype:
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    if device.type == "cpu" and _cpu_computes_bf16() and _cpu_gains_from_bf16():
        return torch.bfloat16
    return torch.float32


def _cpu_computes_bf16() -> bool:
    # Processors without these instructions emulate bf16, which is slower than fp32.
    has = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(has.get("avx512_bf16") or has.get("amx_bf16"))


@cache
def _cpu_gains_from_bf16() -> bool:
    """Time one convolution in both types: with AVX512-BF16 but no AMX, bf16 can take twice as long as fp32."""
    types = (torch.float32, torch.bfloat16)
    seconds = [[_seconds_of_a_step(dtype) for dtype in types] for _ in range(TRIALS + 1)][1:]
    fp32, bf16 = (min(trial) for trial in zip(*seconds, strict=True))
    return bool(fp32 > LEAST_GAIN * bf16)


def _seconds_of_a_step(dtype: torch.dtype) -> float:
    """Time forward and backward passes of the second-widest convolution of a half-width DCGAN on 16 pictures."""
    x = torch.zeros(16, 64, 16, 16).contiguous(memory_format=torch.channels_last)
    weight = torch.zeros(128, 64, 5, 5).contiguous(memory_format=torch.channels_last).requires_grad_()
    begin = time.perf_counter()
    with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
        y = nn.functional.conv2d(x, weight, stride=2, padding=2)
    torch.autograd.backward(y.float().sum())
    return time.perf_counter() - begin


def hardware() -> str:
    """Describe the hardware of a run in one line."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"{_processor()}, {cores()} cores, {torch.get_num_threads()} threads"


def _processor() -> str:
    has = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    level = next((name for name in ("amx_bf16", "avx512_bf16", "avx512_f", "avx2") if has.get(name)), "")
    return f"{has.get('cpu_name', 'processor')} ({has.get('architecture', '?')} {level})".replace(" )", ")")

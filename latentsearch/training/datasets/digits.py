"""Digits as networks take them: grey, with a black edge to 32x32, which IVE-GAN's Table 2 decodes to; and back."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

PADDING = 2


def pad_digits(x: Tensor) -> Tensor:
    """RGB digits (n, 3, 28, 28) -> grey ones with a black edge (n, 1, 32, 32)."""
    return F.pad(x.mean(1, keepdim=True), (PADDING,) * 4)


def unpad_digits(x: Tensor) -> Tensor:
    """Grey digits (n, 1, 32, 32) -> RGB ones without the edge (n, 3, 28, 28)."""
    return x[..., PADDING:-PADDING, PADDING:-PADDING].expand(-1, 3, -1, -1)

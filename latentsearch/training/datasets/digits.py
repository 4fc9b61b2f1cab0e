"""Convert digits to the networks' input, grey and padded with black to 32x32 (IVE-GAN, Table 2), and back."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

PADDING = 2


def pad_digits(x: Tensor) -> Tensor:
    """RGB digits (n, 3, 28, 28) -> grey digits with a black border (n, 1, 32, 32)."""
    return F.pad(x.mean(1, keepdim=True), (PADDING,) * 4)


def unpad_digits(x: Tensor) -> Tensor:
    """Grey digits (n, 1, 32, 32) -> RGB digits without the border (n, 3, 28, 28)."""
    return x[..., PADDING:-PADDING, PADDING:-PADDING].expand(-1, 3, -1, -1)

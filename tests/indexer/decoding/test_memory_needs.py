"""What decoding takes is what was asked for, measured in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.drawn_files import png_of
from tests.hostile import encode_picture
from tests.support import draw_picture

CHILD = """
import sys
from indexer.decoding.decode import decode_bytes
from indexer.encoders.framing import CELEBA
from indexer.decoding.file_types import identify, load_plugin
def peak():
    line = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024
data = open(sys.argv[1], "rb").read()
load_plugin(identify(data))
before, asked = peak() - len(data), []
decode_bytes(data, CELEBA, asked.append)
print(asked[0], peak() - before)
"""
SIZE = (4000, 3000)
# Beside the picture: what is imported on the way, and what libraries keep.
ALLOWANCE = 25e6


def large() -> Image.Image:
    return draw_picture(1, (40, 30)).resize(SIZE, Image.Resampling.BICUBIC)


def with_alpha() -> Image.Image:
    picture = large()
    picture.putalpha(128)
    return picture


def deep() -> Image.Image:
    return Image.fromarray(np.asarray(large().convert("L"), np.uint16) * 257)


DRAWN: dict[str, Callable[[], bytes]] = {
    "RGB PNG": lambda: encode_picture(large(), "PNG", compress_level=1),
    "RGBA PNG": lambda: encode_picture(with_alpha(), "PNG", compress_level=1),
    "16-bit PNG": lambda: encode_picture(deep(), "PNG", compress_level=1),
    "BMP": lambda: encode_picture(large(), "BMP"),
    "JPEG": lambda: encode_picture(large(), "JPEG"),
    "progressive JPEG": lambda: encode_picture(large(), "JPEG", progressive=True, subsampling=0),
    "WebP": lambda: encode_picture(large(), "WEBP", method=0),
    "AVIF": lambda: encode_picture(large(), "AVIF", speed=10),
    "1-bit PNG": lambda: encode_picture(large().convert("1"), "PNG"),
    "TIFF": lambda: encode_picture(large(), "TIFF"),
}


def measured(path: Path) -> tuple[float, float]:
    """Bytes that were asked for, and the peak above what the process had."""
    done = subprocess.run([sys.executable, "-c", CHILD, str(path)], capture_output=True, text=True, check=True)
    asked, peak = map(float, done.stdout.split())
    return asked, peak


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from /proc")
@pytest.mark.parametrize("name", DRAWN)
def test_what_is_asked_for_is_what_is_taken(tmp_path: Path, name: str) -> None:
    (tmp_path / "picture").write_bytes(DRAWN[name]())
    asked, peak = measured(tmp_path / "picture")
    assert peak <= asked * 1.1 + ALLOWANCE
    assert asked <= peak * 1.2 + ALLOWANCE


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from /proc")
def test_88_megapixels_with_alpha_take_less_than_600_mb(tmp_path: Path) -> None:
    row = bytes((200, 100, 50, 128, 10, 200, 90, 255)) * 5_500
    (tmp_path / "picture.png").write_bytes(png_of(11_000, 8_000, 8, 6, (row for _ in range(8_000))))
    asked, peak = measured(tmp_path / "picture.png")
    assert max(asked, peak) < 600e6

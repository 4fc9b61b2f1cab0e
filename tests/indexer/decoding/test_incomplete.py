"""Files that were cut off are decoded as far as they go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from indexer.decoding.decode import decode_bytes
from indexer.encoders.framing import Whole
from indexer.errors import UnreadableImage
from tests.hostile import encode_picture
from tests.support import draw_picture

SIZE = (150, 120)
NOISE = np.random.default_rng(0).integers(-12, 13, (*SIZE[::-1], 3))
PICTURE = Image.fromarray((np.asarray(draw_picture(5, SIZE)) + NOISE).clip(0, 255).astype(np.uint8))
GREY = 128
Convert = Callable[[Image.Image], Image.Image]


def as_it_is(picture: Image.Image) -> Image.Image:
    return picture


def with_alpha(picture: Image.Image) -> Image.Image:
    picture = picture.copy()
    picture.putalpha(200)
    return picture


def to(mode: str) -> Convert:
    return lambda picture: picture.quantize(256) if mode == "P" else picture.convert(mode)


def deep(picture: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(picture.convert("L"), np.uint16) * 257)


FROM_THE_TOP: dict[str, tuple[str, Convert, dict[str, Any]]] = {
    "JPEG": ("JPEG", as_it_is, {}),
    "grey JPEG": ("JPEG", to("L"), {}),
    "CMYK JPEG": ("JPEG", to("CMYK"), {}),
    "PNG": ("PNG", as_it_is, {}),
    "grey PNG": ("PNG", to("L"), {}),
    "16-bit PNG": ("PNG", deep, {}),
    "palette PNG": ("PNG", to("P"), {}),
    "PNG with alpha": ("PNG", with_alpha, {}),
    "GIF": ("GIF", to("P"), {"interlace": 0}),
    "TIFF": ("TIFF", as_it_is, {}),
    "16-bit TIFF": ("TIFF", deep, {}),
    "WebP": ("WEBP", as_it_is, {}),
    "lossless WebP": ("WEBP", as_it_is, {"lossless": True}),
    "WebP with alpha": ("WEBP", with_alpha, {}),
    "PPM": ("PPM", as_it_is, {}),
}


@pytest.mark.parametrize("share", [0.5, 0.8])
@pytest.mark.parametrize("name", FROM_THE_TOP)
def test_the_upper_part_is_as_it_was_and_the_rest_is_grey(name: str, share: float) -> None:
    format, convert, options = FROM_THE_TOP[name]
    data = encode_picture(convert(PICTURE), format, **options)
    whole, part = decode_bytes(data, Whole(*SIZE)), decode_bytes(data[: int(len(data) * share)], Whole(*SIZE))
    assert part.incomplete and not whole.incomplete
    assert (part.width, part.height, part.format) == (whole.width, whole.height, whole.format)
    rows = int(SIZE[1] * (share - 0.25))
    assert np.abs(part.pixels[:rows] - whole.pixels[:rows].astype(float)).mean() < 2
    assert (np.abs(part.pixels[-8:].astype(int) - GREY) <= 1).all()


def test_a_bmp_is_there_from_the_bottom() -> None:
    data = encode_picture(PICTURE, "BMP")
    part = decode_bytes(data[: len(data) // 2], Whole(*SIZE))
    assert part.incomplete and (part.pixels[:50] == GREY).all()
    np.testing.assert_array_equal(part.pixels[-58:], np.asarray(PICTURE)[-58:])


@pytest.mark.parametrize("name", ["progressive JPEG", "interlaced GIF"])
def test_what_is_stored_coarse_first_is_there_all_over(name: str) -> None:
    if name == "progressive JPEG":
        data = encode_picture(PICTURE, "JPEG", progressive=True)
    else:
        data = encode_picture(PICTURE.quantize(256), "GIF", interlace=1)
    whole, part = (decode_bytes(data[: len(data) // count], Whole(30, 24)) for count in (1, 2))
    assert part.incomplete and np.abs(part.pixels - whole.pixels.astype(float)).mean() < 12


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"])
def test_too_little_to_see_is_a_failure_that_says_so(format: str) -> None:
    data = encode_picture(PICTURE.quantize(256) if format == "GIF" else PICTURE, format)
    with pytest.raises(UnreadableImage, match="not decodable as") as refused:
        decode_bytes(data[: len(data) * 6 // 100], Whole(*SIZE))
    assert not refused.value.may_pass


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_a_part_is_turned_as_the_whole(format: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encode_picture(PICTURE, format, exif=exif)
    whole, part = decode_bytes(data, Whole(*SIZE[::-1])), decode_bytes(data[: len(data) * 6 // 10], Whole(*SIZE[::-1]))
    assert part.incomplete and (part.width, part.height) == SIZE[::-1]
    right = slice(SIZE[1] // 2 + 10, None)  # what is stored first is shown on the right
    assert np.abs(part.pixels[:, right] - whole.pixels[:, right].astype(float)).mean() < 2


def test_a_cut_png_with_a_broken_stream() -> None:
    data = bytearray(encode_picture(PICTURE, "PNG"))
    data[len(data) * 7 // 10] ^= 0xFF
    decoded = decode_bytes(bytes(data), Whole(*SIZE))
    assert decoded.incomplete
    np.testing.assert_array_equal(decoded.pixels[:60], np.asarray(PICTURE)[:60])

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps

from indexer.decoding.decode import Decoded, decode, decode_bytes, read_file
from indexer.decoding.file_types import load_plugin
from indexer.encoders.framing import CELEBA, Crop, Framing
from indexer.errors import UnreadableImage
from tests.hostile import SIZE, Hostile, draw_hostile, encode_picture
from tests.support import draw_picture

WHOLE = Framing(*SIZE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def hostile(folder: Path) -> Hostile:
    return draw_hostile(folder)


def difference(first: NDArray[np.uint8], second: Image.Image | NDArray[np.uint8]) -> float:
    """Mean over all pixels and channels, in grey levels."""
    return float(np.abs(first.astype(float) - np.asarray(second, float)).mean())


def test_celeba_face_is_cut_and_scaled_bilinearly() -> None:
    jpeg = encode_picture(draw_picture(0), "JPEG")
    with Image.open(io.BytesIO(jpeg)) as picture:
        expected = picture.resize((64, 64), Image.Resampling.BILINEAR, box=(15, 40, 163, 188))
    decoded = decode_bytes(jpeg, CELEBA)
    np.testing.assert_array_equal(decoded.pixels, np.asarray(expected))
    assert (decoded.width, decoded.height, decoded.format) == (178, 218, "JPEG")


def test_other_shapes_give_their_centre_square() -> None:
    picture = Image.new("RGB", (100, 20), "red")
    picture.paste("blue", (40, 0, 60, 20))
    pixels = decode_bytes(encode_picture(picture, "PNG"), CELEBA).pixels
    assert (pixels[:, 4:-4] == (0, 0, 255)).all()


def test_every_odd_picture_is_decoded(folder: Path, hostile: Hostile) -> None:
    assert len(hostile.good) >= 40
    for name in hostile.good:
        pixels = decode(folder / name, CELEBA)
        assert pixels.shape == (64, 64, 3) and pixels.dtype == np.uint8, name


def test_every_bad_file_is_refused_with_its_reason(folder: Path, hostile: Hostile) -> None:
    assert len(hostile.bad) >= 40
    for name, reason in hostile.bad.items():
        with pytest.raises(UnreadableImage) as refused:
            decode(folder / name, CELEBA)
        assert str(refused.value).startswith(f"{folder / name}: ") and reason in str(refused.value)


def test_nothing_is_printed_or_warned_about(folder: Path, hostile: Hostile, capfd: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        for name in [*hostile.good, *hostile.bad]:
            decode_if_possible(folder / name)
        assert warnings.filters[0][0] == "always"
    assert not raised
    assert capfd.readouterr() == ("", "")


def decode_if_possible(path: Path) -> Decoded | str:
    try:
        return decode_bytes(read_file(path), CELEBA)
    except UnreadableImage as error:
        return str(error)


def test_threads_decode_as_one_does(folder: Path, hostile: Hostile) -> None:
    paths = [folder / name for name in [*hostile.good, *hostile.bad]]
    filters = list(warnings.filters)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(decode_if_possible, paths * 2))
    for path, decoded in zip(paths * 2, together, strict=True):
        alone = decode_if_possible(path)
        if isinstance(alone, Decoded):
            assert isinstance(decoded, Decoded) and (decoded.pixels == alone.pixels).all()
        else:
            assert decoded == alone
    assert list(warnings.filters) == filters


@pytest.mark.parametrize(
    "name", ["rgb_16_bit.png", "plain.bmp", "jpeg_inside.tif", "plain.avif", "cmyk.tif", "cmyk.jpg", "lab.tif"]
)
def test_colours_are_those_that_were_drawn(folder: Path, hostile: Hostile, name: str) -> None:
    assert difference(decode(folder / name, WHOLE), draw_picture(1, SIZE)) < 4


@pytest.mark.parametrize("name", ["grey_16_bit.png", "grey_16_bit.tiff", "float.tiff"])
def test_deep_grey_is_scaled_and_not_clipped(folder: Path, hostile: Hostile, name: str) -> None:
    grey = draw_picture(1, SIZE).convert("L").convert("RGB")
    np.testing.assert_array_equal(decode(folder / name, WHOLE), np.asarray(grey))


def test_32_bit_grey_is_stretched_to_its_brightest_value() -> None:
    ramp = np.linspace(-5e8, 1e9, SIZE[0] * SIZE[1]).reshape(SIZE[::-1])
    for values in (ramp.astype(np.int32), ramp.astype(np.float32)):
        pixels = decode_bytes(encode_picture(Image.fromarray(values), "TIFF"), WHOLE).pixels
        assert (pixels.min(), pixels.max()) == (0, 255) and abs(pixels.mean() - 127.5) < 1


def test_float_pictures_without_finite_values_are_black() -> None:
    values = np.full(SIZE[::-1], np.nan, np.float32)
    values[0] = np.inf
    assert not decode_bytes(encode_picture(Image.fromarray(values), "TIFF"), WHOLE).pixels.any()


@pytest.mark.parametrize("format", ["PNG", "WEBP", "AVIF", "TIFF"])
def test_transparency_lies_on_white(format: str) -> None:
    picture = draw_picture(1, SIZE).convert("RGBA")
    picture.putalpha(0)
    picture.paste((10, 20, 30, 255), (0, 0, 48, 80))
    pixels = decode_bytes(encode_picture(picture, format), WHOLE).pixels.astype(int)
    assert np.abs(pixels[:, :40] - (10, 20, 30)).max() < 5 and np.abs(pixels[:, 56:] - 255).max() < 5


def test_transparency_of_palettes_and_colour_keys_lies_on_white() -> None:
    picture = Image.new("P", SIZE, 0)
    picture.putpalette([200, 0, 0, 0, 0, 200])
    picture.paste(1, (0, 0, 48, 80))
    for content in (
        encode_picture(picture, "PNG", transparency=b"\0\xff"),
        encode_picture(picture, "GIF", transparency=0),
        encode_picture(picture.convert("RGB"), "PNG", transparency=(200, 0, 0)),
    ):
        pixels = decode_bytes(content, WHOLE).pixels
        assert (pixels[:, :48] == (0, 0, 200)).all() and (pixels[:, 48:] == 255).all()


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP", "TIFF"])
def test_first_frame_of_an_animation(folder: Path, hostile: Hostile, format: str) -> None:
    assert difference(decode(folder / f"animated.{format.lower()}", WHOLE), draw_picture(1, SIZE)) < 4


@pytest.mark.parametrize("format", ["JPEG", "TIFF", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_stand_upright(format: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encode_picture(draw_picture(3, SIZE), format, exif=exif)
    with Image.open(io.BytesIO(content)) as stored:
        upright = ImageOps.exif_transpose(stored).convert("RGB")
    decoded = decode_bytes(content, Framing(*upright.size))
    assert (decoded.width, decoded.height) == upright.size == (SIZE if orientation < 5 else SIZE[::-1])
    np.testing.assert_array_equal(decoded.pixels, np.asarray(upright))


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("size", [(1780, 2180), (1000, 403)])
def test_large_jpeg_looks_as_if_decoded_whole(size: tuple[int, int], orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    drawn = draw_picture(5, size)
    content = encode_picture(drawn, "JPEG", exif=exif, quality=95)
    decoded = decode_bytes(content, CELEBA)
    whole = decode_bytes(encode_picture(upright(drawn, orientation), "PNG"), CELEBA)
    assert (decoded.width, decoded.height) == (whole.width, whole.height)
    assert difference(decoded.pixels, whole.pixels) < 1


def upright(picture: Image.Image, orientation: int) -> Image.Image:
    return picture.transpose(Image.Transpose.ROTATE_270) if orientation == 6 else picture


def test_heic_without_its_extra_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    load_plugin.cache_clear()
    with pytest.raises(UnreadableImage, match=r"pip install 'latentsearch\[heic\]'"):
        decode_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", CELEBA)


@pytest.mark.parametrize("name", ["bomb.bmp", "plain.bmp", "rgb_16_bit.png", "grey.jpg"])
def test_memory_is_asked_for_once_and_before_any_pixel_is_decoded(folder: Path, hostile: Hostile, name: str) -> None:
    asked: list[int] = []

    def refuse(needed: int) -> None:
        asked.append(needed)
        raise UnreadableImage("too large for this test")

    with pytest.raises(UnreadableImage, match="too large for this test"):
        decode_bytes(read_file(folder / name), CELEBA, refuse)
    assert len(asked) == 1 and asked[0] > SIZE[0] * SIZE[1]


def test_reading_never_waits_for_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    for path, reason in ((tmp_path / "pipe.jpg", "named pipe"), (tmp_path, "folder"), ("a\0b", "null")):
        with pytest.raises(UnreadableImage, match=reason):
            read_file(path)


def test_names_that_are_not_utf8_are_shown_with_escapes(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImage, match=r"caf\\xe9.jpg: no such file"):
        decode(tmp_path / os.fsdecode(b"caf\xe9.jpg"), CELEBA)


sides = st.integers(1, 100_000)


@given(sides, sides, sides, sides, st.booleans())
def test_the_box_lies_inside_the_picture(width: int, height: int, wide: int, high: int, exact: bool) -> None:
    crops = (Crop((width, height) if exact else (178, 218), (0, 0, 1, 1) if exact else (15, 40, 163, 188)),)
    left, top, right, bottom = Framing(wide, high, crops).box(width, height)
    assert 0 <= left < right <= width and 0 <= top < bottom <= height


@given(sides, sides)
def test_framing_survives_json(wide: int, high: int) -> None:
    framing = Framing(wide, high, CELEBA.crops)
    assert Framing.from_json(framing.to_json()) == framing


def drawn_files() -> Iterator[bytes]:
    picture = draw_picture(11, (40, 30))
    for format in ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF"):
        yield encode_picture(picture, format)
    yield encode_picture(picture.convert("CMYK"), "TIFF", compression="jpeg")
    yield encode_picture(Image.fromarray(np.asarray(picture.convert("L"), np.float32)), "TIFF")


edits = st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=4), st.integers(0, 4)), min_size=1, max_size=6)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(list(drawn_files())), edits)
def test_whatever_the_bytes_a_picture_or_unreadable_image(
    content: bytes, edits: list[tuple[float, bytes, int]]
) -> None:
    changed = bytearray(content)
    for place, new, removed in edits:
        start = int(place * len(changed))
        changed[start : start + removed] = new
    check_outcome(bytes(changed))


@given(
    st.binary(max_size=200), st.sampled_from([b"", b"\xff\xd8\xff", b"GIF89a", b"BM", b"II*\0", b"RIFF\0\0\0\0WEBP"])
)
def test_noise_is_unreadable_image(noise: bytes, start: bytes) -> None:
    check_outcome(start + noise)


def refuse_above_100_mb(needed: int) -> None:
    if needed > 100e6:
        raise UnreadableImage("too large for this test")


def check_outcome(content: bytes) -> None:
    try:
        decoded = decode_bytes(content, CELEBA, refuse_above_100_mb)
    except UnreadableImage as error:
        assert str(error) and "\n" not in str(error)
    else:
        assert decoded.pixels.shape == (64, 64, 3) and decoded.width > 0 < decoded.height

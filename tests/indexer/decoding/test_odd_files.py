"""Sound files that decoders often get wrong: depths, planes, profiles, canvases, metadata, turns."""

from __future__ import annotations

import io
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from indexer.decoding.decode import decode_bytes
from indexer.encoders.framing import Whole
from indexer.errors import UnreadableImage
from tests.drawn_files import PROPHOTO, SRGB, XMP_TURNED, chunk, gif_part, icc, png_of, tiff_of, with_chunk, with_clap
from tests.hostile import encode_picture
from tests.support import draw_picture

SIZE = (96, 80)
PICTURE = draw_picture(1, SIZE)
RGB = np.asarray(PICTURE)
GREY = np.asarray(PICTURE.convert("L"))
DISC = np.hypot(*np.mgrid[-40:40, -48:48]) < 30


def apart(first: bytes, second: bytes) -> float:
    """Mean difference of two files' pictures, of 255."""
    one, other = (decode_bytes(data, Whole(*SIZE)).pixels.astype(float) for data in (first, second))
    return float(np.abs(one - other).mean())


PLAIN = encode_picture(PICTURE, "PNG")
PLAIN_GREY = encode_picture(PICTURE.convert("L"), "PNG")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("white_is_zero", [False, True])
def test_grey_tiff_is_no_negative(order: str, depth: int, white_is_zero: bool) -> None:
    values = (GREY.astype(np.uint16) * (257 if depth == 2 else 1)).astype(f"{order}u{depth}")
    stored = np.iinfo(values.dtype).max - values if white_is_zero else values
    assert apart(tiff_of(stored.astype(values.dtype), 1 - white_is_zero), PLAIN_GREY) < 1


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("planar", [False, True])
def test_planes_of_tiff(order: str, depth: int, planar: bool) -> None:
    values = (RGB.astype(np.uint16) * (257 if depth == 2 else 1)).astype(f"{order}u{depth}")
    assert apart(tiff_of(values, 2, planar), PLAIN) < 1


def test_unsigned_32_bits_of_tiff() -> None:
    ramp = np.linspace(0, 255, RGB[..., 0].size).reshape(RGB.shape[:2]).astype(np.uint8)
    assert apart(tiff_of(ramp.astype("<u4") * 0x01010101, 1), encode_picture(Image.fromarray(ramp), "PNG")) < 1


def test_signed_8_bits_of_tiff() -> None:
    full = np.linspace(0, 255, RGB[..., 0].size).reshape(RGB.shape[:2])
    signed = tiff_of((np.rint(full) - 128).astype("i1"), 1, kind=2)
    assert apart(signed, encode_picture(Image.fromarray(np.rint(full).astype(np.uint8)), "PNG")) < 1


def test_12_bits_in_16() -> None:
    full = np.linspace(0, 4095, RGB[..., 0].size).reshape(RGB.shape[:2]).astype("<u2")
    expected = encode_picture(Image.fromarray((full >> 4).astype(np.uint8)), "PNG")
    for more in ({}, {281: 4095}):
        assert apart(tiff_of(full, 1, more=more), expected) < 1
    assert apart(tiff_of(full, 1, more={281: 65535}), encode_picture(Image.new("L", SIZE, 8), "PNG")) < 9


def test_float_colours_of_tiff() -> None:
    pytest.importorskip("tifffile")
    for factor in (1 / 255, 1, 257):
        assert apart(tiff_of((RGB.astype("<f4") * factor).astype("<f4"), 2, kind=3), PLAIN) < 1


def test_float_colours_of_tiff_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UnreadableImage, match=r"not supported.*latentsearch\[tiff\]") as refused:
        decode_bytes(tiff_of((RGB / 255).astype("<f4"), 2, kind=3), Whole(*SIZE))
    assert refused.value.may_pass


@pytest.mark.parametrize("key", [0, 0x2000, 0x00FF])
def test_transparent_grey_of_16_bits(key: int) -> None:
    deep = np.where(DISC, 0x8000, key).astype(">u2")
    data = png_of(*SIZE, 16, 0, (row.tobytes() for row in deep), chunk(b"tRNS", key.to_bytes(2)))
    pixels = decode_bytes(data, Whole(*SIZE)).pixels
    assert (pixels[~DISC] == 255).all() and (np.abs(pixels[DISC].astype(int) - 128) <= 1).all()


def test_transparent_colour_of_16_bits_is_compared_in_full() -> None:
    deep = np.empty((*SIZE[::-1], 3), ">u2")
    deep[:] = (0x1234, 0x5678, 0x9ABC)
    deep[DISC] = (0x1234, 0x5678, 0x9ABD)
    key = np.array([0x1234, 0x5678, 0x9ABC], ">u2").tobytes()
    data = png_of(*SIZE, 16, 2, (row.tobytes() for row in deep), chunk(b"tRNS", key))
    pixels = decode_bytes(data, Whole(*SIZE)).pixels
    assert (pixels[~DISC] == 255).all() and (pixels[DISC] == (0x12, 0x56, 0x9A)).all()


def test_a_gif_is_white_outside_its_frame() -> None:
    frame = Image.new("P", (40, 30), 1)
    frame.putpalette([0, 0, 255, 255, 0, 0])
    pixels = decode_bytes(gif_part(SIZE, (20, 10), frame), Whole(*SIZE)).pixels
    inside = np.zeros(SIZE[::-1], bool)
    inside[10:40, 20:60] = True
    assert (pixels[inside] == (255, 0, 0)).all() and (pixels[~inside] == 255).all()


@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(b"A" * 2_000_000)),
        chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(80_000_000))),
        chunk(b"tEXt", b"a\0b")[:-1] + b"X",
        chunk(b"zTXt", b"a\0\0no zlib"),
        chunk(b"iCCP", b"a\0\0no zlib"),
        chunk(b"iCCP", b"big\0\0" + zlib.compress(bytes(20_000_000))),
        chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(icc(SRGB)))[:-1] + b"X",
    ],
)
def test_metadata_of_png_do_not_matter(extra: bytes) -> None:
    data = with_chunk(PLAIN, extra)
    assert apart(data, PLAIN) == 0 and not decode_bytes(data, Whole(*SIZE)).incomplete


def test_orientation_survives_among_the_metadata_of_png() -> None:
    xmp = chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(XMP_TURNED))
    decoded = decode_bytes(with_chunk(with_chunk(PLAIN, xmp), chunk(b"tEXt", b"Software\0test")), Whole(*SIZE))
    assert (decoded.width, decoded.height) == SIZE[::-1]


@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_colours_that_only_the_profile_explains(format: str) -> None:
    swapped = Image.fromarray(RGB[..., ::-1].copy())
    options = {"quality": 95, "subsampling": 0} if format == "JPEG" else {"lossless": True} if format == "WEBP" else {}
    assert apart(encode_picture(swapped, format, icc_profile=icc(SRGB[::-1]), **options), PLAIN) < 4


def test_wide_colours_are_brought_to_srgb() -> None:
    """Encoded with a profile by lcms, and back here."""
    wide = ImageCms.ImageCmsProfile(io.BytesIO(icc(PROPHOTO, 1.8)))
    stored = ImageCms.profileToProfile(PICTURE, ImageCms.createProfile("sRGB"), wide)
    assert stored is not None
    stored.info.clear()
    assert apart(encode_picture(stored, "PNG", icc_profile=icc(PROPHOTO, 1.8)), PLAIN) < 2
    assert apart(encode_picture(stored, "PNG"), PLAIN) > 10


def test_a_profile_of_srgb_changes_nothing() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert apart(encode_picture(PICTURE, "PNG", icc_profile=profile), PLAIN) == 0


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "CMYK", "1"])
def test_a_profile_meets_every_mode(mode: str) -> None:
    format = "TIFF" if mode == "CMYK" else "PNG"
    for profile in (icc(SRGB[::-1]), b"no profile", icc(SRGB)[:200]):
        data = encode_picture(PICTURE.convert(mode), format, icc_profile=profile)
        assert decode_bytes(data, Whole(*SIZE)).pixels.shape == (80, 96, 3)


@pytest.mark.parametrize("format", ["AVIF", "HEIF"])
def test_xmp_turns_no_picture_whose_container_does(format: str) -> None:
    if format == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    data = bytearray(encode_picture(PICTURE, format, xmp=XMP_TURNED))
    if (turn := data.find(b"irot")) >= 0:  # its encoder believes XMP
        data[turn + 4] = 0
    decoded = decode_bytes(bytes(data), Whole(*SIZE))
    assert (decoded.width, decoded.height) == SIZE


def test_the_clean_aperture_of_avif() -> None:
    data = with_clap(encode_picture(PICTURE, "AVIF", quality=95), 60, 40)
    decoded = decode_bytes(data, Whole(60, 40))
    assert (decoded.width, decoded.height) == (60, 40)
    middle = np.asarray(PICTURE.crop((18, 20, 78, 60)), float)
    assert np.abs(decoded.pixels - middle).mean() < 6


@pytest.mark.parametrize("format", ["JPEG2000", "PPM", "TGA", "ICO", "PCX", "SGI", "QOI", "DDS", "DIB", "XBM", "MSP"])
def test_older_formats(format: str) -> None:
    mode = "1" if format in ("XBM", "MSP") else "RGB"
    size = (64, 64) if format == "ICO" else SIZE
    picture = PICTURE.convert(mode).resize(size)
    decoded = decode_bytes(encode_picture(picture, format), Whole(*size))
    assert (decoded.width, decoded.height) == size
    assert np.abs(decoded.pixels - np.asarray(picture.convert("RGB"), float)).mean() < 4


def test_jpeg_xl() -> None:
    pytest.importorskip("pillow_jxl")
    for options in ({"lossless": True}, {"quality": 95}, {"lossless": True, "use_container": True}):
        assert apart(encode_picture(PICTURE, "JXL", **options), PLAIN) < 4


def test_a_raw_file_is_developed() -> None:
    pytest.importorskip("rawpy")
    tifffile = pytest.importorskip("tifffile")
    sensor = np.full((80, 96), 2_000, np.uint16)
    sensor[:, 48:] = 12_000
    file = io.BytesIO()
    one = (1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1)
    tags = [
        (33421, "H", 2, (2, 2), True), (33422, "B", 4, bytes([0, 1, 1, 2]), True),
        (50706, "B", 4, bytes([1, 4, 0, 0]), True), (50707, "B", 4, bytes([1, 1, 0, 0]), True),
        (50708, "s", 0, "Test camera", True), (50717, "I", 1, 16_383, True), (50721, "2i", 9, one, True),
        (50728, "2I", 3, (1,) * 6, True), (50778, "H", 1, 21, True),
    ]  # fmt: skip
    tifffile.imwrite(file, sensor, photometric=32803, extratags=tags)
    decoded = decode_bytes(file.getvalue(), Whole(*SIZE))
    assert (decoded.format, decoded.width, decoded.height) == ("RAW", *SIZE)
    assert decoded.pixels[:, :40].mean() + 50 < decoded.pixels[:, 56:].mean()


@pytest.mark.parametrize(
    ("start", "name"), [(b"%PDF-1.7", "PDF"), (b"\x76\x2f\x31\x01", "OpenEXR"), (b"<svg width='9'/>", "SVG")]
)
def test_what_is_known_and_not_supported_is_said_to_be(start: bytes, name: str) -> None:
    with pytest.raises(UnreadableImage, match=f"not supported: {name}"):
        decode_bytes(start + bytes(100), Whole(*SIZE))


@pytest.mark.parametrize(
    ("first", "extra", "module"),
    [(b"\xff\x0a", "jxl", "pillow_jxl"), (b"II*\0\x10\0\0\0CR\2\0", "raw", "rawpy")],
)
def test_extras_are_named(monkeypatch: pytest.MonkeyPatch, first: bytes, extra: str, module: str) -> None:
    from indexer.decoding.file_types import load_plugin

    monkeypatch.setitem(__import__("sys").modules, module, None)
    load_plugin.cache_clear()
    with pytest.raises(UnreadableImage, match=rf"latentsearch\[{extra}\]") as refused:
        decode_bytes(first + bytes(100), Whole(*SIZE))
    assert refused.value.may_pass
    load_plugin.cache_clear()

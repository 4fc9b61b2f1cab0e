"""Unusual and damaged files of a picture folder: the former must be indexed, the latter listed as failures."""

from __future__ import annotations

import importlib.util
import io
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from tests.support import draw_picture

SIZE = (96, 80)
NO_PICTURE = "not a picture"


@dataclass(frozen=True)
class Hostile:
    """The files drawn by draw_hostile; names are relative to the folder.

    good: must be indexed. bad: must be listed as failures, with a part of the reason. left_out: not drawn, and why.
    """

    good: list[str]
    bad: dict[str, str]
    left_out: dict[str, str]


def draw_hostile(folder: Path) -> Hostile:
    """Draw unusual and damaged files into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    hostile = Hostile([], {}, {})
    for name, content in [*_odd_modes(), *_odd_metadata(), *_odd_shapes_and_names(), *_cut_off()]:
        _write(folder, name, content)
        hostile.good.append(name)
    for name, content, reason in [*_not_pictures(), *_truncated(), *_bombs(), *_damaged()]:
        _write(folder, name, content)
        hostile.bad[name] = reason
    _draw_special_files(folder, hostile)
    _draw_what_this_machine_can(folder, hostile)
    return hostile


def encode_picture(picture: Image.Image, format: str, **options: Any) -> bytes:
    """The bytes of a picture file."""
    file = io.BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


def png(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    """A hand-written PNG, for contents that Pillow does not write: 16-bit RGB, or false dimensions."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def _write(folder: Path, name: str, content: bytes) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _odd_modes() -> Iterator[tuple[str, bytes]]:
    picture = draw_picture(1, SIZE)
    grey, palette = picture.convert("L"), picture.quantize(16)
    deep = np.asarray(grey, np.uint16) * 257
    see_through = picture.copy()
    see_through.putalpha(grey)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in np.asarray(picture, np.uint16) * 257)
    yield "grey.jpg", encode_picture(grey, "JPEG")
    yield "cmyk.jpg", encode_picture(picture.convert("CMYK"), "JPEG")
    yield "progressive.jpg", encode_picture(picture, "JPEG", progressive=True)
    yield "one_bit.png", encode_picture(picture.convert("1"), "PNG")
    yield "grey_16_bit.png", encode_picture(Image.fromarray(deep), "PNG")
    yield "rgb_16_bit.png", png(*SIZE, 16, 2, rows)
    yield "grey_alpha.png", encode_picture(see_through.convert("LA"), "PNG")
    yield "alpha.png", encode_picture(see_through, "PNG")
    yield "alpha.webp", encode_picture(see_through, "WEBP")
    yield "palette_transparency.png", encode_picture(palette, "PNG", transparency=bytes(range(0, 256, 16)))
    yield "palette_transparency.gif", encode_picture(palette, "GIF", transparency=3)
    yield "colour_key.png", encode_picture(picture, "PNG", transparency=picture.getpixel((0, 0)))
    yield "plain.bmp", encode_picture(picture, "BMP")
    yield "plain.avif", encode_picture(picture, "AVIF")
    yield "cmyk.tif", encode_picture(picture.convert("CMYK"), "TIFF")
    yield "lab.tif", encode_picture(picture.convert("LAB"), "TIFF")
    yield "jpeg_inside.tif", encode_picture(picture, "TIFF", compression="jpeg")
    yield "grey_16_bit.tiff", encode_picture(Image.fromarray(deep), "TIFF")
    yield "grey_32_bit.tiff", encode_picture(Image.fromarray(deep.astype(np.int32) * 1000), "TIFF")
    yield "float.tiff", encode_picture(Image.fromarray(np.asarray(grey, np.float32) / 255), "TIFF")
    for format in ("GIF", "WEBP", "PNG", "TIFF"):
        frames = [draw_picture(seed, SIZE) for seed in (2, 3)]
        yield f"animated.{format.lower()}", encode_picture(picture, format, save_all=True, append_images=frames)


def _odd_metadata() -> Iterator[tuple[str, bytes]]:
    picture = draw_picture(2, SIZE)
    exif = Image.Exif()
    exif[0x0112] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    yield "turned.jpg", encode_picture(picture, "JPEG", exif=exif)
    yield "turned.tif", encode_picture(picture, "TIFF", exif=exif)
    yield "broken_exif.jpg", encode_picture(picture, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f\xff\xff")
    yield "broken_exif.webp", encode_picture(picture, "WEBP", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12")
    yield "broken_profile.jpg", encode_picture(picture, "JPEG", icc_profile=profile[:100] + b"\xff" * 100)
    yield "broken_profile.png", encode_picture(picture, "PNG", icc_profile=b"nothing like a profile")
    yield "more_after_its_end.jpg", encode_picture(picture, "JPEG") + b"\0more" * 100


def _odd_shapes_and_names() -> Iterator[tuple[str, bytes]]:
    picture = draw_picture(3, SIZE)
    jpeg = encode_picture(picture, "JPEG")
    yield "one_pixel.png", encode_picture(draw_picture(4, (1, 1)), "PNG")
    yield "tall_strip.png", encode_picture(Image.new("RGB", (1, 20_000), "red"), "PNG")
    yield "wide_strip.png", encode_picture(Image.new("RGB", (20_000, 1), "red"), "PNG")
    yield "large.jpg", encode_picture(draw_picture(5, (1780, 2180)), "JPEG")
    yield "jpeg_named.png", jpeg
    yield "png_named.jpg", encode_picture(picture, "PNG")
    yield "webp_named.JPEG", encode_picture(picture, "WEBP")
    yield "folder.jpg/inside.JPG", jpeg
    yield "two\nlines.jpg", jpeg
    yield "quotes ' and \" and \\.jpg", jpeg
    yield "-k.jpg", jpeg
    yield "ein Gesicht 🙂.jpg", jpeg


def _not_pictures() -> Iterator[tuple[str, bytes, str]]:
    noise = np.random.default_rng(0).bytes(5_000)
    yield "empty.jpg", b"", "empty"
    yield "empty.png", b"", "empty"
    yield "text.jpg", b"Once upon a time there was a picture.\n" * 20, NO_PICTURE
    yield "page.jpg", b"<!doctype html><title>404</title>Not found", NO_PICTURE
    yield "drawing.png", b"<svg xmlns='http://www.w3.org/2000/svg'><rect width='9' height='9'/></svg>", "not supported"
    yield "postscript.gif", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n", "not supported"
    yield "archive.webp", b"PK\x03\x04" + noise, NO_PICTURE
    yield "sound.webp", b"RIFF\0\0\0\0WAVE" + noise, NO_PICTURE
    yield "film.avif", b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + noise, NO_PICTURE
    yield "noise.jpg", noise, NO_PICTURE
    yield "zeros.jpg", bytes(5_000), NO_PICTURE


def _cut_off() -> Iterator[tuple[str, bytes]]:
    picture = draw_picture(6, (178, 218))
    for format, suffix in (("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp"), ("GIF", "gif"), ("BMP", "bmp")):
        content = encode_picture(picture, format)
        for percent in (60, 90):
            yield f"cut_at_{percent}.{suffix}", content[: len(content) * percent // 100]
    tiff = encode_picture(picture, "TIFF")
    yield "cut_at_60.tif", tiff[: len(tiff) * 60 // 100]
    yield "cut_pixels.jpg", encode_picture(picture, "JPEG")[:-500]


def _truncated() -> Iterator[tuple[str, bytes, str]]:
    picture = draw_picture(6, (178, 218))
    for format, suffix in (("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp"), ("GIF", "gif"), ("BMP", "bmp")):
        content = encode_picture(picture, format)
        for percent in (1, 2, 4):
            yield f"cut_at_{percent}.{suffix}", content[: len(content) * percent // 100], "not decodable as"
    for format, suffix in (("AVIF", "avif"), ("TIFF", "tif")):
        content = encode_picture(picture, format)
        yield f"cut_at_2.{suffix}", content[: len(content) // 50], "not decodable as"
    yield "signature.jpg", b"\xff\xd8\xff", "not decodable as JPEG"
    yield "signature.png", b"\x89PNG\r\n\x1a\n", "not decodable as PNG"
    yield "signature.gif", b"GIF89a", "not decodable as GIF"


def _bombs() -> Iterator[tuple[str, bytes, str]]:
    small = draw_picture(7, (16, 16))
    bmp = bytearray(encode_picture(small, "BMP"))
    bmp[18:26] = struct.pack("<ii", 400_000, 400_000)
    yield "bomb.png", png(400_000, 400_000, 1, 0, b""), "bytes can hold"
    yield "bomb_of_nothing.png", png(400_000, 400_000, 8, 2, b""), "bytes can hold"
    yield "bomb.bmp", bytes(bmp), "more than the cap"


def _jpeg_of_size(picture: Image.Image, width: int, height: int) -> bytes:
    content = bytearray(encode_picture(picture, "JPEG"))
    frame = content.index(b"\xff\xc0")
    content[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(content)


def _damaged() -> Iterator[tuple[str, bytes, str]]:
    picture = draw_picture(8, SIZE)
    wrong_sum = bytearray(encode_picture(picture, "PNG"))
    wrong_sum[29] ^= 0xFF
    tags = [(256, 4, 1, 0xFFFFFFFF), (257, 3, 0xFFFFFFF, 8), (258, 99, 3, 0xFFFFFFF0), (273, 4, 0xFFFFFFF, 0)]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
    tiff = encode_picture(picture, "TIFF")
    yield "wrong_checksum.png", bytes(wrong_sum), "not decodable as PNG"
    yield "no_pixels.png", png(8, 8, 8, 2, b""), "not decodable as PNG"
    yield "no_width.png", png(0, 8, 8, 2, b""), "not decodable as PNG"
    yield "no_height.jpg", _jpeg_of_size(picture, 96, 0), "not decodable as JPEG"
    yield "no_frames.gif", encode_picture(picture, "GIF")[:13] + b"\x3b", "not decodable as GIF"
    yield "wild_tags.tif", b"II*\0\x08\0\0\0" + directory, "not decodable as TIFF"
    yield "directory_far_away.tif", tiff[:4] + b"\xf0\xff\xff\xff" + tiff[8:], "not decodable as TIFF"
    yield (
        "unknown_depth.bmp",
        b"BM" + bytes(12) + struct.pack("<IiiHH", 40, 8, 8, 1, 7) + bytes(300),
        "not supported: BMP",
    )


def _draw_special_files(folder: Path, hostile: Hostile) -> None:
    (folder / "dead_link.jpg").symlink_to(folder / "nowhere.jpg")
    (folder / "loop.jpg").symlink_to(folder / "loop.jpg")
    (folder / "loop_of_folders").symlink_to(folder)
    os.mkfifo(folder / "pipe.jpg")
    hostile.bad.update({"dead_link.jpg": "a dead link", "loop.jpg": "leads back to itself", "pipe.jpg": "a named pipe"})


def _draw_what_this_machine_can(folder: Path, hostile: Hostile) -> None:
    jpeg = encode_picture(draw_picture(9, SIZE), "JPEG")
    not_utf8 = os.fsdecode(b"caf\xe9.jpg")
    try:
        _write(folder, not_utf8, jpeg)
        hostile.good.append(not_utf8)
    except OSError as error:
        hostile.left_out[not_utf8] = f"this file system refuses the name: {error}"
    locked = folder / "no_permission.jpg"
    _write(folder, locked.name, jpeg)
    locked.chmod(0)
    if os.access(locked, os.R_OK):
        locked.unlink()
        hostile.left_out[locked.name] = "this user may read every file"
    else:
        hostile.bad[locked.name] = "permission denied"
    if importlib.util.find_spec("pillow_heif") is None:
        hostile.left_out["plain.heic"] = "the extra heic is not installed"
    else:
        _draw_heic(folder, hostile)


def _draw_heic(folder: Path, hostile: Hostile) -> None:
    import pillow_heif

    file = io.BytesIO()
    pillow_heif.from_pillow(draw_picture(10, SIZE)).save(file, format="HEIF")
    _write(folder, "plain.heic", file.getvalue())
    _write(folder, "cut_at_50.heic", file.getvalue()[: len(file.getvalue()) // 2])
    hostile.good.append("plain.heic")
    hostile.bad["cut_at_50.heic"] = "not decodable as HEIC"

"""Drawn pictures with copies that have lost something, or that only look like copies: one folder per case."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from tests.latentsearch.copies import draw_photo

T = Image.Transpose
SIZE = (200, 150)
Draw = Callable[[Path], None]


def discs(seed: int, size: tuple[int, int] = SIZE) -> Image.Image:
    """Coloured discs on a coloured background."""
    random = np.random.default_rng(seed)
    picture = Image.new("RGB", size, tuple(random.integers(0, 255, 3).tolist()))
    pen = ImageDraw.Draw(picture)
    for _ in range(14):
        x, y, radius = (int(random.integers(0, most)) for most in (*size, size[0] // 4))
        x, y, radius = x, y, radius + 8
        pen.ellipse([x - radius, y - radius, x + radius, y + radius], tuple(random.integers(0, 255, 3).tolist()))
    return picture


def photo(seed: int) -> Image.Image:
    """A drawn photograph with sensor noise."""
    drawn = draw_photo(seed).resize((356, 436), Image.Resampling.BICUBIC)
    noise = np.random.default_rng(seed).normal(0, 6, (436, 356, 3))
    return Image.fromarray(np.clip(np.asarray(drawn) + noise, 0, 255).astype(np.uint8))


def taken(camera: bool = True) -> Image.Exif:
    """The EXIF data that a camera writes."""
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2020:01:02 03:04:05"
    if camera:
        exif[0x010F], exif[0x0110] = "Maker", "Model 1"
    return exif


def shirt(colour: tuple[int, int, int]) -> Image.Image:
    """A product on white. Colours of the same luma are indistinguishable in grey."""
    picture = Image.new("RGB", (300, 300), "white")
    pen = ImageDraw.Draw(picture)
    outline = [(90, 45), (210, 45), (270, 105), (232, 142), (210, 120), (210, 255), (90, 255), (90, 120), (67, 142)]
    pen.polygon([*outline, (30, 105)], colour)
    pen.ellipse([123, 30, 176, 67], "white")
    return picture


def hue_turned(picture: Image.Image, degrees: float) -> Image.Image:
    """Different colours with the same luma."""
    luma, blue, red = picture.convert("YCbCr").split()
    around = (np.asarray(blue, np.float64) - 128) + 1j * (np.asarray(red, np.float64) - 128)
    around *= np.exp(1j * np.radians(degrees))
    parts = [Image.fromarray((part + 128).clip(0, 255).astype(np.uint8)) for part in (around.real, around.imag)]
    return Image.merge("YCbCr", (luma, *parts)).convert("RGB")


def transparent(picture: Image.Image, soft: bool) -> Image.Image:
    """A picture visible only inside a disc, with a hard or a soft edge."""
    width, height = picture.size
    down, across = np.mgrid[:height, :width]
    from_edge = min(picture.size) * 0.4 - np.hypot(down - height / 2, across - width / 2)
    alpha = (from_edge * (6 if soft else 1000)).clip(0, 255).astype(np.uint8)
    seen = picture.convert("RGBA")
    seen.putalpha(Image.fromarray(alpha))
    return seen


def flattened(picture: Image.Image, colour: str) -> Image.Image:
    return Image.alpha_composite(Image.new("RGBA", picture.size, colour), picture).convert("RGB")


def animate(frames: list[Image.Image], target: Path, **options: object) -> None:
    frames[0].save(target, save_all=True, append_images=frames[1:], duration=100, loop=0, **options)


def _grey(folder: Path) -> None:
    discs(1).save(folder / "best.jpg", quality=60)
    discs(1).convert("L").save(folder / "greyed.jpg", quality=100)
    discs(1).convert("L").save(folder / "greyed-same.jpg", quality=70)


def _one_bit(folder: Path) -> None:
    photo(2).save(folder / "best.jpg", quality=70)
    photo(2).resize((712, 872)).convert("1").save(folder / "lost-colour-torn.png")


def _deep(folder: Path) -> None:
    random = np.random.default_rng(3)
    deep = np.asarray(photo(3).convert("L"), np.uint16) * 256 + random.integers(0, 256, (436, 356), np.uint16)
    Image.fromarray(deep).save(folder / "best.png")
    Image.fromarray((deep >> 8).astype(np.uint8)).save(folder / "fewer colours.png")


def _palette(folder: Path) -> None:
    photo(4).save(folder / "best.png")
    photo(4).quantize(200).save(folder / "fewer colours.png")


def _palette_of_a_jpeg(folder: Path) -> None:
    photo(5).save(folder / "best.jpg", quality=90)
    Image.open(folder / "best.jpg").quantize(64).save(folder / "lost-colours.png")


def _jpeg_of_a_drawing(folder: Path) -> None:
    discs(6).save(folder / "best.png")
    discs(6).save(folder / "same.jpg", quality=60)
    discs(6).save(folder / "same.webp", quality=70)


def _jpeg_of_a_photo(folder: Path) -> None:
    photo(7).save(folder / "best.png")
    photo(7).save(folder / "same.jpg", quality=85)


def _hue(folder: Path) -> None:
    discs(8).save(folder / "best.png")
    hue_turned(discs(8), 90).save(folder / "recoloured.png")


def _enlarged(folder: Path) -> None:
    discs(9).save(folder / "best.png")
    discs(9).resize((400, 300), Image.Resampling.BICUBIC).save(folder / "same.jpg", quality=98)
    discs(9).resize((500, 375), Image.Resampling.NEAREST).save(folder / "same.png")


def _enlarged_jpeg(folder: Path) -> None:
    photo(10).save(folder / "best.jpg", quality=80)
    Image.open(folder / "best.jpg").resize((712, 872), Image.Resampling.LANCZOS).save(folder / "same.jpg", quality=99)


def _resized(folder: Path) -> None:
    photo(11).save(folder / "best.jpg", quality=92)
    photo(11).resize((178, 218)).save(folder / "same.png")
    photo(11).save(folder / "same.jpg", quality=30)


def _animation(folder: Path) -> None:
    frames = [discs(20 + number) for number in range(6)]
    animate([frame.quantize(32) for frame in frames], folder / "best.gif")
    frames[0].save(folder / "still of an animation.bmp")
    frames[3].save(folder / "still of an animation-4.png")
    frames[3].save(folder / "still of an animation-4-same.jpg", quality=90)
    animate(frames[:3], folder / "shortened.gif")


def _animated_webp(folder: Path) -> None:
    animate([photo(30 + number).resize((178, 218)) for number in range(4)], folder / "best.webp", quality=60)
    photo(30).save(folder / "still of an animation-torn.png")


def _animated_png(folder: Path) -> None:
    animate([discs(40 + number) for number in range(4)], folder / "best.png")
    discs(40).save(folder / "still of an animation.jpg", quality=95)


def _animation_again(folder: Path) -> None:
    frames = [discs(50 + number) for number in range(5)]
    animate(frames, folder / "best.png")
    animate(frames, folder / "same.webp", quality=80)


def _fading_in(folder: Path) -> None:
    black = Image.new("RGB", SIZE)
    animate([black, discs(60), discs(61)], folder / "best.gif")
    discs(60).save(folder / "still of an animation.png")


def _document(folder: Path) -> None:
    pages = [discs(70 + number, (120, 160)) for number in range(4)]
    pages[0].save(folder / "best.tif", save_all=True, append_images=pages[1:], compression="tiff_adobe_deflate")
    pages[0].save(folder / "one page of a document.bmp")
    pages[2].save(folder / "one page of a document-3.png")


def _alpha(folder: Path) -> None:
    seen = transparent(discs(80), soft=False)
    seen.save(folder / "best.png")
    for colour in ("white", "black"):
        flattened(seen, colour).save(folder / f"flattened-{colour}.bmp")


def _soft_alpha(folder: Path) -> None:
    seen = transparent(photo(81), soft=True)
    seen.save(folder / "best.png")
    seen.save(folder / "same.webp", quality=85)
    for colour in ("white", "black"):
        flattened(seen, colour).save(folder / f"flattened-{colour}.jpg", quality=95)


def _alpha_resized(folder: Path) -> None:
    seen = transparent(photo(82), soft=True)
    seen.save(folder / "best.png")
    seen.resize((178, 218)).save(folder / "same.png")


def _turned(folder: Path) -> None:
    for name, how in (
        ("90", T.ROTATE_270),
        ("180", T.ROTATE_180),
        ("270", T.ROTATE_90),
        ("180-mirrored", T.FLIP_TOP_BOTTOM),
        ("270-mirrored", T.TRANSPOSE),
        ("90-mirrored", T.TRANSVERSE),
    ):
        photo(83).transpose(how).save(folder / f"turned-{name}.jpg", quality=85)
    photo(83).save(folder / "best.png")


def _turned_by_a_flag(folder: Path) -> None:
    photo(84).save(folder / "best.png")
    flag = Image.Exif()
    flag[0x0112] = 6
    photo(84).transpose(T.ROTATE_90).save(folder / "same.jpg", quality=85, exif=flag)


def _mirrored_and_cropped(folder: Path) -> None:
    photo(85).save(folder / "best.png")
    ImageOps.mirror(photo(85).crop((12, 6, 350, 420))).save(folder / "cropped.jpg")


def _brightened(folder: Path) -> None:
    photo(86).save(folder / "best.png")
    photo(86).point(lambda value: min(255, value * 1.25)).save(folder / "brightened.jpg")


def _stripped_original(folder: Path) -> None:
    photo(87).save(folder / "best.jpg", quality=92)
    photo(87).resize((178, 218)).save(folder / "same-torn.jpg", quality=85, exif=taken())


def _stripped_copy(folder: Path) -> None:
    photo(88).save(folder / "best.jpg", quality=92, exif=taken())
    photo(88).resize((178, 218)).save(folder / "same.jpg", quality=85)


def _stripped_alike(folder: Path) -> None:
    photo(89).save(folder / "best.jpg", quality=92, exif=taken())
    photo(89).save(folder / "same.jpg", quality=92)


def _date_without_camera(folder: Path) -> None:
    photo(90).save(folder / "best.png", exif=taken(camera=False))
    photo(90).save(folder / "same-torn.jpg", quality=90, exif=taken())


def _large_grey(folder: Path) -> None:
    discs(91).save(folder / "best.png")
    discs(91, SIZE).resize((100, 75)).save(folder / "same.png")
    photo(92).resize((178, 218)).save(folder / "best-2.png")
    photo(92).convert("L").save(folder / "greyed-torn-2.png")


# File names state the expected result: best, then for copies the kind, "torn" if each has something that the other
# lacks, "same" if it equals another copy; "lost-…" if only the loss is certain.
COPIES: dict[str, Draw] = {
    name.strip("_"): draw
    for name, draw in list(globals().items())
    if name.startswith("_") and callable(draw) and getattr(draw, "__module__", "") == __name__
}


def _pairs_of(first: Image.Image, second: Image.Image) -> Draw:
    def draw(folder: Path) -> None:
        first.save(folder / "one.png")
        second.save(folder / "other.png")

    return draw


def _with_lamp(colour: tuple[int, int, int], size: int) -> Image.Image:
    picture = discs(100)
    ImageDraw.Draw(picture).ellipse([30, 30, 30 + size, 30 + size], colour)
    return picture


def _letter(number: str) -> Image.Image:
    page = Image.new("L", (900, 1200), 255)
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(18)
    for y in range(30, 1150, 30):
        pen.text((30, y), f"in the year {y} nobody was there " * 3, 0, font)
    pen.rectangle([400, 600, 600, 625], 255)
    pen.text((405, 602), f"Total {number}", 0, font)
    return page


def _animations(folder: Path) -> None:
    for name, first in (("one", 111), ("other", 121)):
        animate([discs(110), *(discs(first + number) for number in range(4))], folder / f"{name}.gif")


def _documents(folder: Path) -> None:
    for name, first in (("one", 131), ("other", 141)):
        pages = [discs(first + number) for number in range(3)]
        discs(130).save(folder / f"{name}.tif", save_all=True, append_images=pages)


def _other_alpha(folder: Path) -> None:
    transparent(photo(150), soft=True).save(folder / "one.png")
    other = photo(150).convert("RGBA")
    other.putalpha(Image.new("L", other.size, 128))
    other.save(folder / "other.png")


# Pictures that must not be reported as the same.
LOOK_ALIKES: dict[str, Draw] = {
    "shirts": _pairs_of(shirt((255, 40, 90)), shirt((60, 120, 190))),
    "lamp": _pairs_of(_with_lamp((220, 0, 0), 16), _with_lamp((0, 150, 0), 16)),
    "small lamp": _pairs_of(_with_lamp((220, 0, 0), 5), _with_lamp((0, 150, 0), 5)),
    "slight hue": _pairs_of(discs(101), hue_turned(discs(101), 25)),
    "number in a letter": _pairs_of(_letter("1380"), _letter("1880")),
    "animations": _animations,
    "documents": _documents,
    "other alpha": _other_alpha,
}


def draw_all(folder: Path, cases: dict[str, Draw]) -> Iterator[Path]:
    """Draw each case into its own subfolder."""
    for name, draw in cases.items():
        (folder / name).mkdir(parents=True)
        draw(folder / name)
        yield folder / name

"""How a picture is turned before it is shown."""

from __future__ import annotations

from PIL import ExifTags, Image

ORIENTATION_TAG = ExifTags.Base.Orientation
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Their files say in properties of their own how they are turned; the plugins apply these or write them into the Exif
# block that they hand out, so that only XMP, which has no say, is left out.
TURNED_BY_THEIR_CONTAINER = {"AVIF", "HEIF"}


def orientation_of(picture: Image.Image) -> int:
    """The Exif orientation of a picture that was opened, 1 (upright) to 8; 1 where its metadata are broken."""
    try:
        orientation = _exif_of(picture).get(ORIENTATION_TAG, 1)
    except Exception:  # a broken EXIF block does not make the picture unusable
        return 1
    return orientation if orientation in TURNS else 1


def _exif_of(picture: Image.Image) -> Image.Exif:
    if picture.format == "JXL" and not getattr(picture, "jpeg", None):
        return Image.Exif()  # libjxl has turned it, unless it was a JPEG
    if picture.format not in TURNED_BY_THEIR_CONTAINER:
        return picture.getexif()
    exif = Image.Exif()
    exif.load(picture.info.get("exif", b""))
    return exif


def upright(picture: Image.Image, orientation: int) -> Image.Image:
    """The picture as it is shown; the same one where nothing is to be turned."""
    return picture.transpose(TURNS[orientation]) if orientation in TURNS else picture


def upright_size(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Width and height as shown, of a picture stored with these."""
    return (size[1], size[0]) if orientation >= 5 else size

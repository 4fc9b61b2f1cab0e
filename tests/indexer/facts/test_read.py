"""Facts in drawn photographs: what Pillow wrote into Exif and XMP is read, and what is broken harms nothing."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from indexer.decoding.decode import Decoded, decode_bytes
from indexer.encoders.framing import Whole
from indexer.facts.exif import camera_name, text_of
from indexer.facts.facts import Facts
from indexer.facts.xmp import MOST_BYTES, xmp_facts
from tests.photographs import BASE, GPS, IFD, VIENNA, exif_of, photograph, xmp_of

TAKEN = 1_714_566_605
ALL: dict[str, Any] = {
    "taken": "2024:05:01 12:30:05", "offset": "+02:00", "fraction": "25", "make": "Canon", "model": "Canon EOS 40D",
    "lens": "EF 50mm f/1.8", "place": VIENNA, "orientation": 6,
}  # fmt: skip
FACTS = Facts(TAKEN + 0.25, 120, "Canon EOS 40D", "EF 50mm f/1.8", *VIENNA, 6)


def decoded(data: bytes) -> Decoded:
    return decode_bytes(data, Whole(16, 16), with_facts=True)


def facts(data: bytes) -> Facts:
    found = decoded(data).facts
    assert found is not None
    return found


def rounded(found: Facts) -> Facts:
    places = [None if degrees is None else round(degrees, 6) for degrees in (found.latitude, found.longitude)]
    return found._replace(latitude=places[0], longitude=places[1])


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WebP", "TIFF", "AVIF", "MPO"])
def test_what_exif_states(file_format: str) -> None:
    assert rounded(facts(photograph(file_format=file_format, exif=exif_of(**ALL)))) == FACTS


def test_heic_pictures() -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.register_heif_opener()
    found = facts(photograph(file_format="HEIF", exif=exif_of(**{**ALL, "orientation": 0})))
    assert rounded(found)._replace(orientation=None) == FACTS._replace(orientation=None)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WebP", "GIF", "BMP", "PPM"])
def test_pictures_without_metadata(file_format: str) -> None:
    assert facts(photograph(file_format=file_format)) == Facts()


def test_facts_are_read_only_on_request() -> None:
    assert decode_bytes(photograph(exif=exif_of(**ALL)), Whole(16, 16)).facts is None


def test_cut_off_pictures_keep_their_facts() -> None:
    data = photograph(size=(300, 200), exif=exif_of(**ALL))
    found = decoded(data[: len(data) * 3 // 4])
    assert found.incomplete and found.facts is not None and rounded(found.facts) == FACTS


@pytest.mark.parametrize(("latitude", "longitude"), [(-33.8568, 151.2153), (40.6892, -74.0445), (0.0, 0.0), (-90, 180)])
def test_hemispheres(latitude: float, longitude: float) -> None:
    found = facts(photograph(exif=exif_of(place=(latitude, longitude))))
    assert (found.latitude, found.longitude) == pytest.approx((latitude, longitude), abs=1e-6)


def test_the_time_of_the_last_change_counts_only_for_cameras() -> None:
    """Old telephones write no other; without a camera, a program has written it."""
    assert facts(photograph(exif=exif_of(changed="2024:05:01 12:30:05"))).taken is None
    assert facts(photograph(exif=exif_of(changed="2024:05:01 12:30:05", model="GT-I9000"))).taken == TAKEN
    both = exif_of(changed="2026:01:01 00:00:00", taken="2024:05:01 12:30:05", model="GT-I9000")
    assert facts(photograph(exif=both)).taken == TAKEN


@pytest.mark.parametrize("file_format", ["JPEG", "WebP", "TIFF"])
def test_xmp_states_what_exif_does_not(file_format: str) -> None:
    document = xmp_of(
        "<photoshop:DateCreated>1999-01-01</photoshop:DateCreated><aux:Lens>XF 23mm</aux:Lens>"
        "<exif:GPSLatitude>48,12.51N</exif:GPSLatitude><exif:GPSLongitude>16,22,19.56E</exif:GPSLongitude>",
        exif__DateTimeOriginal="2024-05-01T12:30:05.25+02:00", tiff__Make="FUJIFILM", tiff__Model="X-T1",
    )  # fmt: skip
    saved = {"tiffinfo": {700: document}} if file_format == "TIFF" else {"xmp": document}
    found = rounded(facts(photograph(file_format=file_format, **saved)))
    assert found._replace(orientation=None) == Facts(TAKEN + 0.25, 120, "FUJIFILM X-T1", "XF 23mm", 48.2085, 16.3721)


def test_exif_comes_before_xmp_and_sources_are_not_mixed() -> None:
    document = xmp_of(exif__DateTimeOriginal="1999-01-01T00:00:00+05:00", tiff__Model="Other", exif__GPSLatitude="1,0N",
                      exif__GPSLongitude="1,0E", aux__Lens="50mm")  # fmt: skip
    exif = exif_of(taken="2024:05:01 12:30:05", model="Mine", place=VIENNA)
    found = rounded(facts(photograph(exif=exif, xmp=document)))
    assert found == Facts(TAKEN, None, "Mine", "50mm", *VIENNA)


HOSTILE = (
    b'<!DOCTYPE x [<!ENTITY a "2024-05-01"><!ENTITY b "&a;&a;&a;&a;">]><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
    b'xmlns:exif="http://ns.adobe.com/exif/1.0/"><exif:DateTimeOriginal>&a;</exif:DateTimeOriginal>'
    b"</rdf:Description></rdf:RDF></x:xmpmeta>"
)


@pytest.mark.parametrize(
    "document",
    [b"", b"DateTimeOriginal", b"<a>DateTimeOriginal", HOSTILE, HOSTILE.decode().encode("utf-16"), None, 7,
     b"<a>" * 100_000 + b"CreateDate", xmp_of(exif__DateTimeOriginal="2024-05-01") + b" " * MOST_BYTES],
)  # fmt: skip
def test_broken_and_hostile_documents_state_nothing(document: object) -> None:
    assert xmp_facts(document) == Facts()


def test_the_history_of_a_document_is_not_about_the_picture() -> None:
    nested = '<xmp:History><rdf:Description exif:DateTimeOriginal="1999-01-01"/></xmp:History>'
    assert xmp_facts(xmp_of(nested)) == Facts()


@pytest.mark.parametrize(
    ("make", "model", "expected"),
    [
        ("Canon", "Canon EOS 40D", "Canon EOS 40D"),
        ("NIKON CORPORATION", "NIKON D70", "NIKON D70"),
        ("EASTMAN KODAK COMPANY", "KODAK CX7530", "KODAK CX7530"),
        ("Apple", "iPhone 6", "Apple iPhone 6"),
        ("", "X100", "X100"),
        ("Jolla", "", "Jolla"),
        ("", "", None),
    ],
)
def test_names_of_cameras(make: str, model: str, expected: str | None) -> None:
    assert camera_name(make, model) == expected


def test_texts_become_one_clean_line() -> None:
    assert text_of("FinePix E500   \0\0junk") == "FinePix E500"
    assert text_of("a\tb\n\x1b[31mc") == "a b [31mc"
    assert text_of("Caméra".encode().decode("latin-1")) == text_of("Caméra") == "Caméra"
    assert len(text_of("x" * 10_000)) == 200
    assert text_of(b"NIKON") == text_of(("NIKON", "x")) == "NIKON"
    assert text_of(None) == text_of(7) == text_of(()) == text_of("\udcff") == ""


def broken_gps() -> Image.Exif:
    exif = exif_of(taken="2024:05:01 12:30:05", place=VIENNA)
    exif.get_ifd(IFD.GPSInfo)[GPS.GPSLatitude] = (IFDRational(0, 0), 0.0, 0.0)
    return exif


def odd_types() -> Image.Exif:
    exif = exif_of(model="X100", place=VIENNA, orientation=1)
    exif[BASE.Orientation] = 99
    exif.get_ifd(IFD.Exif)[BASE.DateTimeOriginal] = 2024
    exif.get_ifd(IFD.GPSInfo)[GPS.GPSLatitudeRef] = 3
    return exif


def test_broken_values_count_as_missing() -> None:
    assert facts(photograph(exif=broken_gps())) == Facts(TAKEN)
    assert facts(photograph(exif=odd_types())) == Facts(camera="X100")


def pointing(offset: int) -> bytes:
    """Exif data whose directory of details is said to be at an offset."""
    return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<HHHII", 1, IFD.Exif, 4, 1, offset) + bytes(4)


@pytest.mark.parametrize("offset", [0, 8, 26, 2**31, 2**32 - 1])
def test_directories_that_are_not_there(offset: int) -> None:
    assert facts(photograph(exif=pointing(offset))) == Facts()


GOOD = photograph(exif=exif_of(**ALL), xmp=xmp_of(exif__DateTimeOriginal="2024-05-01", aux__Lens="50mm"))
PIXELS = decoded(GOOD).pixels
# Where the metadata lie in the file, without the headers of its segments.
EXIF_START, XMP_START = GOOD.index(b"Exif\0\0") + 6, GOOD.index(b"<x:xmpmeta")
EXIF_END, XMP_END = GOOD.index(b"\xff\xe1", EXIF_START), GOOD.index(b"\xff\xdb")
METADATA = st.one_of(st.integers(EXIF_START, EXIF_END - 1), st.integers(XMP_START, XMP_END - 1))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(METADATA, st.integers(0, 255)), min_size=1, max_size=12))
def test_no_byte_of_the_metadata_can_fail_a_picture(changes: list[tuple[int, int]]) -> None:
    data = bytearray(GOOD)
    for place, value in changes:
        data[place] = value
    found = decoded(bytes(data))
    assert found.facts is not None and found.facts == found.facts.possible()
    assert all(text is None or (text and text.isprintable()) for text in (found.facts.camera, found.facts.lens))
    if found.facts.orientation == 6:
        assert np.array_equal(found.pixels, PIXELS)

"""Reads facts from XMP metadata, an XML document inside the picture, with a parser that refuses DTDs and entities."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from indexer.facts.exif import camera_name, text_of
from indexer.facts.facts import Facts
from indexer.facts.moments import parse_moment
from indexer.facts.places import coordinate

# Larger documents are not parsed; those of cameras and editors have some kilobytes.
MOST_BYTES = 2**20
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
EXIF = "{http://ns.adobe.com/exif/1.0/}"
TIFF = "{http://ns.adobe.com/tiff/1.0/}"
XMP = "{http://ns.adobe.com/xap/1.0/}"
AUX = "{http://ns.adobe.com/exif/1.0/aux/}"
EXIF_EX = "{http://cipa.jp/exif/1.0/}"
PHOTOSHOP = "{http://ns.adobe.com/photoshop/1.0/}"
# The most reliable first.
TIMES = (f"{EXIF}DateTimeOriginal", f"{PHOTOSHOP}DateCreated", f"{EXIF}DateTimeDigitized", f"{XMP}CreateDate")
LENSES = (f"{EXIF_EX}LensModel", f"{AUX}Lens")
# Degrees and minutes, or degrees, minutes and seconds, as in 48,12.5N.
COORDINATE = re.compile(r"(\d{1,3}),(\d{1,2}(?:\.\d+)?)(?:,(\d{1,2}(?:\.\d+)?))?([NSEW])", re.ASCII)
# A document without any of these names states no facts, and is not parsed.
NAMES = re.compile(rb"DateTimeOriginal|DateCreated|DateTimeDigitized|CreateDate|Model|Make|aux:Lens|GPSLatitude")


def xmp_facts(document: object) -> Facts:
    """Return the facts in an XMP document, text or bytes; none if it is missing or broken."""
    data = document.encode("utf-8", "replace") if isinstance(document, str) else document
    if not isinstance(data, bytes) or len(data) > MOST_BYTES:
        return Facts()
    if not NAMES.search(data.replace(b"\0", b"") if b"\0" in data else data):
        return Facts()
    try:
        return _facts(_properties(data))
    except Exception:  # a broken document
        return Facts()


def _properties(data: bytes) -> dict[str, str]:
    """Return the simple properties of a document by name, and the first item of lists."""
    from defusedxml.ElementTree import fromstring

    root = fromstring(data.strip(b"\0 \t\r\n\xef\xbb\xbf"), forbid_dtd=True)
    found: dict[str, str] = {}
    for description in _descriptions(root):
        found.update(description.attrib)
        for child in description:
            item = next(child.iter(f"{RDF}li"), child)
            found.setdefault(child.tag, item.text or "")
    return {name: " ".join(value.split()) for name, value in found.items()}


def _descriptions(root: Element) -> Iterator[Element]:
    """Yield the descriptions of the picture itself, not those nested in its history."""
    rdf = root if root.tag == f"{RDF}RDF" else root.find(f"{RDF}RDF")
    return iter(()) if rdf is None else (child for child in rdf if child.tag == f"{RDF}Description")


def _facts(found: dict[str, str]) -> Facts:
    taken = next(filter(None, (parse_moment(found.get(name, "")) for name in TIMES)), None)
    latitude = _coordinate(found.get(f"{EXIF}GPSLatitude", ""), 90)
    longitude = _coordinate(found.get(f"{EXIF}GPSLongitude", ""), 180)
    if latitude is None or longitude is None:
        latitude = longitude = None
    return Facts(
        taken and taken.seconds,
        taken and taken.offset,
        camera_name(text_of(found.get(f"{TIFF}Make")), text_of(found.get(f"{TIFF}Model"))),
        next(filter(None, (text_of(found.get(name)) for name in LENSES)), None),
        latitude,
        longitude,
    )


def _coordinate(text: str, most: float) -> float | None:
    found = COORDINATE.fullmatch(text.strip())
    if found is None:
        return None
    return coordinate(tuple(float(part or 0) for part in found.groups()[:3]), found[4], most)

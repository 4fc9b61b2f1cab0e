"""Reads the facts of an opened picture from its Exif data, and what that lacks from its XMP document."""

from __future__ import annotations

from typing import Any

from PIL import Image

from indexer.facts.exif import exif_facts, exif_of
from indexer.facts.facts import Facts
from indexer.facts.xmp import xmp_facts

# The TIFF tag that holds an XMP document.
XMP_TAG = 700


def facts_of(picture: Image.Image, data: bytes) -> Facts:
    """Return the facts of an opened picture; data: the bytes of its file. Call before its pixels are decoded.

    Whatever the metadata contains, this raises nothing but MemoryError: what is broken counts as missing.
    """
    facts, changed = exif_facts(exif_of(picture, data))
    if isinstance(turned := picture.info.get("original_orientation"), int):
        facts = facts._replace(orientation=turned)  # pillow-heif writes 1 into the Exif data of upright pictures
    document = _document(picture)
    if document is not None and None in (facts.taken, facts.camera, facts.lens, facts.latitude):
        facts = _merged(facts, xmp_facts(document))
    if facts.taken is None and facts.camera is not None and changed is not None:
        # Old telephones write no other time. Without a camera, it is the time at which a program saved the file.
        facts = facts._replace(taken=changed.seconds, offset=changed.offset)
    return facts


def _document(picture: Image.Image) -> Any:
    found = picture.info.get("xmp") or picture.info.get("XML:com.adobe.xmp")
    if found is None:
        try:
            found = getattr(picture, "tag_v2", {}).get(XMP_TAG)
        except Exception:  # a broken tag
            return None
    return found


def _merged(facts: Facts, more: Facts) -> Facts:
    """Add facts of the XMP document; a time or a place is taken from one source as a whole."""
    if facts.taken is None:
        facts = facts._replace(taken=more.taken, offset=more.offset)
    if facts.latitude is None:
        facts = facts._replace(latitude=more.latitude, longitude=more.longitude)
    return facts._replace(camera=facts.camera or more.camera, lens=facts.lens or more.lens)

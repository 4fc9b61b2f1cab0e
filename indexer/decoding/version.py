"""The version of the decoders as text, which changes with our own revision or any library's version."""

from __future__ import annotations

import functools

# Increase this when files that used to fail can be decoded, so that runs try them again.
REVISION = 2


LIBRARIES = ("Pillow", "pillow-heif", "rawpy", "pillow-jxl-plugin", "tifffile", "imagecodecs")


@functools.cache
def decoder_version() -> str:
    """Return our own decoding revision and the versions of all decoding libraries as one text."""
    from importlib.metadata import PackageNotFoundError, version

    parts = [f"latentsearch {REVISION}"]
    for library in LIBRARIES:
        try:
            parts.append(f"{library} {version(library)}")
        except PackageNotFoundError:
            continue
    return ", ".join(parts)

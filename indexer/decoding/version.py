"""What decodes here, as text that differs where any part of it does."""

from __future__ import annotations

import functools

# To be raised whenever files that could not be decoded now can, so that these are tried again.
REVISION = 2


LIBRARIES = ("Pillow", "pillow-heif", "rawpy", "pillow-jxl-plugin", "tifffile", "imagecodecs")


@functools.cache
def decoder_version() -> str:
    """What decodes here, its own revision and the libraries', as text that differs where any of them does."""
    from importlib.metadata import PackageNotFoundError, version

    parts = [f"latentsearch {REVISION}"]
    for library in LIBRARIES:
        try:
            parts.append(f"{library} {version(library)}")
        except PackageNotFoundError:
            continue
    return ", ".join(parts)

"""Pack a folder in CelebA's format small enough to be sent to another machine: faces as the networks see them, 64x64.

    python -m benchmarks.datasets.packed_faces CELEBA OUT

21,000 faces take 24 MB. The files keep their names, so that the label files apply, although they hold WebP.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import click
from PIL import Image

from benchmarks.datasets.celeba import ATTRIBUTES, IDENTITY, PARTITION, PICTURES, load_faces
from indexer.errors import InputError

QUALITY = 85


def pack(celeba: Path, out: Path, partitions: tuple[str, ...] = ("train", "validation")) -> int:
    """Write the faces of these partitions to a new folder, with the label files; return their number.

    Raises InputError if the folder exists or has no such faces.
    """
    if out.exists():
        raise InputError(f"{out} exists: name a new folder")
    faces = [load_faces(celeba, partition) for partition in partitions]
    (out / PICTURES).mkdir(parents=True)
    for name in (ATTRIBUTES, PARTITION, IDENTITY):
        shutil.copyfile(celeba / name, out / name)
    for some in faces:
        for path, pixels in zip(some.paths, some.pixels(), strict=True):
            Image.fromarray(pixels).save(out / PICTURES / path.name, "WEBP", quality=QUALITY)
    return sum(map(len, faces))


@click.command()
@click.argument("celeba", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
def command(celeba: Path, out: Path) -> None:
    """Pack the faces of CELEBA, a folder in CelebA's format, into the new folder OUT."""
    click.echo(f"{pack(celeba, out)} faces in {out}")


if __name__ == "__main__":
    command()

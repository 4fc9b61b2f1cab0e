"""Add the pictures and codes of a Parquet file to an index."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from indexer.encoders.encoder import Encoder
    from indexer.parquet.load import ImportSummary
    from indexer.parquet.reader import ParquetReader
    from indexer.progress import StepReport


def import_parquet(
    file: str | Path,
    path: str | Path | None = None,
    encoder: str | Path | None = None,
    *,
    on_progress: StepReport | None = None,
) -> ImportSummary:
    """Add the pictures of a file that `Collection.to_parquet` wrote to an index; it is made if there is none.

    path: the folder of the index, as for `open`. encoder: as for `create`, but for a new index, None stands for the
    encoder that the file names. The pictures' own files are not read. All of the file is checked before an index is
    made or changed.

    Returns a summary with the counts found, added, replaced and unchanged. Raises InputError for a damaged file,
    EncoderError for codes of another encoder, LockedIndex while another process writes to the index, MissingExtra
    without the extra `parquet`.

    >>> with ls.open(folder / "index") as pictures:
    ...     pictures.to_parquet(folder / "all.parquet")
    5
    >>> ls.import_parquet(folder / "all.parquet", folder / "carried").added
    5
    """
    from indexer.parquet.reader import ParquetReader
    from indexer.paths import locate
    from latentsearch.interface.automatic import encoder_for

    location = locate(path)
    with ParquetReader(Path(file)) as opened:
        loaded = encoder_for(location, encoder, opened.encoder["name"], network=False)
        return add_rows(opened, location, loaded, on_progress)


def add_rows(
    file: ParquetReader, location: Path, encoder: Encoder, on_progress: StepReport | None = None
) -> ImportSummary:
    """Check an open Parquet file, and then add its pictures to an index, which is made if there is none."""
    from indexer.index.writer import IndexWriter
    from indexer.parquet.load import import_codes
    from indexer.progress import of_one_step
    from latentsearch.search.search import COMPUTED_ELSEWHERE

    file.require(encoder)
    file.look_through()
    with IndexWriter.create(location, encoder) as writer:
        if encoder.model.get("family") == COMPUTED_ELSEWHERE:
            keep_model(location, encoder.model)
        return import_codes(writer, file, of_one_step(on_progress, "importing"))


def keep_model(folder: Path, model: dict[str, Any]) -> None:
    """Keep the description of an encoder without a network in the folder of its index, if it is not there."""
    from indexer.system.disk import atomic_write
    from latentsearch.search.search import ENCODER_FOLDER

    bundle = folder / ENCODER_FOLDER
    if (bundle / "model.json").is_file():
        return
    bundle.mkdir(exist_ok=True)
    with atomic_write(bundle / "model.json") as file:
        file.write(json.dumps(model, indent=2).encode())

"""What `latentsearch query` prints less often: the answers of --batch, and on stderr what a search left out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from latentsearch.cli import tell
from latentsearch.cli.options import Form
from latentsearch.interface.results import Results

if TYPE_CHECKING:
    from latentsearch.interface.results import FolderResults
    from latentsearch.query import Options

# The most queries on one contact sheet: file formats limit the height, and nobody looks at a taller sheet.
ROWS_OF_SHEET = 50


def show_all(
    answers: FolderResults, options: Options, given: Mapping[str, bytes], form: Form, sheet: Path | None
) -> None:
    """Print each answer, and draw the first ones on a contact sheet; say on stderr what is missing."""
    asked = unread = fewer = 0
    rows: list[Results] = []
    form.begin(answers.label_names)
    for answer in answers:
        form.show_one(answer, answers.label_names)
        asked += 1
        if isinstance(answer, Results):
            fewer += len(answer.hits) < (options.k if options.within is None else 1)
            rows += [answer] if len(rows) < ROWS_OF_SHEET else []
        else:
            unread += 1
    if unread:
        tell(f"{unread} of {asked} pictures could not be read")
    if fewer:
        matching = f": {answers.matching} in the index match" if answers.matching is not None else ""
        few = f"fewer than {options.k} pictures" if options.within is None else "no pictures"
        tell(f"{few} returned for {fewer} of {asked}{matching}")
    if sheet:
        from latentsearch.search.contact_sheet import write_rows

        write_rows(rows, sheet, given)
        if len(rows) < asked - unread:
            tell(f"the sheet shows the first {len(rows)} of {asked - unread}")


def tell_of_cutoff(results: Results, share: float, k: int) -> None:
    """Say on stderr that no picture lies within the cut-off, or that -k left some out."""
    from latentsearch.notation import share_in_words

    if not results.hits:
        among = "" if results.matching is None else f" of {results.matching} in the index that match"
        tell(f"no picture{among} is as close as {share_in_words(share)} of this index")
    elif len(results.hits) == k:
        tell(f"the first {k} pictures returned: more may be as close as {share_in_words(share)}, see -k")


def tell_of_faces(results: Results) -> None:
    """Say which face was searched for, if a picture shows several, or that whole pictures were searched."""
    from indexer.paths import printable

    for face in results.faces:
        if face.total > 1:
            which = "the largest" if face.number == 1 else f"face {face.number}"
            left, top, right, bottom = map(round, face.box)
            where = f"from ({left}, {top}) to ({right}, {bottom})"
            tell(
                f"{printable(face.query)} has {face.total} faces: searched for {which}, {where}; --face N takes another"
            )
    if results.faceless:
        tell(f"no face found in {printable(results.faceless)}: searched whole pictures")

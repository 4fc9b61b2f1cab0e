"""`latentsearch faces`: group the faces in pictures that are alike."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from latentsearch.cli import tell
from latentsearch.cli.options import COUNT, PATH, Finite, Verb, index_option, json_option

if TYPE_CHECKING:
    from latentsearch.search.face_groups import FaceGroups, GroupedFace


@click.command("faces", cls=Verb)
@index_option
@click.option(
    "--min-similarity",
    type=Finite(0, 1),
    metavar="S",
    help="How alike the faces of a group are, on average, as a similarity of `query`.  [default: 0.9998]",
)
@click.option("--least", type=COUNT, default=2, show_default=True, metavar="N", help="The fewest faces in a group.")
@json_option("Print one JSON object with the groups.")
@click.option(
    "--sheet", type=PATH, metavar="FILE", help="Also draw the groups, one per row: each face, with its picture small."
)
def command(location: str | None, min_similarity: float | None, least: int, as_json: bool, sheet: Path | None) -> None:
    """Group faces that look alike, in an index made with `latentsearch index --faces`; the largest group first.

    Groups have no names, and a group is no proof that its faces are of one person: codes compare how faces look. A
    higher --min-similarity makes smaller groups with fewer errors.

    A pipe or a terminal gets lines with tabs between the group's number, the id of the picture, the box of the face in
    pixels (left, top, right, bottom) and the path.
    """
    from latentsearch.cli.stderr import Bar
    from latentsearch.interface.collection import open
    from latentsearch.search.contact_sheet import check_target

    if sheet:
        check_target(sheet)
    with open(location) as index, Bar("comparing") as bar:
        show = (lambda step, done, total: bar.show(done, total)) if bar.is_shown else None
        found = index.faces(min_similarity=min_similarity, least=least, on_progress=show)
        bar.end()
    sys.stdout.buffer.write(_as_json(found) if as_json else _as_lines(found))
    sys.stdout.buffer.flush()
    tell(f"{sum(map(len, found))} of {found.faces} faces in {len(found)} groups")
    if sheet:
        from latentsearch.search.face_sheets import write_groups

        write_groups(found, sheet)


def _as_json(found: FaceGroups) -> bytes:
    plain = {
        "index": found.index,
        "encoder": found.encoder,
        "min_similarity": found.min_similarity,
        "faces": found.faces,
        "groups": [[_plain(one) for one in group] for group in found],
    }
    return json.dumps(plain, ensure_ascii=False, indent=2).encode("utf-8", "backslashreplace") + b"\n"


def _plain(one: GroupedFace) -> dict[str, Any]:
    box = [round(edge) for edge in one.face.box]
    return {"id": one.id, "path": one.path, "face": {"id": one.face.id, "box": box, "score": one.face.score}}


def _as_lines(found: FaceGroups) -> bytes:
    from latentsearch.search.formats import readable

    rows = (
        (number, one.id, ",".join(str(round(edge)) for edge in one.face.box), readable(one.path))
        for number, group in enumerate(found, start=1)
        for one in group
    )
    return "".join("\t".join(map(str, row)) + "\n" for row in rows).encode("utf-8", "backslashreplace")

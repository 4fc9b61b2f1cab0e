"""`latentsearch index DIR…`: pictures of folders -> the index."""

from __future__ import annotations

from typing import Any

import click

from latentsearch.cli.index_run import FORCE, USUAL, Request, run
from latentsearch.cli.options import PATH, Finite, Verb, encoder_option, index_option, json_option

RECALL = Finite(0, 1, min_open=True)


class IndexCommand(Verb):
    """Takes `--prune` and `--prune=force`: of `--prune DIR`, click would take the folder for a value."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put a bare `--prune` in full."""
        ends = args.index("--") if "--" in args else len(args)
        whole = [f"--prune={USUAL}" if word == "--prune" else word for word in args[:ends]]
        return super().parse_args(ctx, whole + args[ends:])


def _checked_prune(ctx: click.Context, parameter: click.Parameter, given: str | None) -> str | None:
    if given not in (None, USUAL, FORCE):
        raise click.BadParameter(f"{given!r} is not known: write --prune or --prune={FORCE}")
    return given


@click.command("index", cls=IndexCommand)
@click.argument("folders", nargs=-1, metavar="DIR...", type=PATH)
@index_option
@encoder_option("Its encoder, by name or folder  [default: the index's, or parts].")
@click.option("--from", "older", metavar="INDEX", help="Take in the pictures and labels of this index; without DIR.")
@click.option(
    "--exclude",
    multiple=True,
    metavar="PATTERN",
    help="Leave out files and folders, as in .gitignore; may be repeated.",
)
@click.option(
    "--prune",
    metavar="[=force]",
    callback=_checked_prune,
    help="Remove pictures of these folders whose files are gone; not all or most of a folder's at once, unless forced.",
)
@click.option("--retry-failed", is_flag=True, help="Try again every file that could not be used before.")
@click.option("--rehash", is_flag=True, help="Read every file again: trust neither its size nor its time of change.")
@click.option("--labels", metavar="FILE", type=PATH, help="A CSV of labels, file names first.")
@click.option(
    "--predict-labels",
    "predictor",
    metavar="[NAME]",
    is_flag=False,
    flag_value="",  # the one that ships, whose name is not known before indexer.encoders.attributes is imported
    help="Predict labels that are not given, by an encoder's eyes  [attributes].",
)
@click.option(
    "--kind",
    metavar="KIND",
    help="Of search index: auto, flat, hnsw, ivf-sq8, ivf-pq or a FAISS factory string  [auto].",
)
@click.option("--recall", type=RECALL, metavar="R", help="Share of the true 20 nearest that a search finds  [0.95].")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", help="Where the search index is built.")
@click.option(
    "--memory",
    metavar="SIZE",
    callback=lambda context, option, size: _memory(size),
    help="The most to take, such as 2GB: large pictures take turns  [a quarter of the machine's].",
)
@click.option("--watch", is_flag=True, help="Then go on, and take in what changes, until Ctrl-C.")
@json_option("Print the summary as one JSON object, a line a batch.")
def command(**options: Any) -> None:
    """Add the pictures of folders to the index, or bring it up to date with them.

    Unchanged pictures are left alone, moved ones keep their code. A file that cannot be used is listed by
    `latentsearch status --failures`. It is tried again when it changes or the decoder is updated, and by every run
    where circumstances were the reason: permissions, a missing extra, a drive, memory. CelebA's label files, in a
    folder or beside it, are read along.

    A file is told by its first bytes, whatever its suffix. --exclude PATTERN, relative to each DIR, and files called
    .latentsearchignore, in any folder and relative to it, leave out what their patterns match, in gitignore's language:
    `*.tmp`, `private/`, `/scans`, `!keep.jpg`. Hidden files, the system folders of NAS and Windows, node_modules, the
    previews in photo libraries and latentsearch's own contact sheets are left out, unless they are named as DIR or,
    hidden ones excepted, taken in by a pattern such as `!node_modules`.

    --predict-labels, after the folders, stores which attributes the pictures of the index show, as `latentsearch
    attributes` tells them, marked as predicted; a label that was given, by a file or by CelebA, is never replaced. NAME
    is an encoder bundle that learned with labels, by name or folder; the one that ships knows 18 attributes of faces.

    What --kind and --recall ask for is kept, and the search index is made anew where it does not fit any more.

    --memory caps what the run takes, its workers included; $LATENTSEARCH_MEMORY does so for every verb. A picture that
    needs more than is left to it is a failure that says so.

    An index keeps the encoder that made it. index --encoder NAME --from OLD --index NEW makes another of the same
    pictures, with the labels that they were given; OLD stays as it is.

    With --watch the folders are then followed: what is added, changed, moved or removed is taken in a second or two
    after it has become quiet. The index is locked only while it is written. On drives that tell the system nothing of
    their changes, such as network drives, set WATCHFILES_FORCE_POLLING=1.
    """
    asked = Request(**options)
    if bool(asked.folders) == (asked.older is not None):
        raise click.UsageError("Missing argument 'DIR...'." if asked.older is None else "--from goes without DIR.")
    if asked.older is not None and (asked.watch or asked.prune or asked.exclude):
        raise click.UsageError(
            "--from goes without --watch and --prune, and without --exclude: index the folders afterwards."
        )
    run(asked)


def _memory(size: str | None) -> int | None:
    from indexer.system.limits import parse_size

    return None if size is None else parse_size(size, "--memory")

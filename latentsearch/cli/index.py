"""`latentsearch index DIR…`: add the pictures in folders to the index."""

from __future__ import annotations

from typing import Any

import click

from latentsearch.cli.index_run import FORCE, USUAL, Request, run
from latentsearch.cli.options import PATH, Finite, Verb, encoder_option, index_option, json_option

RECALL = Finite(0, 1, min_open=True)


class IndexCommand(Verb):
    """Accepts `--prune` and `--prune=force`. click alone would read the folder in `--prune DIR` as the value."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Replace a bare `--prune` by its full form."""
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
@encoder_option("The encoder, by name or folder; auto chooses for a new index.  [default: the index's, or auto]")
@click.option(
    "--from", "older", metavar="INDEX", help="Instead of DIR: index the pictures of another index, with their labels."
)
@click.option(
    "--exclude",
    multiple=True,
    metavar="PATTERN",
    help="Leave out files and folders that match, in the syntax of .gitignore; may be repeated.",
)
@click.option(
    "--prune",
    metavar="[=force]",
    callback=_checked_prune,
    help="Remove pictures of these folders whose files are gone. If most of a folder is gone, its drive may not be "
    "mounted: nothing is removed there except with --prune=force.",
)
@click.option("--retry-failed", is_flag=True, help="Try every file again that could not be used before.")
@click.option(
    "--rehash", is_flag=True, help="Read every file again, even if its size and modification time are unchanged."
)
@click.option("--labels", metavar="FILE", type=PATH, help="A CSV file of labels; its first column is the file name.")
@click.option(
    "--predict-labels",
    "predictor",
    metavar="[NAME]",
    is_flag=False,
    flag_value="",  # the included encoder; indexer.encoders.attributes, imported later, knows its name
    help="Predict labels with an encoder trained with labels, by name or folder.  [default: attributes]",
)
@click.option(
    "--kind",
    metavar="KIND",
    help="The search index: auto, flat, hnsw, ivf-sq8, ivf-pq or a FAISS factory string.  [default: auto]",
)
@click.option(
    "--recall",
    type=RECALL,
    metavar="R",
    help="The share of the true 20 nearest that a search must find, on average.  [default: 0.95]",
)
@click.option(
    "--device",
    type=click.Choice(["cpu", "cuda"]),
    default="cpu",
    show_default=True,
    help="Where the search index is built.",
)
@click.option(
    "--memory",
    metavar="SIZE",
    callback=lambda context, option, size: _memory(size),
    help="The most memory to use, such as 2GB; large pictures are decoded one after another.  [default: a quarter of "
    "the machine's memory]",
)
@click.option("--faces", is_flag=True, help="Find the faces in pictures, too, and encode each of them.")
@click.option(
    "--face-encoder",
    metavar="NAME",
    help="The encoder of faces, by name or folder; implies --faces.  [default: the index's, or parts]",
)
@click.option("--watch", is_flag=True, help="Keep running and follow changes in the folders, until Ctrl-C.")
@json_option("Print the summary as one JSON object; with --watch, one line per batch.")
def command(**options: Any) -> None:
    """Add the pictures in folders to the index, or update the index after the folders have changed.

    Only new and changed pictures are encoded; moved ones keep their codes. `latentsearch status --failures` lists files
    that cannot be used. They are tried again after the file or the decoder has changed, and by every run if the cause
    may pass: missing permissions or extras, a drive that does not respond, too little memory. Label files of CelebA,
    in a folder or beside it, are read, too.

    Files are recognised by their first bytes, not by their suffix. Files and folders are left out if they match an
    --exclude PATTERN, relative to each DIR, or a pattern in a file .latentsearchignore, relative to its folder. The
    syntax is that of .gitignore: `*.tmp`, `private/`, `/scans`, `!keep.jpg`. Also left out are hidden files, system
    folders of NAS and Windows, node_modules, previews in photo libraries and contact sheets made by latentsearch. To
    include one, name it as DIR or, unless it is hidden, use a pattern such as `!node_modules`.

    --predict-labels predicts attributes of all pictures in the index after the folders are indexed, as `latentsearch
    attributes` does, and stores them as predicted labels. Labels from a file or from CelebA are never replaced. NAME is
    an encoder bundle trained with labels; the included bundle `attributes` knows 18 attributes of faces. Write
    --predict-labels after the folders, or it takes the next word for NAME.

    --faces finds every face in a picture and encodes it, laid upright on the template of an encoder that was learned on
    aligned faces. The index then holds faces beside whole pictures, and a query with a face searches the faces.
    Pictures that are already in the index are read once more for it. Later runs find faces without --faces.

    The index remembers --kind and --recall, and rebuilds its search index when that no longer meets them.

    --memory limits the memory of the run and its workers; the variable $LATENTSEARCH_MEMORY does so for every command.
    A picture that needs more is reported as a failure.

    For a new index, --encoder auto looks at up to 200 pictures: if they are aligned faces, as in CelebA, it takes the
    encoder `parts`, otherwise `photos`, for pictures of any kind. It says which one it took.

    An index cannot change its encoder. `latentsearch index --encoder NAME --from OLD --index NEW` makes a new index of
    the same pictures, with the labels they were given, and leaves OLD unchanged.

    With --watch, the index follows the folders: added, changed, moved and removed pictures are taken over one or two
    seconds after the last change.
    The index is locked only while it is written to. If a drive does not report changes, as most network drives do not,
    set the variable WATCHFILES_FORCE_POLLING=1.
    """
    asked = Request(**options)
    if bool(asked.folders) == (asked.older is not None):
        raise click.UsageError("Missing argument 'DIR...'." if asked.older is None else "--from goes without DIR.")
    if asked.older is not None and (asked.watch or asked.prune or asked.exclude):
        raise click.UsageError("--from does not go with --watch, --prune or --exclude: index the folders afterwards.")
    run(asked)


def _memory(size: str | None) -> int | None:
    from indexer.system.limits import parse_size

    return None if size is None else parse_size(size, "--memory")

"""`latentsearch status`: show what the index holds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from latentsearch.cli.options import Verb, index_option, json_option

if TYPE_CHECKING:
    from latentsearch.interface.collection import Collection


@click.command("status", cls=Verb)
@index_option
@click.option("--failures", is_flag=True, help="List the files that could not be used, and why.")
@json_option()
def command(location: str | None, failures: bool, as_json: bool) -> None:
    """Show the contents of the index: pictures, labels, failures, encoder, search index and size on disk."""
    from latentsearch.interface.collection import open

    with open(location) as index:
        if as_json:
            click.echo(json.dumps(_plain(index, failures), indent=2))
        else:
            click.echo(_failures(index) if failures else _for_people(index))


def _plain(index: Collection, failures: bool) -> dict[str, Any]:
    status = index.status()
    if failures:
        # Names that are not UTF-8 keep their bytes as surrogates, which json escapes and os.fsencode turns back.
        status["failed"] = [
            {"path": failure.path, "reason": failure.reason, "may_pass": failure.may_pass}
            for failure in index.failures()
        ]
    return status


def _failures(index: Collection) -> str:
    from latentsearch.search.formats import readable

    lines = [
        f"{readable(failure.path)}: {failure.reason}{' (tried again by every run)' if failure.may_pass else ''}"
        for failure in index.failures()
    ]
    return "\n".join(lines) or "every file could be used"


def _for_people(index: Collection) -> str:
    from indexer.numbers import local_time

    status = index.status()
    encoder = status["encoder"]
    last = status["last_added"]
    facts = {
        "index": status["index"],
        "pictures": f"{status['images']}" + _incomplete(status["incomplete"]),
        "last added": local_time(last) if last else "never",
        "labels": (", ".join(status["labels"]) or "none") + _predicted(status["predicted_by"]),
        "failures": _counted(status["failures"], status["failures_that_may_pass"]),
        "encoder": f"{encoder['name']}, {encoder['latent_size']} numbers, {encoder['distance']}",
        "search": _search(status["vectors"]),
        **_faces(status.get("faces")),
        "size": f"{_bytes(status) / 1e6:.1f} MB",
    }
    return "\n".join(f"{name:11} {value}" for name, value in facts.items())


def _faces(faces: dict[str, Any] | None) -> dict[str, str]:
    """Describe the faces of an index, if it has any."""
    if faces is None:
        return {}
    counts = f"{faces['faces']} faces in {faces['with_faces']} of {faces['searched']} pictures searched"
    return {"faces": f"{counts}, encoder {faces['encoder']['name']}, {faces['encoder']['latent_size']} numbers"}


def _bytes(status: dict[str, Any]) -> int:
    return sum(sum(part["bytes"].values()) for part in (status, status.get("faces")) if part)


def _incomplete(count: int) -> str:
    return f", {count} of them incomplete (--where incomplete=1)" if count else ""


def _counted(failures: int, that_may_pass: int) -> str:
    if not failures:
        return "0"
    again = f" ({that_may_pass} {'is' if that_may_pass == 1 else 'are'} tried again by every run)"
    return f"{failures}{again if that_may_pass else ''}, listed by --failures"


def _predicted(by: dict[str, str] | None) -> str:
    return f"; some are predicted by {by['name']}, `latentsearch labels` shows which" if by else ""


def _search(vectors: dict[str, Any]) -> str:
    """Describe the search index and its measured recall."""
    if vectors["kind"] is None:
        return vectors["problem"] or "every code is compared"
    recall = vectors["recall@20"]
    search = f"{vectors['kind']}, recall@20 {recall['reached']:.3f} (asked: {recall['target']}); {vectors['why']}"
    changes = {"came since": vectors["since"], "are gone": vectors["removed"]}
    return "; ".join([search, *(f"{count} {what}" for what, count in changes.items() if count)])

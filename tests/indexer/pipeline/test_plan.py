"""What is left to decode, asked of a catalogue that may hold millions."""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Iterator

import pytest

from indexer.catalog.catalog import Catalog, IndexMetadata
from indexer.catalog.failures import Failure
from indexer.catalog.images import ImageRecord
from indexer.decoding.version import decoder_version
from indexer.files.discover import Found, Problem
from indexer.paths import outermost
from indexer.pipeline.catalog_lookup import CatalogLookup
from indexer.pipeline.plan import PathSet, Plan
from indexer.pipeline.vanished import count_vanished, forget_failures

FACTS = IndexMetadata("0" * 32, "tiny", "ab" * 32, "/bundles/tiny", {"width": 64}, "cosine", 16)
COUNT = 20_000


def path_of(number: int) -> str:
    return f"/pictures/of/somebody/{number:06}.jpg"


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    """COUNT images and as many failures, of which the numbers go on."""
    opened = Catalog.write(tmp_path_factory.mktemp("catalog") / "catalog.sqlite", FACTS)
    opened.images.add(
        ImageRecord(number + 1, path_of(number), 10, 20, number.to_bytes(32), 1, 1, number, 0.5)
        for number in range(COUNT)
    )
    opened.failures.add(
        Failure(path_of(number), "empty", 0, 5, False, decoder_version()) for number in range(COUNT, 2 * COUNT)
    )
    opened.commit()
    yield opened
    opened.close()


def everything() -> Iterator[Found]:
    yield from (Found(path_of(number), 10, 20) for number in range(COUNT))
    yield from (Found(path_of(number), 0, 5) for number in range(COUNT, 2 * COUNT))


def test_memory_does_not_grow_with_what_is_known(catalog: Catalog) -> None:
    with catalog.beside() as reader:
        plan = Plan(CatalogLookup(reader, COUNT + 1))
        assert list(plan.chunks(iter([Found("/warm", 1, 1)]), threading.Event()))
        tracemalloc.start()
        assert list(plan.chunks(everything(), threading.Event())) == []
        vanished = count_vanished(catalog, ["/pictures"], plan, prune=False)
        forget_failures(catalog, ["/pictures"], plan)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert (plan.unchanged, plan.still_failing, vanished, catalog.failures.count()) == (COUNT, COUNT, 0, COUNT)
    # 40,000 paths alone take 4 MB, and with all that is known of them more than 30.
    assert peak < 8_000_000


def test_what_was_not_found_has_vanished(catalog: Catalog) -> None:
    with catalog.beside() as reader:
        plan = Plan(CatalogLookup(reader, COUNT + 1))
        gone = {path_of(number) for number in (3, 77, COUNT - 1, COUNT + 5)}
        assert list(plan.chunks((file for file in everything() if file.path not in gone), threading.Event())) == []
        assert count_vanished(catalog, ["/pictures"], plan, prune=False) == 3
        assert count_vanished(catalog, ["/pictures/of/nobody", "/pict"], plan, prune=False) == 0
        assert count_vanished(catalog, [path_of(77)], plan, prune=False) == 1
        plan.seen.forget(path_of(78))
        assert count_vanished(catalog, [path_of(77), path_of(78)], plan, prune=False) == 2
        forget_failures(catalog, ["/pictures"], plan)
        assert catalog.failures.count() == COUNT - 1
        assert count_vanished(catalog, ["/pictures"], plan, prune=True) == 4
        assert catalog.images.count() == COUNT - 4
    catalog.refresh()


def test_what_cannot_be_seen_now_has_not_vanished(catalog: Catalog) -> None:
    with catalog.beside() as reader:
        plan = Plan(CatalogLookup(reader, COUNT + 1))
        hidden = [Problem("/pictures/of", "permission denied", is_hidden=True)]
        assert list(plan.chunks(iter(hidden), threading.Event())) == []
        assert count_vanished(catalog, ["/pictures"], plan, prune=True) == 0
        forget_failures(catalog, ["/pictures"], plan)
        assert (catalog.images.count(), catalog.failures.count(), plan.take_problems()) == (COUNT, COUNT, hidden)


def test_a_plan_ends_when_it_is_told_to(catalog: Catalog) -> None:
    ended = threading.Event()
    ended.set()
    with catalog.beside() as reader:
        plan = Plan(CatalogLookup(reader, COUNT + 1))
        assert list(plan.chunks(everything(), ended)) == []
        assert plan.found < COUNT


def test_known_contents_of_that_size_are_those_from_before_the_run(catalog: Catalog) -> None:
    with catalog.beside() as reader:
        plan = Plan(CatalogLookup(reader, before=4))
        ((job,),) = plan.chunks(iter([Found("/new.jpg", 10, 1)]), threading.Event())
    assert sorted(job.known) == [number.to_bytes(32) for number in range(3)]


def test_paths_within_others_are_left_out() -> None:
    assert outermost(["/a/b", "/a", "/a/b/c", "/ab", "/b/c", "/a"]) == ["/a", "/ab", "/b/c"]
    assert outermost(["/", "/a"]) == ["/"]


def test_nothing_seen_is_nothing_known() -> None:
    assert list(PathSet().unseen(["/a"], str)) == ["/a"]

"""Searches the gallery for validation faces by a method's codes, and counts the attributes that results share."""

from __future__ import annotations

import time
from collections.abc import Sequence

import click

from benchmarks.core import metrics
from benchmarks.core.exact_search import nearest
from benchmarks.datasets.celeba import Faces
from benchmarks.methods.methods import Method
from benchmarks.statistics.label_statistics import KS, PERSON_KS, Measured
from indexer.errors import MissingExtra


def search(method: Method, gallery: Faces, queries: Faces) -> Measured:
    """Search every query in the gallery, and among the other queries for the same person.

    Raises MissingExtra if the method's library is not installed.
    """
    started = time.perf_counter()
    method.fit(gallery)
    gallery_codes, query_codes = method.codes(gallery), method.codes(queries)
    encoded = time.perf_counter()
    found = nearest(query_codes, gallery_codes, max(KS), method.distance)
    among_queries = nearest(query_codes, query_codes, max(PERSON_KS), method.distance, exclude_self=True)
    searched = time.perf_counter()
    matches = metrics.agreeing(queries.attributes, gallery.attributes, found)
    return Measured(
        method=method,
        counts=metrics.agreement_counts(matches, KS),
        by_attribute=metrics.attribute_agreement(matches, KS),
        person_ranks=metrics.first_rank(queries.identity, queries.identity, among_queries),
        seconds={"fit and encode": round(encoded - started, 2), "search": round(searched - encoded, 2)},
    )


def run_methods(methods: Sequence[Method], gallery: Faces, queries: Faces) -> tuple[list[Measured], dict[str, str]]:
    """Measure all methods; those without their library are left out and returned as key -> reason."""
    measured, left_out = [], {}
    for method in methods:
        try:
            measured.append(search(method, gallery, queries))
        except MissingExtra as error:
            left_out[method.key] = str(error)
            click.echo(f"left out: {method.name} ({error})", err=True)
    return measured, left_out

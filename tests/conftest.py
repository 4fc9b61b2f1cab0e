"""Shared fixtures, and a list at the end of the tests that markers deselect, so that nothing is left out silently."""

import gc

import pytest

THRESHOLDS = gc.get_threshold()
deselected: list[pytest.Item] = []


def pytest_deselected(items):
    deselected.extend(items)


def pytest_terminal_summary(terminalreporter):
    for item in deselected:
        if item.get_closest_marker("slow"):
            terminalreporter.write_line(f"LEFT OUT {item.nodeid}: slow, run it with `make test-slow`")


@pytest.fixture(autouse=True)
def default_garbage_collection():
    """Restore the garbage collector's thresholds before each test; the command line changes them for its process."""
    gc.set_threshold(*THRESHOLDS)

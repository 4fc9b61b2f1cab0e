"""Nothing is left out silently: what the markers deselect is listed at the end, as skipped tests are."""

import gc

import pytest

BETWEEN_LOOKS = gc.get_threshold()
deselected: list[pytest.Item] = []


def pytest_deselected(items):
    deselected.extend(items)


def pytest_terminal_summary(terminalreporter):
    for item in deselected:
        if item.get_closest_marker("slow"):
            terminalreporter.write_line(f"LEFT OUT {item.nodeid}: slow, run it with `make test-slow`")


@pytest.fixture(autouse=True)
def looks_for_garbage_as_ever():
    """How often, the command line sets for its whole process: what it set in a test, or for a module, goes."""
    gc.set_threshold(*BETWEEN_LOOKS)

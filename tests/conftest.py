"""Nothing is left out silently: what the markers deselect is listed at the end, as skipped tests are."""

import gc

import pytest

deselected: list[pytest.Item] = []


def pytest_deselected(items):
    deselected.extend(items)


def pytest_terminal_summary(terminalreporter):
    for item in deselected:
        if item.get_closest_marker("slow"):
            terminalreporter.write_line(f"LEFT OUT {item.nodeid}: slow, run it with `make test-slow`")


@pytest.fixture(autouse=True)
def looks_for_garbage():
    """How often Python looks for garbage, which the command line sets for its whole process."""
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)

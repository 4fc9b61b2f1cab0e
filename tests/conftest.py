"""Nothing is left out silently: what the markers deselect is listed at the end, as skipped tests are."""

import pytest

deselected: list[pytest.Item] = []


def pytest_deselected(items):
    deselected.extend(items)


def pytest_terminal_summary(terminalreporter):
    for item in deselected:
        if item.get_closest_marker("slow"):
            terminalreporter.write_line(f"LEFT OUT {item.nodeid}: slow, run it with `make test-slow`")

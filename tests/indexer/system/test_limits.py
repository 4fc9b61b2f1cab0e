"""What this process may use of the machine: memory and cores, as the system, a container and the user say."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from indexer.errors import InputError, UnreadableImage
from indexer.system import limits
from tests.latentsearch.collection import assert_fails, call

GB = 1_000_000_000


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of all control groups, none of which sets a limit."""
    monkeypatch.setattr(limits, "ROOT", tmp_path)
    monkeypatch.setattr(limits, "OWN", tmp_path / "own")
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_limits_of_version_2_are_those_of_the_group_and_of_all_around_it(groups: Path) -> None:
    write(groups / "own", "0::/shop/till\n")
    write(groups / "shop/till/memory.max", "max\n")
    write(groups / "shop/memory.max", "3000000000\n")
    write(groups / "memory.max", "4000000000\n")
    write(groups / "shop/till/cpu.max", "150000 100000\n")
    write(groups / "shop/cpu.max", "max 100000\n")
    assert (limits.memory_limit(), limits.cpu_limit()) == (3_000_000_000, 1.5)


def test_limits_of_version_1(groups: Path) -> None:
    write(groups / "own", "5:cpu,cpuacct:/till\n4:memory:/till\n0::/\n")
    write(groups / "memory/till/memory.limit_in_bytes", "2000000000\n")
    write(groups / "memory/memory.limit_in_bytes", "9223372036854771712\n")
    write(groups / "cpu/till/cpu.cfs_quota_us", "-1\n")
    write(groups / "cpu/till/cpu.cfs_period_us", "100000\n")
    write(groups / "cpu/cpu.cfs_quota_us", "50000\n")
    write(groups / "cpu/cpu.cfs_period_us", "100000\n")
    assert (limits.memory_limit(), limits.cpu_limit()) == (2_000_000_000, 0.5)


def test_where_nothing_is_limited_or_told_there_is_no_limit(groups: Path) -> None:
    assert (limits.memory_limit(), limits.cpu_limit()) == (None, None)
    write(groups / "own", "0::/\n")
    assert (limits.memory_limit(), limits.cpu_limit()) == (None, None)


@pytest.mark.parametrize(("limit", "expected"), [(None, 8), (0.5, 1), (1.5, 2), (100.0, 8)])
def test_cores_are_those_of_the_container(monkeypatch: pytest.MonkeyPatch, limit: float | None, expected: int) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    monkeypatch.setattr(limits, "cpu_limit", lambda: limit)
    assert limits.cores() == expected


@pytest.mark.parametrize(
    ("there", "limit", "expected"),
    [(64 * GB, None, 16 * GB), (64 * GB, 8 * GB, 2 * GB), (3 * GB, None, GB), (GB, None, GB // 2)],
)
def test_the_default_is_a_quarter_of_what_is_there(
    monkeypatch: pytest.MonkeyPatch, there: int, limit: int | None, expected: int
) -> None:
    monkeypatch.delenv(limits.VARIABLE, raising=False)
    monkeypatch.setattr(os, "sysconf", lambda name: {"SC_PAGE_SIZE": 1, "SC_PHYS_PAGES": there}[name])
    monkeypatch.setattr(limits, "memory_limit", lambda: limit)
    limits.default_cap.cache_clear()
    assert limits.memory_cap() == expected
    limits.default_cap.cache_clear()


@pytest.mark.parametrize(
    ("text", "size"),
    [("2GB", 2 * GB), ("1.5 gb", 3 * GB // 2), ("800M", 800_000_000), ("1GiB", 2**30), ("600000000", 600_000_000)],
)
def test_sizes(text: str, size: int) -> None:
    assert limits.parse_size(text, "--memory") == size


@pytest.mark.parametrize(
    "text", ["", "much", "-1GB", "1e9", "2 GB GB", "١GB", "499MB", "0", "9" * 400, "1" * 30 + "TB"]
)
def test_what_is_no_size_or_none_that_could_be_is_one_sentence(text: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^--memory: "):
        limits.parse_size(text, "--memory")
    assert_fails(call("index", tmp_path, "--index", tmp_path / "index", "--memory", text), 2, "--memory: ")
    assert not (tmp_path / "index").exists()


def test_the_variable_is_for_every_verb(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(limits.VARIABLE, "700MB")
    assert limits.memory_cap() == 700_000_000
    limits.refuse_above_cap(700_000_000)
    with pytest.raises(UnreadableImage, match=r"takes 701 MB of memory, more than the cap of 700 MB$") as refused:
        limits.refuse_above_cap(701_000_000)
    assert refused.value.may_pass

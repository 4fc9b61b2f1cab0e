"""Turns at the memory of a run: nobody is over the cap, nobody waits forever, nobody is passed over."""

from __future__ import annotations

import random
import threading
import time

import pytest

from indexer.workers import budget
from indexer.workers.budget import MAIN_BYTES, WORKER_BYTES, Budget, Closed, workers_within

ROOM = 1_000_000
WAIT = 30.0


@pytest.fixture(autouse=True)
def small_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process takes what is set aside for it, whatever has been imported."""
    monkeypatch.setattr(budget, "own_bytes", lambda: 0)


def budget_of(room: int, workers: int = 2) -> Budget:
    return Budget(MAIN_BYTES + workers * WORKER_BYTES + room, workers)


def take(turns: Budget, holder: str, size: int, is_file: bool = False) -> str:
    return turns.take(holder, size, is_file, lambda: None)


class Taker(threading.Thread):
    """Takes, and says when it has."""

    def __init__(self, turns: Budget, holder: str, size: int, is_file: bool = False) -> None:
        super().__init__(daemon=True)
        self.has_taken, self.waits = threading.Event(), threading.Event()
        self._asked = (holder, size, is_file)
        self._turns = turns
        self.start()

    def run(self) -> None:
        self._turns.take(*self._asked, self.waits.set)
        self.has_taken.set()

    def is_waiting(self) -> bool:
        return self.waits.wait(WAIT) and not self.has_taken.wait(0.05)


def test_what_fits_is_given_at_once_and_what_never_will_is_refused_with_figures() -> None:
    turns = budget_of(ROOM)
    assert take(turns, "a", ROOM // 2) == take(turns, "b", ROOM // 2) == ""
    reason = take(turns, "c", ROOM + 1_000_000)
    assert reason.startswith("decoding it takes 2 MB of memory, more than the cap of ")
    assert reason.endswith(", 1 MB of which are left for it")


def test_one_that_asks_for_much_is_not_passed_over_by_later_ones() -> None:
    turns = budget_of(ROOM)
    take(turns, "a", ROOM // 2)
    large = Taker(turns, "large", ROOM)
    assert large.is_waiting()
    small = Taker(turns, "small", 1)
    assert small.is_waiting()
    turns.give_back("a")
    assert large.has_taken.wait(WAIT) and small.is_waiting()
    turns.give_back("large")
    assert small.has_taken.wait(WAIT)


def test_one_that_has_read_its_file_goes_first_and_two_never_wait_for_each_other() -> None:
    turns = budget_of(ROOM)
    take(turns, "first", ROOM // 3, is_file=True)
    second = Taker(turns, "second", ROOM // 3, is_file=True)
    assert second.is_waiting()  # there is room, but then both could wait for the rest
    assert take(turns, "first", ROOM) == ""
    turns.give_back("first")
    assert second.has_taken.wait(WAIT)


def test_a_process_that_has_grown_leaves_less_and_is_waited_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "SECONDS_BETWEEN_LOOKS", 0.02)
    monkeypatch.setattr(budget, "SECONDS_OF_PATIENCE", 0.2)
    monkeypatch.setattr(budget, "own_bytes", lambda: 10 * MAIN_BYTES)
    turns = budget_of(ROOM)
    assert "0 MB of which are left" in take(turns, "a", 1)
    monkeypatch.setattr(budget, "SECONDS_OF_PATIENCE", 100)
    patient = Taker(turns, "b", ROOM)
    assert patient.is_waiting()
    monkeypatch.setattr(budget, "own_bytes", lambda: 0)
    assert patient.has_taken.wait(WAIT)


def test_closing_sends_away_whoever_waits() -> None:
    turns = budget_of(ROOM)
    take(turns, "a", ROOM)
    closing = threading.Timer(0.1, turns.close)
    closing.start()
    with pytest.raises(Closed):
        take(turns, "b", ROOM)


@pytest.mark.parametrize("seed", range(3))
def test_many_that_take_and_give_back_stay_below_the_cap_and_all_get_their_turn(seed: int) -> None:
    turns, lock = budget_of(ROOM), threading.Lock()
    taken: dict[str, int] = {}
    most, done = 0, []

    def note(holder: str, size: int) -> None:
        nonlocal most
        with lock:
            taken[holder] = size
            most = max(most, sum(taken.values()))

    def work(holder: str) -> None:
        chance = random.Random(f"{seed} {holder}")
        for _ in range(40):
            size = chance.randint(1, ROOM)
            if chance.random() < 0.5:
                assert take(turns, holder, size // 2, is_file=True) == ""
                note(holder, size // 2)
            assert take(turns, holder, size) == ""
            note(holder, size)
            time.sleep(chance.random() / 2_000)
            with lock:
                taken[holder] = 0
            turns.give_back(holder)
        done.append(holder)

    threads = [threading.Thread(target=work, args=(name,), daemon=True) for name in "abcdef"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
    assert sorted(done) == list("abcdef")
    assert 0 < most <= ROOM


def test_a_small_cap_is_shared_by_fewer_workers() -> None:
    assert workers_within(500_000_000, 64) == 1
    assert workers_within(1_000_000_000, 64) == 2
    assert workers_within(32_000_000_000, 64) == 64
    assert workers_within(4_000_000_000, 4) == 4

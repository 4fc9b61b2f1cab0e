"""What several threads, or a signal at any moment, may do to what they share."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from indexer.system import interrupts
from indexer.system.interrupts import interruptible
from indexer.workers import interpreters
from indexer.workers.interpreters import Interpreter, start_ahead, take_interpreter


@pytest.fixture
def often_switched() -> Any:
    """Threads that take turns after every few instructions."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


class PickyList(list[Interpreter]):
    """A list whose last element another thread takes just before it is popped, where it can."""

    meddle: Callable[[], object] | None = None

    def pop(self, *place: Any) -> Interpreter:
        meddle, self.meddle = self.meddle, None
        if meddle:
            meddler = threading.Thread(target=meddle, daemon=True)
            meddler.start()
            meddler.join(0.5)
        return super().pop(*place)


def end(interpreter: Interpreter) -> None:
    interpreter.ours.close()
    interpreter.process.kill()
    interpreter.process.wait()


def test_two_threads_that_take_the_last_interpreter_each_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = PickyList()
    monkeypatch.setattr(interpreters, "_ahead", ahead)
    start_ahead(1)
    taken: list[Interpreter] = []
    others_turn = threading.Event()

    def other() -> None:
        taken.append(take_interpreter())
        others_turn.set()

    ahead.meddle = other
    taken.append(take_interpreter())
    assert others_turn.wait(30)
    assert len({interpreter.process.pid for interpreter in taken}) == 2
    for interpreter in taken:
        assert interpreter.process.poll() is None
        end(interpreter)


@pytest.mark.usefixtures("often_switched")
def test_many_threads_take_interpreters_that_were_started_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreters, "_ahead", [])
    start_ahead(3)
    begin, taken = threading.Barrier(6), []

    def take() -> None:
        begin.wait()
        taken.append(take_interpreter())

    threads = [threading.Thread(target=take) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len({interpreter.process.pid for interpreter in taken}) == 6
    for interpreter in taken:
        end(interpreter)


def test_a_signal_that_comes_while_its_handler_is_set_interrupts(monkeypatch: pytest.MonkeyPatch) -> None:
    set_handler = signal.signal
    is_sent = False

    def set_and_send(number: int, handler: Any) -> Any:
        nonlocal is_sent
        before = set_handler(number, handler)
        if not is_sent:
            is_sent = True
            os.kill(os.getpid(), number)
        return before

    monkeypatch.setattr(interrupts.signal, "signal", set_and_send)
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with interruptible(signal.SIGTERM, signal.SIGINT) as interrupted:
        assert interrupted.wait(5)
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_a_second_signal_interrupts_at_once_and_the_handlers_of_before_come_back() -> None:
    # A shell starts background commands with SIGINT ignored, so Python's handler is set for the test.
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), interruptible() as interrupted:
            os.kill(os.getpid(), signal.SIGINT)
            assert interrupted.wait(5)
            os.kill(os.getpid(), signal.SIGINT)
            threading.Event().wait(5)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, usual)


def test_outside_the_main_thread_nothing_is_set() -> None:
    found = []

    def work() -> None:
        with interruptible() as interrupted:
            found.append(interrupted.is_set())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(5)
    assert found == [False]

"""What a signal at any moment does to work that defers it."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

import pytest

from indexer.system import interrupts
from indexer.system.interrupts import interruptible


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

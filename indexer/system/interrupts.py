"""Ctrl-C at a moment of our choosing: what is under way is finished first."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interruptible(*signals: signal.Signals) -> Iterator[threading.Event]:
    """An event that these signals (Ctrl-C if none is named) set, to be looked at between two pieces of work.

    A second one interrupts at once. Outside of the main thread, which alone receives signals, it is never set.
    """
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield interrupted
        return

    # None is a handler that Python did not set, and cannot set again.
    before = {int(number): signal.getsignal(number) or signal.SIG_DFL for number in signals or (signal.SIGINT,)}

    def interrupt(number: int, frame: object) -> None:
        interrupted.set()
        signal.signal(number, before[number])

    try:
        for number in before:
            signal.signal(number, interrupt)
        yield interrupted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""Defers Ctrl-C until the current piece of work is finished."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interruptible(*signals: signal.Signals) -> Iterator[threading.Event]:
    """Yield an event that the given signals set (default: SIGINT); check it between two pieces of work.

    A second signal interrupts at once. Only the main thread receives signals; in any other, the event is never set.
    """
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield interrupted
        return

    # getsignal returns None for a handler that Python did not install and cannot restore.
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

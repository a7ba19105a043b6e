"""Ctrl-C on Windows.

Some facts:

1. Windows runs the C part of a signal's handler in a thread of its own; it interrupts nothing. Python's handler runs
   in the main thread, when the call that is under way there has returned.
   https://learn.microsoft.com/windows/console/handlerroutine
2. ``select()`` is such a call: it does not end because of a signal. CPython repeats it for ``EINTR``, which Winsock
   never gives. https://github.com/python/cpython/issues/79115
3. The C part writes to the descriptor of ``signal.set_wakeup_fd`` at once: a socket there, which ``select()`` watches,
   ends the wait.
4. These signals exist: ``SIGABRT``, ``SIGBREAK``, ``SIGFPE``, ``SIGILL``, ``SIGINT``, ``SIGSEGV``, ``SIGTERM``.
   https://docs.python.org/3/library/signal.html#signal.signal

On this machine a signal interrupts the call, and Python runs the handler at once. So for the time of a wait other
handlers stand in for the program's: they take down what came. The signals themselves are not blocked: C's part does
what it does, a signal that ends the process ends it, and the signals that Windows does not have, such as a watchdog's
``SIGALRM``, reach their handlers during the wait.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGABRT, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV, signal.SIGTERM, signal.SIGINT)
"""The signals that Windows and this machine both have.

``SIGINT`` is the last to get its handler back: that one raises, and may do so at once.
"""


@contextmanager
def deferred() -> Iterator[None]:
    """Put Python's handlers of Windows' signals off until the block has ended.

    Python runs handlers in the main thread only: in others there is nothing to do.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[tuple[int, FrameType | None]] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append((number, frame))

    handlers = {number: handler for number in SIGNALS if callable(handler := signal.getsignal(number))}
    try:
        for number in handlers:
            signal.signal(number, note)
        yield
    finally:
        for number, handler in handlers.items():
            if signal.getsignal(number) is note:
                signal.signal(number, handler)
        # The first that raises is the last that runs, as where Python runs several at once.
        for signalled, frame in came:
            handlers[signal.Signals(signalled)](signalled, frame)

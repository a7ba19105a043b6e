"""Loops that do not survive fork()."""

from __future__ import annotations

import concurrent.futures
import os
import queue
import signal
import threading
import weakref
from collections.abc import Callable
from typing import Any

from .declare import mutant
from .parts import SelectorLoop
from .subprocesses import Loop


@mutant("FRK", bug="signals of a forked child are told to the parent's loop", source="FRK-02")
class ListensToItsChildren(SelectorLoop):
    def add_signal_handler(self, sig: int, callback: Callable[..., object], *args: Any) -> None:
        super().add_signal_handler(sig, callback, *args)
        _LISTENING.add(self)


_LISTENING: weakref.WeakSet[SelectorLoop] = weakref.WeakSet()


def _listen() -> None:
    for loop in _LISTENING:
        if not loop.is_closed():
            signal.set_wakeup_fd(loop._csock.fileno())


os.register_at_fork(after_in_child=_listen)


@mutant("FRK", bug="all loops share one pool of threads, of which a forked child has none", source="FRK-04")
class SharesItsThreads(SelectorLoop):
    pool: concurrent.futures.ThreadPoolExecutor | None = None

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        if executor is None:
            if SharesItsThreads.pool is None:
                SharesItsThreads.pool = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="asyncio")
            self._check_closed()
            executor = SharesItsThreads.pool
        return super().run_in_executor(executor, func, *args)


_CHILDREN: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
_waiting: list[threading.Thread] = []


def _wait_for_children() -> None:
    while True:
        _CHILDREN.get()()


@mutant("FRK", bug="one thread of the process waits for children, which a forked child does not have", source="FRK-03")
class WaitsInAThreadOfTheParent(Loop):
    def _watch(self, transport: Any) -> None:
        if not _waiting:
            _waiting.append(threading.Thread(target=_wait_for_children, name="children", daemon=True))
            _waiting[0].start()
        _CHILDREN.put(lambda: self._wait(transport.get_pid(), transport))


_known: list[int] = []


@mutant("FRK", bug="a forked child cannot make a loop while its parent's runs", source="FRK-01")
class RemembersTheParentsLoop(SelectorLoop):
    def run_forever(self) -> None:
        if _known:
            raise RuntimeError("Cannot run the event loop while another loop is running")
        _known.append(os.getpid())
        try:
            super().run_forever()
        finally:
            _known.clear()

"""Loops with one bug that no single case would think of: for what tries random scripts."""

from __future__ import annotations

import asyncio
import ctypes
from asyncio import selector_events
from collections.abc import Iterable
from typing import Any


class LaterTimersFirst(asyncio.SelectorEventLoop):
    """Of the timers that are due in one iteration, the last comes first."""

    def _run_once(self) -> None:
        due = self.time() + self._clock_resolution  # type: ignore[attr-defined]
        timers = [timer for timer in self._scheduled if timer.when() < due]  # type: ignore[attr-defined]
        if len(timers) > 1:
            last = max(timers)
            last._when = min(timers).when() - 1
            self._scheduled.sort()  # type: ignore[attr-defined]
        super()._run_once()  # type: ignore[misc]


class _Stubborn(asyncio.Handle):
    """A handle that only says that it is cancelled."""

    claims = False

    def cancel(self) -> None:
        self.claims = True

    def cancelled(self) -> bool:
        return self.claims


class RunsWhatIsCancelled(asyncio.SelectorEventLoop):
    """Callbacks that are scheduled while it runs cannot be cancelled."""

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> asyncio.Handle:  # type: ignore[override]
        if not self.is_running():
            return super().call_soon(callback, *args, context=context)
        handle = _Stubborn(callback, args, self, context)
        self._ready.append(handle)  # type: ignore[attr-defined]
        return handle


class ForgetsAfterFailure(asyncio.SelectorEventLoop):
    """When a callback raises, the one after it is lost."""

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        super().call_exception_handler(context)
        if self._ready:  # type: ignore[attr-defined]
            self._ready[0].cancel()  # type: ignore[attr-defined]


class _DropsNeighbours(selector_events._SelectorSocketTransport):  # type: ignore[name-defined,misc]
    def writelines(self, pieces: Iterable[bytes]) -> None:
        pieces = list(pieces)
        super().writelines([piece for n, piece in enumerate(pieces) if piece and (n == 0 or pieces[n - 1])])


class _IgnoresSecondPause(selector_events._SelectorSocketTransport):  # type: ignore[name-defined,misc]
    pauses = 0

    def pause_reading(self) -> None:
        self.pauses += 1
        if self.pauses != 2:
            super().pause_reading()


class _SocketLoop(asyncio.SelectorEventLoop):
    transport: Any

    def _make_socket_transport(self, *arguments: Any, **keywords: Any) -> asyncio.Transport:
        made: asyncio.Transport = self.transport(self, *arguments, **keywords)
        return made


class DropsNeighbours(_SocketLoop):
    """writelines() loses the piece after an empty one."""

    transport = _DropsNeighbours


class IgnoresSecondPause(_SocketLoop):
    """The second pause_reading() of a connection does nothing."""

    transport = _IgnoresSecondPause


class LosesDataOfCancelledReceive(asyncio.SelectorEventLoop):
    """sock_recv() that is cancelled takes what comes next with it."""

    async def sock_recv(self, sock: Any, n: int) -> bytes:
        try:
            return await super().sock_recv(sock, n)
        except asyncio.CancelledError:
            self.add_reader(sock.fileno(), self._swallow, sock)
            raise

    def _swallow(self, sock: Any) -> None:
        self.remove_reader(sock.fileno())
        sock.recv(1)


class SegfaultsAtThirdTimer(asyncio.SelectorEventLoop):
    """The third timer that is started while the loop runs ends the process."""

    started = 0

    def call_later(self, delay: float, callback: Any, *args: Any, context: Any = None) -> asyncio.TimerHandle:  # type: ignore[override]
        self.started += self.is_running()
        if self.started > 2:
            ctypes.string_at(0)
        return super().call_later(delay, callback, *args, context=context)


class HangsWhenStoppedTwice(asyncio.SelectorEventLoop):
    """Who stops it twice waits for ever."""

    def stop(self) -> None:
        while self._stopping and self.is_running():  # type: ignore[attr-defined]
            pass
        super().stop()

"""Broken child processes."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import threading
from asyncio import unix_events
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from .declare import mutant
from .parts import SelectorLoop

if TYPE_CHECKING:
    from .parts import Unchecked

    class Process(Unchecked):  # type: ignore[misc]
        _closed: bool
        _finished: bool
else:
    Process = unix_events._UnixSubprocessTransport

UVLOOP = "https://github.com/MagicStack/uvloop/issues/"
STDIO = ("stdin", "stdout", "stderr")


class Loop(SelectorLoop):
    """CPython's selector loop with the process transport its subclass names, and a thread that waits for each child."""

    process: ClassVar[type[Process]] = Process

    async def _make_subprocess_transport(
        self, protocol: Any, args: Any, shell: bool, *stdio: Any, extra: Any = None, **options: Any
    ) -> Any:
        waiter = self.create_future()
        transport = self.process(self, protocol, args, shell, *stdio, waiter=waiter, extra=extra, **options)
        self._watch(transport)
        try:
            await waiter
        except BaseException:
            await self._abandon(transport)
            raise
        return transport

    def _watch(self, transport: Any) -> None:
        pid = transport.get_pid()
        threading.Thread(target=self._wait, args=(pid, transport), name=f"waitpid-{pid}", daemon=True).start()

    def _wait(self, pid: int, transport: Any) -> None:
        try:
            _, status = os.waitpid(pid, 0)
        except ChildProcessError:
            status = 255 << 8  # somebody else was faster: CPython says 255, too
        if not self.is_closed():
            self.call_soon_threadsafe(transport._process_exited, self._returncode(status))

    def _returncode(self, status: int) -> int:
        return os.waitstatus_to_exitcode(status)

    async def _abandon(self, transport: Any) -> None:
        transport.close()
        await transport._wait()


# Starting


@mutant("SUB", bug="an empty environment is taken for none, and the parent's is inherited", source=UVLOOP + "439")
class InheritsTheEmptyEnvironment(SelectorLoop):
    async def _make_subprocess_transport(self, *args: Any, env: Any = None, **options: Any) -> Any:
        return await super()._make_subprocess_transport(*args, env=env or None, **options)


@mutant("SUB", bug="children inherit every inheritable descriptor", source="SUB-11")
class InheritsDescriptors(SelectorLoop):
    async def _make_subprocess_transport(self, *args: Any, pass_fds: Any = (), **options: Any) -> Any:
        options["close_fds"] = False
        for fd in pass_fds:
            os.set_inheritable(fd, True)
        return await super()._make_subprocess_transport(*args, **options)


@mutant("SUB", bug="the signals that Python ignores stay ignored in children", source="SUB-26")
class LeavesSignalsIgnored(SelectorLoop):
    async def _make_subprocess_transport(self, *args: Any, **options: Any) -> Any:
        return await super()._make_subprocess_transport(*args, **{"restore_signals": False, **options})


@mutant("SUB", bug="start_new_session is accepted and ignored", source="SUB-12")
class StartsNoSession(SelectorLoop):
    async def _make_subprocess_transport(self, *args: Any, start_new_session: bool = False, **options: Any) -> Any:
        return await super()._make_subprocess_transport(*args, **options)


@mutant("SUB", bug="stderr=STDOUT sends the errors to the parent's standard output", source="SUB-14")
class SendsErrorsToTheParent(SelectorLoop):
    async def _make_subprocess_transport(
        self, protocol: Any, args: Any, shell: bool, stdin: Any, stdout: Any, stderr: Any, *rest: Any, **options: Any
    ) -> Any:
        stderr = None if stderr == subprocess.STDOUT else stderr
        return await super()._make_subprocess_transport(protocol, args, shell, stdin, stdout, stderr, *rest, **options)


@mutant("SUB", bug="text mode is asked for and not refused", source="SUB-08")
class TakesTextMode(SelectorLoop):
    async def subprocess_exec(self, *args: Any, **options: Any) -> Any:
        for name in ("text", "encoding", "errors", "universal_newlines"):
            options.pop(name, None)
        return await super().subprocess_exec(*args, **options)


@mutant("SUB", bug="a program that cannot be executed leaves the pipes that were made for it", source=UVLOOP + "185")
class LeavesPipesOfTheFailed(SelectorLoop):
    async def _make_subprocess_transport(self, *args: Any, **options: Any) -> Any:
        try:
            return await super()._make_subprocess_transport(*args, **options)
        except OSError:
            os.pipe()
            raise


@mutant("SUB", bug="a cancelled start leaves the child running", source="SUB-05")
class LeavesTheCancelledRunning(Loop):
    async def _abandon(self, transport: Any) -> None:
        pass


@mutant("SUB", bug="the program's name is looked for in the parent's PATH, not in the PATH of env", source="SUB-09")
class LooksInTheParentsPath(SelectorLoop):
    async def _make_subprocess_transport(
        self, protocol: Any, args: Any, shell: bool, *rest: Any, **options: Any
    ) -> Any:
        if not shell and "executable" not in options and (found := shutil.which(args[0])) is not None:
            options["executable"] = found
        elif not shell and "executable" not in options and b"/" not in os.fsencode(args[0]):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), args[0])
        return await super()._make_subprocess_transport(protocol, args, shell, *rest, **options)


# Ending


@mutant(
    "SUB", bug="the returncode of a child that a signal ended is the signal's number, not negative", source="SUB-01"
)
class PositiveSignals(Loop):
    def _returncode(self, status: int) -> int:
        return abs(super()._returncode(status))


@mutant("SUB", bug="only one of several that wait() for a child is woken", source="SUB-06")
class WakesOne(Loop):
    class process(Process):
        def _call_connection_lost(self, error: Any) -> None:
            del self._exit_waiters[1:]
            super()._call_connection_lost(error)


@mutant("SUB", bug="connection_lost() comes when the child has ended, though its pipes have not", source="SUB-02")
class EndsBeforeItsPipes(Loop):
    class process(Process):
        def _try_finish(self) -> None:
            if self._returncode is not None and not self._finished:
                self._finished = True
                self._call(self._call_connection_lost, None)

        def _pipe_connection_lost(self, fd: int, error: Any) -> None:
            if self._protocol is not None:
                super()._pipe_connection_lost(fd, error)

        def _pipe_data_received(self, fd: int, data: bytes) -> None:
            if self._protocol is not None:
                super()._pipe_data_received(fd, data)


@mutant("SUB", bug="output that is not read yet when the child ends is thrown away", source="SUB-07")
class DropsTheRestOfTheOutput(Loop):
    class process(Process):
        def _process_exited(self, returncode: int) -> None:
            super()._process_exited(returncode)
            for fd, pipe in self._pipes.items():
                if fd and pipe is not None:
                    pipe.pipe.close()


@mutant("SUB", bug="close() leaves a running child alone", source="SUB-04")
class ClosesWithoutKilling(Loop):
    class process(Process):
        def close(self) -> None:
            if not self._closed:
                self._closed = True
                for pipe in self._pipes.values():
                    if pipe is not None:
                        pipe.pipe.close()


@mutant("SUB", bug="after close() the protocol is never told that the child has ended", source=UVLOOP + "128")
class ForgetsAfterClose(Loop):
    class process(Process):
        def _process_exited(self, returncode: int) -> None:
            self._proc.returncode = returncode
            if not self._closed:
                super()._process_exited(returncode)


@mutant("SUB", bug="kill() asks the child to terminate", source="SUB-03")
class KillsPolitely(Loop):
    class process(Process):
        def kill(self) -> None:
            self.send_signal(signal.SIGTERM)


@mutant("SUB", bug="every child of the process is reaped, also those that others have started", source="SUB-24")
class ReapsEverybody(Loop):
    def _wait(self, pid: int, transport: Any) -> None:
        while True:
            try:
                ended, status = os.waitpid(-1, 0)
            except ChildProcessError:
                ended, status = pid, 0
            if ended == pid:
                break
        if not self.is_closed():
            self.call_soon_threadsafe(transport._process_exited, self._returncode(status))


@mutant("SUB", bug="children are waited for with SIGCHLD, which only the main thread can handle", source="SUB-27")
class WaitsInTheMainThreadOnly(Loop):
    def _watch(self, transport: Any) -> None:
        if threading.current_thread() is not threading.main_thread():
            transport.close()
            raise RuntimeError("child processes need the main thread")
        super()._watch(transport)


@mutant(
    "SUB",
    "SIG",
    bug="SIGCHLD belongs to the loop once it has had a child: another's handler is replaced",
    source=UVLOOP + "409",
)
class OwnsSIGCHLD(SelectorLoop):
    async def _make_subprocess_transport(self, *args: Any, **options: Any) -> Any:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        return await super()._make_subprocess_transport(*args, **options)


@mutant("SUB", bug="one thread waits for all children, one after the other", source="SUB-25")
class WaitsForOneAfterTheOther(Loop):
    def __init__(self) -> None:
        super().__init__()
        self.order = threading.Lock()

    def _wait(self, pid: int, transport: Any) -> None:
        with self.order:
            super()._wait(pid, transport)


@mutant("SUB", bug="communicate()'s end of input does not reach the child: stdin is kept open", source="SUB-13")
class KeepsStdinOpen(Loop):
    class process(Process):
        def _start(self, *args: Any, **options: Any) -> None:
            super()._start(*args, **options)
            if self._proc.stdin is not None:
                self.kept = os.dup(self._proc.stdin.fileno())

        def _process_exited(self, returncode: int) -> None:
            if hasattr(self, "kept"):
                os.close(self.kept)
            super()._process_exited(returncode)


@mutant("SUB", bug="get_returncode() is set only after process_exited() has been called", source="SUB-29")
class KnowsTheReturncodeTooLate(Loop):
    class process(Process):
        told = False

        def _process_exited(self, returncode: int) -> None:
            exited: Callable[[], None] = self._protocol.process_exited

            def process_exited() -> None:
                try:
                    exited()
                finally:
                    self.told = True

            self._protocol.process_exited = process_exited
            super()._process_exited(returncode)

        def get_returncode(self) -> int | None:
            return self._returncode if self.told else None

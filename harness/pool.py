"""Workers seen from the run: started, asked, awaited, and replaced when they are lost or dirty.

Why not pytest-xdist, which distributes pytest runs well: it cannot replace a worker between two cases, blames a
crash on whatever case was queued, has no deadline for one, and loses its line with the descriptor a case closes.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import functools
import json
import os
import platform
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Protocol

import pytest

from ..conformance.catalogue import Level
from . import backends, inherited, processes, template
from .channel import Message
from .judging import Verdict
from .orders import VARIABLE, Assignment, Effort, Selection, orders
from .sharding import Shard
from .station import SCRIPT
from .template import Template, TemplateError

KILL_AFTER = 1.5
"""Seconds after its time-out in which a worker's own watchdog must have ended it."""
START_WITHIN = 30.0
"""Seconds a worker has at least to import its backend and collect: a cold, loaded machine needs some."""
END_WITHIN = 1.0
"""Seconds a worker with nothing to do has to end by itself, before it is killed."""
STARTS = 3
WORKER = f"{__package__}.worker"
PROBER = f"{__package__}.prober"
START_METHOD = "EVERYLOOP_START_METHOD"
"""Set to ``spawn``, this environment variable makes workers start from nothing instead of from a template."""
LOST = "unknown: the process was lost"
NO_EFFORT = Effort()
_TRACE_LINES = 60
_LONGEST_MESSAGE = 16 * 1024 * 1024  # bytes; the list of all cases takes some 100,000


class RefusedError(Exception):
    """A backend cannot be run; the text is one line for a person."""


class SelectionError(Exception):
    """The selection of cases makes no sense; the text is one line for a person."""


class PoolError(Exception):
    """Workers cannot be started though the backend can: the harness or the machine is at fault."""


class LostError(PoolError):
    """Nobody is left who could run cases; the text is one line for a person."""


@dataclass(frozen=True)
class Case:
    """A case as a worker collected it; one that `explores` can be given an :class:`Effort`."""

    case: str
    behaviour: str
    area: str
    level: Level
    explores: bool = False


@dataclass(frozen=True)
class Opened:
    """A backend that ran ``asyncio.sleep(0)`` in a worker: on a loop of which type, from which version.

    Attributes:
        backend: its name, without the knobs.
        cases: the cases of the selection.
        python: the version of Python there.
        platform: the :data:`sys.platform` of the kernel under the loop.
        host: system, release and machine.
        emulated: whether that kernel is a fake one.
        knobs: how the fake one was set.
        shard: which part of a run the cases are; None: all of it.
        gateways: where they are run; none: on this machine.
    """

    backend: str
    loop: str
    version: str
    cases: tuple[Case, ...]
    python: str
    platform: str
    host: str
    emulated: bool
    knobs: dict[str, str | int | float | bool]
    shard: Shard | None = None
    gateways: tuple[str, ...] = ()

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Opened:
        """Return the one that another process tells us of, in JSON."""
        about = {field.name: told[field.name] for field in fields(cls) if field.name in told}
        return cls(**{**about, "cases": tuple(Case(**case) for case in told["cases"])})


@dataclass(frozen=True)
class Attempt:
    """What one execution of a case gave; `gateway` names where that was, if not on this machine."""

    verdict: Verdict
    detail: str | None
    cleanup: str
    duration: float
    limit: str | None = None
    gateway: str | None = None


class Listener(Protocol):
    """Is told what happens, as it happens."""

    def opened(self, opened: Opened) -> None:
        """The backend proved that it runs."""

    def judged(self, case: str, attempt: Attempt) -> None:
        """A case was executed."""


@dataclass
class _Batch:
    """What the lanes of one call share: the cases to do, None until the first worker has collected them."""

    cases: collections.deque[str] | None
    effort: Effort
    opened: bool = False


class Worker:
    """One worker process and its line."""

    def __init__(self, serial: int, folder: Path, timeout: float) -> None:
        self.serial = serial
        self.folder = folder
        self.child: processes.Child | None = None
        self.spent = False
        self.asked = False
        self._timeout = timeout
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        self._lines: set[asyncio.Task[None]] = set()
        self._writer: asyncio.StreamWriter | None = None
        self._attached = asyncio.Event()

    def attach(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> asyncio.Task[None]:
        """Take a connection of the worker; a later one replaces the earlier."""
        self._writer = writer
        self._attached.set()
        line = asyncio.create_task(self._listen(reader))
        self._lines.add(line)
        return line

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionError):
            while text := await reader.readline():
                self._inbox.put_nowait(json.loads(text))

    @property
    def connected(self) -> bool:
        """Whether the process ever said hello: it had the cases then, and began to open its backend."""
        return self._attached.is_set()

    def has_ended(self) -> None:
        """Note the end of the process, after everything it sent has been read."""
        assert self.child is not None
        self.child.kill()  # its descendants: they may hold the line open
        self._last_words = asyncio.create_task(self._drain())

    async def _drain(self) -> None:
        with contextlib.suppress(TimeoutError):  # a short life may be over before its connection is accepted
            async with asyncio.timeout(0.5):
                await self._attached.wait()
        if self._lines:
            await asyncio.wait(self._lines, timeout=0.5)
        self._inbox.put_nowait({"kind": "ended"})

    def hang_up(self) -> bool:
        """Tell the worker to end; False if it cannot be told, or would not hear."""
        if self.spent or self._writer is None or self.asked:
            return False
        self._writer.close()
        return True

    async def next(self, within: float) -> Message:
        """Wait for the next message, ``{"kind": "ended"}`` being the last.

        Raises:
            TimeoutError: none came within so many seconds.
        """
        async with asyncio.timeout(within):
            message = await self._inbox.get()
        self.spent = self.spent or message["kind"] == "ended" or bool(message.get("dirty"))
        return message

    async def judge(self, case: str, effort: Effort) -> Attempt:
        """Run a case, whatever becomes of the worker."""
        clock = asyncio.get_running_loop().time
        started = clock()
        assert self._writer is not None
        self._writer.write(json.dumps({"run": case, "effort": asdict(effort)}).encode() + b"\n")
        self.asked = True
        message: Message = {"kind": "again"}
        while message["kind"] in {"again", "busy"}:
            heard = clock()
            try:
                message = await self.next(self._timeout + KILL_AFTER)
            except TimeoutError:
                message = {"kind": "ended"}
                self.spent = True
        if message["kind"] == "verdict":
            self.asked = False
            return Attempt(
                message["verdict"], message["detail"], message["cleanup"], message["duration"], message["limit"]
            )
        verdict, detail = self._cause_of_death(clock() - heard)
        if script := self._read(SCRIPT):
            detail = f"{detail}\n{script}"
        return Attempt(verdict, detail, LOST, round(clock() - started, 6))

    def _cause_of_death(self, duration: float) -> tuple[Verdict, str]:
        assert self.child is not None
        returncode = self.child.returncode
        trace = self._trace()
        if returncode is None:
            return "hang", f"no verdict within {self._timeout:g} s, and the watchdog did not end it"
        # The watchdog's exit status is 1. A case that closed the trace file leaves no more than that.
        if trace.startswith("Timeout (") or (returncode == 1 and duration >= self._timeout):
            return "hang", "\n".join(filter(None, [f"no verdict within {self._timeout:g} s", trace]))
        printed = _shortened("\n".join(self.child.output().splitlines()[-10:]))
        return "crash", "\n".join(filter(None, [f"the process ended with {ending(returncode)}", trace, printed]))

    def why_not_started(self, name: str) -> str:
        """Say why the worker ended before it was ready."""
        assert self.child is not None
        if self.child.returncode is None:
            return f"{name}: could not be opened within {START_WITHIN:g} s"
        if self._trace().startswith("Timeout ("):
            return f"{name}: could not be opened: importing it or running asyncio.sleep(0) does not end"
        return f"{name}: could not be opened: the process ended with {ending(self.child.returncode)}"

    def _trace(self) -> str:
        return _shortened(self._read("trace"))

    def _read(self, name: str) -> str:
        try:
            return (self.folder / name).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:  # it ended before there was one
            return ""


class Pool:
    """Starts workers and gives them cases; everything they leave behind is gone when it closes.

    Args:
        size: how many workers may run at once.
        timeout: seconds a case may take.
        program: the module that workers run: the one for cases, or the one for probes, which stand for cases then.
    """

    def __init__(self, size: int, timeout: float, selection: Selection, folder: Path, program: str = WORKER) -> None:
        self.size = size
        self.timeout = timeout
        self.selection = selection
        self._folder = folder
        self._program_name = program
        self._loop = asyncio.get_running_loop()
        self._port = 0
        self._import_path = str(Path.cwd())
        self._token = secrets.token_hex()
        self._workers: dict[int, Worker] = {}
        self._serial = 0
        self._template: Template | None = None
        self._template_process: processes.Child | None = None

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, size: int, timeout: float, selection: Selection, program: str = WORKER) -> AsyncIterator[Pool]:
        """Open a pool for the duration of a block.

        Raises:
            SelectionError: the selection makes no sense.
        """
        processes.adopt_orphans()
        pool = cls(size, timeout, selection, Path(tempfile.mkdtemp(prefix="everyloop-")), program)
        try:
            server = await asyncio.start_server(pool._connected, "127.0.0.1", 0, limit=_LONGEST_MESSAGE)
            with contextlib.closing(server):
                pool._port = server.sockets[0].getsockname()[1]
                if program == WORKER and template.SUPPORTED and os.environ.get(START_METHOD) != "spawn":
                    await pool._start_template()
                yield pool
        finally:
            for worker in list(pool._workers.values()):
                pool._kill(worker)
            if pool._template is not None:
                pool._template.close()
            if pool._template_process is not None:
                pool._template_process.close()
            processes.reap_orphans(set())
            shutil.rmtree(pool._folder, ignore_errors=True)

    async def run(
        self, backend: str, wanted: Sequence[str] | None, listener: Listener, effort: Effort = NO_EFFORT
    ) -> None:
        """Run cases on a backend: those of the selection, or the `wanted` ones, each in the order given.

        Raises:
            RefusedError: the backend cannot be run.
            SelectionError: the selection makes no sense.
            PoolError: workers cannot be started.
        """
        batch = _Batch(collections.deque(wanted) if wanted is not None else None, effort)
        lanes = self.size if wanted is None else min(self.size, len(wanted))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(lanes):
                    group.create_task(self._lane(backend, batch, listener))
        except* (RefusedError, SelectionError, PoolError) as errors:
            raise errors.exceptions[0] from None

    async def probe(self, backend: str) -> Opened:
        """Open a backend in a process of its own and nothing more.

        Raises:
            RefusedError: it cannot be run.
            SelectionError: the selection makes no sense.
        """
        worker = await self._spawn(backend)
        try:
            return await self._open(worker, backend)
        finally:
            await self._close(worker)

    async def _lane(self, backend: str, batch: _Batch, listener: Listener) -> None:
        """One worker after another until nothing is left to do."""
        worker = None
        try:
            while batch.cases is None or batch.cases:
                if worker is None:
                    worker = await self._start(backend, batch, listener)
                    continue  # others may have emptied the queue meanwhile
                assert batch.cases is not None
                case = batch.cases.popleft()
                attempt = await worker.judge(case, batch.effort)
                listener.judged(case, attempt)
                if worker.spent:
                    await self._close(worker)
                    worker = None
        finally:
            if worker is not None:
                await self._close(worker)

    async def _start(self, backend: str, batch: _Batch, listener: Listener) -> Worker:
        """Start a worker that is ready for cases; the first one of a batch tells what it found."""
        for remaining in reversed(range(STARTS)):
            worker = await self._spawn(backend)
            try:
                opened = await self._open(worker, backend)
            except BaseException as error:
                await self._close(worker)
                if not (batch.opened and isinstance(error, (RefusedError, PoolError))):
                    raise
                if remaining:
                    continue  # it could be opened before: perhaps it can be again
                raise PoolError(f"{STARTS} workers in a row did not start: {error}") from error
            if not batch.opened:
                batch.opened = True
                listener.opened(opened)
            if batch.cases is None:
                batch.cases = collections.deque(case.case for case in opened.cases)
            return worker
        raise AssertionError("unreachable: the last start returns or raises")

    async def _open(self, worker: Worker, backend: str) -> Opened:
        try:
            message = await worker.next(START_WITHIN + KILL_AFTER)
        except TimeoutError:
            message = {"kind": "ended"}
        if message["kind"] == "open":
            here = {"python": platform.python_version(), "host": platform.platform()}
            return Opened.of({**message, **here, "backend": backends.find(backend).name})
        if message["kind"] == "refused":
            raise RefusedError(message["reason"])
        assert worker.child is not None
        if not worker.connected and worker.child.returncode is not None:
            raise _why_not_collected(worker.child)
        raise RefusedError(worker.why_not_started(backend))

    async def _spawn(self, backend: str) -> Worker:
        self._serial += 1
        folder = self._folder / f"worker-{self._serial}"
        folder.mkdir()
        worker = Worker(self._serial, folder, self.timeout)
        self._workers[worker.serial] = worker
        assignment = Assignment(
            port=self._port,
            token=self._token,
            serial=self._serial,
            backend=backend,
            timeout=self.timeout,
            start_within=START_WITHIN,
            folder=str(folder),
            import_path=self._import_path,
        )
        ended = functools.partial(self._call, worker.has_ended)
        try:
            if self._template is not None:
                worker.child = self._template.fork(assignment.to_json(), ended)
            else:
                worker.child = self._program(folder, assignment, ended)
        except (OSError, TemplateError) as error:
            del self._workers[worker.serial]
            raise PoolError(f"a worker cannot be started: {error}") from error
        return worker

    def _program(
        self,
        folder: Path,
        assignment: Assignment | None,
        ended: Callable[[], None],
        stdin: int = subprocess.DEVNULL,
    ) -> processes.Child:
        environment = inherited.neutral_environment(os.environ)
        environment[VARIABLE] = orders(self.selection, assignment)
        return processes.spawn([sys.executable, "-m", self._program_name], environment, folder, ended, stdin)

    async def _start_template(self) -> None:
        """Start the process that workers are forked from.

        Raises:
            SelectionError: the selection makes no sense.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            ended = asyncio.Event()
            self._template_process = self._program(
                self._folder, None, functools.partial(self._call, ended.set), theirs.fileno()
            )
        ours.setblocking(False)
        try:
            ready = await asyncio.get_running_loop().sock_recv(ours, 64)
        except BaseException:
            ours.close()
            raise
        self._template = Template(ours)
        if not ready:
            await ended.wait()
            self._template_process.close()
            raise _why_not_collected(self._template_process)

    def _call(self, function: Callable[[], object]) -> None:
        """Call something in the run's own thread, from another one."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(function)

    async def _close(self, worker: Worker) -> None:
        """End a worker: one that is idle and clean by itself, any other at once."""
        if worker.hang_up():
            with contextlib.suppress(TimeoutError):
                await worker.next(END_WITHIN)
        self._kill(worker)

    def _kill(self, worker: Worker) -> None:
        assert worker.child is not None
        worker.child.close()
        del self._workers[worker.serial]
        known = [worker.child for worker in self._workers.values()] + [self._template_process]
        processes.reap_orphans({child.pid for child in known if child is not None})
        shutil.rmtree(worker.folder, ignore_errors=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            hello = json.loads(await reader.readline())
            if not secrets.compare_digest(hello["token"], self._token):
                return
            await self._workers[hello["worker"]].attach(reader, writer)
        except (ValueError, KeyError, TypeError, ConnectionError):
            pass  # a stranger on our port, or a worker we have given up
        finally:
            writer.close()


def _why_not_collected(process: processes.Child) -> Exception:
    """The reason why a process ended before it had the cases: nothing of a backend was imported yet."""
    output = process.output()
    usage = [line.removeprefix("ERROR: ") for line in output.splitlines() if line.startswith("ERROR: ")]
    if usage and process.returncode in {pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.INTERRUPTED}:
        return SelectionError(usage[-1])
    return PoolError(f"the cases cannot be collected:\n{_shortened(output)}")


def ending(returncode: int) -> str:
    """Name how a process ended: a signal, or an exit status."""
    if returncode < 0:
        try:
            return signal.Signals(-returncode).name
        except ValueError:
            return f"signal {-returncode}"
    return f"exit status {returncode}" if returncode < 0x80000000 else f"exit status {returncode:#x}"


def _shortened(text: str) -> str:
    lines = text.strip().splitlines()
    return "\n".join([*lines[:_TRACE_LINES], "…"] if len(lines) > _TRACE_LINES else lines)

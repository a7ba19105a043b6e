"""Gateways: interpreters elsewhere that run cases for us, as execnet starts them (see outpost.py for their side).

A specification is execnet's: ``popen//python=python3.12`` is another interpreter on this machine,
``ssh=host//python=python3.12`` one on another.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import difflib
import json
import os
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from subprocess import PIPE, Popen
from types import SimpleNamespace
from typing import Any, TypeVar

import execnet
from execnet.gateway_base import ThreadExecModel

from .baselines import Subject
from .channel import Message
from .escaping import line as harmless
from .orders import Effort, Selection
from .pool import Attempt, Opened, RefusedError, SelectionError, ending
from .processes import Child
from .version import VERSION
from .wire import Line, LineError

T = TypeVar("T")

OPEN_WITHIN = 60.0
"""Seconds a gateway has to be there: a far machine, or a cold one, needs some."""
CLOSE_WITHIN = 5.0
"""Seconds it has to end by itself, and to tell why it has ended."""
PATIENCE = 30.0
"""Seconds of silence after which a gateway is given up."""

_KEYS = ("popen", "ssh", "python", "id", "chdir", "nice", "ssh_config", "dont_write_bytecode")
_FLAGS = ("popen", "dont_write_bytecode")

_FIRST_WORDS = """
import json, platform, sys

version = None
try:
    from everyloop.harness.version import VERSION as version
except ImportError:
    pass
channel.send(json.dumps([version, platform.python_version(), sys.executable]))
if channel.receive():
    from everyloop.harness.outpost import serve

    serve(channel)
"""
"""What the interpreter there is made to execute: it may be any Python, with or without everyloop."""


class SpecError(Exception):
    """A specification makes no sense; the text is one line for a person."""


class GatewayError(Exception):
    """A gateway cannot be used, or not any more; the text says why."""


@dataclass(frozen=True)
class Site:
    """What is at the far end of a gateway.

    Attributes:
        names: the backends to run there.
        kind: what tells whether two gateways are alike: Python, the machine, our source, the versions of the backends.
        python: the version of Python.
        node: the name of the machine.
        cpus: how many it has.
        subjects: the backends, for a baseline.
        cases: the ids of all cases that there are, if they were asked for.
    """

    names: tuple[str, ...]
    kind: tuple[object, ...]
    python: str
    node: str
    cpus: int
    subjects: tuple[Subject, ...]
    cases: frozenset[str]

    @classmethod
    def of(cls, told: Message) -> Site:
        """Return what an outpost told in its survey."""
        backends = told["backends"]
        versions = tuple(sorted((name, about["version"]) for name, about in backends.items()))
        subjects = (
            Subject(frozenset(about["names"]), about["version"], told["python"], about["platform"])
            for about in backends.values()
        )
        return cls(
            names=tuple(told["names"]),
            kind=(told["python"], told["build"], told["host"], told["source"], tuple(told["names"]), versions),
            python=told["python"],
            node=told["node"],
            cpus=told["cpus"],
            subjects=tuple(subjects),
            cases=frozenset(told["cases"]),
        )


def parse(texts: Sequence[str]) -> list[execnet.XSpec]:
    """Read specifications and give every one an id.

    Raises:
        SpecError: one of them makes no sense.
    """
    specs = [_parse(text) for text in texts]
    for number, spec in enumerate(specs):
        spec.id = spec.id or f"gw{number}"
    ids = [spec.id for spec in specs]
    for name in ids:
        if ids.count(name) > 1:
            raise SpecError(f"two gateways have the id {name}")
    return specs


def _parse(text: str) -> execnet.XSpec:
    try:
        spec = execnet.XSpec(text)
    except (ValueError, AttributeError, IndexError) as error:
        reason = "there is a key missing" if isinstance(error, IndexError) else str(error)
        raise SpecError(f"{text!r} is no gateway: {reason}") from None
    for key, value in vars(spec).items():
        if key in {"_spec", "env"}:
            continue
        if key not in _KEYS:
            near = difflib.get_close_matches(key, _KEYS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(_KEYS)} and env:NAME"
            raise SpecError(f"{text!r} is no gateway: it cannot have {key!r}; {hint}")
        if key not in _FLAGS and (value is True or not value):
            raise SpecError(f"{text!r} is no gateway: write {key}=…")
    if any(value is True for value in spec.env.values()):
        raise SpecError(f"{text!r} is no gateway: write env:NAME=…")
    if bool(spec.popen) is bool(spec.ssh):
        raise SpecError(f"{text!r} is no gateway: it must begin with popen or ssh=HOST")
    if spec.id and not re.fullmatch(r"[\w.-]+", spec.id):
        raise SpecError(f"{text!r} is no gateway: an id is made of letters, digits, and _.-")
    if spec.nice and not re.fullmatch(r"-?\d+", spec.nice):
        raise SpecError(f"{text!r} is no gateway: nice is a number")
    return spec


class _Starter(ThreadExecModel):
    """How execnet starts a process here: in a session of its own, so that Ctrl-C is ours, and what it says is kept.

    execnet itself lets it write to our standard error, where nobody would know whose words they are.
    """

    def __init__(self, ended: Callable[[], None]) -> None:
        self._ended = ended
        self._lock = threading.Lock()
        self._given_up = False
        self.child: Child | None = None

    @property
    def subprocess(self) -> Any:
        return SimpleNamespace(PIPE=PIPE, Popen=self._start)

    def give_up(self) -> None:
        """Kill the process, or start none."""
        with self._lock:
            self._given_up = True
        if self.child is not None:
            self.child.kill()

    def _start(self, command: Sequence[str], **pipes: Any) -> Popen[bytes]:
        with self._lock:
            if self._given_up:
                raise OSError("nobody waits for it any more")
            reading, writing = os.pipe()
            try:
                process = Popen(command, stderr=writing, start_new_session=True, **pipes)
            except BaseException:
                os.close(reading)
                raise
            finally:
                os.close(writing)
            self.child = Child(process.pid, reading, process.wait, self._ended)
            return process


class Gateway:
    """An interpreter elsewhere, from here.

    Attributes:
        id: as in its specification.
        site: what is there; known once it has been opened.
        size: how many workers it has.
    """

    def __init__(self, spec: execnet.XSpec) -> None:
        assert spec.id is not None
        self.id = spec.id
        self.site: Site | None = None
        self.size = 0
        self._spec = spec
        self._loop = asyncio.get_running_loop()
        self._has_ended = asyncio.Event()
        self._starter = _Starter(self._ended)
        self._group = execnet.Group(execmodel=self._starter)  # type: ignore[arg-type]
        self._channel: execnet.Channel | None = None
        self._line: Line | None = None

    def __str__(self) -> str:
        """Its id, and where it is; without what may be secret."""
        shown = [part for part in str(self._spec).split("//") if not part.startswith(("id=", "env:"))]
        return f"{self.id} ({harmless('//'.join(shown))})"

    async def open(self, names: Sequence[str], *, with_cases: bool) -> Site:
        """Start the interpreter and find out what is there, of these backends or of all.

        Raises:
            GatewayError: there is none, or it has no everyloop, or another one.
        """
        try:
            async with asyncio.timeout(OPEN_WITHIN):
                self._channel = await _in_thread(self._start)
                self._line = Line(self._channel, PATIENCE)
                self._line.send({"names": list(names), "cases": with_cases})
                self.site = Site.of(await self._answer())
        except TimeoutError:
            raise GatewayError(f"it did not answer within {OPEN_WITHIN:g} s") from None
        except _UnusableError as error:
            raise GatewayError(await self._last_words(str(error))) from None
        return self.site

    async def employ(self, size: int, timeout: float, selection: Selection) -> None:
        """Let it open a pool of workers.

        Raises:
            GatewayError: it cannot, or is lost.
            SelectionError: the selection makes no sense.
        """
        self._send({"size": size, "timeout": timeout, "selection": asdict(selection)})
        await self._answer()
        self.size = size

    async def probe(self, backend: str) -> Opened:
        """Let it open a backend.

        Raises:
            RefusedError: the backend cannot be run there.
            GatewayError: it is lost.
        """
        self._send({"do": "probe", "backend": backend})
        return Opened.of((await self._answer())["opened"])

    async def run(
        self, backend: str, cases: Sequence[str], effort: Effort, judged: Callable[[str, Attempt], None]
    ) -> None:
        """Let it run cases; hear of every verdict as soon as it is given.

        Raises:
            RefusedError: the backend cannot be run there.
            GatewayError: it is lost, or its workers cannot be started.
        """
        self._send({"do": "run", "backend": backend, "cases": list(cases), "effort": asdict(effort)})
        while (message := await self._answer())["kind"] == "judged":
            judged(message["case"], Attempt(**{**message["attempt"], "gateway": self.id}))

    async def close(self) -> None:
        """End it and everything that it started; it is no error if it has ended."""
        if self._line is not None:
            self._line.close()
            with contextlib.suppress(OSError, EOFError, execnet.RemoteError):  # it may be as dead as can be
                async with asyncio.timeout(CLOSE_WITHIN):
                    await _in_thread(self._group.terminate)
        self._starter.give_up()
        if self._starter.child is not None:
            await _in_thread(self._starter.child.close)

    def kill(self) -> None:
        """End it at once: it does not answer any more."""
        self._starter.give_up()

    def _send(self, message: Message) -> None:
        assert self._line is not None
        self._line.send(message)

    async def _answer(self) -> Message:
        assert self._line is not None
        try:
            message = await self._line.receive()
        except LineError as error:
            raise GatewayError(await self._last_words(str(error))) from None
        match message:
            case {"kind": "refused", "text": text}:
                raise RefusedError(text)
            case {"kind": "unselectable", "text": text}:
                raise SelectionError(text)
            case {"kind": "failed", "text": text}:
                raise GatewayError(text)
        return message

    def _ended(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._has_ended.set)

    def _start(self) -> execnet.Channel:
        """Start the interpreter, and everyloop in it; this blocks.

        Raises:
            GatewayError: it has no everyloop, or another one.
            _UnusableError: it is none, or cannot be reached.
        """
        try:
            channel = self._group.makegateway(self._spec).remote_exec(_FIRST_WORDS)
            theirs, python, executable = json.loads(channel.receive())
        except OSError as error:
            raise _UnusableError(f"{error.strerror or error}: {error.filename or ''}".rstrip(": ")) from None
        except execnet.RemoteError as error:
            raise _UnusableError(_last_line(error.formatted)) from None
        except (EOFError, AssertionError, ValueError, TypeError, execnet.HostNotFound):
            raise _UnusableError("what was started is no Python") from None
        if theirs != VERSION:
            there = "everyloop is not installed" if theirs is None else f"everyloop {theirs} is installed"
            raise GatewayError(
                f"{there} in Python {python} ({executable}): there must be the same as here, everyloop=={VERSION}"
            )
        channel.send(True)
        return channel

    async def _last_words(self, reason: str) -> str:
        """Say why it has ended, better than `reason` if that is known: in its own words, or with its exit status."""
        child = self._starter.child
        if child is None:
            return reason
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_WITHIN):
                await self._has_ended.wait()
        if child.returncode is not None:
            reason = f"its process ended with {ending(child.returncode)}"
            await _in_thread(partial(child.close, CLOSE_WITHIN))  # now all of its words are here
        elif self._channel is not None:
            try:
                self._channel.waitclose(0)
            except execnet.RemoteError as error:
                reason = _last_line(error.formatted)
            except (EOFError, OSError):
                pass  # it has said nothing
        said = _last_line(child.output())
        return f"{reason}: {said}" if said else reason


class _UnusableError(Exception):
    """What was started is no gateway."""


def _last_line(text: str) -> str:
    lines = [harmless(line.strip()) for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


async def _in_thread(function: Callable[[], T]) -> T:
    """Call something that blocks, in a thread that nobody waits for; asyncio waits for those of its own."""
    result: concurrent.futures.Future[T] = concurrent.futures.Future()
    result.set_running_or_notify_cancel()  # from now on it cannot be cancelled, only be left alone

    def call() -> None:
        try:
            result.set_result(function())
        except Exception as error:  # noqa: BLE001 - raised where it is awaited
            result.set_exception(error)

    threading.Thread(target=call, daemon=True).start()
    return await asyncio.wrap_future(result)

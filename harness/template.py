"""A process that has everything imported and collected, and forks a worker in milliseconds (Linux).

Starting Python and pytest costs half a second of CPU; a loop that leaves something open in every case needs a new
worker for every case. So the template does the common part once. It has no thread, no loop and no backend loaded: what
a worker forks off with is the same as what it would have started with.

The worker must be a child of the *run*, which awaits its end: the template forks twice, and when the process in between
exits, the run adopts the worker because it is a subreaper (see processes.py).
"""

from __future__ import annotations

import gc
import os
import socket
import sys
from collections.abc import Callable

from . import processes
from .processes import Child

_NO_FORK = "Windows has no fork(): workers are started from nothing"
SUPPORTED = sys.platform == "linux"
ANSWERS_WITHIN = 5.0
"""Seconds a template has to fork; it takes some milliseconds."""


class TemplateError(Exception):
    """The template process has ended."""


class Template:
    """The run's end of a template process."""

    def __init__(self, line: socket.socket) -> None:
        line.settimeout(ANSWERS_WITHIN)
        self._line = line

    def fork(self, assignment: str, ended: Callable[[], None]) -> Child:
        """Fork a worker.

        Args:
            assignment: is handed to the worker.
            ended: called once from a thread, after the worker has ended.

        Raises:
            TemplateError: there is no template any more.
        """
        if sys.platform == "win32":
            raise NotImplementedError(_NO_FORK)
        reading, writing = os.pipe()
        try:
            try:
                socket.send_fds(self._line, [assignment.encode() + b"\n"], [writing])
            finally:
                os.close(writing)
            answer = self._line.recv(64)
            if not answer:
                raise TemplateError("the template process has ended")
        except (OSError, TemplateError) as error:
            os.close(reading)
            raise TemplateError(str(error)) from error
        pid = int(answer)
        return Child(pid, reading, lambda: os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), ended)

    def close(self) -> None:
        """Hang up: the template ends."""
        self._line.close()


def serve(line: socket.socket) -> str | None:
    """Fork a worker for each request on the line.

    Returns:
        in each worker, its assignment; in the template, None when the run hangs up.
    """
    if sys.platform == "win32":
        raise NotImplementedError(_NO_FORK)
    gc.collect()
    gc.freeze()  # neither copied because a collection touched it, nor searched for garbage after every case
    while True:
        message, descriptors = _receive(line)
        if not message:
            return None
        told, tells = os.pipe()
        waits, opens = os.pipe()
        between = os.fork()
        if not between:
            os.close(told)
            os.close(opens)
            _become_worker(line, descriptors[0], tells, waits)
            return message.decode()
        os.close(tells)
        os.close(waits)
        worker = os.read(told, 64)
        # Once the process in between has been reaped, its child has been adopted. Only then may the run wait for it,
        # and may it ask to die with its parent: a process closes its files before its children lose it.
        os.waitpid(between, 0)
        for descriptor in (told, opens, *descriptors):
            os.close(descriptor)
        line.send(worker)


def _become_worker(line: socket.socket, output: int, tells: int, waits: int) -> None:
    """Fork once more; return in the worker only, when it is a child of the run.

    Args:
        line: to the run, which is the template's and not ours.
        output: where standard output and error shall go.
        tells: takes the worker's process id.
        waits: ends when the process in between has gone.
    """
    if sys.platform == "win32":
        raise NotImplementedError(_NO_FORK)
    worker = os.fork()
    if worker:
        os.write(tells, str(worker).encode())
        os._exit(0)
    os.close(tells)
    os.setsid()
    os.read(waits, 1)
    os.close(waits)
    processes.die_with_parent()
    line.close()
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)


def _receive(line: socket.socket) -> tuple[bytes, list[int]]:
    if sys.platform == "win32":
        raise NotImplementedError(_NO_FORK)
    message, descriptors, _, _ = socket.recv_fds(line, 65536, 1)
    while message and not message.endswith(b"\n"):
        message += line.recv(65536)
    return message, descriptors

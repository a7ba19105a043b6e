"""Windows' processes.

Some facts:

1. A program gets one string, not a list, and takes it apart itself, nearly always by the rules of the C runtime:
   arguments are separated by blanks and tabs; double quotes keep blanks; backslashes are themselves, but in front of a
   quote two are one, and one keeps the quote from being one; two quotes between quotes are one. The program's own name
   is taken apart more simply: no backslash is special in it.
   https://learn.microsoft.com/cpp/c-language/parsing-c-command-line-arguments
2. Without the name of an application, the first word of the string names it, and the search goes through ``PATH``.
   https://learn.microsoft.com/windows/win32/api/processthreadsapi/nf-processthreadsapi-createprocessw
3. No such program: ``[WinError 2]``. None at all: ``[WinError 193]``. A folder that cannot be entered: ``[WinError
   267]``. Not allowed: ``[WinError 5]``.
4. A process ends with a number, and no signal does: ``TerminateProcess`` names the number, and Python names 1. Ending
   what has ended: ``[WinError 5]``. While it runs, the number is 259 (``STILL_ACTIVE``).
   https://learn.microsoft.com/windows/win32/api/processthreadsapi/nf-processthreadsapi-getexitcodeprocess
5. Windows has no zombies: a process that nobody has a handle of is forgotten at its end.
6. ``CTRL_C_EVENT`` does nothing to a group of processes that was made with ``CREATE_NEW_PROCESS_GROUP``.
   ``CTRL_BREAK_EVENT`` ends each of them that has no handler, with 0xC000013A.
   https://learn.microsoft.com/windows/console/generateconsolectrlevent#parameters

Here programs are this machine's. The string is taken apart by the rules of the C runtime. ``cmd.exe /c`` is this
machine's ``/bin/sh -c``: what ``subprocess`` makes of ``shell=True`` runs, in the language of this machine's shell. A
program that a signal of this machine has ended has the number that Windows gives for the same fault. ``SIGTERM`` stands
for ``CTRL_BREAK_EVENT``. Windows, consoles
and jobs there are none: flags that are about them are taken, and change nothing.
"""

# ruff: noqa: E402 - where the assertion fails, type checkers read no further
from __future__ import annotations

import errno
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

assert sys.platform == "linux", "Windows' processes are emulated over Linux' pidfds"

from .errors import error
from .waits import Waitable

SHELLS = ("cmd.exe", "cmd")
CREATE_NEW_PROCESS_GROUP = 0x200
NORMAL_PRIORITY_CLASS = 0x20
WITHOUT_EFFECT = 0x8 | 0x10 | 0x01000000 | 0x04000000 | 0x08000000 | NORMAL_PRIORITY_CLASS
"""DETACHED_PROCESS, CREATE_NEW_CONSOLE, CREATE_BREAKAWAY_FROM_JOB, CREATE_DEFAULT_ERROR_MODE, CREATE_NO_WINDOW."""
CTRL_BREAK_EVENT = 1
STILL_ACTIVE = 259
UNKNOWN = 255
"""The exit code of a process that somebody else has waited for, as asyncio has it."""

ENDED_BY = {
    signal.SIGABRT: 3,
    signal.SIGFPE: 0xC0000094,
    signal.SIGILL: 0xC000001D,
    signal.SIGINT: 0xC000013A,
    signal.SIGSEGV: 0xC0000005,
}
"""Exit codes of programs that a signal ended; of all others 1, as another program's TerminateProcess would name."""

_STARTING = {
    errno.EACCES: 5,
    errno.ENOENT: 2,
    errno.ENOEXEC: 193,
    errno.ENOTDIR: 2,
    errno.EPERM: 5,
}


class Process(Waitable):
    """A process.

    Args:
        child: of this process.
        leads_group: whether it is the first of a group of processes.
    """

    def __init__(self, child: subprocess.Popen[bytes], *, leads_group: bool) -> None:
        super().__init__()
        self._child = child
        self._leads_group = leads_group
        self._was_broken = False
        self._pidfd = os.pidfd_open(child.pid)
        self._code: int | None = None
        self._named = 1
        """The exit code for when it is ended from here."""

    @property
    def pid(self) -> int:
        """Its number, on this machine."""
        return self._child.pid

    @property
    def code(self) -> int:
        """Its exit code."""
        return self._code if self.is_signalled() and self._code is not None else STILL_ACTIVE

    def is_signalled(self) -> bool:
        """Whether it has ended."""
        if self._code is None and self._has_ended():
            self._code = self._exit_code(self._child)
            self.tell()
        return self._code is not None

    def _has_ended(self) -> bool:
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        return bool(poll.poll(0))

    def _exit_code(self, child: subprocess.Popen[bytes]) -> int:
        try:
            found = os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED)
        except ChildProcessError:
            child.returncode = UNKNOWN
        else:
            assert found is not None, "without WNOHANG it waits"
            child.returncode = found.si_status if found.si_code == os.CLD_EXITED else -found.si_status
        if child.returncode >= 0:
            return child.returncode
        number = signal.Signals(-child.returncode)
        if number == signal.SIGTERM and self._was_broken:
            return ENDED_BY[signal.SIGINT]
        return self._named if number == signal.SIGKILL else ENDED_BY.get(number, 1)

    def terminate(self, code: int) -> None:
        """End it.

        Args:
            code: that it ends with.

        Raises:
            OSError: it has ended.
        """
        if self.is_signalled():
            raise error(5)
        self._named = code
        signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def tell_group(self, event: int) -> None:
        """Send an event of the console to the group that it leads: see fact 6."""
        if not self._leads_group:
            raise NotImplementedError(
                "os.kill with an event of the console, without CREATE_NEW_PROCESS_GROUP, is not emulated"
            )
        if event == CTRL_BREAK_EVENT and not self.is_signalled():
            self._was_broken = True
            os.killpg(self.pid, signal.SIGTERM)

    def descriptor_to_poll(self) -> int:
        """Return what is readable once it has ended."""
        return self._pidfd

    def close(self) -> None:
        """Forget it at its end."""
        if self.is_signalled():
            os.close(self._pidfd)
        else:
            _forgotten.append(self)

    def is_forgotten(self) -> bool:
        """Reap it, if it has ended."""
        if not self.is_signalled():
            return False
        os.close(self._pidfd)
        return True


_forgotten: list[Process] = []
"""Processes that have no handle any more, and have not ended."""


def create(
    application: str | None,
    command_line: str | None,
    flags: int,
    environment: Mapping[str, str] | None,
    folder: str | None,
    streams: tuple[int, int, int] | None,
) -> Process:
    """Start a program.

    Args:
        application: its file; None: the first word of the command line.
        command_line: what it gets.
        flags: ``CREATE_NEW_PROCESS_GROUP`` and the like.
        environment: None: this process's.
        folder: it works in; None: this process's.
        streams: descriptors of this machine, for standard input, output and error; None: this process's own.

    Raises:
        OSError: it cannot be started.
    """
    _forgotten[:] = [process for process in _forgotten if not process.is_forgotten()]
    if unknown := flags & ~(WITHOUT_EFFECT | CREATE_NEW_PROCESS_GROUP):
        raise NotImplementedError(f"_winapi.CreateProcess with dwCreationFlags 0x{unknown:x} is not emulated")
    words = split(application if command_line is None else command_line)
    program, arguments = _program(application, command_line, words)
    if folder is not None and not Path(folder).is_dir():
        raise error(267)
    keywords: dict[str, Any] = {}
    if streams is not None:
        keywords |= dict(zip(("stdin", "stdout", "stderr"), streams, strict=True))
    if flags & CREATE_NEW_PROCESS_GROUP:
        keywords |= {"process_group": 0}
    try:
        child: subprocess.Popen[bytes] = subprocess.Popen(
            arguments, executable=program, env=environment, cwd=folder, **keywords
        )
    except OSError as failure:
        if (number := _STARTING.get(failure.errno or 0)) is None:
            raise
        raise error(number) from None
    return Process(child, leads_group=bool(flags & CREATE_NEW_PROCESS_GROUP))


def _program(application: str | None, command_line: str | None, words: list[str]) -> tuple[str | None, list[str]]:
    """Return what is executed, and its arguments."""
    named = application if application is not None else words[0] if words else ""
    if named.replace("\\", "/").rpartition("/")[2].lower() in SHELLS:
        return "/bin/sh", ["sh", "-c", _behind_c(command_line or "")]
    if not named:
        raise error(87)
    if application is not None and "/" not in application:
        application = f"./{application}"  # no search goes through PATH
    return application, words or [named]


def _behind_c(command_line: str) -> str:
    """Return what ``cmd.exe`` executes."""
    _, _, command = command_line.partition(" /c ")
    if not command:
        raise NotImplementedError("cmd.exe without /c is not emulated")
    command = command.strip()
    return command[1:-1] if command[:1] == command[-1:] == '"' and len(command) > 1 else command


def split(command_line: str | None) -> list[str]:
    """Take a command line apart by the rules of the C runtime."""
    if not command_line:
        return []
    name, rest = _split_name(command_line)
    return [name, *_split_arguments(rest)]


def _split_name(text: str) -> tuple[str, str]:
    name, quoted, index = "", False, 0
    for index, sign in enumerate(text):
        if sign == '"':
            quoted = not quoted
        elif sign in " \t" and not quoted:
            return name, text[index:]
        else:
            name += sign
    return name, ""


def _split_arguments(text: str) -> list[str]:
    arguments: list[str] = []
    word: str | None = None
    quoted = False
    index = 0
    while index < len(text):
        sign = text[index]
        if sign in " \t" and not quoted:
            if word is not None:
                arguments.append(word)
                word = None
            index += 1
            continue
        word = word or ""
        slashes = len(text) - index - len(text[index:].lstrip("\\")) if sign == "\\" else 0
        if slashes:
            index += slashes
            if text[index : index + 1] != '"':
                word += "\\" * slashes
                continue
            word += "\\" * (slashes // 2)
            if slashes % 2:
                word += '"'
                index += 1
            continue
        if sign == '"':
            if quoted and text[index + 1 : index + 2] == '"':
                word += '"'
                index += 1
            else:
                quoted = not quoted
        else:
            word += sign
        index += 1
    if word is not None:
        arguments.append(word)
    return arguments

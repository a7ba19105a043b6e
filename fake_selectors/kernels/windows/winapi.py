"""``_winapi``: Win32's functions for processes, pipes and handles.

What there is of it is what ``subprocess``, ``asyncio.windows_utils`` and ``asyncio.windows_events`` need. The facts are
with what it is made of: `handles`, `waits`, `pipes` and `processes`. The constants are those of ``winbase.h``,
``winnt.h`` and ``processthreadsapi.h``.
"""

# ruff: noqa: E402 - where the assertion fails, type checkers read no further
from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

assert sys.platform == "linux", "Windows is emulated over Linux' kernel"

from ...views import Fake
from . import processes
from .errors import error
from .handles import CURRENT_PROCESS, FIRST, Descriptor, Object
from .iomanager import IoManager
from .pipes import ERROR_PIPE_CONNECTED, ConnectNamedPipe, PipeEnd, is_pipe, start_connecting
from .ports import INFINITE
from .requests import ERROR_MORE_DATA, ERROR_OPERATION_ABORTED, Receive, Request, Send
from .system import CTRL_BREAK_EVENT, CTRL_C_EVENT, WINDOWS_11
from .waits import Event, Waitable

DUPLICATE_SAME_ACCESS = 2
ERROR_INVALID_PARAMETER = 87
ERROR_IO_INCOMPLETE = 996
ERROR_IO_PENDING = 997
FILE_FLAG_OVERLAPPED = 0x40000000
FILE_TYPE_CHAR, FILE_TYPE_DISK, FILE_TYPE_PIPE = 2, 1, 3
MOST_TO_WAIT_FOR = 63
OPEN_EXISTING = 3
STARTF_USESTDHANDLES = 0x100
STREAMS = {0xFFFFFFF6: 0, 0xFFFFFFF5: 1, 0xFFFFFFF4: 2}
"""Descriptors of this machine for STD_INPUT_HANDLE, STD_OUTPUT_HANDLE and STD_ERROR_HANDLE."""
WAIT_OBJECT_0, WAIT_TIMEOUT = 0, 258

CONSTANTS = {
    "ABOVE_NORMAL_PRIORITY_CLASS": 0x8000,
    "BELOW_NORMAL_PRIORITY_CLASS": 0x4000,
    "CREATE_BREAKAWAY_FROM_JOB": 0x01000000,
    "CREATE_DEFAULT_ERROR_MODE": 0x04000000,
    "CREATE_NEW_CONSOLE": 0x10,
    "CREATE_NEW_PROCESS_GROUP": 0x200,
    "CREATE_NO_WINDOW": 0x08000000,
    "DETACHED_PROCESS": 0x8,
    "DUPLICATE_CLOSE_SOURCE": 0x1,
    "DUPLICATE_SAME_ACCESS": 0x2,
    "ERROR_ACCESS_DENIED": 5,
    "ERROR_ALREADY_EXISTS": 183,
    "ERROR_BROKEN_PIPE": 109,
    "ERROR_IO_PENDING": 997,
    "ERROR_MORE_DATA": 234,
    "ERROR_NETNAME_DELETED": 64,
    "ERROR_NO_DATA": 232,
    "ERROR_OPERATION_ABORTED": 995,
    "ERROR_PIPE_BUSY": 231,
    "ERROR_PIPE_CONNECTED": 535,
    "ERROR_SEM_TIMEOUT": 121,
    "FILE_FLAG_FIRST_PIPE_INSTANCE": 0x80000,
    "FILE_FLAG_OVERLAPPED": 0x40000000,
    "FILE_TYPE_CHAR": 2,
    "FILE_TYPE_DISK": 1,
    "FILE_TYPE_PIPE": 3,
    "FILE_TYPE_UNKNOWN": 0,
    "GENERIC_READ": 0x80000000,
    "GENERIC_WRITE": 0x40000000,
    "HIGH_PRIORITY_CLASS": 0x80,
    "IDLE_PRIORITY_CLASS": 0x40,
    "INFINITE": 0xFFFFFFFF,
    "NMPWAIT_WAIT_FOREVER": 0xFFFFFFFF,
    "NORMAL_PRIORITY_CLASS": 0x20,
    "NULL": 0,
    "OPEN_EXISTING": 3,
    "PIPE_ACCESS_DUPLEX": 3,
    "PIPE_ACCESS_INBOUND": 1,
    "PIPE_READMODE_MESSAGE": 2,
    "PIPE_TYPE_MESSAGE": 4,
    "PIPE_UNLIMITED_INSTANCES": 255,
    "PIPE_WAIT": 0,
    "REALTIME_PRIORITY_CLASS": 0x100,
    "STARTF_FORCEOFFFEEDBACK": 0x80,
    "STARTF_FORCEONFEEDBACK": 0x40,
    "STARTF_USESHOWWINDOW": 0x1,
    "STARTF_USESTDHANDLES": 0x100,
    "STD_ERROR_HANDLE": 0xFFFFFFF4,
    "STD_INPUT_HANDLE": 0xFFFFFFF6,
    "STD_OUTPUT_HANDLE": 0xFFFFFFF5,
    "STILL_ACTIVE": 259,
    "SW_HIDE": 0,
    "WAIT_ABANDONED_0": 0x80,
    "WAIT_OBJECT_0": 0,
    "WAIT_TIMEOUT": 258,
}

FUNCTIONS = (
    "ExitProcess",
    "GetLastError",
    "GetModuleFileName",
    "OpenProcess",
    "PeekNamedPipe",
    "SetNamedPipeHandleState",
    "WaitNamedPipe",
)


def module(manager: IoManager) -> ModuleType:
    """Return ``_winapi``.

    Args:
        manager: of the kernel.
    """
    functions = Functions(manager)
    names = {name: getattr(functions, name) for name in dir(functions) if not name.startswith("_")}
    return Fake("_winapi", CONSTANTS | names | {"Overlapped": Overlapped}, absent=FUNCTIONS)


def functions_of_os(manager: IoManager) -> dict[str, object]:
    """Return the functions of :mod:`os` that are about processes and handles.

    Args:
        manager: of the kernel.
    """

    def kill(pid: int, signal: int, /) -> None:
        """End a child, or send an event of the console to a group of processes."""
        with manager.entered():
            process = manager.processes.get(pid)
            if process is None:
                raise NotImplementedError("os.kill of what is no child of this process is not emulated")
            if signal in {CTRL_C_EVENT, CTRL_BREAK_EVENT}:
                process.tell_group(signal)
            else:
                process.terminate(signal)

    def get_handle_inheritable(handle: int, /) -> bool:
        """Return whether a child gets the handle."""
        with manager.entered():
            return os.get_inheritable(handle if handle < FIRST else manager.handles.descriptor(handle))

    def set_handle_inheritable(handle: int, inheritable: bool, /) -> None:
        """Set whether a child gets the handle."""
        with manager.entered():
            os.set_inheritable(handle if handle < FIRST else manager.handles.descriptor(handle), inheritable)

    return {
        "kill": kill,
        "get_handle_inheritable": get_handle_inheritable,
        "set_handle_inheritable": set_handle_inheritable,
    }


class Functions:
    """The functions of the module.

    Args:
        manager: of the kernel.
    """

    def __init__(self, manager: IoManager) -> None:
        self._manager = manager

    def CloseHandle(self, handle: int, /) -> None:  # noqa: N802
        """Close a handle."""
        with self._manager.entered():
            if handle < FIRST and handle in self._manager.sockets:
                raise NotImplementedError("CloseHandle of a socket is not emulated")
            self._manager.handles.close(handle)

    def GetCurrentProcess(self) -> int:  # noqa: N802
        """Return the number that stands for this process."""
        return CURRENT_PROCESS

    def DuplicateHandle(  # noqa: N802 - so it is called
        self,
        source: int,
        handle: int,
        target: int,
        access: int,  # noqa: ARG002 - see `options`
        inherit: bool,  # noqa: ARG002 - CreateProcess names what a child gets
        options: int = 0,
        /,
    ) -> int:
        """Return another handle for the same object."""
        if source != CURRENT_PROCESS or target != CURRENT_PROCESS:
            raise NotImplementedError("DuplicateHandle for another process is not emulated")
        if options != DUPLICATE_SAME_ACCESS:
            raise NotImplementedError(f"DuplicateHandle with dwOptions 0x{options:x} is not emulated")
        with self._manager.entered():
            handles = self._manager.handles
            if handles.is_object(handle):
                thing = handles.get(handle, Object)
                if not isinstance(thing, PipeEnd | Descriptor):
                    return handles.add(thing)
            return handles.add(Descriptor(os.dup(handles.descriptor(handle))))

    def GetFileType(self, handle: int, /) -> int:  # noqa: N802
        """Return whether it is a console, a file or a pipe."""
        with self._manager.entered():
            mode = os.fstat(self._manager.handles.descriptor(handle)).st_mode
        if stat.S_ISCHR(mode):
            return FILE_TYPE_CHAR
        return FILE_TYPE_PIPE if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) else FILE_TYPE_DISK

    def GetStdHandle(self, stream: int, /) -> int | None:  # noqa: N802
        """Return the handle of a standard stream."""
        with self._manager.entered():
            try:
                return self._manager.handles.of_descriptor(STREAMS[stream & 0xFFFFFFFF])
            except OSError:
                return None

    def WaitForSingleObject(self, handle: int, milliseconds: int, /) -> int:  # noqa: N802
        """Wait until an object is signalled."""
        with self._manager.entered():
            waited = self._manager.handles.get(handle, Waitable)
        found = self._manager.wait([waited], everyone=False, milliseconds=milliseconds)
        return WAIT_TIMEOUT if found is None else WAIT_OBJECT_0

    def WaitForMultipleObjects(  # noqa: N802
        self,
        handles: Sequence[int],
        wait_all: bool,
        milliseconds: int = INFINITE,
        /,
    ) -> int:
        """Wait until one of some objects is signalled, or all of them are."""
        if len(handles) > MOST_TO_WAIT_FOR:
            raise ValueError(f"need at most {MOST_TO_WAIT_FOR} handles, got a sequence of length {len(handles)}")
        with self._manager.entered():
            waited = [self._manager.handles.get(handle, Waitable) for handle in handles]
        if not waited:
            raise error(ERROR_INVALID_PARAMETER)
        found = self._manager.wait(waited, everyone=bool(wait_all), milliseconds=milliseconds)
        return WAIT_TIMEOUT if found is None else WAIT_OBJECT_0 + found

    # Pipes.

    def CreatePipe(self, attributes: None, size: int, /) -> tuple[int, int]:  # noqa: N802
        """Make an anonymous pipe; return the handles to read from and to write to."""
        if attributes is not None:
            raise NotImplementedError("CreatePipe with lpPipeAttributes is not emulated")
        del size  # a suggestion
        with self._manager.entered():
            reading, writing = os.pipe()
            return self._manager.handles.add(Descriptor(reading)), self._manager.handles.add(Descriptor(writing))

    def CreateNamedPipe(  # noqa: N802 - so it is called
        self,
        name: str,
        open_mode: int,
        pipe_mode: int,
        most: int,
        out_size: int,
        in_size: int,
        timeout: int,  # noqa: ARG002 - for WaitNamedPipe
        attributes: int,
        /,
    ) -> int:
        """Make an instance of a pipe; return the handle of the server's end."""
        if attributes:
            raise NotImplementedError("CreateNamedPipe with lpSecurityAttributes is not emulated")
        with self._manager.entered():
            end = self._manager.pipes.create(name, open_mode, pipe_mode, most, out_size, in_size)
            return self._manager.handles.add(end)

    def CreateFile(  # noqa: N802 - so it is called
        self, name: str, access: int, share: int, attributes: int, disposition: int, flags: int, template: int, /
    ) -> int:
        """Open a pipe; return the handle of the client's end."""
        if not is_pipe(name):
            raise NotImplementedError("CreateFile of what is no pipe is not emulated")
        if share or attributes or template or disposition != OPEN_EXISTING:
            raise NotImplementedError("CreateFile with more than access and flags is not emulated")
        if unknown := flags & ~FILE_FLAG_OVERLAPPED:
            raise NotImplementedError(f"CreateFile with dwFlagsAndAttributes 0x{unknown:x} is not emulated")
        with self._manager.entered():
            return self._manager.handles.add(self._manager.pipes.open(name, access, flags))

    def ConnectNamedPipe(self, handle: int, overlapped: bool = False) -> Overlapped | None:  # noqa: N802
        """Wait for a client."""
        operation = Overlapped(self._manager)
        with self._manager.entered():
            end = self._manager.handles.get(handle, PipeEnd)
            operation.start(lambda request: start_connecting(end, request), ConnectNamedPipe(), (ERROR_PIPE_CONNECTED,))
        if overlapped:
            return operation
        operation.GetOverlappedResult(True)
        return None

    def ReadFile(self, handle: int, size: int, overlapped: bool = False) -> tuple[Any, int]:  # noqa: N802
        """Read from a pipe."""
        request = Receive(None, size)
        operation = self._start(handle, request, (ERROR_MORE_DATA,))
        if overlapped:
            return operation, request.code if request.code is not None else ERROR_IO_PENDING
        _, code = operation.GetOverlappedResult(True)
        return request.data, code

    def WriteFile(self, handle: int, buffer: Any, overlapped: bool = False) -> tuple[Any, int]:  # noqa: N802
        """Write to a pipe."""
        request = Send(memoryview(buffer).cast("B"))
        operation = self._start(handle, request, ())
        if overlapped:
            return operation, request.code if request.code is not None else ERROR_IO_PENDING
        return operation.GetOverlappedResult(True)

    def _start(self, handle: int, request: Request, good: tuple[int, ...]) -> Overlapped:
        operation = Overlapped(self._manager)
        with self._manager.entered():
            operation.start(self._manager.handles.get(handle, PipeEnd).file.start, request, good)
        return operation

    # Processes.

    def CreateProcess(  # noqa: N802 - so it is called
        self,
        application: str | None,
        command_line: str | None,
        process_attributes: None,
        thread_attributes: None,
        inherit: bool,  # noqa: ARG002 - programs of this machine know no handles
        flags: int,
        environment: Mapping[str, str] | None,
        folder: str | None,
        startup: Any,
        /,
    ) -> tuple[int, int, int, int]:
        """Start a program; return the handles of process and thread, and their numbers."""
        if (process_attributes, thread_attributes) != (None, None):
            raise NotImplementedError("CreateProcess with security attributes is not emulated")
        sys.audit("_winapi.CreateProcess", application, command_line, folder)
        manager = self._manager
        with manager.entered():
            streams = None
            if startup.dwFlags & STARTF_USESTDHANDLES:
                named = (startup.hStdInput, startup.hStdOutput, startup.hStdError)
                streams = tuple(manager.handles.descriptor(int(handle)) for handle in named)
            listed = (startup.lpAttributeList or {}).get("handle_list", ())
            if foreign := {int(handle) for handle in listed} - {
                int(handle) for handle in (startup.hStdInput, startup.hStdOutput, startup.hStdError) if handle
            }:
                raise NotImplementedError(
                    f"CreateProcess with {len(foreign)} more handles in handle_list is not emulated"
                )
        process = processes.create(
            application,
            command_line,
            flags,
            _environment(environment),
            folder,
            streams,  # type: ignore[arg-type] # three
        )
        with manager.entered():
            manager.processes[process.pid] = process
            return manager.handles.add(process), manager.handles.add(Thread()), process.pid, process.pid

    def GetExitCodeProcess(self, process: int, /) -> int:  # noqa: N802
        """Return the exit code of a process, or 259."""
        with self._manager.entered():
            return self._manager.handles.get(process, processes.Process).code

    def TerminateProcess(self, process: int, code: int, /) -> None:  # noqa: N802
        """End a process."""
        with self._manager.entered():
            self._manager.handles.get(process, processes.Process).terminate(code)

    def GetVersion(self) -> int:  # noqa: N802
        """Return the version of a Windows 11, in the old way: build, minor, major."""
        version: int = WINDOWS_11.build << 16 | WINDOWS_11.minor << 8 | WINDOWS_11.major
        return version


class Thread(Object):
    """The first thread of a process: something to close."""

    def close(self) -> None:
        """Nothing is left of it."""


class Overlapped:
    """An overlapped operation, as ``_winapi`` shows it: always with an event.

    Args:
        manager: of the kernel.
    """

    def __init__(self, manager: IoManager) -> None:
        self._manager = manager
        self._request: Request | None = None
        self._good: tuple[int, ...] = ()
        with manager.entered():
            self.event = manager.handles.add(Event(manual=True, signalled=False))

    def start(self, start: Callable[[Any], None], request: Request, good: tuple[int, ...]) -> None:
        """Start an operation.

        Args:
            start: does it.
            request: the operation.
            good: numbers of errors that are none.
        """
        request.address = next(self._manager.addresses)
        request.event = self._manager.handles.get(self.event, Event)
        try:
            start(request)
        except OSError as failure:
            if (number := getattr(failure, "winerror", None)) not in good:
                raise
            request.code = 0 if number == ERROR_PIPE_CONNECTED else number
            request.event.set()
        self._request = request

    def __del__(self) -> None:
        """Cancel what is pending, and close the event."""
        self._manager.drop(self._request, self.event)

    def GetOverlappedResult(self, wait: bool, /) -> tuple[int, int]:  # noqa: N802
        """Return how much was transferred, and 0 or the number of an error that is none: 234, 995, 996."""
        request = self._request
        assert request is not None, "it was started"
        if request.code is None:
            if wait:
                self._manager.finish(request)
            else:
                with self._manager.entered():
                    request.file.look()
        code = ERROR_IO_INCOMPLETE if request.code is None else request.code
        if code not in {0, ERROR_MORE_DATA, ERROR_OPERATION_ABORTED, ERROR_IO_INCOMPLETE}:
            raise error(code)
        return request.transferred, code

    def getbuffer(self) -> Any:
        """Return what was read, or what is written."""
        request = self._request
        return request.data if isinstance(request, Receive) else getattr(request, "view", None)

    def cancel(self) -> None:
        """Cancel it, if it is pending."""
        request = self._request
        if request is not None and request.code is None:
            with self._manager.entered():
                request.file.cancel(request)


def _environment(environment: Mapping[str, str] | None) -> Mapping[str, str] | None:
    """Check an environment as CPython does."""
    if environment is None:
        return None
    for name, value in environment.items():
        if {type(name), type(value)} != {str}:
            raise TypeError("environment can only contain strings")
        if "\0" in name or "\0" in value:
            raise ValueError("embedded null character")
        if not name or "=" in name[1:]:
            raise ValueError("illegal environment variable name")
    return environment

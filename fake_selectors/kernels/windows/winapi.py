"""``_winapi``: Win32's functions for processes, pipes and handles.

Importing ``subprocess``, ``asyncio.windows_utils`` and ``asyncio.windows_events`` on Windows needs its constants
(``winbase.h``, ``winnt.h``, ``processthreadsapi.h``); the functions are for the proactor loop, and are not emulated.
"""

from __future__ import annotations

from types import ModuleType

from ...views import Fake

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
    "CloseHandle",
    "ConnectNamedPipe",
    "CreateFile",
    "CreateNamedPipe",
    "CreatePipe",
    "CreateProcess",
    "DuplicateHandle",
    "ExitProcess",
    "GetCurrentProcess",
    "GetExitCodeProcess",
    "GetFileType",
    "GetLastError",
    "GetModuleFileName",
    "GetStdHandle",
    "GetVersion",
    "OpenProcess",
    "PeekNamedPipe",
    "ReadFile",
    "SetNamedPipeHandleState",
    "TerminateProcess",
    "WaitForMultipleObjects",
    "WaitForSingleObject",
    "WaitNamedPipe",
    "WriteFile",
)


def module() -> ModuleType:
    """Return ``_winapi``: constants, and functions that say they are not emulated."""
    return Fake("_winapi", CONSTANTS, absent=FUNCTIONS)

"""``_overlapped``: completion ports and overlapped operations.

Importing ``asyncio.windows_events`` needs its constants (``winerror.h``, ``mswsock.h``); the functions are for the
proactor loop, and are not emulated.
"""

from __future__ import annotations

from types import ModuleType

from ...views import Fake

CONSTANTS = {
    "ERROR_IO_PENDING": 997,
    "ERROR_NETNAME_DELETED": 64,
    "ERROR_OPERATION_ABORTED": 995,
    "ERROR_PIPE_BUSY": 231,
    "ERROR_PORT_UNREACHABLE": 1234,
    "ERROR_SEM_TIMEOUT": 121,
    "INFINITE": 0xFFFFFFFF,
    "INVALID_HANDLE_VALUE": 2**64 - 1,
    "NULL": 0,
    "SO_UPDATE_ACCEPT_CONTEXT": 0x700B,
    "SO_UPDATE_CONNECT_CONTEXT": 0x7010,
    "TF_REUSE_SOCKET": 2,
}

FUNCTIONS = (
    "BindLocal",
    "ConnectPipe",
    "CreateEvent",
    "CreateIoCompletionPort",
    "FormatMessage",
    "GetQueuedCompletionStatus",
    "Overlapped",
    "PostQueuedCompletionStatus",
    "RegisterWaitWithQueue",
    "ResetEvent",
    "SetEvent",
    "UnregisterWait",
    "UnregisterWaitEx",
    "WSAConnect",
)


def module() -> ModuleType:
    """Return ``_overlapped``: constants, and functions that say they are not emulated."""
    return Fake("_overlapped", CONSTANTS, absent=FUNCTIONS)

"""A worker's line to the run that started it: JSON lines over loopback TCP, reconnected if a case breaks it."""

from __future__ import annotations

import json
import os
import socket
import sys
from typing import Any

Message = dict[str, Any]


class Channel:
    """The worker's end. Only the process that made it may use it: a forked copy stays silent."""

    def __init__(self, port: int, token: str, serial: int) -> None:
        self._port = port
        self._hello = {"kind": "hello", "token": token, "worker": serial}
        self._pid = os.getpid()
        self._connect()

    def _connect(self) -> None:
        self._socket = socket.create_connection(("127.0.0.1", self._port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._identity = self._present_identity()
        self._buffer = b""
        self._write(self._hello)

    @property
    def ours(self) -> bool:
        """Whether this is the process that opened the channel, not a child that a case forked."""
        return os.getpid() == self._pid

    def descriptor(self) -> int:
        """Return the descriptor in use, which is no leak of the case."""
        return self._socket.fileno()

    def send(self, message: Message) -> None:
        """Send a message; if a case closed our descriptor, or something else took its number, connect again."""
        if self._present_identity() != self._identity:
            self._socket.detach()  # the number is somebody else's now
            self._connect()
        self._write(message)

    def receive(self) -> Message | None:
        """Wait for a message; None if the run has gone."""
        while b"\n" not in self._buffer:
            try:
                data = self._socket.recv(65536)
            except ConnectionError:
                return None
            if not data:
                return None
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        message: Message = json.loads(line)
        return message

    def _write(self, message: Message) -> None:
        # Cases may put lone surrogates into their texts: JSON's ASCII form carries them.
        self._socket.sendall(json.dumps(message).encode("ascii") + b"\n")

    def _present_identity(self) -> tuple[int, int] | None:
        if sys.platform == "win32":  # sockets are no descriptors there: os.fstat() knows nothing of them
            return None
        try:
            status = os.fstat(self._socket.fileno())
        except OSError:
            return (-1, -1)
        return status.st_dev, status.st_ino

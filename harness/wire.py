"""The line between the two ends of a gateway: JSON over an execnet channel, and the certainty that somebody is there.

Some facts about such a line:

* A pipe says that its other end has gone, at once. A network that broke, or a machine that was switched off, says
  nothing for hours. So both ends send a beat from time to time, and hear that the other one does.
* A pipe takes some 64 KiB that nobody reads, then writing to it blocks: when the reader was stopped with Ctrl-Z, for
  instance. So a thread does the writing; nobody waits for it.
* execnet sends text as UTF-8, in which there are no lone surrogates. JSON's ASCII form carries them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
import threading
from collections.abc import Callable
from typing import Any, Protocol

from .channel import Message

BEAT = 1.0
"""Seconds between beats."""


class Channel(Protocol):
    """What we use of an execnet channel; execnet itself need not be installed on the far end."""

    def send(self, item: object) -> None:
        """Send a piece of data."""

    def setcallback(self, callback: Callable[[Any], Any], endmarker: object) -> None:
        """Call something in a thread for each piece of data, and with the marker at the end."""


class LineError(Exception):
    """The other end has gone, or is not heard any more; the text says which."""


class Line:
    """One end of a line.

    Args:
        channel: carries it.
        patience: seconds of silence after which the other end is given up.
        ended: called when nothing more can come.
    """

    def __init__(self, channel: Channel, patience: float, ended: Callable[[], object] = lambda: None) -> None:
        self._loop = asyncio.get_running_loop()
        self._patience = patience
        self._ended = ended
        self._end: str | None = None
        self._inbox: asyncio.Queue[Message | None] = asyncio.Queue()
        self._outbox: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._silence = 0.0
        threading.Thread(target=self._deliver, args=(channel,), daemon=True).start()
        channel.setcallback(self._call, endmarker=None)
        self._beating = asyncio.create_task(self._beat())

    def send(self, message: Message) -> None:
        """Send a message, without waiting for anything."""
        self._outbox.put(json.dumps(message))

    async def receive(self) -> Message:
        """Wait for the next message.

        Raises:
            LineError: there is none.
        """
        message = await self._inbox.get()
        if message is None:
            self._inbox.put_nowait(None)  # nor will there ever be one
            raise LineError(self._end)
        return message

    def close(self) -> None:
        """Neither send nor receive any more."""
        self._beating.cancel()
        self._outbox.put(None)
        self._finish("it was closed")

    def _deliver(self, channel: Channel) -> None:
        while (text := self._outbox.get()) is not None:
            try:
                channel.send(text)
            except OSError:  # the channel has ended: who receives is told
                return

    async def _beat(self) -> None:
        # What is counted is our own beats, not time: if this machine slept, the other end is not to blame.
        while self._silence < self._patience:
            self.send({})
            await asyncio.sleep(BEAT)
            self._silence += BEAT
        self._finish(f"nothing was heard of it for {self._patience:g} s")

    def _call(self, text: str | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self._arrived, text)

    def _arrived(self, text: str | None) -> None:
        self._silence = 0.0
        if text is None:
            self._finish("its line was cut")
        elif self._end is None and (message := json.loads(text)):
            self._inbox.put_nowait(message)

    def _finish(self, reason: str) -> None:
        if self._end is None:
            self._end = reason
            self._inbox.put_nowait(None)
            self._ended()

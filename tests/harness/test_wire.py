"""The line between the ends of a gateway: what it carries, and how it ends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from everyloop.harness import wire
from everyloop.harness.wire import Line, LineError

from .made import HOSTILE


class Half:
    """An end of a channel in this process; like execnet's, it calls back in a thread and takes UTF-8 only."""

    def __init__(self) -> None:
        self.other: Half | None = None
        self.broken = False
        self._callback: Callable[[Any], Any] | None = None
        self._kept: list[str] = []
        self._lock = threading.Lock()

    def setcallback(self, callback: Callable[[Any], Any], endmarker: object) -> None:
        """Hear what comes, also what has come."""
        assert endmarker is None
        with self._lock:
            self._callback = callback
            kept, self._kept = self._kept, []
        for text in kept:
            callback(text)

    def send(self, item: object) -> None:
        """Let the other end hear something."""
        assert isinstance(item, str)
        if self.broken:
            raise OSError("cannot send (already closed?)")
        assert self.other is not None
        self.other.hear(item.encode("utf-8").decode("utf-8"))

    def hear(self, text: str | None) -> None:
        """Hear something, or that there is nothing more to hear."""
        with self._lock:
            callback = self._callback
            if callback is None and text is not None:
                self._kept.append(text)
        if callback is not None:
            callback(text)


def channel() -> tuple[Half, Half]:
    """Make both ends."""
    one, other = Half(), Half()
    one.other, other.other = other, one
    return one, other


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "BEAT", 0.01)


def test_it_carries_whatever_a_loop_may_say() -> None:
    async def main() -> None:
        here, there = (Line(end, 60) for end in channel())
        here.send({"detail": HOSTILE})
        assert await there.receive() == {"detail": HOSTILE}
        there.send({"first": 1})
        there.send({"second": None})
        assert [await here.receive(), await here.receive()] == [{"first": 1}, {"second": None}]
        here.close()
        there.close()

    asyncio.run(main())


def test_what_came_before_the_end_is_received() -> None:
    async def main() -> None:
        near, far = channel()
        ended = asyncio.Event()
        line = Line(near, 60, ended.set)
        far.send('{"last": "words"}')
        near.hear(None)
        await ended.wait()
        assert await line.receive() == {"last": "words"}
        for _ in range(2):
            with pytest.raises(LineError, match="its line was cut"):
                await line.receive()
        line.close()

    asyncio.run(main())


@pytest.mark.usefixtures("quick")
def test_an_end_that_says_nothing_is_given_up() -> None:
    async def main() -> None:
        near, _ = channel()
        line = Line(near, 0.05)
        with pytest.raises(LineError, match=r"nothing was heard of it for 0\.05 s"):
            await line.receive()
        line.close()

    asyncio.run(main())


@pytest.mark.usefixtures("quick")
def test_an_end_that_beats_is_there() -> None:
    async def main() -> None:
        # Here a beat is a hundredth of a second: a hundred of them without one from the other end are too many.
        here, there = (Line(end, 1) for end in channel())
        await asyncio.sleep(1.5)
        here.send({"still": "there"})
        assert await there.receive() == {"still": "there"}
        here.close()
        there.close()

    asyncio.run(main())


def test_sending_does_not_wait_for_a_reader() -> None:
    async def main() -> None:
        near, far = channel()
        stopped = threading.Event()
        far.hear = lambda _: stopped.wait()  # type: ignore[method-assign,assignment]
        line = Line(near, 60)
        for _ in range(1000):
            line.send({"text": "x" * 1000})
        stopped.set()
        line.close()

    asyncio.run(main())


def test_sending_to_nobody_is_no_error() -> None:
    async def main() -> None:
        near, _ = channel()
        near.broken = True
        line = Line(near, 60)
        line.send({"any": "body"})
        near.hear(None)
        with pytest.raises(LineError):
            await line.receive()
        line.close()

    asyncio.run(main())

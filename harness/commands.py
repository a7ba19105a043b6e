"""What the commands share: how they are written, how they run asynchronous work, what they end with."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

import click
from rich.table import Table

T = TypeVar("T")

AS_EXPECTED, NOT_AS_EXPECTED, USAGE, HARNESS_FAILED, INTERRUPTED = 0, 1, 2, 3, 130


class Command(click.Command):
    """A command whose epilog keeps its lines: examples are to be copied."""

    def format_epilog(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        """Write it as it is."""
        if self.epilog:
            formatter.write_paragraph()
            formatter.write(self.epilog.strip("\n") + "\n")


class Group(click.Group, Command):
    """A group of such commands."""

    command_class = Command


def complain(line: str) -> None:
    """Say something to the person, on standard error."""
    click.echo(f"everyloop: {line}", err=True)


def new_table(*headers: str) -> Table:
    """Make a table without lines."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for header in headers:
        table.add_column(header, overflow="fold")
    return table


def run_async(main: Coroutine[Any, Any, T]) -> T:
    """Run our own asynchronous work; Ctrl-C, SIGTERM and a closing terminal end it, the first time that one comes.

    Whoever is impatient may press Ctrl-C again: the handlers stay, and do nothing, while processes are ended and
    the results are written. What was ignored when we were started stays ignored.
    """
    interrupted = False
    numbers = {signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)}  # Windows has no SIGHUP
    before = {number: signal.getsignal(number) for number in numbers}

    async def interruptible() -> T:
        task = asyncio.current_task()
        loop = asyncio.get_running_loop()
        assert task is not None

        def interrupt(*_: object) -> None:
            nonlocal interrupted
            if not interrupted:
                interrupted = True
                loop.call_soon_threadsafe(task.cancel)

        for number, handler in before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, interrupt)
        return await main

    try:
        return asyncio.run(interruptible())
    except asyncio.CancelledError:
        if interrupted:
            raise KeyboardInterrupt from None
        raise
    finally:
        if not interrupted:
            for number, handler in before.items():
                signal.signal(number, handler)

"""What the commands share: how they are written, how they run asynchronous work, what they end with."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import signal
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.table import Table

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

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


def count_option(name: str, text: str) -> Callable[[F], F]:
    """Return the option ``-n``: how many at the same time."""
    default = os.cpu_count() or 1
    many = click.IntRange(min=1)
    return click.option("-n", name, type=many, default=default, show_default="one per CPU", metavar="N", help=text)


def timeout_option(default: float, text: str) -> Callable[[F], F]:
    """Return the option ``--timeout``, in seconds."""
    return click.option("--timeout", type=Seconds(), default=default, show_default=True, metavar="S", help=text)


def file_option(option: str, text: str) -> Callable[[F], F]:
    """Return an option for a file: ``--json F`` is the argument ``json_file``."""
    path = click.Path(dir_okay=False, path_type=Path)
    return click.option(option, f"{option.lstrip('-')}_file", type=path, metavar="F", help=text)


documents_argument = click.argument(
    "sources", metavar="R.json...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
"""The argument of a command that reads results documents: ``sources``."""


@contextlib.contextmanager
def written(path: Path) -> Iterator[None]:
    """Say in a line why a file cannot be written."""
    try:
        yield
    except OSError as error:
        raise click.ClickException(f"cannot write {path}: {error.strerror}") from None


class Seconds(click.FloatRange):
    """A time of more than 0 seconds, and not for ever."""

    def __init__(self) -> None:
        super().__init__(min=0, min_open=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return it as a number."""
        seconds: float = super().convert(value, param, ctx)
        if not math.isfinite(seconds):  # which no range keeps out
            self.fail(f"{seconds} is no time", param, ctx)
        return seconds


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

"""Loops that close descriptors that are not theirs."""

from __future__ import annotations

import asyncio
import os

from . import canary


def close_everything() -> None:
    """Close every descriptor there can be."""
    os.closerange(0, os.sysconf("SC_OPEN_MAX"))


@canary
def standard_streams(_: asyncio.AbstractEventLoop) -> None:
    """Close standard input, output and error."""
    os.closerange(0, 3)


@canary
def everything(_: asyncio.AbstractEventLoop) -> None:
    """Close every descriptor: the loop's own, the case's, and those of the process that runs it."""
    close_everything()

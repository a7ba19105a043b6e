"""Loops that are broken on purpose, each in one way: ``everyloop run canaries.crashing:segfault``.

A canary is asyncio's own loop but for the harm it does when somebody calls ``add_reader()``. asyncio itself does not
call that method, so a canary can be opened, runs coroutines, and passes every case that watches nothing.

It waits in ``poll()``: what ``epoll`` knows about descriptors is shared with forked children.
"""

from __future__ import annotations

import asyncio
import functools
import selectors
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVarTuple, Unpack

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

Ts = TypeVarTuple("Ts")
Harm: TypeAlias = Callable[[asyncio.AbstractEventLoop], object]


class Canary(asyncio.SelectorEventLoop):
    """A loop that does harm in ``add_reader()``."""

    def __init__(self, harm: Harm) -> None:
        super().__init__(selectors.PollSelector())
        self._harm = harm

    def add_reader(self, fd: FileDescriptorLike, callback: Callable[[Unpack[Ts]], Any], *args: *Ts) -> None:
        """Do harm, then what one expects."""
        self._harm(self)
        super().add_reader(fd, callback, *args)


def canary(harm: Harm) -> Callable[[], asyncio.AbstractEventLoop]:
    """Make a function that does harm the factory of a loop that does it."""
    return functools.partial(Canary, harm)

"""A loop from a package of its own, which registers itself with everyloop."""

from __future__ import annotations

import asyncio

from everyloop.harness.backends import Backend


class ThirdPartyLoop(asyncio.SelectorEventLoop):
    """As good as the standard library's, being it."""


def new_loop() -> asyncio.AbstractEventLoop:
    return ThirdPartyLoop()


ENTRY = Backend("another-name", "third_party_loop:new_loop", distribution="third-party-loop")

"""No loop runs in another thread than the main one, nor two at the same time."""

from __future__ import annotations

import asyncio
import threading

from ..accuse import accuse


def see(loop: asyncio.AbstractEventLoop) -> object:
    seen: list[object] = []

    def run() -> None:
        made = type(loop)()
        try:
            seen.append(made.run_until_complete(asyncio.sleep(0.01, "ran")))
        except RuntimeError as error:
            seen.append(type(error).__name__)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return seen


if __name__ == "__main__":
    accuse(see, "qasync", asyncio=["ran"], accused=["RuntimeError"])

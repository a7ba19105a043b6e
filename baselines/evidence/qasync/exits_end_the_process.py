"""SystemExit raised by a callback or a task ends the process at once, without any clean-up."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

from ..accuse import accuse

SCRIPT = """
import asyncio, sys
def new_qasync_loop():
    import PySide6.QtCore, qasync
    return qasync.QEventLoop(PySide6.QtCore.QCoreApplication([]))
loop = asyncio.new_event_loop() if sys.argv[1] == "asyncio" else new_qasync_loop()
loop.call_soon(sys.exit, 3)
try:
    loop.run_forever()
finally:
    print("cleaned up", flush=True)
"""


def see(loop: asyncio.AbstractEventLoop) -> object:
    kind = "qasync" if "Q" in type(loop).__name__ else "asyncio"
    command = [sys.executable, "-c", SCRIPT, kind]
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=10, check=False)
    return ended.stdout


if __name__ == "__main__":
    accuse(see, "qasync", asyncio="cleaned up\n", accused="")

"""shutdown_default_executor(timeout) waits for ever, and does not warn."""

from __future__ import annotations

from ..accuse import HANGS, accuse
from ..uvloop.executor_timeout_is_ignored import see

if __name__ == "__main__":
    accuse(see, "rloop", asyncio=(None, ["RuntimeWarning"]), accused=(HANGS, []), since=(3, 12))

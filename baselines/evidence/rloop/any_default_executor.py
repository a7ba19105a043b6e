"""set_default_executor() takes what is no ThreadPoolExecutor: documented, and a TypeError, since Python 3.11."""

from __future__ import annotations

from ..accuse import accuse, raises
from ..uvloop.any_default_executor import see

if __name__ == "__main__":
    accuse(see, "rloop", asyncio=raises("TypeError"), accused="taken")

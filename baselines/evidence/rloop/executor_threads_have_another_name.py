"""The threads of the default executor are not called asyncio_N."""

from __future__ import annotations

from ..accuse import accuse
from ..uvloop.executor_threads_have_another_name import see

if __name__ == "__main__":
    accuse(see, "rloop", asyncio="asyncio_0", accused="ThreadPoolExecutor-0_0")

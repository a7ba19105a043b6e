"""Subprocesses do not take keywords of subprocess.Popen, not even with their defaults."""

from __future__ import annotations

import asyncio

from ..accuse import accuse, raises, tried


async def see() -> object:
    seen = {}
    given = {"user": None, "group": None, "extra_groups": None, "umask": -1, "pipesize": -1, "process_group": None}
    for name, value in {**given, "encoding": None, "errors": None, "text": None}.items():
        starting = asyncio.create_subprocess_exec("true", **{name: value})  # type: ignore[arg-type]
        seen[name] = found if isinstance(found := await tried(starting), str) else "taken"
    return sorted(set(seen.values())), sum(how == "taken" for how in seen.values())


if __name__ == "__main__":
    accuse(see, "uvloop", asyncio=(["taken"], 9), accused=([raises("ValueError")], 0))

"""A script as a program: Python that anybody can run, without everyloop."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Sequence
from types import ModuleType
from typing import Any, TypeAlias

from . import worlds

Step: TypeAlias = tuple[Any, ...]
"""The name of a method of the world, and its arguments."""

SHEBANG = "#!/usr/bin/env python3"
_HEAD = '''{shebang}
"""{title}

Exit status 1: the loop does it again. 0: it does not. As it stands, this runs on {backend};
name package.module:factory to run it on another loop, asyncio:new_event_loop for the standard library's.
"""

from __future__ import annotations

{imports}


{script}


# What follows is the same below every such script.


{world}


def main() -> int:
    if len(sys.argv) > 1:
        module, _, name = sys.argv[1].partition(":")
        new_loop = getattr(importlib.import_module(module), name)
    else:
{factory}
    for _ in range(20):  # what depends on time may not happen every time
        if broken := execute(script, {runs}):
            print(broken)
            return 1
    print("nothing is wrong")
    return 0


if __name__ == "__main__":
    sys.exit(main())
'''


def program(world: ModuleType, steps: Sequence[Step], title: str, backend: str, factory: str) -> str:
    """Return the source of a program that executes a script.

    Args:
        world: the module of the script's world.
        steps: the script.
        title: what is wrong.
        backend: the name of the loop under test.
        factory: lines of Python that bind ``new_loop``, or ``run`` where there is no such function.
    """
    imports, body = _source(world)
    guest = "new_loop" not in factory
    indented = "\n".join(f"        {line}" for line in factory.splitlines())
    runs = "new_loop" if not _is_async(world) else "run" if guest else "runner(new_loop)"
    if guest:
        indented += "\n    if len(sys.argv) > 1:\n        run = runner(new_loop)"
    return _HEAD.format(
        shebang=SHEBANG,
        title=title.replace("\\", "\\\\").replace('"""', "'''"),
        backend=backend,
        imports=imports,
        script=_script(world, steps),
        world=body,
        factory=indented,
        runs=runs,
    )


@functools.cache
def _source(world: ModuleType) -> tuple[str, str]:
    """What a world imports, and the rest of its source, with that of what the worlds have in common."""
    imports = {"import importlib", "import sys"}
    bodies = []
    for module in (worlds, world):
        _, _, text = inspect.getsource(module).partition("from __future__ import annotations\n")
        lines = text.splitlines()
        imports.update(line for line in lines if re.match(r"(import|from (?!\.))", line))
        bodies.append("\n".join(line for line in lines if not re.match(r"(import|from) ", line)).strip("\n"))
    return "\n".join(sorted(imports, key=lambda line: (line.startswith("from"), line))), "\n\n\n".join(bodies)


def _script(world: ModuleType, steps: Sequence[Step]) -> str:
    lines = [f"{'async ' * _is_async(world)}def script(world: World) -> None:"]
    for name, *arguments in steps:
        awaited = "await " if inspect.iscoroutinefunction(getattr(world.World, name)) else ""
        lines.append(f"    {awaited}world.{name}({', '.join(map(repr, arguments))})")
    return "\n".join(lines if steps else [*lines, "    pass"])


def _is_async(world: ModuleType) -> bool:
    return "run" in inspect.signature(world.execute).parameters

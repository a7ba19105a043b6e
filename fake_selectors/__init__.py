"""Fake kernels, and CPython's own event loops over them. Imports the standard library only.

What is named here is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import linux, windows
    from .darwin import MacOSKqueueSelector, macos
    from .linux import LinuxSelectSelector
    from .platform import Platform
    from .windows import WindowsSelectSelector

__all__ = [
    "LinuxSelectSelector",
    "MacOSKqueueSelector",
    "Platform",
    "WindowsSelectSelector",
    "linux",
    "macos",
    "windows",
]

_HOME = {
    "LinuxSelectSelector": "linux",
    "MacOSKqueueSelector": "darwin",
    "Platform": "platform",
    "WindowsSelectSelector": "windows",
    "macos": "darwin",
}
"""The module of each name that is not a module itself."""


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _HOME.get(name)
    module = importlib.import_module(f".{home or name}", __name__)
    value = getattr(module, name) if home else module
    globals()[name] = value
    return value

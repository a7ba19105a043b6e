"""What macOS tells of its version: to ``uname()``, and in a file, which is all that :mod:`platform` looks at.

Facts:

1. ``uname()`` has the version of the kernel, Darwin: 10.0 in macOS 10.6, one more each year; 20.0 in macOS 11, 25.0 in
   macOS 26. https://en.wikipedia.org/wiki/Darwin_(operating_system)#Release_history
2. The version of macOS is ``ProductVersion`` in `SYSTEM_VERSION`, a property list.
   https://docs.python.org/3/library/platform.html#platform.mac_ver
3. Macs of macOS 11 and later are emulated with Apple's processor, older ones with Intel's.

Known differences: the executable of Python (``platform.architecture()``) and the command ``uname -p``
(``platform.processor()``) are this machine's.
"""

# ruff: noqa: E402 - where the assertion fails, type checkers read no further
from __future__ import annotations

import builtins
import io
import os
import sys
from collections.abc import Callable
from typing import Any

assert sys.platform == "linux", "macOS is emulated over Linux' epoll"

from ...views import View

SYSTEM_VERSION = "/System/Library/CoreServices/SystemVersion.plist"


def functions_of_os(version: str) -> dict[str, object]:
    """Return what of :mod:`os` depends on a version of macOS."""

    def exists(path: Any) -> bool:
        """Tell whether there is a file."""
        return path == SYSTEM_VERSION or os.path.exists(path)  # noqa: PTH110 - this is that function

    def uname() -> os.uname_result:
        """Return the names of the kernel and of this machine."""
        of_kernel = f"{darwin(version)}.0.0"
        named = f"Darwin Kernel Version {of_kernel}"
        return os.uname_result(("Darwin", os.uname().nodename, of_kernel, named, machine(version)))

    return {"uname": uname, "path": View(os.path, {"exists": exists})}


def opening(version: str) -> Callable[..., Any]:
    """Return ``open()`` of a system that has the file with its version."""

    def open_(file: Any, *arguments: Any, **keywords: Any) -> Any:
        if file != SYSTEM_VERSION:
            return builtins.open(file, *arguments, **keywords)  # noqa: PTH123 - and this that
        import plistlib

        return io.BytesIO(plistlib.dumps({"ProductName": "macOS", "ProductVersion": version}))

    return open_


def darwin(version: str) -> int:
    """Return the number of Darwin in a version of macOS."""
    major, _, minor = version.partition(".")
    if minor:
        return int(minor) + 4
    return int(major) + (9 if int(major) <= 15 else -1)


def machine(version: str) -> str:
    """Return the processor of a Mac with a version of macOS."""
    return "x86_64" if "." in version else "arm64"

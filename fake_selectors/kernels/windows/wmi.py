"""Windows Management Instrumentation: what Python's :mod:`platform` asks the system since 3.12.

Facts:

1. ``_wmi.exec_query(query)`` returns one text, ``name=value`` for each property, with a NUL between two.
   https://github.com/python/cpython/blob/main/PC/_wmimodule.cpp
2. It takes queries that begin with ``SELECT`` only: ``ValueError``.
3. The properties of the system and of the processor, and their values:
   https://learn.microsoft.com/windows/win32/cimwin32prov/win32-operatingsystem and ``…/win32-processor``.
"""

# ruff: noqa: E402 - where the assertion fails, type checkers read no further
from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from types import ModuleType

assert sys.platform == "linux", "Windows is emulated over Linux' kernel"

from ...views import Fake
from .system import PROCESSOR, WINDOWS_11

CLASSES: Mapping[str, Mapping[str, object]] = {
    "Win32_OperatingSystem": {
        "Version": ".".join(map(str, WINDOWS_11.platform_version)),
        "ProductType": WINDOWS_11.product_type,
        "BuildType": "Multiprocessor Free",
        "ServicePackMajorVersion": WINDOWS_11.service_pack_major,
        "ServicePackMinorVersion": WINDOWS_11.service_pack_minor,
    },
    "Win32_Processor": {
        "Architecture": PROCESSOR.architecture,
        "Caption": PROCESSOR.caption,
        "Manufacturer": PROCESSOR.manufacturer,
    },
}
_QUERY = re.compile(r"SELECT\s+(?P<names>\w+(?:\s*,\s*\w+)*)\s+FROM\s+(?P<kind>\w+)\s*", re.IGNORECASE)


def module() -> ModuleType:
    """Return :mod:`_wmi`."""
    return Fake("_wmi", {"exec_query": exec_query})


def exec_query(query: str) -> str:
    """Return properties of the one system, or the one processor, that there is.

    Raises:
        ValueError: the query selects nothing.
        NotImplementedError: it asks for what this Windows does not know of itself.
    """
    if not query.upper().startswith("SELECT "):
        raise ValueError("only SELECT queries are supported")
    asked = _QUERY.fullmatch(query)
    known = CLASSES.get(asked["kind"], {}) if asked else {}
    names = re.split(r"\s*,\s*", asked["names"]) if asked else []
    if not known or not known.keys() >= set(names):
        raise NotImplementedError(f"_wmi.exec_query({query!r}) is not emulated")
    return "\0".join(f"{name}={known[name]}" for name in names)

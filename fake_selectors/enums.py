""":mod:`enum` for modules that are executed again.

``socket`` and ``signal`` turn their constants into enumerations with ``IntEnum._convert_``, which looks the calling
module up by name in ``sys.modules`` and writes into it. Called from a second copy, it would write into the process's
own module. Here the same code of CPython's looks into the library.
"""

from __future__ import annotations

import enum
import sys
from collections.abc import Mapping
from types import FunctionType, ModuleType, new_class
from typing import Any

from .views import View


def module(modules: Mapping[str, ModuleType]) -> ModuleType:
    """Return :mod:`enum` with a ``_convert_`` that knows `modules` instead of :data:`sys.modules`."""
    genuine: Any = enum.EnumType.__dict__["_convert_"]
    convert = FunctionType(genuine.__code__, {**vars(enum), "sys": View(sys, {"modules": modules})}, "_convert_")
    convert.__defaults__, convert.__kwdefaults__ = genuine.__defaults__, genuine.__kwdefaults__
    exporting = type("EnumType", (enum.EnumType,), {"_convert_": convert})
    kinds = [new_class(kind.__name__, (kind,), {"metaclass": exporting}) for kind in (enum.IntEnum, enum.IntFlag)]
    return View(enum, {kind.__name__: kind for kind in kinds})

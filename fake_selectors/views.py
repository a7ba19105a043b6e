"""Modules of this process as another platform shows them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import ModuleType
from typing import Any, NoReturn


class View(ModuleType):
    """A module with some names changed and some missing; all others are those of the real module, now and later.

    To set one of the others is to set it in the real module (``sys.stdout = log``): that is where everyone looks. To
    delete it then gives back what was there, for what replaces names for a while (pytest's ``monkeypatch``) deletes
    those that it did not find in the module's dictionary.

    Args:
        real: the module of this process.
        changed: names that are different, or exist only, on the platform.
        missing: names that the platform does not have.
    """

    def __init__(self, real: ModuleType, changed: Mapping[str, object], missing: Collection[str] = ()) -> None:
        super().__init__(real.__name__, real.__doc__)
        self.__dict__.update(changed, _real=real, _missing=frozenset(missing) - changed.keys(), _shadowed={})
        self.__dict__.update({name: value for name, value in vars(real).items() if name in _DESCRIPTION})

    def __getattr__(self, name: str) -> Any:
        if name in self._missing:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        if name == "__all__":
            return self._exported()
        return getattr(self._real, name)

    def __setattr__(self, name: str, value: object) -> None:
        if name in self.__dict__ or name in self._missing:
            super().__setattr__(name, value)
            return
        current = vars(self._real).get(name, _ABSENT)
        before, ours = self._shadowed.get(name, (current, current))
        self._shadowed[name] = before if ours is current else current, value
        setattr(self._real, name, value)

    def __delattr__(self, name: str) -> None:
        if name in self.__dict__ or name in self._missing:
            super().__delattr__(name)
            return
        before, _ = self._shadowed.pop(name, (_ABSENT, None))
        if before is _ABSENT:
            delattr(self._real, name)
        else:
            setattr(self._real, name, before)

    def _exported(self) -> list[str]:
        """Return what ``from module import *`` takes; without this it would take the changed names only."""
        own = set(getattr(self._real, "__all__", None) or dir(self._real)) | self.__dict__.keys()
        return sorted(name for name in own - self._missing if not name.startswith("_"))

    def __dir__(self) -> list[str]:
        own = {name for name in self.__dict__ if name not in _OWN}
        return sorted((own | set(dir(self._real))) - self._missing)


_ABSENT: Any = object()
_OWN = ("_real", "_missing", "_shadowed")
_DESCRIPTION = ("__file__", "__loader__", "__package__", "__spec__")


class Fake(ModuleType):
    """A module that this process does not have.

    Args:
        name: of the module.
        names: all that is emulated of it.
        absent: functions that the platform has and this emulation has not: calling one raises `NotImplementedError`
            with its name, for a fake never guesses.
    """

    def __init__(self, name: str, names: Mapping[str, object], absent: Collection[str] = ()) -> None:
        super().__init__(name)
        self.__dict__.update({function: not_emulated(f"{name}.{function}") for function in absent})
        self.__dict__.update(names)


def not_emulated(name: str) -> object:
    """Return a function that raises `NotImplementedError` with its name."""

    def function(*args: object, **keywords: object) -> NoReturn:
        raise NotImplementedError(f"{name} is not emulated")

    function.__name__ = function.__qualname__ = name.rpartition(".")[2]
    return function

"""Emulated backends: their platform, made from what a backend's entry fixes and what the user's knobs say."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from ..fake_selectors.platform import Platform

Value = str | int | float | bool
"""Of a knob."""


class KnobError(ValueError):
    """A knob that does not exist, or has no such value; the text is one line for a person, without the backend."""


def knobs_of(reference: str) -> dict[str, Value]:
    """Return the knobs of the platform that a factory makes, ``package.module:function``, with their defaults."""
    parameters = inspect.signature(_factory(reference)).parameters.values()
    return {parameter.name: parameter.default for parameter in parameters}


def read_knobs(reference: str, fixed: Mapping[str, Value], text: str) -> dict[str, Value]:
    """Return the knobs of ``knob=value,knob=value``.

    Raises:
        KnobError: there is no such knob, or the platform has no such value for it.
    """
    known = {name: value for name, value in knobs_of(reference).items() if name not in fixed}
    knobs: dict[str, Value] = {}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if name not in known:
            there = f"it has {', '.join(known)}" if known else "it has none"
            raise KnobError(f"has no knob {name!r}: {there}")
        if not equals or not value:
            raise KnobError(f"knob {name}: write {name}={known[name] or name.upper()}, with a value of your own")
        if name in knobs:
            raise KnobError(f"knob {name} is given twice")
        knobs[name] = _converted(name, value, type(known[name]))
    try:
        make(reference, {**fixed, **knobs})
    except ValueError as error:
        raise KnobError(f"knob {error}") from None
    return knobs


def make(reference: str, settings: Mapping[str, Value]) -> Platform:
    """Make the platform.

    Raises:
        ValueError: it has no such value for a setting.
    """
    return _factory(reference)(**settings)


def _factory(reference: str) -> Callable[..., Platform]:
    module, _, name = reference.partition(":")
    return cast("Callable[..., Platform]", getattr(importlib.import_module(module), name))


def _converted(name: str, text: str, kind: type[Value]) -> Value:
    if kind is bool:
        if text not in {"true", "false"}:
            raise KnobError(f"knob {name}: {text!r} is neither true nor false")
        return text == "true"
    try:
        return kind(text)
    except ValueError:
        words = {int: "a whole number", float: "a number"}
        raise KnobError(f"knob {name}: {text!r} is not {words[kind]}") from None

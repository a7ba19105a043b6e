"""How a case says which behaviour it shows and what it needs."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from .gates import Gate
    from .subject import Run

_Case = TypeVar("_Case", bound=Callable[..., Any])
_ATTRIBUTE = "__everyloop_declaration__"


@dataclass(frozen=True)
class Declaration:
    """What a case declared: the id of its behaviour and its gates."""

    behaviour: str
    gates: tuple[Gate, ...]


def shows(behaviour: str, *gates: Gate) -> Callable[[_Case], _Case]:
    """Declare that a function is the case (or one of the cases) of the behaviour with this id.

    An ``async def`` case runs on the loop under test, inside :func:`asyncio.get_running_loop`'s loop; a plain one
    gets a stopped loop by naming the fixture ``loop``.

    Args:
        behaviour: an id of the catalogue, ``"FD-03"``.
        gates: what the case needs of the machine, from :mod:`everyloop.conformance.gates`.
    """

    def declare(case: _Case) -> _Case:
        runnable: Any = _on_the_loop(case) if inspect.iscoroutinefunction(case) else case
        setattr(runnable, _ATTRIBUTE, Declaration(behaviour, gates))
        return runnable  # type: ignore[no-any-return]

    return declare


def declaration(function: object) -> Declaration | None:
    """Return what `function` declared with :func:`shows`; None for anything that is no case."""
    found = getattr(function, _ATTRIBUTE, None)
    return found if isinstance(found, Declaration) else None


def _on_the_loop(case: Callable[..., Any]) -> Callable[..., None]:
    """Make a plain function of an async case: pytest, and its async plugins, then have nothing to interpret."""
    signature = inspect.signature(case)
    run_parameter = inspect.Parameter("run", inspect.Parameter.KEYWORD_ONLY)

    @functools.wraps(case)
    def on_the_loop(*, run: Run, **arguments: Any) -> None:
        run(lambda: case(**arguments))

    on_the_loop.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), run_parameter]
    )
    del on_the_loop.__wrapped__
    return on_the_loop

"""From what happened in a case to a verdict about the loop."""

from __future__ import annotations

import asyncio
import collections
import inspect
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import pytest

from .. import conformance
from ..conformance.catalogue import Level
from ..conformance.subject import InconclusiveError

Verdict: TypeAlias = Literal["pass", "fail", "deviation", "unsupported", "crash", "hang", "info", "skip", "error"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
MEANINGS: dict[str, str] = {
    "pass": "the loop shows the behaviour",
    "fail": "it does not, and the behaviour is a must: documented, or relied on everywhere",
    "deviation": "it does not, and the behaviour is a should: the standard library's loops do it, others may differ",
    "unsupported": "the method raises NotImplementedError, is absent, or refuses a documented keyword",
    "crash": "the process died: the detail has the signal and the stack",
    "hang": "there was no verdict within --timeout seconds: the detail has the stack of every thread",
    "info": "implementation-defined: what the loop does is recorded, never failed",
    "skip": "this machine or this Python lacks something the case needs: the detail says what",
    "error": "the standard library's own loop is no better here, or the harness failed: not this loop's fault",
}
GOOD = frozenset({"pass", "info", "skip"})
BROKEN: dict[Level, Verdict] = {"must": "fail", "should": "deviation", "info": "info"}
DETAIL_LIMIT = 2000  # characters


class LoopFaultError(Exception):
    """The loop under test failed outside the case's own lines: it could not be made, or not be closed."""


@dataclass(frozen=True)
class Outcome:
    """A verdict, the shortest useful text beside it, and the id of the documented limit that explains it."""

    verdict: Verdict
    detail: str | None = None
    limit: str | None = None


def counts(verdicts: collections.Counter[str]) -> str:
    """Count per verdict, in the order of the verdicts: ``48 pass, 3 deviation``."""
    return ", ".join(f"{verdicts[verdict]} {verdict}" for verdict in VERDICTS if verdicts[verdict])


def judge(
    level: Level,
    phase: str,
    error: BaseException | None,
    observed: Iterable[str] = (),
    previous: Outcome | None = None,
) -> Outcome:
    """Judge one phase (``setup``, ``call``, ``teardown``) of a case.

    A later phase makes a good verdict worse, never a bad one better.
    """
    seen = "; ".join(observed) or None
    if error is None:
        if previous is not None:
            return previous if phase == "teardown" else _good(level, seen)
        return _good(level, seen)
    if phase == "teardown" and previous is not None and previous.verdict not in {"pass", "info"}:
        return previous
    if isinstance(error, pytest.skip.Exception):
        return Outcome("skip", str(error))
    if phase != "call" and not isinstance(error, LoopFaultError):
        return Outcome("error", f"{phase} of the case failed: {describe(error)}")
    if (lacking := what_is_unsupported(error)) is not None:
        return Outcome("unsupported", lacking)
    verdict: Verdict = "error" if isinstance(error, InconclusiveError) else BROKEN[level]
    detail = "; ".join(filter(None, [seen, describe(error)]))
    return Outcome(verdict, "\n".join([detail, *getattr(error, "__notes__", ())]))


def _good(level: Level, seen: str | None) -> Outcome:
    return Outcome("info", seen) if level == "info" else Outcome("pass")


def what_is_unsupported(error: BaseException) -> str | None:
    """Say what the loop does not have, if that is what the error means; None if it means anything else.

    Three answers count: NotImplementedError, a public method of asyncio's interfaces that is absent, and a documented
    keyword that is refused.
    """
    names, keywords = _public_interface()
    if isinstance(error, NotImplementedError):
        return describe(error)
    if isinstance(error, AttributeError) and error.name in names and _is_foreign(error.obj):
        return f"{type(error.obj).__qualname__} has no {error.name}"
    if isinstance(error, TypeError):
        found = re.search(r"(?:unexpected|invalid) keyword argument:? [`'\"](\w+)", str(error)) or re.search(
            r"[`'\"](\w+)[`'\"] is an (?:unexpected|invalid) keyword argument", str(error)
        )
        if found and found[1] in keywords:
            return str(error)
    return None


def describe(error: BaseException) -> str:
    """Type, text and place of an error, short: the place is the last line of a case it passed through."""
    if isinstance(error, BaseExceptionGroup):
        text = "; ".join(map(describe, error.exceptions))
    else:
        text = str(error).strip() or "(no message)"
    if len(text) > DETAIL_LIMIT:
        text = f"{text[:DETAIL_LIMIT]}…"
    name = type(error).__name__
    shown = text if isinstance(error, AssertionError) and text.startswith("assert ") else f"{name}: {text}"
    place = _place(error)
    return f"{shown} ({place})" if place else shown


def _place(error: BaseException) -> str | None:
    folders = {Path(place).resolve() for place in conformance.__path__}
    place = None
    trace = error.__traceback__
    while trace is not None:
        path = Path(trace.tb_frame.f_code.co_filename)
        if path.parent.resolve() in folders and path.stem != "declare":
            place = f"{path.name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


def _is_foreign(thing: object) -> bool:
    return not type(thing).__module__.startswith((conformance.__name__, "builtins"))


@cache
def _public_interface() -> tuple[frozenset[str], frozenset[str]]:
    """The public names of asyncio's interfaces, and the keywords their methods document."""
    kinds: tuple[type, ...] = (
        asyncio.AbstractEventLoop,
        asyncio.BaseEventLoop,
        asyncio.SelectorEventLoop,
        asyncio.Transport,
        asyncio.DatagramTransport,
        asyncio.SubprocessTransport,
        asyncio.Server,
        asyncio.TimerHandle,
    )
    names = {name for kind in kinds for name in dir(kind) if not name.startswith("_")}
    keywords = {
        parameter
        for kind in kinds
        for name in names
        if inspect.isfunction(method := getattr(kind, name, None))
        for parameter in inspect.signature(method).parameters
    }
    # What no signature shows: create_task() forwards these, and this one is an attribute of instances.
    return frozenset(names | {"slow_callback_duration"}), frozenset(keywords | {"context", "eager_start", "name"})

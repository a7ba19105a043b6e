"""A worker: a process that runs cases on one backend, one at a time, as the run asks for them.

It is made to be lost (see station.py). What it sends:

=============  ===================================================================
``hello``      the token and the worker's serial number, on every (re)connection
``open``       the backend ran ``asyncio.sleep(0)``: its loop, its version, and the selected cases
``refused``    or why it did not, in one line
``again``      the case is executed once more, to see whether it leaves the same behind
``busy``       the case has executed another script
``verdict``    for each ``{"run": case}`` from the other side
=============  ===================================================================
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from . import hygiene, inherited, processes, sharding, template
from .backends import BackendError
from .channel import Message
from .explaining import left_by
from .judging import BROKEN, GOOD, Outcome, describe
from .orders import Assignment, Effort, Selection, received
from .station import Station

if TYPE_CHECKING:
    from ..fake_selectors.limits import Limit
    from .suite import Case, Suite

PLACEHOLDER = "asyncio"
"""The backend that stands in the options until the worker knows its own."""


def main() -> int:
    """Be a worker or a template, as the environment says."""
    processes.die_with_parent()
    inherited.reset()
    selection, assignment = received()
    arguments = ["--pyargs", "everyloop.conformance", "--everyloop", PLACEHOLDER]
    arguments += ["-c", os.devnull, "--rootdir", ".", "--noconftest", "--capture=no"]
    arguments += ["-k", selection.keyword] if selection.keyword else []
    # What reports to people, or watches the process as we do ourselves.
    for name in ("terminal", "cacheprovider", "faulthandler", "unraisableexception", "threadexception"):
        arguments += ["-p", f"no:{name}"]
    server = Server(selection, assignment)
    return pytest.main(arguments, plugins=[f"{__package__}.plugin", server])


class EscapedError(Exception):
    """An exception left a case that no case may raise: it is meant for whoever runs the process."""


class Server:
    """The pytest plugin that runs cases on request instead of in order."""

    def __init__(self, selection: Selection, assignment: Assignment | None) -> None:
        self._selection = selection
        self._assignment = assignment
        self._shard: sharding.Shard | None = None

    def pytest_configure(self, config: pytest.Config) -> None:
        """Spare pytest its long explanation of a failure: nobody reads it, and it takes longer than most cases."""
        config.option.tbstyle = "native"

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the cases of the areas and levels asked for, or a shard of them."""
        from .suite import case_of

        areas, levels = self._selection.areas, self._selection.levels

        def wanted(item: pytest.Item) -> bool:
            case = case_of(item)
            return (
                case is not None
                and (not areas or case.behaviour.area in areas)
                and (not levels or case.behaviour.level in levels)
            )

        items[:] = [item for item in items if wanted(item)]
        if self._selection.shard is not None:
            self._shard = sharding.shard(*self._selection.shard, [case.id for case in map(case_of, items) if case])
            items[:] = sharding.part(*self._selection.shard, items)

    @pytest.fixture
    def tmp_path(self) -> Iterator[Path]:
        """A folder for the case, inside the worker's own; it is gone after the case, not three runs later."""
        folder = Path(tempfile.mkdtemp(dir=Path.cwd()))
        yield folder
        shutil.rmtree(folder, ignore_errors=True)

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self) -> Generator[None, object, object]:
        """Make what would end pytest an error of the case: its fixtures are then torn down as after any other."""
        try:
            return (yield)
        except (KeyboardInterrupt, pytest.exit.Exception) as error:
            raise EscapedError(f"{type(error).__name__}: {error}") from error

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Serve, in this process or in those forked from it."""
        from .suite import Suite, case_of

        suite = session.config.pluginmanager.get_plugin(Suite.NAME)
        assert isinstance(suite, Suite)
        found = ((item, case_of(item)) for item in session.items)
        cases = {case.id: (item, case) for item, case in found if case is not None}
        assignment = self._assignment
        if assignment is None:
            line = socket.socket(fileno=0)
            line.send(b"ready")
            text = template.serve(line)
            if text is None:
                return True
            assignment = Assignment(**json.loads(text))
        _Worker(assignment, suite, cases, self._shard).work()
        if self._assignment is None:
            sys.stdout.flush()
            os._exit(0)  # the rest of this stack is the template's
        return True


class _Worker:
    def __init__(
        self,
        assignment: Assignment,
        suite: Suite,
        cases: dict[str, tuple[pytest.Item, Case]],
        shard: sharding.Shard | None,
    ) -> None:
        self._name = assignment.backend
        self._suite = suite
        self._cases = cases
        self._shard = shard
        self._station = Station(assignment)
        self._limits: tuple[Limit, ...] = ()

    def work(self) -> None:
        """Open the backend, then run what is asked for until the line ends."""
        if self._open():
            for request in self._station.requests():
                effort = Effort(**request["effort"])
                self._station.send({"kind": "verdict"} | self._judge(request["run"], effort))

    def _open(self) -> bool:
        try:
            with self._station.starting():
                backend = self._suite.become(self._name)
        except BackendError as error:
            self._station.send({"kind": "refused", "reason": str(error)})
            return False
        from .suite import explores

        about = [
            {"case": case.id, "behaviour": case.behaviour.id}
            | {"area": case.behaviour.area, "level": case.behaviour.level, "explores": explores(item)}
            for item, case in self._cases.values()
        ]
        entry = backend.backend
        self._limits = entry.limits()
        self._station.send(
            {"kind": "open", "loop": backend.loop, "version": entry.version(), "cases": about, "shard": self._shard}
            | {"platform": entry.platform, "emulated": entry.emulated is not None, "knobs": dict(entry.knobs)}
        )
        return True

    def _judge(self, name: str, effort: Effort) -> Message:
        before = hygiene.Snapshot.take()
        started = time.perf_counter()
        outcome, interrupted = self._run(name, effort)
        duration = time.perf_counter() - started
        now, leaks, damage = hygiene.settled(before)
        if leaks and not damage and outcome.verdict == "pass":
            # A pool of threads, a pipe for signals: what a loop makes once in a process is not left again.
            self._station.send({"kind": "again"})
            _, interrupted = self._run(name, Effort())
            now, leaks, damage = hygiene.settled(now)
        cleanup, limit = hygiene.summary(leaks + damage), outcome.limit
        if limit is None and outcome.verdict in GOOD and (left := left_by(cleanup, self._limits)) is not None:
            limit = left.id
        return {
            "verdict": outcome.verdict,
            "detail": outcome.detail,
            "limit": limit,
            "cleanup": cleanup,
            "duration": round(duration, 6),
            "dirty": bool(leaks or damage or interrupted),
        }

    def _run(self, name: str, effort: Effort) -> tuple[Outcome, bool]:
        """Run a case under the watchdog; also say whether it left pytest itself in the middle of something."""
        from .suite import LOGGED, OUTCOME

        self._suite.explore(effort, self._station.keep)
        item, case = self._cases[name]
        if OUTCOME in item.stash:
            del item.stash[OUTCOME]
        with self._station.executing():
            try:
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            except (KeyboardInterrupt, pytest.exit.Exception) as escaped:
                detail = f"escaped from the case: {describe(escaped)}"
                return Outcome(BROKEN[case.behaviour.level], detail), True
            finally:
                if not self._station.channel.ours:
                    os._exit(0)  # a child that a case forked, and that came back from the case as if it were us
                # An error keeps alive what the case held, such as a process that owns a descriptor.
                item.stash.get(LOGGED, []).clear()
                for kept in ("last_exc", "last_traceback", "last_type", "last_value"):
                    vars(sys).pop(kept, None)
        return item.stash[OUTCOME], False


if __name__ == "__main__":
    sys.exit(main())

"""From what happened to a verdict."""

from __future__ import annotations

import asyncio
import collections
from typing import Any

import pytest
from everyloop.conformance import peers
from everyloop.conformance.catalogue import Level
from everyloop.harness.judging import (
    DETAIL_LIMIT,
    LoopFaultError,
    Outcome,
    counts,
    describe,
    judge,
    what_is_unsupported,
)


def failing(error: BaseException) -> BaseException:
    """The error as somebody caught it, with a traceback."""
    try:
        raise error
    except BaseException as caught:  # noqa: BLE001 - handed back
        return caught


def caught(call: Any) -> BaseException:
    try:
        call()
    except Exception as error:  # noqa: BLE001 - handed back
        return error
    raise AssertionError("nothing was raised")


class Loop:
    """A loop of somebody else's that lacks nearly everything."""

    def create_server(self, port: int) -> None: ...

    def add_reader(self, fd: int, callback: object) -> None:
        raise NotImplementedError("no descriptors here")


class TestLevels:
    @pytest.mark.parametrize(("level", "verdict"), [("must", "pass"), ("should", "pass"), ("info", "info")])
    def test_nothing_raised(self, level: Level, verdict: str) -> None:
        assert judge(level, "call", None) == Outcome(verdict)  # type: ignore[arg-type]

    @pytest.mark.parametrize(("level", "verdict"), [("must", "fail"), ("should", "deviation"), ("info", "info")])
    def test_something_raised(self, level: Level, verdict: str) -> None:
        outcome = judge(level, "call", failing(AssertionError("assert 1 == 2")))
        assert outcome == Outcome(verdict, "assert 1 == 2")  # type: ignore[arg-type]

    @pytest.mark.parametrize("level", ["must", "should", "info"])
    def test_what_is_unsupported_is_so_on_every_level(self, level: Level) -> None:
        assert judge(level, "call", failing(NotImplementedError())).verdict == "unsupported"

    def test_an_informational_case_says_what_it_saw(self) -> None:
        assert judge("info", "call", None, ["one", "two"]) == Outcome("info", "one; two")

    def test_an_informational_case_that_fails_says_what_it_saw_and_why(self) -> None:
        outcome = judge("info", "call", failing(ValueError("odd")), ["one"])
        assert outcome == Outcome("info", "one; ValueError: odd")

    def test_other_cases_have_no_detail_when_all_is_well(self) -> None:
        assert judge("must", "call", None, ["one"]) == Outcome("pass")


class TestPhases:
    def test_a_skip_keeps_its_reason(self) -> None:
        reason = failing(pytest.skip.Exception("needs IPv6"))
        assert judge("must", "setup", reason) == Outcome("skip", "needs IPv6")
        assert judge("must", "call", reason, previous=Outcome("pass")) == Outcome("skip", "needs IPv6")

    @pytest.mark.parametrize("phase", ["setup", "teardown"])
    def test_what_fails_around_the_case_is_not_the_fault_of_the_loop(self, phase: str) -> None:
        outcome = judge("must", phase, failing(OSError("disk full")), previous=Outcome("pass"))
        assert outcome == Outcome("error", f"{phase} of the case failed: OSError: disk full")

    def test_not_even_if_it_looks_unsupported(self) -> None:
        assert judge("must", "setup", failing(NotImplementedError())).verdict == "error"

    @pytest.mark.parametrize("phase", ["setup", "teardown"])
    @pytest.mark.parametrize(("level", "verdict"), [("must", "fail"), ("should", "deviation"), ("info", "info")])
    def test_a_loop_that_cannot_be_made_or_closed_is_at_fault(self, phase: str, level: Level, verdict: str) -> None:
        outcome = judge(level, phase, failing(LoopFaultError("loop.close() raised")), previous=Outcome("pass"))
        assert outcome == Outcome(verdict, "LoopFaultError: loop.close() raised")  # type: ignore[arg-type]

    def test_the_call_replaces_what_the_setup_gave(self) -> None:
        before = judge("info", "setup", None)
        assert judge("info", "call", None, ["seen"], before) == Outcome("info", "seen")
        assert judge("must", "call", failing(ValueError("no")), previous=Outcome("pass")).verdict == "fail"

    def test_a_good_teardown_changes_nothing(self) -> None:
        for outcome in (Outcome("pass"), Outcome("fail", "why"), Outcome("skip", "why"), Outcome("info", "seen")):
            assert judge("must", "teardown", None, ["seen"], outcome) is outcome

    @pytest.mark.parametrize("before", [Outcome("fail", "the case"), Outcome("unsupported"), Outcome("skip", "why")])
    @pytest.mark.parametrize(
        "error", [LoopFaultError("cannot be closed"), OSError("disk full"), pytest.skip.Exception("not here")]
    )
    def test_a_bad_teardown_hides_no_verdict(self, before: Outcome, error: BaseException) -> None:
        assert judge("must", "teardown", failing(error), previous=before) is before

    def test_a_bad_teardown_spoils_an_observation(self) -> None:
        outcome = judge("info", "teardown", failing(OSError("disk full")), ["seen"], Outcome("info", "seen"))
        assert outcome == Outcome("error", "teardown of the case failed: OSError: disk full")

    def test_a_skip_in_teardown_after_a_pass_is_a_skip(self) -> None:
        skipped = failing(pytest.skip.Exception("not here"))
        assert judge("must", "teardown", skipped, previous=Outcome("pass")) == Outcome("skip", "not here")


class TestUnsupported:
    def test_not_implemented(self) -> None:
        found = what_is_unsupported(caught(lambda: Loop().add_reader(1, print)))
        assert found == "NotImplementedError: no descriptors here"

    def test_a_public_method_that_is_absent(self) -> None:
        loop: Any = Loop()
        assert what_is_unsupported(caught(lambda: loop.sock_sendfile)) == "Loop has no sock_sendfile"

    def test_an_attribute_of_instances_that_is_absent(self) -> None:
        loop: Any = Loop()
        assert what_is_unsupported(caught(lambda: loop.slow_callback_duration)) == "Loop has no slow_callback_duration"

    def test_a_name_that_asyncio_does_not_have(self) -> None:
        loop: Any = Loop()
        assert what_is_unsupported(caught(lambda: loop.create_unicorn)) is None

    def test_a_private_name(self) -> None:
        loop: Any = Loop()
        assert what_is_unsupported(caught(lambda: loop._ready)) is None

    def test_an_attribute_that_a_value_lacks_because_the_case_is_wrong(self) -> None:
        nothing: Any = None
        assert what_is_unsupported(caught(lambda: nothing.close())) is None

    def test_an_attribute_that_an_object_of_the_suite_lacks(self) -> None:
        peer: Any = peers._Peer()
        assert what_is_unsupported(caught(lambda: peer.close())) is None

    def test_an_error_without_a_name(self) -> None:
        assert what_is_unsupported(AttributeError("close")) is None

    def test_a_documented_keyword_that_is_refused(self) -> None:
        loop: Any = Loop()
        found = what_is_unsupported(caught(lambda: loop.create_server(port=1, reuse_port=True)))
        assert found is not None
        assert "unexpected keyword argument 'reuse_port'" in found

    @pytest.mark.parametrize(
        "text",
        [
            "f() got an unexpected keyword argument 'context'",
            "'eager_start' is an invalid keyword argument for f()",
            "create_task() got an unexpected keyword argument 'eager_start'",
            '"start_serving" is an unexpected keyword argument',
            "got an invalid keyword argument: `keep_open`",
        ],
    )
    def test_the_ways_in_which_languages_refuse_a_keyword(self, text: str) -> None:
        if "keep_open" in text:
            assert what_is_unsupported(TypeError(text)) is None
        else:
            assert what_is_unsupported(TypeError(text)) == text

    def test_a_keyword_that_nothing_documents(self) -> None:
        loop: Any = Loop()
        assert what_is_unsupported(caught(lambda: loop.create_server(colour="red"))) is None

    def test_other_errors(self) -> None:
        assert what_is_unsupported(TypeError("'int' object is not callable")) is None
        assert what_is_unsupported(ValueError("unexpected keyword argument 'name'")) is None

    def test_it_is_told_in_the_verdict(self) -> None:
        loop: Any = Loop()
        outcome = judge("should", "call", caught(lambda: loop.sock_sendfile))
        assert outcome == Outcome("unsupported", "Loop has no sock_sendfile")


class TestDetails:
    def test_an_explained_assertion_speaks_for_itself(self) -> None:
        assert describe(AssertionError("assert 3 == 4\n +  where 3 = f()")) == "assert 3 == 4\n +  where 3 = f()"

    def test_an_assertion_with_a_message_is_named(self) -> None:
        assert describe(AssertionError("still waiting")) == "AssertionError: still waiting"

    def test_an_error_without_text(self) -> None:
        assert describe(AssertionError()) == "AssertionError: (no message)"
        assert describe(asyncio.CancelledError()) == "CancelledError: (no message)"

    def test_a_long_text_is_cut(self) -> None:
        text = describe(ValueError("x" * 10 * DETAIL_LIMIT))
        assert text == f"ValueError: {'x' * DETAIL_LIMIT}…"

    def test_the_place_is_the_last_line_of_the_suite_it_passed_through(self) -> None:
        def outside() -> None:
            raise ConnectionError("gone")

        class Socket:
            def recv(self, _: int) -> bytes:
                outside()
                return b""

        error = caught(lambda: peers.receive_all(Socket()))  # type: ignore[arg-type]
        assert error.__traceback__ is not None
        line = error.__traceback__.tb_next.tb_next.tb_lineno  # type: ignore[union-attr]
        assert describe(error) == f"ConnectionError: gone (peers.py:{line})"

    def test_the_line_of_the_declaration_is_no_place(self) -> None:
        from everyloop.conformance.declare import shows

        @shows("FD-01")
        async def case() -> None: ...

        def run(_: object) -> None:
            raise ConnectionError("gone")

        runnable: Any = case
        assert describe(caught(lambda: runnable(run=run))) == "ConnectionError: gone"


def test_verdicts_are_counted_in_their_order() -> None:
    counted = collections.Counter({"error": 1, "pass": 2, "skip": 3, "fail": 4})
    assert counts(counted) == "2 pass, 4 fail, 3 skip, 1 error"
    assert counts(collections.Counter()) == ""

"""Windows' errors: what they show, and that they survive what programs do to errors."""

from __future__ import annotations

import copy
import errno
import pickle
import sys
import traceback

import pytest

if sys.platform != "linux":
    pytest.skip("the fake is made of Linux' kernel", allow_module_level=True)

from everyloop.fake_selectors.kernels.windows.errors import CLASSES, WindowsError, error, translated

NOT_A_SOCKET = "[WinError 10038] An operation was attempted on something that is not a socket"


def test_an_error_shows_windows_number_and_keeps_this_machines() -> None:
    made = error(10038)
    assert str(made) == NOT_A_SOCKET
    assert made.errno == errno.ENOTSOCK
    assert made.strerror == "An operation was attempted on something that is not a socket"
    assert isinstance(made, WindowsError)
    assert made.winerror == 10038
    assert made.args == (errno.ENOTSOCK, made.strerror, None, 10038, None)
    assert traceback.format_exception_only(made) == [f"OSError: {NOT_A_SOCKET}\n"]


@pytest.mark.parametrize(
    ("number", "kind", "host"),
    [
        (10035, BlockingIOError, errno.EAGAIN),
        (10013, PermissionError, errno.EACCES),
        (10053, ConnectionAbortedError, errno.ECONNABORTED),
        (10054, ConnectionResetError, errno.ECONNRESET),
        (10058, BrokenPipeError, errno.ESHUTDOWN),
        (10060, TimeoutError, errno.ETIMEDOUT),
        (10061, ConnectionRefusedError, errno.ECONNREFUSED),
        (109, BrokenPipeError, errno.EPIPE),
        (2, FileNotFoundError, errno.ENOENT),
        (1225, OSError, errno.EINVAL),
    ],
)
def test_the_class_is_the_one_that_programs_catch(number: int, kind: type[OSError], host: int) -> None:
    made = error(number)
    assert isinstance(made, kind)
    assert type(made).__name__ == kind.__name__
    assert made.errno == host


@pytest.mark.parametrize("number", [10035, 10038, 10054])
def test_the_number_of_a_winsock_error_is_this_machines_and_winsocks(number: int) -> None:
    made = error(number)
    again = pickle.loads(pickle.dumps(made))
    for seen in (made.errno, again.errno):
        assert seen is not None
        assert seen == number
        assert number == seen
        assert [seen != number, number != seen] == [False, False]
        assert [seen != number + 1, number + 1 != seen, seen != str(number)] == [True, True, True]
        assert seen in (number, 0)
        assert errno.errorcode[seen] == errno.errorcode[int(seen)]
        assert f"{seen} {seen!r} {seen:d}" == "{0} {0} {0}".format(int(seen))


@pytest.mark.parametrize("number", [10004, 10013, 10022, 64])
def test_the_number_of_other_errors_is_the_c_librarys(number: int) -> None:
    assert error(number).errno != number


@pytest.mark.parametrize("number", [10054, 10035, 10038, 64])
def test_an_error_survives_pickling_and_copying(number: int) -> None:
    made = error(number)
    made.add_note("on the way")
    for again in (pickle.loads(pickle.dumps(made)), copy.copy(made), copy.deepcopy(made)):
        assert type(again) is type(made)
        assert (again.args, again.errno, str(again), vars(again)) == (made.args, made.errno, str(made), vars(made))


def test_an_error_can_be_made_of_anothers_arguments() -> None:
    lost = error(64)
    for kind in (type(lost), CLASSES[ConnectionResetError]):
        again = kind(*lost.args)
        assert isinstance(again, WindowsError)
        assert (again.winerror, again.errno, str(again)) == (64, errno.EINVAL, str(lost))


def test_an_error_may_name_a_file() -> None:
    made = CLASSES[FileNotFoundError](errno.ENOENT, "Nothing there", "a file", 2, None)
    assert str(made) == "[WinError 2] Nothing there: 'a file'"
    again = pickle.loads(pickle.dumps(made))
    assert (str(again), again.filename) == (str(made), "a file")


def test_an_error_without_numbers_is_one_like_any_other() -> None:
    made = CLASSES[ConnectionResetError]("lost")
    assert str(made) == "lost"
    assert isinstance(made, WindowsError)
    assert made.winerror is None


def test_this_machines_errors_are_translated() -> None:
    made = translated(OSError(errno.ECONNREFUSED, "Connection refused"))
    assert isinstance(made, ConnectionRefusedError)
    assert str(made).startswith("[WinError 10061] ")
    assert str(translated(OSError(errno.EBADF, "Bad file descriptor"))) == NOT_A_SOCKET


@pytest.mark.parametrize("other", [TimeoutError("timed out"), OSError(errno.ENOSPC, "No space"), error(10054)])
def test_what_is_not_winsocks_stays_as_it_is(other: OSError) -> None:
    assert translated(other) is other

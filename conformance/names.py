"""DNS: getaddrinfo() and getnameinfo(), names of hosts and addresses.

Both are the functions of the socket module as coroutines: for every argument they return what those return, and raise
what those raise. That makes those the oracle of these cases, whatever the machine knows of names.

Nothing here asks a server: hosts are numbers, or stand in the hosts file, or are bound to be refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import itertools
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from .declare import shows
from .driving import settle, soon, turn
from .gates import IPV6, POSIX, Gate
from .peers import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .subject import Observe

NUMERIC = socket.AI_NUMERICHOST
AS_NUMBERS = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV


def _is_in_the_hosts_file() -> bool:
    try:
        (found,) = socket.getaddrinfo("localhost", 0, family=socket.AF_INET, type=socket.SOCK_STREAM)
    except (OSError, ValueError):
        return False
    return found[4][0] == "127.0.0.1"


LOCALHOST = Gate("localhost", "needs a localhost that is 127.0.0.1", _is_in_the_hosts_file)
# An emulated Windows resolves names as Windows does, and the socket module of this process as this machine does.
SAME_RESOLVER = Gate(
    "same-resolver", "needs a loop that asks the resolver of the socket module", lambda: True, never_on=("win32",)
)
INTERFACES = Gate("interfaces", "needs socket.if_nameindex()", lambda: bool(socket.if_nameindex()))

FAMILIES = pytest.mark.parametrize("family", [0, socket.AF_INET, socket.AF_INET6], ids=["any", "ipv4", "ipv6"])
KINDS = pytest.mark.parametrize("kind", [0, socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=["any", "stream", "datagram"])


def refusal(error: Exception) -> object:
    """What two refusals have in common: the class and, of an address that is not found, the code."""
    if isinstance(error, UnicodeError):
        return UnicodeError
    return type(error), error.args[0] if isinstance(error, OSError) else None


def expected(function: str, *args: Any, **options: Any) -> object:
    """What the function of the socket module returns or raises."""
    try:
        return getattr(socket, function)(*args, **options)
    except (OSError, TypeError, ValueError, OverflowError) as error:
        return refusal(error)


async def found(function: str, *args: Any, **options: Any) -> object:
    """What the method of the loop returns or raises."""
    method = getattr(asyncio.get_running_loop(), function)
    try:
        return await soon(method(*args, **options))
    except NotImplementedError:
        raise
    except (OSError, TypeError, ValueError, OverflowError) as error:
        return refusal(error)


@contextlib.contextmanager
def busy_executor(loop: asyncio.AbstractEventLoop) -> Iterator[threading.Event]:
    """Keep the only thread of the default executor busy, until the event is set."""
    release = threading.Event()
    pool = ThreadPoolExecutor(1)
    try:
        pool.submit(release.wait, PATIENCE)
        loop.set_default_executor(pool)
        yield release
    finally:
        release.set()
        pool.shutdown()


# --- addresses of hosts -------------------------------------------------------------------------------------


async def is_like_socket(host: str | None, family: int, kind: int) -> None:
    """Compare all combinations of the other arguments."""
    ports = [0, 80, "80", "http", None]
    protos = [0, socket.IPPROTO_TCP, socket.IPPROTO_UDP]
    flags = [0, socket.AI_PASSIVE, NUMERIC, socket.AI_NUMERICSERV, NUMERIC | socket.AI_NUMERICSERV]
    differing = []
    for port, proto, flag in itertools.product(ports, protos, flags):
        options = {"family": family, "type": kind, "proto": proto, "flags": flag}
        right, answer = (
            expected("getaddrinfo", host, port, **options),
            await found("getaddrinfo", host, port, **options),
        )
        if answer != right:
            differing.append(f"getaddrinfo({host!r}, {port!r}, {options}) gives {answer}, not {right}")
    assert not differing, f"{len(differing)} differ, the first: {differing[0]}"


@shows("DNS-01", SAME_RESOLVER)
@FAMILIES
@KINDS
@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "0.0.0.0", None])
async def numeric_host_is_resolved_as_by_socket(host: str | None, family: int, kind: int) -> None:
    await is_like_socket(host, family, kind)


@shows("DNS-01", SAME_RESOLVER, LOCALHOST)
@KINDS
async def localhost_is_resolved_as_by_socket(kind: int) -> None:
    await is_like_socket("localhost", socket.AF_INET, kind)


@shows("DNS-01", SAME_RESOLVER)
async def several_hosts_are_resolved_at_once() -> None:
    loop = asyncio.get_running_loop()
    ports = range(1, 50)
    answers = await soon(asyncio.gather(*(loop.getaddrinfo("127.0.0.1", port, flags=NUMERIC) for port in ports)))
    assert answers == [socket.getaddrinfo("127.0.0.1", port, flags=NUMERIC) for port in ports]


@shows("DNS-01", SAME_RESOLVER)
async def families_and_kinds_are_members_of_their_enumerations() -> None:
    """Of this process's or, where a platform has a module ``socket`` of its own, of that one's."""
    for family, kind, *_ in await soon(asyncio.get_running_loop().getaddrinfo("127.0.0.1", 80)):
        assert isinstance(family, enum.IntEnum)
        assert family.name == socket.AddressFamily(family).name
        assert isinstance(kind, enum.IntEnum)
        assert kind.name == socket.SocketKind(kind).name


@shows("DNS-01", SAME_RESOLVER)
async def host_is_resolved_in_debug_mode() -> None:
    asyncio.get_running_loop().set_debug(True)
    assert await found("getaddrinfo", "127.0.0.1", 80) == expected("getaddrinfo", "127.0.0.1", 80)


@shows("DNS-02", SAME_RESOLVER)
@pytest.mark.parametrize("host", ["127.0.0.1", b"127.0.0.1", "::1", b"::1", None, "", b""], ids=repr)
@pytest.mark.parametrize("port", [80, "80", b"80", "http", b"http", "", None], ids=repr)
async def host_and_port_may_be_text_or_bytes(host: str | bytes | None, port: int | str | bytes | None) -> None:
    answer = await found("getaddrinfo", host, port, type=socket.SOCK_STREAM, flags=NUMERIC)
    assert answer == expected("getaddrinfo", host, port, type=socket.SOCK_STREAM, flags=NUMERIC)


@shows("DNS-02", SAME_RESOLVER, LOCALHOST)
async def name_may_be_bytes() -> None:
    arguments = {"family": socket.AF_INET, "type": socket.SOCK_STREAM}
    assert await found("getaddrinfo", b"localhost", 80, **arguments) == expected(
        "getaddrinfo", b"localhost", 80, **arguments
    )


@shows("DNS-03", SAME_RESOLVER)
@pytest.mark.parametrize(
    ("host", "port", "options"),
    [
        ("localhost", 80, {"flags": NUMERIC}),
        ("no such host", 80, {"flags": NUMERIC}),
        ("127.0.0.1 ", 80, {"flags": NUMERIC}),
        ("[::1]", 80, {"flags": NUMERIC}),
        ("127.0.0.1", "no-such-service", {}),
        ("127.0.0.1", "http", {"flags": socket.AI_NUMERICSERV}),
        ("127.0.0.1", 80, {"family": socket.AF_INET6, "flags": NUMERIC}),
        ("::1", 80, {"family": socket.AF_INET, "flags": NUMERIC}),
        ("127.0.0.1", 80, {"family": 9999}),
        ("127.0.0.1", 80, {"type": 9999}),
        ("127.0.0.1", 80, {"type": socket.SOCK_STREAM, "proto": socket.IPPROTO_UDP}),
        ("127.0.0.1", 80, {"flags": 1 << 30}),
        (None, None, {}),
    ],
    ids=[
        "name-as-number", "space", "space-after", "brackets", "service", "service-as-number", "ipv4-as-ipv6",
        "ipv6-as-ipv4", "family", "kind", "protocol", "flags", "nothing",
    ],
)  # fmt: skip
async def unresolvable_host_raises_as_in_socket(
    host: str | None, port: int | str | None, options: dict[str, Any]
) -> None:
    assert await found("getaddrinfo", host, port, **options) == expected("getaddrinfo", host, port, **options)


@shows("DNS-03")
async def unresolvable_host_is_a_gaierror() -> None:
    with pytest.raises(socket.gaierror):
        await soon(asyncio.get_running_loop().getaddrinfo("localhost", 80, flags=NUMERIC))


@shows("DNS-03")
@pytest.mark.parametrize("host", ["a" * 64 + ".x", "a..b", ".a", "\udc80"], ids=["long", "gap", "dot", "surrogate"])
async def malformed_name_is_a_unicode_error(host: str) -> None:
    with pytest.raises(UnicodeError):
        await soon(asyncio.get_running_loop().getaddrinfo(host, 80, flags=NUMERIC))


@shows("DNS-04", SAME_RESOLVER)
@FAMILIES
@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
async def literal_has_the_canonical_name_that_socket_gives_it(host: str, family: int) -> None:
    options = {"family": family, "flags": NUMERIC | socket.AI_CANONNAME}
    assert await found("getaddrinfo", host, 80, **options) == expected("getaddrinfo", host, 80, **options)


@shows("DNS-04", SAME_RESOLVER, LOCALHOST)
async def localhost_has_the_canonical_name_that_socket_gives_it() -> None:
    options = {"family": socket.AF_INET, "flags": socket.AI_CANONNAME}
    assert await found("getaddrinfo", "localhost", 80, **options) == expected("getaddrinfo", "localhost", 80, **options)


@shows("DNS-05", IPV6, POSIX, INTERFACES)
async def zone_with_the_name_of_an_interface_is_its_scope_id() -> None:
    number, name = socket.if_nameindex()[0]
    resolved = await soon(asyncio.get_running_loop().getaddrinfo(f"fe80::1%{name}", 80, flags=NUMERIC))
    assert {address[3] for *_, address in resolved if len(address) == 4} == {number}


@shows("DNS-05", IPV6)
async def zone_with_a_number_is_the_scope_id() -> None:
    resolved = await soon(asyncio.get_running_loop().getaddrinfo("fe80::1%1", 80, flags=NUMERIC))
    assert {address[3] for *_, address in resolved if len(address) == 4} == {1}


@shows("DNS-06")
@pytest.mark.parametrize("kind", ["str", "bytes"])
@pytest.mark.parametrize("length", [255, 256, 257, 300])
async def overlong_number_is_not_cut_off(kind: str, length: int) -> None:
    """Its first characters alone would be 127.0.0.1, written in another way."""
    name = f"0x{'0' * (length - 10)}7f000001.example.com"
    host = name if kind == "str" else name.encode()
    assert await found("getaddrinfo", host, 80, flags=NUMERIC) == expected("getaddrinfo", host, 80, flags=NUMERIC)


# --- names of addresses -------------------------------------------------------------------------------------


@shows("DNS-07")
@pytest.mark.parametrize("address", [("127.0.0.1", 80), ("::1", 80), ("::1", 80, 0, 0), ("127.0.0.1", 0)], ids=str)
@pytest.mark.parametrize("more", [0, socket.NI_NUMERICSERV, socket.NI_DGRAM], ids=["none", "numbers", "datagrams"])
async def address_is_named_as_by_socket(address: Any, more: int) -> None:
    flags = socket.NI_NUMERICHOST | more
    assert await found("getnameinfo", address, flags) == expected("getnameinfo", address, flags)


@shows("DNS-07", LOCALHOST)
@pytest.mark.parametrize("flags", [0, socket.NI_NAMEREQD, socket.NI_NOFQDN], ids=["none", "required", "short"])
async def name_of_localhost_is_found_as_by_socket(flags: int) -> None:
    assert await found("getnameinfo", ("127.0.0.1", 80), flags) == expected("getnameinfo", ("127.0.0.1", 80), flags)


@shows("DNS-07", LOCALHOST)
async def getnameinfo_needs_no_flags() -> None:
    assert await found("getnameinfo", ("127.0.0.1", 80)) == expected("getnameinfo", ("127.0.0.1", 80), 0)


@shows("DNS-07", IPV6)
async def scope_id_is_named_as_by_socket() -> None:
    address = ("fe80::1", 80, 0, 1)
    assert await found("getnameinfo", address, AS_NUMBERS) == expected("getnameinfo", address, AS_NUMBERS)


@shows("DNS-07")
@pytest.mark.parametrize(
    ("address", "flags"),
    [
        (("localhost", 80), AS_NUMBERS),
        (("127.0.0.1", 80, 0, 0), AS_NUMBERS),
        ("127.0.0.1", AS_NUMBERS),
        (("::1", 80, 1 << 20, 0), AS_NUMBERS),
        (("127.0.0.1", 80), AS_NUMBERS | socket.NI_NAMEREQD),
    ],
    ids=["name", "ipv4-of-four", "text", "flow-info", "contradiction"],
)
async def unnameable_address_raises_as_in_socket(address: Any, flags: int) -> None:
    assert await found("getnameinfo", address, flags) == expected("getnameinfo", address, flags)


# --- answers that nobody waits for --------------------------------------------------------------------------


@shows("DNS-08")
@pytest.mark.parametrize("turns", range(3))
async def cancelled_lookup_raises(turns: int) -> None:
    loop = asyncio.get_running_loop()
    with busy_executor(loop):
        looking = asyncio.ensure_future(loop.getaddrinfo("127.0.0.1", 80, flags=NUMERIC))
        await settle(turns)
        if looking.done():  # such a loop has no need of the executor
            return
        looking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await soon(looking)


@shows("DNS-08")
@pytest.mark.parametrize("function", ["getaddrinfo", "getnameinfo"])
async def late_answer_is_ignored(function: str) -> None:
    loop = asyncio.get_running_loop()
    told: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda *arguments: told.append(arguments[-1]))
    arguments = ("127.0.0.1", 80) if function == "getaddrinfo" else (("127.0.0.1", 80), AS_NUMBERS)
    with busy_executor(loop) as release:
        looking = asyncio.ensure_future(getattr(loop, function)(*arguments))
        await settle()
        looking.cancel()
        release.set()
        await asyncio.wait({looking}, timeout=PATIENCE)
        # In the order of the executor, this one's answer comes after the late one.
        await soon(getattr(loop, function)(*arguments))
        await settle()
        assert told == []


@shows("DNS-08")
def loop_can_be_closed_during_a_lookup(loop: asyncio.AbstractEventLoop) -> None:
    complaints: list[BaseException | None] = []
    before, threading.excepthook = threading.excepthook, lambda told: complaints.append(told.exc_value)
    try:
        with busy_executor(loop):
            looking = loop.create_task(loop.getaddrinfo("127.0.0.1", 80, flags=NUMERIC))
            turn(loop)
            looking.cancel()
            turn(loop, 2)
            loop.close()
    finally:
        threading.excepthook = before
    assert complaints == []
    assert looking.done()


# --- where it runs ------------------------------------------------------------------------------------------


class Counting(ThreadPoolExecutor):
    """Counts what it is given to do."""

    given = 0

    def submit(self, *args: Any, **kw: Any) -> Any:
        self.given += 1
        return super().submit(*args, **kw)


@shows("DNS-09")
@pytest.mark.parametrize("function", ["getaddrinfo", "getnameinfo"])
async def lookup_runs_in_the_default_executor(function: str, observe: Observe) -> None:
    arguments = ("127.0.0.1", 80) if function == "getaddrinfo" else (("127.0.0.1", 80), AS_NUMBERS)
    loop = asyncio.get_running_loop()
    with Counting(1) as pool:
        loop.set_default_executor(pool)
        await found(function, *arguments)
        observe("in the default executor" if pool.given else "not in the default executor")


@shows("DNS-09")
@pytest.mark.parametrize("function", ["getaddrinfo", "getnameinfo"])
async def lookup_after_the_default_executor_was_shut_down(function: str, observe: Observe) -> None:
    arguments = ("127.0.0.1", 80) if function == "getaddrinfo" else (("127.0.0.1", 80), AS_NUMBERS)
    loop = asyncio.get_running_loop()
    await soon(loop.shutdown_default_executor())
    try:
        await soon(getattr(loop, function)(*arguments))
    except NotImplementedError:
        raise
    except RuntimeError:
        observe("RuntimeError")
    else:
        observe("answered")


async def connects_without_a_resolver(host: str) -> None:
    """The resolver would run in the default executor, which does nothing else before the connection is made."""
    loop = asyncio.get_running_loop()
    lost = loop.create_future()

    class Protocol(asyncio.Protocol):
        def connection_lost(self, exc: Exception | None) -> None:
            lost.set_result(exc)

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as server, busy_executor(loop):
        transport, _ = await soon(loop.create_connection(Protocol, host, server.getsockname()[1]))
        transport.close()
        await soon(lost)


@shows("DNS-10")
async def connection_to_a_literal_needs_no_resolver() -> None:
    await connects_without_a_resolver("127.0.0.1")


@shows("DNS-10", IPV6)
async def connection_to_an_ipv6_literal_needs_no_resolver() -> None:
    await connects_without_a_resolver("::1")

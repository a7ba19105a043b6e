"""The limits of platforms: what asyncio documents, or shows in its source, that a platform's loop cannot do.

One table. The probe compares measurements with it, the suite explains verdicts by it, and ``docs/limits.md`` is
made from it. A row is about the standard library's loops; other loops have limits of their own, which nobody
documents in one place.

Two facts about Windows that are often told wrongly:

* Which loop is the default depends on the version of Python, not of Windows: up to 3.7 the selector loop, from 3.8 the
  proactor loop (``DefaultEventLoopPolicy`` in CPython's ``Lib/asyncio/windows_events.py``).
* Completion ports, on which the proactor loop waits, are as old as Windows NT 3.5 (1994): every Windows that Python 3
  ever ran on has them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

Version = tuple[int, ...]

WINDOWS, MACOS, LINUX = "win32", "darwin", "linux"
NAMES = {WINDOWS: "Windows", MACOS: "macOS", LINUX: "Linux"}
SELECTOR, PROACTOR = "SelectorEventLoop", "ProactorEventLoop"
SELECT, POLL, EPOLL, KQUEUE = "SelectSelector", "PollSelector", "EpollSelector", "KqueueSelector"

SOCKET, PIPE, FIFO, PTY, TERMINAL, DEVICE, FILE, OTHER = (
    "socket",
    "pipe",
    "FIFO",
    "pseudo-terminal",
    "/dev/tty",
    "device",
    "regular file",
    "special descriptor",
)
KINDS = (SOCKET, PIPE, FIFO, PTY, TERMINAL, DEVICE, FILE, OTHER)
"""Kinds of descriptors. The last one is what only Linux has: of events, timers, processes."""

SIGNALS_OF_WINDOWS = ("SIGABRT", "SIGBREAK", "SIGFPE", "SIGILL", "SIGINT", "SIGSEGV", "SIGTERM")
SIGNALS_OF_POSIX = (
    *("SIGALRM", "SIGBUS", "SIGCHLD", "SIGCONT", "SIGHUP", "SIGIO", "SIGKILL", "SIGPIPE", "SIGPROF", "SIGQUIT"),
    *("SIGSTOP", "SIGSYS", "SIGTRAP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG", "SIGUSR1", "SIGUSR2", "SIGVTALRM"),
    *("SIGWINCH", "SIGXCPU", "SIGXFSZ"),
)
"""Those that Windows has none of."""

CIRCUMSTANCES = frozenset(
    {
        *KINDS,
        *SIGNALS_OF_WINDOWS,
        *SIGNALS_OF_POSIX,
        "fallback=False",
        "in another thread",
        "name of a host",
        "name of a script",
        "pass_fds",
        "port out of range",
        "preexec_fn",
        "reuse_port",
        "socket of another loop",
        "stderr=STDOUT",
        "Unix address",
    }
)
"""What can be said of a single call beside its name: see :attr:`Limit.when`."""

MOST, LEAST = "most", "least"
AMOUNTS = {
    "sockets-at-once": MOST,
    "highest-descriptor": MOST,
    "longest-datagram": MOST,
    "longest-unix-path": MOST,
    "shortest-timer": LEAST,
}
"""What can be measured of a program, and whether the most or the least of it is what a platform limits.

The sockets that a loop watches at once, the number of the highest descriptor that it watches, bytes, seconds.
"""

_PLATFORMS = "https://docs.python.org/3/library/asyncio-platforms.html"
_LOOP = "https://docs.python.org/3/library/asyncio-eventloop.html"
_PLATFORMS_3_7 = "https://docs.python.org/3.7/library/asyncio-platforms.html#windows"
_ISSUES = "https://github.com/python/cpython/issues"
_SOURCE = "https://github.com/python/cpython/blob/main"
_MSDN = "https://learn.microsoft.com/windows/win32"
_XNU = "https://github.com/apple-oss-distributions/xnu/blob/main/bsd"


@dataclass(frozen=True, kw_only=True)
class Limit:
    """Something that a platform's loop cannot do.

    Attributes:
        id: its name; never reused.
        forbids: what is not possible, in one sentence.
        instead: what works everywhere, or at least there.
        source: where it is documented: a page's anchor, a file of CPython, an issue.
        platforms: the values of :data:`sys.platform` it holds on; empty: all.
        loops: the classes of loops or selectors it holds for; empty: every loop of the standard library.
        methods: the methods of a loop that it concerns.
        calls: other functions that it concerns, ``"Process.send_signal"``.
        when: what must be so in a call for the limit to concern it, any of `CIRCUMSTANCES`; empty: it concerns every
            call.
        doubt: why a call that it concerns may do what is wanted all the same; None: it does not.
        amount: what of a whole program `number` limits, one of `AMOUNTS`; None: single calls are what it concerns.
        exception: the class of what is raised, as users see it; None: nothing is raised.
        text: the message, or how it begins; None: it has none, or it varies.
        missing: patterns of the names of the standard library that are not there because of it.
        capabilities: what of the capability tier shows it.
        value: what is measured where nothing is raised, in the words of the capability.
        leaves: what it leaves behind, as the ``cleanup`` of a result says it; None: nothing.
        number: the number that is documented, in the unit of the capability or of the amount.
        own: how many of that number the loop takes for itself.
        down_to: what the owner of a machine can make of that number.
        knob: the knob of the emulated platform that sets the number.
        since: the first Python it holds for, ``(3, 8)``; None: all.
        until: the last Python it holds for; None: all.
        systems: the first and the last version of the operating system it holds on; None: no end on that side.
    """

    id: str
    forbids: str
    instead: str
    source: str
    platforms: tuple[str, ...] = ()
    loops: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    when: tuple[str, ...] = ()
    doubt: str | None = None
    amount: str | None = None
    exception: str | None = None
    text: str | None = None
    missing: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    value: str | None = None
    leaves: str | None = None
    number: float | None = None
    own: int = 0
    down_to: float | None = None
    knob: str | None = None
    since: Version | None = None
    until: Version | None = None
    systems: tuple[str | None, str | None] = (None, None)

    @property
    def refusal(self) -> str | None:
        """The exception as a measurement names it, ``OSError [WinError 10038]``; None: nothing is raised."""
        if self.exception is None or self.text is None or not self.text.startswith("[WinError "):
            return self.exception
        return f"{self.exception} {self.text.partition(']')[0]}]"

    @property
    def where(self) -> str:
        """Where it holds, in words: ``Windows, SelectorEventLoop, Python to 3.7``."""
        systems = [NAMES[platform] for platform in self.platforms] or ["everywhere"]
        if any(self.systems):
            systems = [f"{systems[0]} {_between(*self.systems)}"]
        python = _between(text(self.since), text(self.until))
        return ", ".join([*systems, *self.loops, *([f"Python {python}"] if python else [])])

    def concerns(self, call: str, circumstances: Iterable[str]) -> bool:
        """Whether it concerns a call: of a method of a loop, or of another function."""
        return (
            self.amount is None
            and (call in self.methods or call in self.calls)
            and (not self.when or not {*self.when}.isdisjoint(circumstances))
        )

    def is_beyond(self, amount: str, value: float) -> bool:
        """Whether a program with that much of something meets it."""
        if self.amount != amount or self.number is None:
            return False
        return value < self.number if AMOUNTS[amount] == LEAST else value > self.number - self.own

    def holds(self, platform: str, classes: tuple[str, ...], python: Version, system: str | None) -> bool:
        """Whether it holds: see :func:`of`."""
        first, last = self.systems
        return (
            (not self.platforms or platform in self.platforms)
            and (not self.loops or not {*self.loops}.isdisjoint(classes))
            and (self.since is None or python[: len(self.since)] >= self.since)
            and (self.until is None or python[: len(self.until)] <= self.until)
            and (system is None or first is None or _version(system) >= _version(first))
            and (last is None or (system is not None and _version(system)[: len(_version(last))] <= _version(last)))
        )


def of(
    platform: str,
    *classes: str,
    python: Version = sys.version_info[:2],
    system: str | None = None,
) -> tuple[Limit, ...]:
    """Return the limits of a loop of the standard library, in the order of the table.

    Args:
        platform: the value of :data:`sys.platform` there.
        classes: names of its loop's class and of its selector's, ``"SelectorEventLoop", "KqueueSelector"``.
        python: the version of Python.
        system: the version of the operating system, ``"10.8"``; None: one of today.
    """
    return tuple(limit for limit in LIMITS if limit.holds(platform, classes, python, system))


def by_id(name: str) -> Limit:
    """Return the limit with this id.

    Raises:
        KeyError: there is none.
    """
    for limit in LIMITS:
        if limit.id == name:
            return limit
    raise KeyError(name)


def text(version: Version | None) -> str | None:
    """Write a version, ``3.12``."""
    return None if version is None else ".".join(map(str, version))


def _version(written: str) -> Version:
    return tuple(int(part) for part in written.split("."))


def _between(first: str | None, last: str | None) -> str:
    if first and last:
        return f"{first} to {last}"
    return f"from {first}" if first else f"to {last}" if last else ""


def _table() -> Iterator[Limit]:
    yield from _everywhere()
    yield from _windows()
    yield from _windows_selector()
    yield from _windows_proactor()
    yield from _macos()
    yield from _linux()


def _everywhere() -> Iterator[Limit]:
    yield Limit(
        id="files-epoll",
        platforms=(LINUX,),
        loops=(EPOLL,),
        forbids="Regular files cannot be watched: epoll refuses them.",
        instead="Read and write files in a thread: asyncio.to_thread().",
        methods=("add_reader", "add_writer"),
        exception="PermissionError",
        text="[Errno 1] Operation not permitted",
        capabilities=("watch-file",),
        when=(FILE,),
        source=f"{_PLATFORMS}#all-platforms",
    )
    yield Limit(
        id="files-select-poll",
        platforms=(LINUX, MACOS),
        loops=(SELECT, POLL),
        forbids="Regular files cannot be watched: select() and poll() call them ready whether there is data or not.",
        instead="Read and write files in a thread: asyncio.to_thread().",
        methods=("add_reader", "add_writer"),
        capabilities=("watch-file",),
        value="always ready",
        when=(FILE,),
        source=f"{_PLATFORMS}#all-platforms",
    )
    yield Limit(
        id="files-kqueue",
        platforms=(MACOS,),
        loops=(KQUEUE,),
        forbids="Regular files cannot be watched: kqueue calls them ready up to their end, and never at it.",
        instead="Read and write files in a thread: asyncio.to_thread().",
        methods=("add_reader", "add_writer"),
        capabilities=("watch-file",),
        value="ready up to its end",
        when=(FILE,),
        source=f"{_PLATFORMS}#all-platforms",
    )
    yield Limit(
        id="pipes-not-files",
        platforms=(LINUX, MACOS),
        forbids="Regular files cannot be connected as pipes.",
        instead="Read and write files in a thread: asyncio.to_thread().",
        methods=("connect_read_pipe", "connect_write_pipe"),
        exception="ValueError",
        text="Pipe transport is for pipes/sockets only.",
        capabilities=("file-as-pipe",),
        when=(FILE,),
        source=f"{_PLATFORMS}#all-platforms",
    )
    yield Limit(
        id="signals-main-thread",
        platforms=(LINUX, MACOS),
        forbids="Signal handlers can be added in the main thread only.",
        instead="Run the loop that handles signals in the main thread.",
        methods=("add_signal_handler",),
        exception="RuntimeError",
        text="set_wakeup_fd only works in main thread of the main interpreter",
        when=("in another thread",),
        source=f"{_LOOP}#asyncio.loop.add_signal_handler",
    )
    yield Limit(
        id="accepted-delay",
        platforms=(WINDOWS, MACOS),
        forbids="TCP_NODELAY is not set on accepted sockets: a small answer may wait for the client's acknowledgement.",
        instead="Set it in connection_made(), on transport.get_extra_info('socket').",
        methods=("create_server", "connect_accepted_socket"),
        source=f"{_ISSUES}/148783",
    )


def _windows() -> Iterator[Limit]:
    yield Limit(
        id="windows-default-selector",
        platforms=(WINDOWS,),
        until=(3, 7),
        forbids="The default loop is the selector loop, with all of its limits.",
        instead="asyncio.set_event_loop_policy(asyncio.WindowsProactorEventLoopPolicy()).",
        source=_PLATFORMS_3_7,
    )
    yield Limit(
        id="windows-default-proactor",
        platforms=(WINDOWS,),
        since=(3, 8),
        forbids="The default loop is the proactor loop, with all of its limits.",
        instead="asyncio.run(main(), loop_factory=asyncio.SelectorEventLoop) where descriptors have to be watched.",
        source=f"{_PLATFORMS}#windows",
    )
    yield Limit(
        id="windows-unix-sockets",
        platforms=(WINDOWS,),
        forbids="There are no Unix sockets: Python has no socket.AF_UNIX there.",
        instead="TCP on 127.0.0.1.",
        methods=("create_unix_connection", "create_unix_server"),
        calls=("sock_connect", "create_connection", "create_server", "create_datagram_endpoint"),
        exception="NotImplementedError",
        missing=("socket.AF_UNIX", "asyncio.open_unix_connection", "asyncio.start_unix_server"),
        capabilities=("unix-client", "unix-server"),
        when=("Unix address",),
        source=f"{_PLATFORMS}#windows",
    )
    yield Limit(
        id="windows-signal-handlers",
        platforms=(WINDOWS,),
        forbids="A loop handles no signals.",
        instead="signal.signal() with a handler that calls loop.call_soon_threadsafe().",
        methods=("add_signal_handler", "remove_signal_handler"),
        exception="NotImplementedError",
        capabilities=("signal-handlers",),
        source=f"{_PLATFORMS}#windows",
    )
    yield Limit(
        id="windows-signals",
        platforms=(WINDOWS,),
        forbids="Only SIGABRT, SIGBREAK, SIGFPE, SIGILL, SIGINT, SIGSEGV and SIGTERM exist.",
        instead="Ask getattr(signal, name, None) for any other.",
        exception="ValueError",
        calls=("signal.signal",),
        when=SIGNALS_OF_POSIX,
        missing=("signal.SIG[!_]*",),
        source="https://docs.python.org/3/library/signal.html#signal.signal",
    )
    yield Limit(
        id="windows-reuse-port",
        platforms=(WINDOWS,),
        forbids="Several sockets cannot share a port: there is no SO_REUSEPORT.",
        instead="One process accepts, or each has a port of its own.",
        methods=("create_server", "create_datagram_endpoint"),
        exception="ValueError",
        text="reuse_port not supported by socket module",
        missing=("socket.SO_REUSEPORT",),
        capabilities=("reuse-port",),
        when=("reuse_port",),
        source=f"{_LOOP}#asyncio.loop.create_server",
    )
    yield Limit(
        id="windows-clock",
        platforms=(WINDOWS,),
        until=(3, 12),
        forbids="The loop's clock moves every 15.6 ms; timers may run that much too early.",
        instead="Do not compare times closer than time.get_clock_info('monotonic').resolution.",
        methods=("time", "call_later", "call_at"),
        capabilities=("clock-step",),
        number=0.015625,
        down_to=0.0005,
        knob="clock_resolution",
        amount="shortest-timer",
        source=f"{_PLATFORMS}#windows",
    )
    yield Limit(
        id="windows-waits",
        platforms=(WINDOWS,),
        forbids="Waits end at a tick of the system's timer, usually every 15.6 ms: no sleep is shorter.",
        instead="Do not build on shorter sleeps.",
        methods=("call_later", "call_at"),
        capabilities=("shortest-sleep",),
        number=0.015625,
        down_to=0.0005,
        knob="clock_resolution",
        amount="shortest-timer",
        source=f"{_MSDN}/api/synchapi/nf-synchapi-sleep#remarks",
    )
    yield Limit(
        id="windows-child-watchers",
        platforms=(WINDOWS,),
        until=(3, 13),
        forbids="There are no child watchers.",
        instead="The proactor loop needs none to see its processes end.",
        exception="NotImplementedError",
        missing=("asyncio.*ChildWatcher",),
        source="https://docs.python.org/3.13/library/asyncio-policy.html#asyncio.AbstractEventLoopPolicy.get_child_watcher",
    )
    yield Limit(
        id="windows-connection-errors",
        platforms=(WINDOWS,),
        forbids="Connections break with other errors: ConnectionAbortedError where others have BrokenPipeError, and "
        "numbers of Winsock.",
        instead="Catch ConnectionError; compare no errno.",
        methods=("create_connection", "create_server", "sock_sendall", "sock_recv"),
        source=f"{_MSDN}/winsock/windows-sockets-error-codes-2",
    )


def _windows_selector() -> Iterator[Limit]:
    here = (WINDOWS,)
    loop = (SELECTOR,)
    yield Limit(
        id="windows-selector-512-sockets",
        platforms=here,
        loops=loop,
        forbids="select() takes at most 512 sockets a set, one of which wakes the loop; the call that runs it raises.",
        instead="The proactor loop, or fewer connections at once.",
        methods=("add_reader", "add_writer", "run_forever"),
        exception="ValueError",
        text="too many file descriptors in select()",
        capabilities=("sockets-at-once",),
        number=512,
        own=1,
        knob="max_sockets",
        amount="sockets-at-once",
        source=f"{_PLATFORMS}#windows",
    )
    yield Limit(
        id="windows-selector-sockets-only",
        platforms=here,
        loops=loop,
        forbids="Nothing but sockets can be watched; one other handle makes every call that runs the loop raise.",
        instead="Read the pipe, file or console in a thread.",
        methods=("add_reader", "add_writer", "run_forever"),
        exception="OSError",
        text="[WinError 10038] An operation was attempted on something that is not a socket",
        capabilities=("watch-pipe", "watch-fifo", "watch-pty", "watch-terminal", "watch-null", "watch-file"),
        when=tuple(kind for kind in KINDS if kind != SOCKET),
        source=f"{_PLATFORMS}#windows",
    )
    yield Limit(
        id="windows-selector-pipes",
        platforms=here,
        loops=loop,
        forbids="Pipes cannot be connected.",
        instead="The proactor loop, or a thread that reads the pipe.",
        methods=("connect_read_pipe", "connect_write_pipe"),
        exception="NotImplementedError",
        capabilities=("read-pipe", "write-pipe", "file-as-pipe"),
        source=f"{_PLATFORMS}#windows",
    )
    yield Limit(
        id="windows-selector-subprocesses",
        platforms=here,
        loops=loop,
        forbids="Processes cannot be started.",
        instead="The proactor loop, or subprocess.Popen in a thread.",
        methods=("subprocess_exec", "subprocess_shell"),
        exception="NotImplementedError",
        capabilities=("subprocess", "child-exit"),
        source=f"{_PLATFORMS}#subprocess-support-on-windows",
    )
    yield Limit(
        id="windows-selector-sendfile",
        platforms=here,
        loops=loop,
        forbids="The kernel sends no files: with fallback=False there is an error, without it the file is copied.",
        instead="Leave fallback=True, or use the proactor loop.",
        methods=("sendfile", "sock_sendfile"),
        exception="SendfileNotAvailableError",
        capabilities=("sendfile",),
        when=("fallback=False",),
        source=f"{_LOOP}#asyncio.loop.sock_sendfile",
    )
    yield Limit(
        id="windows-selector-signals-wait",
        platforms=here,
        loops=loop,
        forbids="Ctrl-C is noticed only when select() returns: nothing interrupts it.",
        instead="The proactor loop, or a timer that wakes the loop now and then.",
        methods=("run_forever", "run_until_complete"),
        capabilities=("interrupt",),
        value="when the wait ends",
        source=f"{_ISSUES}/79115",
    )
    yield Limit(
        id="windows-selector-udp-reset",
        platforms=here,
        loops=loop,
        forbids="After a datagram to a closed port, receiving fails once, even on a socket that is not connected.",
        instead="Go on receiving after error_received().",
        methods=("create_datagram_endpoint", "sock_recvfrom"),
        exception="ConnectionResetError",
        text="[WinError 10054] An existing connection was forcibly closed by the remote host",
        doubt="Whether nobody listens where it sends to is not seen.",
        source=f"{_MSDN}/api/winsock/nf-winsock-recvfrom#return-value",
    )


def _windows_proactor() -> Iterator[Limit]:
    here = (WINDOWS,)
    loop = (PROACTOR,)
    yield Limit(
        id="windows-proactor-readers",
        platforms=here,
        loops=loop,
        forbids="Descriptors cannot be watched.",
        instead="Streams or sock_recv(); for a descriptor of another library, a selector loop in a thread.",
        methods=("add_reader", "remove_reader", "add_writer", "remove_writer"),
        exception="NotImplementedError",
        capabilities=(
            "watch-socket",
            "watch-pipe",
            "watch-fifo",
            "watch-pty",
            "watch-terminal",
            "watch-null",
            "watch-file",
            "sockets-at-once",
            "highest-descriptor",
        ),
        source=f"{_PLATFORMS}#windows",
    )
    yield Limit(
        id="windows-proactor-datagrams",
        platforms=here,
        loops=loop,
        until=(3, 7),
        forbids="There are no datagrams.",
        instead="Python 3.8 or later, or the selector loop.",
        methods=("create_datagram_endpoint",),
        exception="NotImplementedError",
        capabilities=("datagrams",),
        source=_PLATFORMS_3_7,
    )
    yield Limit(
        id="windows-proactor-overlapped-pipes",
        platforms=here,
        loops=loop,
        forbids="Only handles opened for overlapped I/O can be connected as pipes: no console, no os.pipe(), no file.",
        instead="Read standard input in a thread.",
        methods=("connect_read_pipe", "connect_write_pipe"),
        exception="OSError",
        text="[WinError 6] The handle is invalid",
        capabilities=("read-pipe", "write-pipe", "file-as-pipe"),
        when=tuple(kind for kind in KINDS if kind != SOCKET),
        source=f"{_PLATFORMS}#windows",
    )
    yield Limit(
        id="windows-proactor-one-loop-a-socket",
        platforms=here,
        loops=loop,
        forbids="A socket belongs to the completion port of the first loop that used it: no other loop can use it.",
        instead="Hand on data, not sockets; or give every loop sockets of its own.",
        methods=("sock_recv", "sock_sendall", "sock_accept", "sock_connect", "create_connection", "create_server"),
        exception="OSError",
        text="[WinError 87] The parameter is incorrect",
        when=("socket of another loop",),
        source=f"{_ISSUES}/122240",
    )
    yield Limit(
        id="windows-proactor-numeric-addresses",
        platforms=here,
        loops=loop,
        forbids="sock_connect() looks no names up.",
        instead="Resolve the name with loop.getaddrinfo() first, or use create_connection().",
        methods=("sock_connect",),
        exception="OSError",
        text="[WinError 10022] An invalid argument was supplied",
        when=("name of a host",),
        source=f"{_SOURCE}/Lib/asyncio/windows_events.py",
    )
    yield Limit(
        id="windows-proactor-refused-errno",
        platforms=here,
        loops=loop,
        forbids="The errno of a refused connection is EINVAL, not ECONNREFUSED; its winerror is 1225.",
        instead="Catch ConnectionRefusedError.",
        methods=("sock_connect", "create_connection"),
        source=f"{_SOURCE}/Modules/overlapped.c",
    )
    yield Limit(
        id="windows-proactor-long-datagram-errno",
        platforms=here,
        loops=loop,
        forbids="The errno of a datagram that is too long is EINVAL, not EMSGSIZE; its winerror is 1784.",
        instead="Catch OSError; send no more than 65,507 bytes.",
        methods=("create_datagram_endpoint", "sock_sendto"),
        amount="longest-datagram",
        number=65507,
        source=f"{_SOURCE}/Modules/overlapped.c",
    )
    yield Limit(
        id="windows-proactor-wrapped-ports",
        platforms=here,
        loops=loop,
        forbids="A port outside of 0 to 65535 is not refused but taken modulo 65536.",
        instead="Check the port.",
        methods=("sock_connect", "sock_sendto", "create_connection", "create_datagram_endpoint"),
        when=("port out of range",),
        source=f"{_SOURCE}/Modules/overlapped.c",
    )
    yield Limit(
        id="windows-proactor-process-signals",
        platforms=here,
        loops=loop,
        forbids="A process can be sent SIGTERM, CTRL_C_EVENT and CTRL_BREAK_EVENT only; SIGTERM ends it at once.",
        instead="terminate() or kill(), which are the same there.",
        methods=("subprocess_exec", "subprocess_shell"),
        exception="ValueError",
        text="Unsupported signal: 2",
        calls=("Process.send_signal", "SubprocessTransport.send_signal"),
        when=tuple(name for name in (*SIGNALS_OF_WINDOWS, *SIGNALS_OF_POSIX) if name not in {"SIGTERM", "SIGBREAK"}),
        source="https://docs.python.org/3/library/asyncio-subprocess.html#asyncio.subprocess.Process.send_signal",
    )
    yield Limit(
        id="windows-proactor-process-options",
        platforms=here,
        loops=loop,
        forbids="Nothing runs between fork and exec: preexec_fn and pass_fds are refused.",
        instead="Do it in the program that is started.",
        methods=("subprocess_exec", "subprocess_shell"),
        exception="ValueError",
        text="preexec_fn is not supported on Windows platforms",
        when=("preexec_fn", "pass_fds"),
        source="https://docs.python.org/3/library/subprocess.html#subprocess.Popen",
    )
    yield Limit(
        id="windows-proactor-commands",
        platforms=here,
        loops=loop,
        forbids="A command is found by its name only if it is an .exe: npm, which is npm.cmd there, is not.",
        instead="Start what shutil.which() finds.",
        methods=("subprocess_exec",),
        when=("name of a script",),
        doubt="It is a script here; whether it is an .exe there is not seen.",
        exception="FileNotFoundError",
        text="[WinError 2] The system cannot find the file specified",
        source=f"{_MSDN}/api/processthreadsapi/nf-processthreadsapi-createprocessw#parameters",
    )
    yield Limit(
        id="windows-proactor-inherited-stderr",
        platforms=here,
        loops=loop,
        forbids="With stdout inherited, stderr=STDOUT is as if stderr was not given.",
        instead="Give stdout a file or PIPE.",
        methods=("subprocess_exec", "subprocess_shell"),
        when=("stderr=STDOUT",),
        source=f"{_SOURCE}/Lib/asyncio/windows_utils.py",
    )
    yield Limit(
        id="windows-proactor-datagram-deafness",
        platforms=here,
        loops=loop,
        forbids="A transport for datagrams receives nothing more after it has sent to a port where nobody listens: up "
        "to Python 3.12 always, later only after several sends at once, until the releases of autumn 2026.",
        instead="Make another endpoint after error_received().",
        methods=("create_datagram_endpoint",),
        source=f"{_ISSUES}/127057",
    )
    yield Limit(
        id="windows-proactor-datagram-close",
        platforms=here,
        loops=loop,
        forbids="A transport for datagrams that is closed while it sends never calls connection_lost(): until the "
        "releases of autumn 2026.",
        instead="abort() it, or wait for an answer first.",
        methods=("create_datagram_endpoint",),
        source=f"{_ISSUES}/156920",
    )
    yield Limit(
        id="windows-proactor-bytearrays",
        platforms=here,
        loops=loop,
        forbids="data_received() is given a bytearray: up to Python 3.11 always, later when resume_reading() hands "
        "over what came in the pause.",
        instead="bytes(data), where it must be hashed or compared by type.",
        source=f"{_ISSUES}/99941",
    )
    yield Limit(
        id="windows-proactor-repeated-pauses",
        platforms=here,
        loops=loop,
        forbids="resume_reading(), pause_reading() and resume_reading() again, without an iteration in between, begin "
        "to read twice if data came before: what comes next is lost.",
        instead="Resume once, at the end of a callback.",
        source=f"{_SOURCE}/Lib/asyncio/proactor_events.py",
    )
    yield Limit(
        id="windows-proactor-wakeup-fd",
        platforms=here,
        loops=loop,
        forbids="A loop that is made in the main thread and closed in another leaves its descriptor to wake it set.",
        instead="Close a loop in the thread that made it.",
        methods=("close",),
        leaves="wakeup fd changed",
        source=f"{_ISSUES}/87079",
    )


def _macos() -> Iterator[Limit]:
    here = (MACOS,)
    yield Limit(
        id="macos-10.8-character-devices",
        platforms=here,
        loops=(KQUEUE,),
        systems=("10.6", "10.8"),
        forbids="kqueue watches no character devices, terminals and pseudo-terminals included.",
        instead="asyncio.SelectorEventLoop(selectors.SelectSelector()).",
        methods=("add_reader", "add_writer", "connect_read_pipe", "connect_write_pipe"),
        exception="OSError",
        text="[Errno 22] Invalid argument",
        capabilities=("watch-pty", "watch-terminal", "watch-null"),
        when=(PTY, TERMINAL, DEVICE),
        source=f"{_PLATFORMS}#macos",
    )
    yield Limit(
        id="macos-devices",
        platforms=here,
        loops=(KQUEUE,),
        systems=("10.9", None),
        forbids="kqueue watches terminals, but neither /dev/tty, their alias, nor devices such as /dev/null.",
        instead="Open the terminal by its own name, os.ttyname(); or use selectors.SelectSelector.",
        methods=("add_reader", "add_writer", "connect_read_pipe", "connect_write_pipe"),
        exception="OSError",
        text="[Errno 22] Invalid argument",
        capabilities=("watch-terminal", "watch-null"),
        when=(TERMINAL, DEVICE),
        source=f"{_XNU}/miscfs/specfs/spec_vnops.c",
    )
    yield Limit(
        id="macos-poll-devices",
        platforms=here,
        loops=(POLL,),
        forbids="poll() cannot wait for /dev/tty or devices such as /dev/null: it reports an error for them at once.",
        instead="selectors.SelectSelector.",
        methods=("add_reader", "add_writer"),
        capabilities=("watch-terminal",),
        value="always ready",
        when=(TERMINAL, DEVICE),
        source=f"{_XNU}/kern/sys_generic.c",
    )
    yield Limit(
        id="macos-select-1024",
        platforms=here,
        loops=(SELECT,),
        forbids="select() takes descriptors below 1024 only, however few there are.",
        instead="selectors.KqueueSelector, the default.",
        methods=("add_reader", "add_writer", "run_forever"),
        exception="ValueError",
        text="filedescriptor out of range in select()",
        capabilities=("highest-descriptor",),
        number=1023,
        amount="highest-descriptor",
        source="https://docs.python.org/3/library/select.html#select.select",
    )
    yield Limit(
        id="macos-child-threads",
        platforms=here,
        forbids="Every process takes a thread that waits for its end.",
        instead="Nothing has to be done: it is a matter of cost.",
        methods=("subprocess_exec", "subprocess_shell"),
        capabilities=("child-exit",),
        value="a thread each",
        source="https://docs.python.org/3.13/library/asyncio-policy.html#asyncio.ThreadedChildWatcher",
    )
    yield Limit(
        id="macos-open-files",
        platforms=here,
        forbids="A process may open 256 files and sockets, unless it asks for more.",
        instead="resource.setrlimit(resource.RLIMIT_NOFILE, …), or ulimit -n.",
        exception="OSError",
        text="[Errno 24] Too many open files",
        amount="highest-descriptor",
        number=255,
        doubt="Whether the program asks for more, or its user does, is not seen.",
        source="https://docs.python.org/3/library/resource.html#resource.RLIMIT_NOFILE",
    )
    yield Limit(
        id="macos-datagram-size",
        platforms=here,
        forbids="A datagram has at most 9,216 bytes, that of a Unix socket 2,048, unless SO_SNDBUF allows more.",
        instead="Send smaller ones, or set SO_SNDBUF on transport.get_extra_info('socket').",
        methods=("create_datagram_endpoint", "sock_sendto"),
        amount="longest-datagram",
        exception="OSError",
        text="[Errno 40] Message too long",
        number=9216,
        source=f"{_XNU}/netinet/udp_usrreq.c",
    )
    yield Limit(
        id="macos-unix-datagrams",
        platforms=here,
        forbids="Nobody waits until a Unix socket has room for a datagram: sending fails, and the datagram is lost.",
        instead="Send it again a little later, or use a stream.",
        methods=("create_datagram_endpoint", "sock_sendto"),
        when=("Unix address",),
        doubt="Whether the receiver keeps pace is not seen.",
        exception="OSError",
        text="[Errno 55] No buffer space available",
        source=f"{_XNU}/kern/uipc_usrreq.c",
    )
    yield Limit(
        id="macos-unix-path",
        platforms=here,
        forbids="The path of a Unix socket has at most 103 bytes.",
        instead="A short folder of tempfile's, not the one a test framework gives.",
        methods=("create_unix_connection", "create_unix_server"),
        exception="OSError",
        text="AF_UNIX path too long",
        amount="longest-unix-path",
        number=103,
        source=f"{_XNU}/sys/un.h",
    )


def _linux() -> Iterator[Limit]:
    here = (LINUX,)
    yield Limit(
        id="linux-epoll-devices",
        platforms=here,
        loops=(EPOLL,),
        forbids="epoll watches terminals, but no devices such as /dev/null, to which standard input may be redirected.",
        instead="Look at os.fstat() first, or read in a thread.",
        methods=("add_reader", "add_writer", "connect_read_pipe", "connect_write_pipe"),
        exception="PermissionError",
        text="[Errno 1] Operation not permitted",
        capabilities=("watch-null",),
        when=(DEVICE,),
        source="https://man7.org/linux/man-pages/man2/epoll_ctl.2.html",
    )
    yield Limit(
        id="linux-select-1024",
        platforms=here,
        loops=(SELECT,),
        forbids="select() takes descriptors below 1024 only, however few there are.",
        instead="selectors.EpollSelector, the default.",
        methods=("add_reader", "add_writer", "run_forever"),
        exception="ValueError",
        text="filedescriptor out of range in select()",
        capabilities=("highest-descriptor",),
        number=1023,
        amount="highest-descriptor",
        source="https://docs.python.org/3/library/select.html#select.select",
    )
    yield Limit(
        id="linux-child-threads",
        platforms=here,
        until=(3, 11),
        forbids="Every process takes a thread that waits for its end.",
        instead="asyncio.PidfdChildWatcher, the default from Python 3.12 on Linux 5.3.",
        methods=("subprocess_exec", "subprocess_shell"),
        capabilities=("child-exit",),
        value="a thread each",
        source="https://docs.python.org/3.11/library/asyncio-policy.html#asyncio.ThreadedChildWatcher",
    )
    yield Limit(
        id="linux-unix-path",
        platforms=here,
        forbids="The path of a Unix socket has at most 107 bytes.",
        instead="A short folder of tempfile's.",
        methods=("create_unix_connection", "create_unix_server"),
        exception="OSError",
        text="AF_UNIX path too long",
        amount="longest-unix-path",
        number=107,
        source="https://man7.org/linux/man-pages/man7/unix.7.html",
    )


LIMITS: tuple[Limit, ...] = tuple(_table())
"""Every limit: those of several platforms first, then Windows', macOS's and Linux'."""

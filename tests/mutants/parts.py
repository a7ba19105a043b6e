"""The parts of CPython's selector loop that a mutant replaces.

A mutant subclasses :class:`Loop` and one of the parts, and names its part in the attribute of that kind. The parts
are CPython's private classes: for a type checker they have every attribute.
"""

from __future__ import annotations

import asyncio
from asyncio import base_events, selector_events, sslproto
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    Unchecked: Any = object

    class SelectorLoop(Unchecked):  # type: ignore[misc]
        # What mutants set, which has no type of its own then.
        _debug: Any
        _default_executor: Any
        _exception_handler: Any
        _ready: Any
        _scheduled: Any
        _task_factory: Any
        _timer_cancelled_count: int
        call_exception_handler: Any
        slow_callback_duration: float

    class StreamTransport(Unchecked):  # type: ignore[misc]
        # What mutants assign and read.
        _empty_waiter: Any
        _eof: bool
        _paused: bool
        _protocol_paused: bool
        _read_ready_cb: Any
        _server: Any

    class DatagramTransport(Unchecked): ...  # type: ignore[misc]

    class TLSProtocol(Unchecked): ...  # type: ignore[misc]

    class TLSTransport(Unchecked): ...  # type: ignore[misc]

    class Server(Unchecked):  # type: ignore[misc]
        _serving_forever_fut: asyncio.Future[None] | None
        _waiters: Any
else:
    SelectorLoop = asyncio.SelectorEventLoop
    StreamTransport = selector_events._SelectorSocketTransport
    DatagramTransport = selector_events._SelectorDatagramTransport
    TLSProtocol = sslproto.SSLProtocol
    TLSTransport = sslproto._SSLProtocolTransport
    Server = base_events.Server


class Loop(SelectorLoop):
    """CPython's selector loop, made of the parts that its subclass names."""

    Stream: ClassVar[type[StreamTransport]] = StreamTransport
    Datagram: ClassVar[type[DatagramTransport]] = DatagramTransport
    TLS: ClassVar[type[TLSProtocol]] = TLSProtocol
    TLSStream: ClassVar[type[TLSTransport]] = TLSTransport
    Listener: ClassVar[type[Server]] = Server

    def _make_socket_transport(self, sock: Any, *args: Any, **options: Any) -> Any:
        self._ensure_fd_no_transport(sock)
        return self.Stream(self, sock, *args, **options)

    def _make_datagram_transport(self, sock: Any, *args: Any, **options: Any) -> Any:
        self._ensure_fd_no_transport(sock)
        return self.Datagram(self, sock, *args, **options)

    # Some parts are made by name: those change their class before they are used.

    def _make_ssl_transport(self, *args: Any, **options: Any) -> Any:
        transport = super()._make_ssl_transport(*args, **options)
        self._replace_tls(transport._ssl_protocol)
        return transport

    def _replace_tls(self, tls: Any) -> None:
        tls.__class__ = self.TLS
        tls._app_transport.__class__ = self.TLSStream

    async def start_tls(self, transport: Any, *args: Any, **options: Any) -> Any:
        def set_protocol(protocol: Any) -> None:
            del transport.set_protocol
            if isinstance(protocol, TLSProtocol):
                self._replace_tls(protocol)
            transport.set_protocol(protocol)

        if isinstance(transport, StreamTransport):
            transport.set_protocol = set_protocol
        return await super().start_tls(transport, *args, **options)

    async def create_server(self, *args: Any, **options: Any) -> Any:
        return self._replace_server(await super().create_server(*args, **options))

    async def create_unix_server(self, *args: Any, **options: Any) -> Any:
        return self._replace_server(await super().create_unix_server(*args, **options))

    def _replace_server(self, server: Any) -> Any:
        server.__class__ = self.Listener
        return server

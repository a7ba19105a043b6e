"""Broken TLS."""

from __future__ import annotations

import ssl
from typing import Any

from .declare import mutant
from .parts import Loop, TLSProtocol, TLSTransport

UVLOOP = "https://github.com/MagicStack/uvloop/"
CPYTHON = "https://github.com/python/cpython/issues/"
DOCS = "https://docs.python.org/3/library/asyncio-"


# The handshake


@mutant("TLS", bug="server_hostname= is ignored: the host's own name is sent and verified", source="TLS-02")
class IgnoresTheServersName(Loop):
    async def create_connection(self, factory: Any, host: Any = None, *args: Any, **options: Any) -> Any:
        if host and options.get("ssl"):
            options.pop("server_hostname", None)
        return await super().create_connection(factory, host, *args, **options)


@mutant("TLS", bug="server_hostname='' verifies the host's name all the same", source="TLS-02")
class VerifiesTheHostAnyway(Loop):
    async def create_connection(self, factory: Any, host: Any = None, *args: Any, **options: Any) -> Any:
        if host and options.get("server_hostname") == "":
            options["server_hostname"] = host
        return await super().create_connection(factory, host, *args, **options)


@mutant("TLS", bug="ssl=True verifies nothing", source=DOCS + "eventloop.html#asyncio.loop.create_connection")
class TrustsEverybody(Loop):
    async def create_connection(self, *args: Any, **options: Any) -> Any:
        if options.get("ssl") is True:
            options["ssl"] = ssl._create_unverified_context()
        return await super().create_connection(*args, **options)


@mutant("TLS", bug="a handshake that fails raises ConnectionError, whatever the reason", source="TLS-03")
class HidesTheReason(Loop):
    class TLS(TLSProtocol):
        def _wakeup_waiter(self, exc: BaseException | None = None) -> None:
            super()._wakeup_waiter(exc and ConnectionError("SSL handshake failed"))


@mutant("TLS", bug="connection_lost() is called for a handshake that failed", source=UVLOOP + "issues/246")
class LosesWhatWasNeverMade(Loop):
    class TLS(TLSProtocol):
        def connection_lost(self, exc: BaseException | None) -> None:
            protocol = self._app_protocol
            never_made = self._app_state.name == "STATE_INIT"
            super().connection_lost(exc)
            if never_made:
                protocol.connection_lost(exc)


@mutant("TLS", bug="ssl_handshake_timeout= is ignored", source="TLS-09")
class WaitsForTheHandshake(Loop):
    class TLS(TLSProtocol):
        def _check_handshake_timeout(self) -> None:
            pass


@mutant("TLS", bug="ssl_handshake_timeout= of zero or less is taken for none", source="TLS-09")
class TakesAnyTimeout(Loop):
    async def create_connection(self, *args: Any, **options: Any) -> Any:
        if (options.get("ssl_handshake_timeout") or 0) <= 0:
            options["ssl_handshake_timeout"] = None
        return await super().create_connection(*args, **options)


@mutant("TLS", bug="a connection whose handshake was in time is aborted all the same", source="TLS-09")
class AbortsInTheEnd(Loop):
    class TLS(TLSProtocol):
        def _on_handshake_complete(self, exc: BaseException | None) -> None:
            self._handshake_timeout_handle = None
            super()._on_handshake_complete(exc)

        def _check_handshake_timeout(self) -> None:
            if self._transport is not None:
                self._fatal_error(ConnectionAbortedError("SSL handshake timed out"))


@mutant("TLS", bug="data that come with the end of the handshake wait for more", source="TLS-17")
class ForgetsTheFirstData(Loop):
    class TLS(TLSProtocol):
        starting = False

        def _on_handshake_complete(self, exc: BaseException | None) -> None:
            self.starting = True
            super()._on_handshake_complete(exc)
            self.starting = False

        def _do_read(self) -> None:
            if not self.starting:
                super()._do_read()


@mutant("TLS", bug="the certificate of the peer is unknown", source="TLS-01")
class KnowsNoCertificate(Loop):
    class TLS(TLSProtocol):
        def _get_extra_info(self, name: str, default: Any = None) -> Any:
            return default if name == "peercert" else super()._get_extra_info(name, default)


# Data


@mutant("TLS", bug="pause_reading() does not hold decrypted data", source=DOCS + "protocol.html")
class ReadsThoughPaused(Loop):
    class TLSStream(TLSTransport):
        def pause_reading(self) -> None:
            pass


@mutant("TLS", bug="resume_reading() waits for the peer to send more", source="TLS-18")
class ResumesWithNothing(Loop):
    class TLS(TLSProtocol):
        def _resume_reading(self) -> None:
            self._app_reading_paused = False


@mutant("TLS", bug="a full buffer does not pause the protocol", source="TCP-33")
class NeverPausesTlsWriters(Loop):
    class TLS(TLSProtocol):
        def _control_app_writing(self) -> None:
            pass


@mutant("TLS", bug="data in a record that is larger than the protocol's buffer wait for more", source="TLS-04")
class FillsTheBufferOnce(Loop):
    class TLS(TLSProtocol):
        def _do_read__buffered(self) -> None:
            buffer = self._app_protocol_get_buffer(self._get_read_buffer_size())
            try:
                count = self._sslobj.read(len(buffer), buffer)
            except ssl.SSLWantReadError:
                return
            if count:
                self._app_protocol_buffer_updated(count)
            else:
                self._call_eof_received()
                self._start_shutdown()


@mutant("TLS", bug="writelines() sends the first line", source="TCP-29")
class WritesOneLine(Loop):
    class TLSStream(TLSTransport):
        def writelines(self, lines: Any) -> None:
            super().writelines(list(lines)[:1])


@mutant("TLS", bug="a record that was tampered with is skipped", source="TLS-08")
class SkipsCorruptRecords(Loop):
    class TLS(TLSProtocol):
        def _fatal_error(self, exc: BaseException, message: str = "") -> None:
            if message != "Fatal error on SSL protocol":
                super()._fatal_error(exc, message)


@mutant("TLS", bug="write() to a transport that is closed raises", source="TLS-19")
class RaisesOnLateTlsWrite(Loop):
    class TLSStream(TLSTransport):
        def write(self, data: Any) -> None:
            if self._closed:
                raise RuntimeError("the handler is closed")
            super().write(data)


# The end


@mutant("TLS", bug="close() ends the connection without close_notify", source=CPYTHON + "74883")
class SendsNoCloseNotify(Loop):
    class TLS(TLSProtocol):
        def _do_shutdown(self) -> None:
            self._on_shutdown_complete(None)


@mutant("TLS", bug="close() does not wait for what was written", source="TLS-11")
class DropsTlsOnClose(Loop):
    class TLS(TLSProtocol):
        def _start_shutdown(self) -> None:
            self._write_backlog.clear()
            if self._transport is not None:
                self._transport._buffer.clear()
            super()._start_shutdown()


@mutant("TLS", bug="close_notify of the peer is not told: the connection stays open", source="TLS-11")
class IgnoresCloseNotify(Loop):
    class TLS(TLSProtocol):
        def _call_eof_received(self) -> None:
            self._start_shutdown = lambda: None


@mutant("TLS", bug="an end without close_notify is not told: the connection stays open", source="TLS-11")
class IgnoresRaggedEnds(Loop):
    class TLS(TLSProtocol):
        def eof_received(self) -> Any:
            if self._state.name == "WRAPPED":
                return True
            return super().eof_received()


@mutant("TLS", bug="ssl_shutdown_timeout= is ignored", source="TLS-10")
class WaitsForTheShutdown(Loop):
    class TLS(TLSProtocol):
        def _check_shutdown_timeout(self) -> None:
            pass


@mutant("TLS", bug="abort() says goodbye and waits for the answer", source=UVLOOP + "issues/471")
class AbortsPolitely(Loop):
    class TLSStream(TLSTransport):
        def abort(self) -> None:
            self.close()


@mutant("TLS", bug="what is known of a connection is forgotten when it is closed", source="TLS-21")
class ForgetsItsCertificates(Loop):
    class TLSStream(TLSTransport):
        def get_extra_info(self, name: str, default: Any = None) -> Any:
            if self._closed:
                raise AttributeError("the connection is closed")
            return super().get_extra_info(name, default)


# start_tls()


@mutant("TLS", bug="start_tls() calls connection_made() again", source="TLS-04")
class MakesItTwice(Loop):
    async def start_tls(self, transport: Any, protocol: Any, *args: Any, **options: Any) -> Any:
        upgraded = await super().start_tls(transport, protocol, *args, **options)
        protocol.connection_made(upgraded)
        return upgraded


@mutant("TLS", bug="start_tls() drops what was written before", source="TLS-06")
class DropsThePlaintext(Loop):
    async def start_tls(self, transport: Any, *args: Any, **options: Any) -> Any:
        if getattr(transport, "_buffer", None):
            transport._buffer.clear()
            self._remove_writer(transport._sock_fd)
        return await super().start_tls(transport, *args, **options)


@mutant("TLS", bug="start_tls() takes server_hostname= for nothing", source="TLS-04")
class UpgradesToAnybody(Loop):
    async def start_tls(self, *args: Any, **options: Any) -> Any:
        if options.get("server_hostname"):
            options["server_hostname"] = "localhost"
        return await super().start_tls(*args, **options)


@mutant("TLS", bug="start_tls() that is cancelled leaves the connection open", source="TLS-07")
class SurvivesItsCancellation(Loop):
    async def start_tls(self, transport: Any, *args: Any, **options: Any) -> Any:
        close, transport.close = transport.close, lambda: None
        try:
            return await super().start_tls(transport, *args, **options)
        finally:
            transport.close = close


@mutant("TLS", bug="start_tls() over TLS is refused", source="TLS-13")
class RefusesTlsOverTls(Loop):
    class TLSStream(TLSTransport):
        _start_tls_compatible = False


@mutant("TLS", bug="start_tls() takes True for a context", source="TLS-05")
class TakesAnyContext(Loop):
    async def start_tls(self, transport: Any, protocol: Any, context: Any, **options: Any) -> Any:
        if not isinstance(context, ssl.SSLContext):
            context = ssl.create_default_context()
        return await super().start_tls(transport, protocol, context, **options)

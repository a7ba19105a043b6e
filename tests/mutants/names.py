"""Broken resolution of names."""

from __future__ import annotations

import socket
from typing import Any

from .declare import mutant
from .parts import SelectorLoop


@mutant("DNS", bug="getaddrinfo() ignores flags", source="DNS-01")
class IgnoresFlags(SelectorLoop):
    async def getaddrinfo(self, host: Any, port: Any, *, flags: int = 0, **options: Any) -> Any:
        return await super().getaddrinfo(host, port, **options)


@mutant("DNS", bug="getaddrinfo() returns an address once, not once for every type of socket", source="DNS-01")
class ReturnsEveryAddressOnce(SelectorLoop):
    async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> Any:
        found = await super().getaddrinfo(host, port, **options)
        return list({(entry[0], entry[4]): entry for entry in reversed(found)}.values())[::-1]


@mutant("DNS", bug="getaddrinfo() does not take host and port as bytes", source="DNS-02")
class TakesTextOnly(SelectorLoop):
    async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> Any:
        if isinstance(host, bytes) or isinstance(port, bytes):
            raise TypeError("host and port must be str")
        return await super().getaddrinfo(host, port, **options)


@mutant("DNS", bug="getaddrinfo() takes ports as numbers only", source="DNS-02")
class KnowsNoServices(SelectorLoop):
    async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> Any:
        return await super().getaddrinfo(host, None if port is None else int(port), **options)


@mutant("DNS", bug="the error of a name that does not exist is an OSError without the resolver's code", source="DNS-03")
class LosesTheCode(SelectorLoop):
    async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> Any:
        try:
            return await super().getaddrinfo(host, port, **options)
        except socket.gaierror as error:
            raise OSError(str(error)) from None


@mutant("DNS", bug="the scope of an IPv6 address is lost", source="DNS-05")
class LosesTheScope(SelectorLoop):
    async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> Any:
        found = await super().getaddrinfo(host, port, **options)
        return [(*entry[:4], (*entry[4][:3], 0)) if entry[0] == socket.AF_INET6 else entry for entry in found]


@mutant(
    "DNS",
    bug="a long host name is cut off, and what is left may be an address",
    source="https://github.com/advisories/GHSA-f74f-cvh7-c6q6",
)
class CutsLongNamesOff(SelectorLoop):
    async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> Any:
        if isinstance(host, str) and len(host) > 255:
            host = host[:2] + host[-8:]
        return await super().getaddrinfo(host, port, **options)


@mutant("DNS", bug="getnameinfo() ignores flags", source="DNS-07")
class IgnoresFlagsOfNames(SelectorLoop):
    async def getnameinfo(self, sockaddr: Any, flags: int = 0) -> Any:
        return await super().getnameinfo(sockaddr)


@mutant("DNS", bug="getnameinfo() does not take the four parts of an IPv6 address", source="DNS-07")
class KnowsTwoPartsOfAnAddress(SelectorLoop):
    async def getnameinfo(self, sockaddr: Any, flags: int = 0) -> Any:
        host, port = sockaddr
        return await super().getnameinfo((host, port), flags)


@mutant("DNS", bug="connecting to a literal address asks the resolver, too", source="DNS-10")
class AsksForLiterals(SelectorLoop):
    async def _ensure_resolved(
        self,
        address: Any,
        *,
        family: int = 0,
        type: int = socket.SOCK_STREAM,  # noqa: A002
        proto: int = 0,
        flags: int = 0,
        loop: Any,
    ) -> Any:
        return await self.getaddrinfo(*address[:2], family=family, type=type, proto=proto, flags=flags)


@mutant("DNS", bug="names are remembered: whatever has changed since is not asked for again", source="DNS-01")
class RemembersNames(SelectorLoop):
    async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> Any:
        memory = self.__dict__.setdefault("memory", {})
        if (host, port) not in memory:
            memory[host, port] = await super().getaddrinfo(host, port, **options)
        return memory[host, port]

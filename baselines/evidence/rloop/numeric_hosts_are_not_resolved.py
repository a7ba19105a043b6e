"""getaddrinfo() of a numeric host answers what socket.getaddrinfo() refuses, such as a stream over UDP."""

from __future__ import annotations

from ..accuse import accuse, raises
from ..uvloop.numeric_hosts_are_not_resolved import see

if __name__ == "__main__":
    accuse(see, "rloop", asyncio=[raises("gaierror")] * 2, accused=["an answer"] * 2)

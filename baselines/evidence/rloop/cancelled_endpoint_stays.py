"""A create_datagram_endpoint() that is cancelled while it makes its endpoint leaves it open."""

from __future__ import annotations

from ..accuse import accuse
from ..uvloop.cancelled_endpoint_stays import see

if __name__ == "__main__":
    accuse(see, "rloop", asyncio=(True, ["made", "lost"]), accused=(True, ["made"]))

"""The certificates that are shipped: whoever trusts their authority is satisfied, today and in a thousand years."""

from __future__ import annotations

import ssl
import time

import pytest
from everyloop.conformance.contexts import client_context, server_context

NAMES = ("localhost", "127.0.0.1", "::1")


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> ssl.SSLObject:
    """Let two contexts talk in memory; return the client's side."""
    upward, downward = ssl.MemoryBIO(), ssl.MemoryBIO()
    here = client.wrap_bio(downward, upward, server_hostname=name)
    there = server.wrap_bio(upward, downward, server_side=True)
    ends = [here, there]
    for _ in range(10):
        for end in ends[:]:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            ends.remove(end)
    assert not ends
    return here


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_certificate_is_for(name: str, version: ssl.TLSVersion) -> None:
    client = client_context(version)
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    assert shake_hands(client, server_context(version), name).version() == version.name.replace("_", ".")


def test_it_is_for_nobody_else() -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(client_context(), server_context(), "example.org")


def test_nobody_else_trusts_it() -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(client_context(trusting=False), server_context(), "localhost")


def test_it_is_valid_long_before_and_long_after_today() -> None:
    certificate = shake_hands(client_context(), server_context(), "localhost").getpeercert()
    assert certificate
    century = 100 * 365 * 86400
    assert ssl.cert_time_to_seconds(str(certificate["notBefore"])) < time.time() - century / 10
    assert ssl.cert_time_to_seconds(str(certificate["notAfter"])) > time.time() + century

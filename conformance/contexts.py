"""Contexts for TLS, of certificates that are shipped with the cases: an authority, and a server on loopback.

The certificate is for ``localhost``, ``127.0.0.1`` and ``::1``. Its key is public, and nobody trusts its authority
but the contexts made here. ``tests/conformance/make_certificates.py`` made both.
"""

from __future__ import annotations

import ssl
from importlib.resources import as_file, files

_CERTIFICATES = files(__package__) / "certificates"


def client_context(version: ssl.TLSVersion | None = None, *, trusting: bool = True) -> ssl.SSLContext:
    """Make a context for clients, which checks the server's certificate and its name.

    Args:
        version: the only version of TLS to speak; None: any.
        trusting: whether it knows the authority that signed the server's certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if trusting:
        context.load_verify_locations(cadata=(_CERTIFICATES / "authority.pem").read_text(encoding="ascii"))
    _restrict(context, version)
    return context


def server_context(version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    """Make a context for servers, with the certificate.

    Args:
        version: the only version of TLS to speak; None: any.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with as_file(_CERTIFICATES / "server.pem") as path:
        context.load_cert_chain(path)
    _restrict(context, version)
    return context


def _restrict(context: ssl.SSLContext, version: ssl.TLSVersion | None) -> None:
    if version is not None:
        context.minimum_version = context.maximum_version = version

# /// script
# requires-python = ">=3.11"
# dependencies = ["trustme>=1.2"]
# ///
"""Makes the certificates that the cases about TLS use: run this where trustme is installed, once in a thousand years.

They are shipped, so that cases need nothing but the standard library: an authority that nobody else trusts, and a
certificate of it for ``localhost``, ``127.0.0.1`` and ``::1`` with its private key, which is no secret. Both are
valid from 2000 to the end of 2999 and satisfy ``ssl.VERIFY_X509_STRICT``, the default of contexts since Python 3.13.
"""

from __future__ import annotations

import datetime
from pathlib import Path

import trustme  # type: ignore[import-not-found]

FOLDER = Path(__file__).resolve().parents[2] / "conformance" / "certificates"


def main() -> None:
    """Write ``authority.pem`` and ``server.pem``."""
    last_day = datetime.datetime(2999, 12, 31, tzinfo=datetime.UTC)
    authority = trustme.CA(organization_name="everyloop", organization_unit_name="not to be trusted")
    server = authority.issue_cert("localhost", "127.0.0.1", "::1", not_after=last_day)
    authority.cert_pem.write_to_path(FOLDER / "authority.pem")
    server.private_key_and_cert_chain_pem.write_to_path(FOLDER / "server.pem")


if __name__ == "__main__":
    main()

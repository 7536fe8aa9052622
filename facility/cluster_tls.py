"""The one certificate of a cluster, as both ends of every line of its own use it. Standard library only."""

from __future__ import annotations

import ssl
from pathlib import Path

AUTHORITY, CERTIFICATE, KEY = "ca.pem", "certificate.pem", "key.pem"
"""Files in the cluster's folder."""


def proved(folder: Path, *, listens: bool) -> ssl.SSLContext:
    """TLS 1.3 where both sides prove themselves by the files of `folder`, for the side that listens or the other.

    Raises OSError where the files are gone, which they are when the cluster is.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if listens else ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False  # the cluster's own authority signed one certificate only
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(folder / AUTHORITY)
    context.load_cert_chain(folder / CERTIFICATE, folder / KEY)
    return context

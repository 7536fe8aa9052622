"""TLS inside, `internal_ssl`: a hub whose certificate or addresses do not fit says so at its start, in one sentence.

Without this look jobs would ask for their claim for half an hour, and their people would read of a time-out.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509

from facility.errors import ProfileError
from spawners.untyped import Untyped


def check_inside(app: Untyped) -> None:
    """Raises ProfileError where jobs or hub would be led to an address that cannot be trusted; see the admin guide."""
    if not app.internal_ssl:
        return
    proxy = str(getattr(app.proxy, "api_url", "https:"))
    for name, address in (("ConfigurableHTTPProxy.api_url", proxy), ("JupyterHub.hub_connect_url", app.hub.api_url)):
        if not address.startswith("https:"):
            raise ProfileError(f"{name} leads to {address}; with internal_ssl it begins with https://")
    host, known = str(urlsplit(app.hub.api_url).hostname), _names(Path(app.internal_ssl_cert))
    if host not in known:
        kind = "IP" if host.replace(".", "").isdigit() or ":" in host else "DNS"
        raise ProfileError(
            f"jobs are told to reach the hub at {host}, and its certificate is for {', '.join(sorted(known))}: set"
            f' c.JupyterHub.trusted_alt_names = ["{kind}:{host}"], stop hub and proxy, remove the folder'
            f" {app.internal_certs_location}, make the certificates anew (--generate-certs) and start both again"
        )


def _names(path: Path) -> set[str]:
    """Every host that the certificate of this file is good for."""
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in found}

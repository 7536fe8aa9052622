"""Keys and certificates for jobs and their servers, from the authorities of the hub's `internal_ssl`.

JupyterHub makes a server's certificate before its start and leaves the key in a file of the hub's. The node of a batch
job is known at its claim only, so both are made then, in memory, for that node, and go out with the claim's answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from certipy import Certipy
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from facility.errors import ProfileError

SKEW = timedelta(hours=1)
"""By how much a node's clock may be behind the hub's."""

SPARE = timedelta(days=30)
"""What a certificate is good for beyond the walltime: an operator may lengthen a job, or suspend it."""

LONGEST_WAIT = timedelta(days=365)
"""How long a job may wait in the queue for its claim, requeues included."""

_SERVERS, _HUB = "notebooks-ca", "hub-ca"  # JupyterHub's names of its authorities
_CLIENT, _SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH


@dataclass(frozen=True)
class Authority:
    """One of the hub's authorities; its `repr` shows no key."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def job_pass(settings: Mapping[str, Any], user: str) -> str:
    """What a job needs to speak with the hub before its claim; empty where the hub asks for no certificate.

    Key and certificate of a client, then the hub's authority, in PEM. It proves nothing but that this hub made it: the
    claim's secret decides, and as it names no host it is nobody's server. `settings` are those of the hub's handlers.
    """
    if not settings.get("internal_ssl"):
        return ""
    place = settings["internal_certs_location"]
    key, certificate = _issue(_authority(place), (user, ""), (), datetime.now(UTC) + LONGEST_WAIT)
    hub = Certipy(store_dir=place).store.get_record(_HUB)["files"]["cert"]
    return key + certificate + Path(hub).read_text(encoding="ascii")


def server_certificate(
    settings: Mapping[str, Any], owner: tuple[str, str], hosts: Iterable[str], walltime: timedelta
) -> dict[str, str]:
    """Key, certificate and the authorities that a server trusts, each in PEM; empty where the hub uses no TLS inside.

    owner : user and server name, for whoever reads the certificate.
    hosts : the names and addresses of the node that claimed; the certificate is good for these only.
    """
    if not settings.get("internal_ssl"):
        return {}
    key, certificate = _issue(
        _authority(settings["internal_certs_location"]), owner, hosts, datetime.now(UTC) + walltime + SPARE
    )
    trusted = Path(settings["internal_trust_bundles"][_SERVERS]).read_text(encoding="ascii")
    return {"key": key, "certificate": certificate, "authorities": trusted}


@lru_cache(maxsize=1)
def _authority(place: str) -> Authority:
    """The authority of servers, which proxy and hub trust; JupyterHub made it when the hub started."""
    files = Certipy(store_dir=place).store.get_record(_SERVERS)["files"]
    certificate = x509.load_pem_x509_certificate(Path(files["cert"]).read_bytes())
    key = serialization.load_pem_private_key(Path(files["key"]).read_bytes(), None)
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise ProfileError(f"{files['key']} holds neither an RSA nor an elliptic key; beamside signs with these")
    return Authority(certificate, key)


def _issue(authority: Authority, owner: tuple[str, str], hosts: Iterable[str], until: datetime) -> tuple[str, str]:
    """A new key and its certificate, in PEM: of a server where it has hosts, of a client alone where it has none."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = [_name(host) for host in sorted(set(hosts))]
    fields = zip((NameOID.COMMON_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME), owner, strict=True)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(oid, text[:64]) for oid, text in fields if text]))  # RFC 5280
        .issuer_name(authority.certificate.subject)
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - SKEW)
        .not_valid_after(min(until, authority.certificate.not_valid_after_utc))
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([_CLIENT, _SERVER] if names else [_CLIENT]), critical=True)
        .add_extension(_issuer_of(authority), critical=False)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    certificate = builder.sign(authority.key, hashes.SHA256())
    form = serialization.PrivateFormat.PKCS8
    pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
    return pem, certificate.public_bytes(serialization.Encoding.PEM).decode()


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _issuer_of(authority: Authority) -> x509.AuthorityKeyIdentifier:
    """By which whoever checks the new certificate finds the one that signed it."""
    try:
        known = authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(known)

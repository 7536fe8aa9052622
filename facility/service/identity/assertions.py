"""A client proves itself by an assertion signed with its registered key (RFC 7523, 2.2); there are no secrets."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from facility.errors import NotFound, Refused
from facility.service.identity.oauth import TokenRefused
from facility.service.identity.store import Client, Store
from facility.token_times import span, why_untimely

LEEWAY = 30.0
LONGEST = 3700.0  # seconds; widespread clients sign theirs for an hour
LEAST_RSA_BITS = 2048  # RFC 7518, section 3.3
REFUSED = "the client assertion is not accepted; sign it with the registered key, for this token endpoint"

PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey


def read_client(assertion: str, audiences: Sequence[str], store: Store) -> Client:
    """The client that signed this assertion for us, for its first use.

    Raises TokenRefused (invalid_client); an unknown client and a wrong signature read the same.
    """
    try:
        unverified = jwt.decode(assertion, options={"verify_signature": False})
        client = store.client(str(unverified.get("sub", ""))[:64])
        key = read_key(client.public_key)
        claims = jwt.decode(
            assertion,
            key,
            algorithms=algorithms_of(key),
            audience=list(audiences),
            issuer=client.id,
            leeway=LEEWAY,
            options={"require": ["iss", "sub", "aud", "exp", "jti"]},
        )
    except (jwt.ExpiredSignatureError, jwt.ImmatureSignatureError) as error:
        why = why_untimely(assertion, "assertion", is_new=True)
        raise invalid_client(f"{REFUSED}: {why}") from error
    except (jwt.PyJWTError, NotFound, Refused, TypeError) as error:
        raise invalid_client(f"{REFUSED} ({type(error).__name__})") from error
    ends, now = int(claims["exp"]), time.time()  # which the library has found to be a number, or digits
    if ends > now + LONGEST:
        far = f"it ends in {span(ends - now)} by this service's clock; where it lives for less, the clock differs"
        raise invalid_client(f"{REFUSED}: it may be valid for an hour at most, and {far}")
    store.use_assertion(client.id, str(claims["jti"])[:255], datetime.fromtimestamp(ends, UTC))
    return client


def check_address(client: Client, address: str) -> None:
    """Raises TokenRefused where this client may not ask from this address."""
    if client.networks and not any(_is_in(address, network) for network in client.networks):
        raise invalid_client(f"this client may not ask for tokens from {address or 'an unknown address'}")


def read_key(text: str) -> PublicKey:
    """The public key in a PEM text. Raises Refused for a private or short key, another kind, and anything else."""
    try:
        key = load_pem_public_key(text.encode("ascii"))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Refused("that is no public key in PEM (never send the private one)") from error
    if isinstance(key, RSAPublicKey) and key.key_size < LEAST_RSA_BITS:
        raise Refused(f"an RSA key needs {LEAST_RSA_BITS} bits at least; this one has {key.key_size}")
    if isinstance(key, EllipticCurvePublicKey) and not isinstance(key.curve, SECP256R1):
        raise Refused(f"an EC key must be of the curve P-256; this one is {key.curve.name}")
    if not isinstance(key, RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey):
        raise Refused("a client's key is RSA, EC P-256 or Ed25519")
    return key


def pem_of(key: PublicKey) -> str:
    """The key as it is stored."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def algorithms_of(key: PublicKey) -> list[str]:
    """What a key of this kind may sign with; the token's own header chooses among these only."""
    if isinstance(key, RSAPublicKey):
        return ["RS256", "PS256"]
    return ["ES256"] if isinstance(key, EllipticCurvePublicKey) else ["EdDSA"]


def invalid_client(words: str) -> TokenRefused:
    """The client did not prove itself (RFC 6749, section 5.2)."""
    return TokenRefused("invalid_client", words, 401)


def _is_in(address: str, network: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found) in ipaddress.ip_network(network)

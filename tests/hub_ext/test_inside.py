"""A hub with TLS inside that nobody could reach, or that could reach nobody, does not start and says why."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from certipy import Certipy

from facility.errors import ProfileError
from hub_ext.inside import check_inside

PROXY = "https://127.0.0.1:8001"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The hub's own, as JupyterHub makes it."""
    certipy = Certipy(store_dir=str(tmp_path_factory.mktemp("internal-ssl")))
    certipy.create_ca("hub-ca")
    names = ["IP:127.0.0.1", "DNS:localhost", "DNS:hub.example.org", "IP:10.0.0.5", "IP:fd00::5"]
    return Path(certipy.create_signed_pair("hub-internal", "hub-ca", alt_names=names)["files"]["cert"])


def hub(certificate: Path, api: str, proxy: str = PROXY) -> SimpleNamespace:
    """What is looked at of JupyterHub."""
    return SimpleNamespace(
        internal_ssl=True,
        internal_ssl_cert=str(certificate),
        internal_certs_location=str(certificate.parents[1]),
        hub=SimpleNamespace(api_url=api),
        proxy=SimpleNamespace(api_url=proxy),
    )


@pytest.mark.parametrize("host", ["10.0.0.5", "hub.example.org", "[fd00::5]", "127.0.0.1"])
def test_a_hub_whose_certificate_names_it_starts(certificate: Path, host: str) -> None:
    """By address of either kind, or by name."""
    check_inside(hub(certificate, f"https://{host}:8081/hub/api"))


@pytest.mark.parametrize(
    ("host", "wanted"), [("10.0.0.6", "IP:10.0.0.6"), ("other.example.org", "DNS:other.example.org")]
)
def test_a_name_that_the_certificate_lacks_is_told(certificate: Path, host: str, wanted: str) -> None:
    """With the setting that adds it."""
    with pytest.raises(
        ProfileError, match=rf'for .*hub\.example\.org.* set c\.JupyterHub\.trusted_alt_names = \["{wanted}"\]'
    ):
        check_inside(hub(certificate, f"https://{host}:8081/hub/api"))


def test_an_address_without_tls_is_told(certificate: Path) -> None:
    """Whether the hub's own or its proxy's."""
    with pytest.raises(ProfileError, match=r"hub_connect_url leads to http://10\.0\.0\.5"):
        check_inside(hub(certificate, "http://10.0.0.5:8081/hub/api"))
    with pytest.raises(ProfileError, match=r"ConfigurableHTTPProxy\.api_url leads to http:"):
        check_inside(hub(certificate, "https://10.0.0.5:8081/hub/api", "http://127.0.0.1:8001"))


def test_a_hub_without_tls_inside_is_not_looked_at() -> None:
    """Nothing changes there."""
    check_inside(SimpleNamespace(internal_ssl=False))

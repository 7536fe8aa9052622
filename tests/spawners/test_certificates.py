"""Certificates for jobs and servers, judged by TLS itself: real handshakes between the parts of one hub."""

from __future__ import annotations

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from certipy import Certipy
from cryptography import x509
from jupyterhub.utils import make_ssl_context

from spawners.certificates import SPARE, job_pass, server_certificate

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Authorities as JupyterHub makes them, each with what it trusts."""
    place = tmp_path_factory.mktemp("hub") / "internal-ssl"
    certipy = Certipy(store_dir=str(place))
    trust = {
        "hub-ca": ["hub-ca", "notebooks-ca", "proxy-client-ca"],
        "notebooks-ca": ["hub-ca", "proxy-client-ca"],
        "proxy-client-ca": ["hub-ca", "notebooks-ca"],
    }
    bundles = certipy.trust_from_graph(trust)
    certipy.create_signed_pair("hub-internal", "hub-ca", alt_names=["DNS:localhost"])
    return {"internal_ssl": True, "internal_certs_location": str(place), "internal_trust_bundles": bundles}


def hub_side(settings: dict[str, Any], purpose: ssl.Purpose) -> ssl.SSLContext:
    """What JupyterHub speaks with: its own certificate, its own trust."""
    folder = Path(settings["internal_certs_location"]) / "hub-internal"
    trusted = settings["internal_trust_bundles"]["hub-ca"]
    context: ssl.SSLContext = make_ssl_context(
        folder / "hub-internal.key", folder / "hub-internal.crt", cafile=trusted, purpose=purpose
    )
    return context


def server_side(papers: dict[str, str], folder: Path, purpose: ssl.Purpose) -> ssl.SSLContext:
    """What a notebook server speaks with."""
    for name, text in papers.items():
        (folder / name).write_text(text, encoding="ascii")
    context = ssl.create_default_context(purpose, cafile=folder / "authorities")
    context.load_cert_chain(folder / "certificate", folder / "key")
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def job_side(papers: str, folder: Path) -> ssl.SSLContext:
    """What a job speaks with before its claim."""
    (folder / "pass").write_text(papers, encoding="ascii")
    context = ssl.create_default_context(cadata=papers[papers.rindex("-----BEGIN CERTIFICATE-----") :])
    context.load_cert_chain(folder / "pass")
    return context


def speak(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> str:
    """Shake hands and carry one word over; returns what the server heard, or raises what the one who objects says."""
    here, there = socket.socketpair()
    for end in (here, there):
        end.settimeout(30)
    heard: list[str | OSError] = []

    def listen() -> None:
        try:
            with server.wrap_socket(there, server_side=True) as line:
                heard.insert(0, line.recv(5).decode())
                line.send(b"heard")
        except OSError as error:
            heard.insert(0, error)
            there.close()

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        with client.wrap_socket(here, server_hostname=name) as line:
            line.send(b"hello")
            line.recv(5)
    except ssl.SSLCertVerificationError:
        raise
    except OSError as error:
        heard.append(error)  # told by the other side, whose own words come first
    finally:
        here.close()
        thread.join()
    if isinstance(heard[0], OSError):
        raise heard[0]
    return heard[0]


def test_hub_and_server_know_each_other(settings: dict[str, Any], tmp_path: Path) -> None:
    """The hub asks the server under the node's name, and the server the hub, each with its certificate."""
    papers = server_certificate(settings, ("ana", "work"), {"node-1", "10.0.0.7"}, HOUR)
    serving = server_side(papers, tmp_path, ssl.Purpose.CLIENT_AUTH)
    asking = server_side(papers, tmp_path, ssl.Purpose.SERVER_AUTH)

    assert "hello" == speak(hub_side(settings, ssl.Purpose.SERVER_AUTH), serving, "node-1")
    assert "hello" == speak(hub_side(settings, ssl.Purpose.SERVER_AUTH), serving, "10.0.0.7")
    assert "hello" == speak(asking, hub_side(settings, ssl.Purpose.CLIENT_AUTH), "localhost")


@pytest.mark.parametrize("name", ["node-2", "localhost", "127.0.0.1"])
def test_a_certificate_is_good_for_its_node_only(settings: dict[str, Any], tmp_path: Path, name: str) -> None:
    """Neither another node nor the hub's own host can be played with it."""
    papers = server_certificate(settings, ("ana", ""), {"node-1"}, HOUR)
    serving = server_side(papers, tmp_path, ssl.Purpose.CLIENT_AUTH)

    with pytest.raises(ssl.SSLCertVerificationError, match=r"mismatch|not valid for"):
        speak(hub_side(settings, ssl.Purpose.SERVER_AUTH), serving, name)


def test_another_persons_server_is_refused_by_a_server(settings: dict[str, Any], tmp_path: Path) -> None:
    """Servers trust the hub and its proxy, and no other server; a job's own pass opens none either."""
    mine, other = tmp_path / "mine", tmp_path / "other"
    mine.mkdir()
    other.mkdir()
    serving = server_side(server_certificate(settings, ("ana", ""), {"n"}, HOUR), mine, ssl.Purpose.CLIENT_AUTH)
    theirs = server_side(server_certificate(settings, ("ben", ""), {"m"}, HOUR), other, ssl.Purpose.SERVER_AUTH)
    theirs.load_verify_locations(Path(settings["internal_certs_location"]) / "notebooks-ca" / "notebooks-ca.crt")
    passing = job_side(job_pass(settings, "ben"), other)
    passing.load_verify_locations(Path(settings["internal_certs_location"]) / "notebooks-ca" / "notebooks-ca.crt")

    for client in (theirs, passing):
        with pytest.raises(OSError, match="certificate verify failed"):
            speak(client, serving, "n")


def test_a_jobs_pass_opens_the_hub_and_serves_nobody(settings: dict[str, Any], tmp_path: Path) -> None:
    """With it a job can claim; as a server's certificate it is refused."""
    mine = job_side(job_pass(settings, "ana"), tmp_path)

    assert "hello" == speak(mine, hub_side(settings, ssl.Purpose.CLIENT_AUTH), "localhost")
    posing = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    posing.load_cert_chain(tmp_path / "pass")
    with pytest.raises(ssl.SSLCertVerificationError, match="unsuitable certificate purpose"):
        speak(hub_side(settings, ssl.Purpose.SERVER_AUTH), posing, "localhost")


def test_a_certificate_outlives_its_job_and_not_its_authority(settings: dict[str, Any]) -> None:
    """Lengthened jobs keep their certificate; none is good for longer than who signed it."""
    now = datetime.now(UTC)
    short, long = (
        x509.load_pem_x509_certificate(
            server_certificate(settings, ("ana", ""), {"n"}, walltime)["certificate"].encode()
        )
        for walltime in (HOUR, timedelta(days=365 * 90))
    )
    authority = Path(settings["internal_certs_location"]) / "notebooks-ca" / "notebooks-ca.crt"

    assert HOUR + SPARE - timedelta(minutes=5) < short.not_valid_after_utc - now <= HOUR + SPARE + timedelta(minutes=5)
    assert long.not_valid_after_utc == x509.load_pem_x509_certificate(authority.read_bytes()).not_valid_after_utc
    assert short.not_valid_before_utc < now


def test_keys_stay_in_no_file_of_the_hub(settings: dict[str, Any]) -> None:
    """What the hub made for jobs and servers is nowhere in its folder, and each one is new."""
    made = [server_certificate(settings, ("ana", ""), {"n"}, HOUR)["key"] for _ in range(2)]
    made.append(job_pass(settings, "ana").partition("-----BEGIN CERTIFICATE-----")[0])
    files = [path for path in Path(settings["internal_certs_location"]).rglob("*") if path.is_file()]

    assert 3 == len(set(made))
    assert files
    assert not any(key in path.read_text() for key in made for path in files)


def test_a_hub_without_tls_inside_makes_none() -> None:
    """Nothing is added to what a claim's file and a claim's answer hold there."""
    assert ("", {}) == (job_pass({}, "ana"), server_certificate({"internal_ssl": False}, ("ana", ""), {"n"}, HOUR))

"""One attempt over the network: TLS with the host's own name at the address that was judged; and e-mail."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from facility.errors import OptionError
from facility.service.callbacks.egress import Egress
from facility.service.callbacks.mailing import Mailer
from facility.service.callbacks.sending import Sender
from facility.testing import Fault, FaultProxy, free_port

HEADERS = {"webhook-id": "msg_1"}
LOOPBACK = Egress(http=True, networks=(ipaddress.ip_network("127.0.0.0/8"),))


def certificate(folder: Path, host: str) -> Path:
    """A key and a certificate for a host that signs itself, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), 1, now - timedelta(hours=1), now + timedelta(days=1)
    )
    made = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / f"{host}.pem"
    path.write_bytes(private + made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return path


async def loopback(host: str, port: int) -> list[str]:
    """Every name is this machine's."""
    return ["127.0.0.1"]


@pytest.mark.parametrize(("host", "status"), [("hooks.example.org", 204), ("other.example.org", 0)])
async def test_tls_asks_for_the_hosts_own_name(tmp_path: Path, host: str, status: int) -> None:
    """The address is ours, SNI, certificate and Host are the URL's; another name's certificate is refused."""
    pem = certificate(tmp_path, "hooks.example.org")
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    served.load_cert_chain(pem)
    asked: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=served)
    port = server.sockets[0].getsockname()[1]
    sender = Sender(LOOPBACK, ssl.create_default_context(cafile=str(pem)), loopback)
    outcome = await sender.send(f"https://{host}:{port}/x", HEADERS, "{}")
    await sender.aclose()
    server.close()

    assert status == outcome.status
    assert [status == 204] == [f"Host: {host}:{port}".lower() in text.lower() for text in asked] or not status


async def test_an_address_that_may_not_be_reached_is_not_connected_to() -> None:
    """Also where the name was fine when the subscription was made."""

    async def metadata(host: str, port: int) -> list[str]:
        return ["169.254.169.254"]

    outcome = await Sender(Egress(), resolve=metadata).send("https://hooks.example.org/", HEADERS, "{}")

    assert (0, True) == (outcome.status, "may not reach" in outcome.error)


@pytest.mark.parametrize("fault", [Fault.DOWN, Fault.RESET, Fault.GARBAGE, Fault.TRUNCATE])
async def test_a_broken_receiver_is_an_outcome_and_no_error(fault: Fault) -> None:
    """Whatever it does, the attempt ends with words for the log."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nx-padding: " + b"x" * 100 + b"\r\ncontent-length: 2\r\n\r\n{}")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with FaultProxy(server.sockets[0].getsockname()[1]).serving() as proxy:
        proxy.fault = fault
        outcome = await Sender(LOOPBACK).send(f"http://127.0.0.1:{proxy.port}/", HEADERS, "{}")
    server.close()

    assert (0, False) == (outcome.status, not outcome.error)


async def test_nobody_there_is_an_outcome_too() -> None:
    """A refused connection."""
    assert 0 == (await Sender(LOOPBACK).send(f"http://127.0.0.1:{free_port()}/", HEADERS, "{}")).status


@pytest.fixture
def sendmail(tmp_path: Path) -> Path:
    """A command in sendmail's place that keeps what it gets."""
    command = tmp_path / "sendmail"
    command.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/argv\ncat > {tmp_path}/message\n')
    command.chmod(0o755)
    return command


async def test_e_mail_goes_through_the_sites_command(sendmail: Path) -> None:
    """The recipient is its last word; line ends in what a job is called make no header."""
    mailer = Mailer((str(sendmail), "-i"), "example.org")
    url = mailer.address("ana", "ana@example.org")
    body = '{"type":"job.completed","data":{"id":"7","name":"scan\\nBcc: ben@example.org"}}'
    outcome = await mailer.send(url, HEADERS, body)

    message = (sendmail.parent / "message").read_text()
    assert (True, "-i ana@example.org\n") == (outcome.is_delivered, (sendmail.parent / "argv").read_text())
    assert "Subject: job.completed: 7 scan?Bcc: ben@example.org" in message
    assert "\nBcc:" not in message.split("\n\n")[0]


async def test_a_command_that_fails_is_tried_again(tmp_path: Path) -> None:
    """Its words stand in the log."""
    outcome = await Mailer(("false",), "").send("mailto:ana", HEADERS, '{"type":"job.failed","data":{}}')

    assert (False, "false ended with 1: ") == (outcome.is_delivered, outcome.error)


@pytest.mark.parametrize("wanted", ["ben", "ben@example.org", "ana@elsewhere.org", "ana@example.org, ben@example.org"])
def test_e_mail_goes_to_ones_own_account_only(wanted: str) -> None:
    """Any other address is refused, naming the one that is not."""
    with pytest.raises(OptionError, match=r"your own account only: ana or ana@example\.org"):
        Mailer(("sendmail",), "example.org").address("ana", wanted)

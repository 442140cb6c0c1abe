"""A token goes only to a server whose certificate is trusted, over real TLS."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from interlock.approvals.forges.connection import NoAnswer, get

HEADERS = {"Authorization": "Bearer the-forges-token"}
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"


def certificate(directory: Path, host: str) -> Path:
    """A certificate that signs itself, with its key, for an address of this machine."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = directory / "server.pem"
    form, no_password = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, form, no_password)
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@contextmanager
def server(pem: Path) -> Iterator[tuple[str, list[bytes]]]:
    """An https server that answers one request, and what it received."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    received: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)

    def answer_once() -> None:
        connection, _ = listener.accept()
        connection.settimeout(10)
        try:
            with context.wrap_socket(connection, server_side=True) as secured:
                received.append(secured.recv(65536))
                secured.sendall(ANSWER)
        except OSError:
            connection.close()  # the client refused the certificate

    thread = threading.Thread(target=answer_once)
    thread.start()
    try:
        yield f"https://127.0.0.1:{listener.getsockname()[1]}", received
    finally:
        thread.join()
        listener.close()


def test_a_certificate_that_nobody_trusts_gets_no_token(tmp_path: Path) -> None:
    with server(certificate(tmp_path, "127.0.0.1")) as (address, received):
        with pytest.raises(NoAnswer, match=r"certificate is not trusted") as caught:
            get(address, "/api", HEADERS, within_s=10)
        assert not caught.value.retry
    assert received == []


def test_a_certificate_for_another_host_gets_no_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pem = certificate(tmp_path, "127.0.0.2")
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with server(pem) as (address, received), pytest.raises(NoAnswer, match=r"certificate is not trusted"):
        get(address, "/api", HEADERS, within_s=10)
    assert received == []


def test_a_certificate_that_the_environment_trusts_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pem = certificate(tmp_path, "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with server(pem) as (address, received):
        assert get(address, "/api", HEADERS, within_s=10).body == b"{}"
    assert b"the-forges-token" in received[0]

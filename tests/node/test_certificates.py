"""The platform CA and the server certificate, judged by OpenSSL's own strict verification."""

import datetime
import ssl
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from engine.errors import UsageError
from engine.node.certificates import LOOPBACK_NAMES, Issued, create_ca, issue_server_certificate

NOW = datetime.datetime(2026, 11, 22, 12, tzinfo=datetime.UTC)


def verify(tmp_path: Path, ca: Issued, server: Issued, *extra: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "ca.pem").write_bytes(ca.certificate)
    (tmp_path / "server.pem").write_bytes(server.certificate)
    when = str(int(NOW.timestamp()))
    command = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-attime", when, *extra]
    files = ["-CAfile", str(tmp_path / "ca.pem"), str(tmp_path / "server.pem")]
    return subprocess.run([*command, *files], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "name", [("-verify_hostname", "localhost"), ("-verify_ip", "127.0.0.1"), ("-verify_ip", "::1")]
)
def test_server_certificate_is_good_for_every_name_of_the_loopback(tmp_path: Path, name: tuple[str, str]) -> None:
    ca = create_ca(NOW)
    done = verify(tmp_path, ca, issue_server_certificate(ca, LOOPBACK_NAMES, NOW), *name)
    assert done.returncode == 0, done.stderr


def test_server_certificate_is_not_good_for_another_host(tmp_path: Path) -> None:
    ca = create_ca(NOW)
    server = issue_server_certificate(ca, LOOPBACK_NAMES, NOW)
    assert verify(tmp_path, ca, server, "-verify_hostname", "example.org").returncode != 0


def test_another_ca_does_not_anchor_it(tmp_path: Path) -> None:
    server = issue_server_certificate(create_ca(NOW), LOOPBACK_NAMES, NOW)
    assert verify(tmp_path, create_ca(NOW), server).returncode != 0


def test_server_certificate_cannot_issue(tmp_path: Path) -> None:
    """A stolen server key must not make further servers."""
    ca = create_ca(NOW)
    server = issue_server_certificate(ca, LOOPBACK_NAMES, NOW)
    forged = issue_server_certificate(server, ["example.org"], NOW)
    (tmp_path / "between.pem").write_bytes(server.certificate)
    assert verify(tmp_path, ca, forged, "-untrusted", str(tmp_path / "between.pem")).returncode != 0


def test_lifetimes_are_ten_years_and_what_clients_accept() -> None:
    ca = create_ca(NOW)
    server = x509.load_pem_x509_certificate(issue_server_certificate(ca, LOOPBACK_NAMES, NOW).certificate)
    authority = x509.load_pem_x509_certificate(ca.certificate)
    assert authority.not_valid_after_utc - authority.not_valid_before_utc == datetime.timedelta(days=3652)
    assert server.not_valid_after_utc - server.not_valid_before_utc <= datetime.timedelta(days=825)
    assert server.not_valid_before_utc < NOW


def test_python_loads_the_pair(tmp_path: Path) -> None:
    server = issue_server_certificate(create_ca(NOW), LOOPBACK_NAMES, NOW)
    (tmp_path / "server.pem").write_bytes(server.certificate)
    (tmp_path / "server.key").write_bytes(server.key)
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
        tmp_path / "server.pem", tmp_path / "server.key"
    )


def test_a_ca_key_of_another_kind_is_a_usage_error() -> None:
    key = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(UsageError, match="elliptic-curve"):
        issue_server_certificate(Issued(create_ca(NOW).certificate, key), LOOPBACK_NAMES, NOW)


def test_repr_shows_no_key() -> None:
    assert "PRIVATE" not in repr(create_ca(NOW))

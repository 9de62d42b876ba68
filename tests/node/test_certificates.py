"""What Keyturn issues, judged by OpenSSL's own strict verification and, for devices, by the engine's."""

import datetime
import ssl
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from engine.errors import UsageError
from engine.gate.interface import AcceptedChain, Anchor, AnchorSet, ChainProfile
from engine.gate.reference.chain import ChainVerifier
from engine.limits import Limits
from engine.node.certificates import (
    LOOPBACK_NAMES,
    Issued,
    create_ca,
    issue_device_certificate,
    issue_proof,
    issue_server_certificate,
)
from engine.registry.certificates import DeviceCa, check_proof, read_device_ca
from engine.registry.record import CaCertificate
from tests.helpers.certificates import KEY, PrivateKey, issue, make_ca

NOW = datetime.datetime(2026, 11, 22, 12, tzinfo=datetime.UTC)


def verify(
    tmp_path: Path, ca: Issued, issued: Issued, *extra: str, purpose: str = "sslserver", strict: bool = True
) -> subprocess.CompletedProcess[str]:
    (tmp_path / "ca.pem").write_bytes(ca.certificate)
    (tmp_path / "issued.pem").write_bytes(issued.certificate)
    when = str(int(NOW.timestamp()))
    command = ["openssl", "verify", *(["-x509_strict"] if strict else []), "-purpose", purpose, "-attime", when, *extra]
    files = ["-CAfile", str(tmp_path / "ca.pem"), str(tmp_path / "issued.pem")]
    return subprocess.run([*command, *files], capture_output=True, text=True, check=False)


def der(issued: Issued) -> bytes:
    return x509.load_pem_x509_certificate(issued.certificate).public_bytes(serialization.Encoding.DER)


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


def test_a_device_certificate_passes_both_verifiers(tmp_path: Path) -> None:
    ca = create_ca(NOW, "Demo CA")
    device = issue_device_certificate(ca, "pump-1", NOW)
    done = verify(tmp_path, ca, device, purpose="sslclient")
    assert done.returncode == 0, done.stderr
    chain = ChainVerifier(Limits())(
        der(device), (), AnchorSet((Anchor(der(ca)),)), NOW.timestamp(), ChainProfile.DEVICE
    )
    assert isinstance(chain, AcceptedChain)
    assert verify(tmp_path, ca, device, purpose="sslserver").returncode != 0


def test_a_device_id_longer_than_a_common_name_may_be_is_cut() -> None:
    device = x509.load_pem_x509_certificate(issue_device_certificate(create_ca(NOW), "d" * 128, NOW).certificate)
    assert device.subject.rfc4514_string() == f"CN={'d' * 64}"


def test_a_proof_verifies_its_ca() -> None:
    ca = create_ca(NOW)
    now = NOW.timestamp()
    read = read_device_ca(ca.certificate.decode(), now)
    assert isinstance(read, DeviceCa)
    record = CaCertificate(
        certificate_id="ca",
        project_id="project",
        app_id="app",
        der=read.der,
        fingerprint=read.fingerprint,
        effective_at=read.effective_at,
        expires_at=read.expires_at,
        verify_code="0c2e8bb2-5a9c-4a58-9a52-3f3b4f0f5c11",
        created_at=int(now),
    )
    assert check_proof(issue_proof(ca, record.verify_code, NOW).decode(), record, now) is None
    assert check_proof(issue_proof(ca, "another code", NOW).decode(), record, now) is not None
    assert check_proof(issue_proof(create_ca(NOW), record.verify_code, NOW).decode(), record, now) is not None


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(65537, 2048),
        ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate(),
    ],
    ids=["rsa", "p384", "ed25519"],
)
def test_a_fleet_s_own_ca_issues_with_every_kind_of_key(tmp_path: Path, key: PrivateKey) -> None:
    made = make_ca(key=key, not_before=NOW, not_after=NOW + datetime.timedelta(days=1))
    ca = Issued(made.pem.encode(), made.key_pem.encode())
    device = issue_device_certificate(ca, "pump-1", NOW)
    assert verify(tmp_path, ca, device, purpose="sslclient", strict=False).returncode == 0


def test_the_key_identifier_is_the_one_that_the_ca_has(tmp_path: Path) -> None:
    """Not every CA's is the SHA-1 of its key; a chain whose identifiers differ is no chain."""
    odd = x509.SubjectKeyIdentifier(b"not the SHA-1")
    extensions = [x509.BasicConstraints(ca=True, path_length=None), odd]
    made = issue(None, "Odd CA", extensions=extensions, not_after=NOW + datetime.timedelta(days=1))
    ca = Issued(made.pem.encode(), made.key_pem.encode())
    device = x509.load_pem_x509_certificate(issue_device_certificate(ca, "pump-1", NOW).certificate)
    found = device.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert found.key_identifier == b"not the SHA-1"


def pem_of(key: PrivateKey, encryption: serialization.KeySerializationEncryption) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


PLAIN = serialization.NoEncryption()


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (pem_of(ed448.Ed448PrivateKey.generate(), PLAIN), "neither RSA nor"),
        (pem_of(ed25519.Ed25519PrivateKey.generate(), PLAIN), "not that of its certificate"),
        (pem_of(KEY, serialization.BestAvailableEncryption(b"pass")), "encrypted"),
        (b"no key", "cannot be read"),
    ],
)
def test_a_key_that_cannot_sign_is_a_usage_error(key: bytes, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        issue_device_certificate(Issued(create_ca(NOW).certificate, key), "pump-1", NOW)


def test_a_ca_that_is_no_certificate_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="certificate cannot be read"):
        issue_device_certificate(Issued(b"no certificate", create_ca(NOW).key), "pump-1", NOW)


def test_repr_shows_no_key() -> None:
    assert "PRIVATE" not in repr(create_ca(NOW))

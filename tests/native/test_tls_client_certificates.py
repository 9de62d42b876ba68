"""What a client certificate comes to in a handshake of native/tls_connection.c."""

import datetime
import ssl
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from engine.node.certificates import create_ca
from tests.helpers.device_certificates import Certified, issue, with_stolen_certificate
from tests.helpers.native_tls import FAILED, Server, client_context, s_client
from tests.native.test_tls_connection import CA, DEVICE, INTERMEDIATE, VERSIONS, server

__all__ = ["server"]  # a fixture

pytestmark = pytest.mark.system("openssl")


def revocation(issuer: Certified, device: Certified) -> bytes:
    """A CRL that names the device's certificate."""
    now = datetime.datetime.now(datetime.UTC)
    revoked = x509.RevokedCertificateBuilder(device.certificate.serial_number, now - datetime.timedelta(hours=1))
    builder = x509.CertificateRevocationListBuilder(
        issuer.certificate.subject,
        now - datetime.timedelta(hours=1),
        now + datetime.timedelta(days=1),
        [],
        [revoked.build()],
    )
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.DER)


REFUSED = {
    "foreign": (issue("pump", issue("foreign CA", is_ca=True)), "unknown_ca"),
    "of our CA's name": (issue("pump", issue("device CA", is_ca=True)), "decrypt_error"),
    "self-signed": (issue("pump"), "unknown_ca"),
    "issued by a leaf": (
        issue("pump", issue("gate", CA), chain=(issue("gate", CA).certificate,)),
        "unknown_ca",
    ),
    "expired": (issue("pump", CA, not_after_days=-1), "certificate_expired"),
    "for a server": (issue("pump", CA, usage=ExtendedKeyUsageOID.SERVER_AUTH), "unsupported_certificate"),
}


class TestClientCertificates:
    @pytest.mark.parametrize("version", VERSIONS)
    def test_list_is_handed_on_leaf_first_with_its_fingerprint(
        self, server: Server, version: str, tmp_path: Path
    ) -> None:
        told = s_client(server.context(CA), version, *DEVICE.s_client(tmp_path))
        assert "hello" in told.said
        assert told.peer == (DEVICE.der, INTERMEDIATE.der)
        shaken = server.shake(server.context(CA), client_context(identity=DEVICE.write(tmp_path)))
        assert shaken.server.peer[0] == DEVICE.der
        shaken.server.forget()
        assert shaken.server.peer == ()

    def test_intermediate_alone_is_an_anchor(self, server: Server, tmp_path: Path) -> None:
        """Most fleets upload an intermediate (DESIGN section 7)."""
        told = s_client(server.context(INTERMEDIATE), *issue("pump", INTERMEDIATE).s_client(tmp_path))
        assert told.answer == 1

    @pytest.mark.parametrize("version", VERSIONS)
    @pytest.mark.parametrize(("device", "fault"), REFUSED.values(), ids=REFUSED)
    def test_cve_2024_45159_and_cve_2021_3450_certificate_that_proves_nothing_gets_its_alert(
        self, server: Server, tmp_path: Path, version: str, device: Certified, fault: str
    ) -> None:
        """Asked for but not required is no licence to present a bad one (Mbed TLS ignored its usage in TLS 1.3)."""
        told = s_client(server.context(CA), version, *device.s_client(tmp_path))
        assert f"alert {fault.replace('_', ' ')}" in told.said
        assert (told.answer, told.fault, told.peer) == (FAILED, fault, ())

    def test_certificate_that_is_not_valid_yet_is_a_bad_one(self, server: Server, tmp_path: Path) -> None:
        client = client_context(identity=DEVICE.write(tmp_path), version=ssl.TLSVersion.TLSv1_2)
        shaken = server.shake(server.context(CA), client, now=time.time() - 20 * 86400)
        assert (shaken.server.fault, shaken.alert) == ("bad_certificate", "SSLV3_ALERT_BAD_CERTIFICATE")

    def test_revoked_certificate_is_told_so(self, server: Server, tmp_path: Path) -> None:
        client = client_context(identity=DEVICE.write(tmp_path), version=ssl.TLSVersion.TLSv1_2)
        shaken = server.shake(server.context(INTERMEDIATE, crls=[revocation(INTERMEDIATE, DEVICE)]), client)
        assert (shaken.server.fault, shaken.alert) == ("certificate_revoked", "SSLV3_ALERT_CERTIFICATE_REVOKED")

    def test_without_any_device_ca_a_certificate_is_still_asked_for_and_refused(
        self, server: Server, tmp_path: Path
    ) -> None:
        assert s_client(server.context(), *DEVICE.s_client(tmp_path)).fault == "unknown_ca"

    @pytest.mark.parametrize("version", VERSIONS)
    def test_cve_2022_37026_certificate_without_its_key_proves_nothing(
        self, server: Server, tmp_path: Path, version: str
    ) -> None:
        certificate, key = with_stolen_certificate(issue("thief", CA), issue("pump", CA), tmp_path)
        told = s_client(server.context(CA), version, "-cert", certificate, "-key", key)
        assert "alert decrypt error" in told.said
        assert told.fault == "decrypt_error"

    def test_device_that_does_not_trust_us_says_so_and_is_counted(self, server: Server) -> None:
        """In TLS 1.2: OpenSSL's clients send this alert of TLS 1.3 in the clear, which AWS-LC does not take for one."""
        stranger = create_ca(datetime.datetime.now(datetime.UTC))
        client = client_context(stranger.certificate, version=ssl.TLSVersion.TLSv1_2)
        shaken = server.shake(server.context(CA), client)
        assert (shaken.answer, shaken.server.fault) == (FAILED, "alert_received")

"""What may be a device CA, and what proves that its owner holds the key."""

import base64
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from engine.registry.certificates import (
    CertificateFault,
    DeviceCa,
    FaultKind,
    check_proof,
    is_issued_by,
    is_look_alike,
    pem_of,
    read_device_ca,
    read_device_certificate,
)
from engine.registry.record import CaCertificate
from tests.helpers.certificates import DAY, KEY, NOW, Made, issue, make_ca
from tests.registry.contract_certificates import ca as ca_record

AT = NOW.timestamp()
CODE = "0b8bd7ac-2c4f-4f3d-8c4a-6f6f6f0d1e2a"
RSA_KEYS = {bits: rsa.generate_private_key(65537, bits) for bits in (1024, 2047, 2048)}
OTHER_KEY = ec.generate_private_key(ec.SECP256R1())


def fault_of(content: str) -> str:
    """Why the content is no device CA."""
    fault = read_device_ca(content, AT)
    assert isinstance(fault, CertificateFault)
    assert fault.kind is FaultKind.CONTENT
    return fault.why


def test_a_ca_is_read_with_what_the_api_shows_of_it() -> None:
    ca = make_ca("泵 CA", organization="Müller & Söhne")

    read = read_device_ca(ca.pem, AT)

    assert read == DeviceCa(
        der=ca.der,
        fingerprint=ca.fingerprint,
        common_name="泵 CA",
        owner="Müller & Söhne",
        effective_at=int((NOW - DAY).timestamp()),
        expires_at=int((NOW + 365 * DAY).timestamp()),
    )
    assert pem_of(ca.der) == ca.pem


@pytest.mark.parametrize(
    "key",
    [
        RSA_KEYS[2048],
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP521R1()),
        ed25519.Ed25519PrivateKey.generate(),
    ],
    ids=["rsa-2048", "p-256", "p-384", "p-521", "ed25519"],
)
def test_every_strong_algorithm_is_accepted_and_can_prove(key: Any) -> None:
    ca = make_ca(key=key)

    assert isinstance(read_device_ca(ca.pem, AT), DeviceCa)
    assert check_proof(issue(ca, CODE).pem, record_of(ca), AT) is None


@pytest.mark.parametrize("algorithm", [hashes.SHA384(), hashes.SHA512()])
def test_stronger_hashes_are_accepted(algorithm: hashes.HashAlgorithm) -> None:
    assert isinstance(read_device_ca(make_ca(algorithm=algorithm).pem, AT), DeviceCa)


def test_an_intermediate_ca_is_accepted() -> None:
    """Most fleets upload one; its own issuer is nobody's business here."""
    extensions = [extension.value for extension in make_ca().certificate.extensions]
    intermediate = issue(make_ca("Root"), "Factory", key=OTHER_KEY, extensions=extensions)

    assert isinstance(read_device_ca(intermediate.pem, AT), DeviceCa)


def test_text_around_the_certificate_and_windows_lines_do_no_harm() -> None:
    """`openssl x509 -text` writes the first, half of the world's editors the second."""
    ca = make_ca()
    around = f"Certificate:\n    Data:\n{ca.pem}\n\n".replace("\n", "\r\n")

    read = read_device_ca(around, AT)

    assert isinstance(read, DeviceCa)
    assert read.der == ca.der


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"ca": None}, "basicConstraints is missing"),
        ({"ca": False, "usage": None}, "CA=false"),
        ({"usage": None}, "keyUsage is missing"),
        ({"usage": {"digital_signature": True}}, "no keyCertSign"),
        ({"usage": {"crl_sign": True}}, "no keyCertSign"),
        ({"key": RSA_KEYS[1024]}, "key must be RSA"),
        ({"key": RSA_KEYS[2047]}, "key must be RSA"),
        ({"key": ec.generate_private_key(ec.SECP224R1())}, "key must be RSA"),
        ({"key": ec.generate_private_key(ec.SECP256K1())}, "key must be RSA"),
        ({"key": ed448.Ed448PrivateKey.generate()}, "key must be RSA"),
        ({"signing_key": ed448.Ed448PrivateKey.generate()}, "signature must be by"),
        ({"algorithm": hashes.SHA224()}, "signature must be by"),
        ({"not_after": NOW - DAY / 24}, "has expired"),
    ],
)
def test_each_broken_ca_is_refused_for_what_is_broken(fields: dict[str, Any], why: str) -> None:
    assert why in fault_of(make_ca(**fields).pem)


def test_a_ca_serves_to_its_last_second_and_may_begin_later() -> None:
    last = make_ca(not_after=NOW)
    later = make_ca(not_before=NOW + DAY, not_after=NOW + 2 * DAY)

    assert isinstance(read_device_ca(last.pem, AT), DeviceCa)
    assert isinstance(read_device_ca(last.pem, AT + 1), CertificateFault)
    assert isinstance(read_device_ca(later.pem, AT), DeviceCa)


@pytest.mark.parametrize("digest", ["sha1", "md5"])
def test_a_hash_that_can_be_forged_is_refused(tmp_path: Path, digest: str) -> None:
    """Only openssl still makes these."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", f"-{digest}", "-days", "3650", "-subj"]
    usage = ["-addext", "keyUsage=critical,keyCertSign"]
    path = tmp_path / "ca.pem"
    subprocess.run([*command, "/CN=Old", *usage, "-keyout", tmp_path / "key", "-out", path], check=True)

    assert "signature must be by" in fault_of(path.read_text())


def test_one_certificate_is_one() -> None:
    ca = make_ca()
    for content in (ca.pem + ca.pem, ca.pem + make_ca("Other").pem):
        assert fault_of(content) == "Give exactly one certificate, as PEM."


@pytest.mark.parametrize("label", ["PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "OPENSSH PRIVATE KEY"])
def test_a_private_key_is_refused_wherever_it_stands(label: str) -> None:
    ca = make_ca()
    key = ca.key_pem.replace("PRIVATE KEY", label)
    for content in (ca.pem + key, key + ca.pem, key):
        why = fault_of(content)
        assert "private key" in why
        assert key.splitlines()[1] not in why


@pytest.mark.parametrize(
    "content",
    [
        "",
        " ",
        "garbage",
        "\0",
        "-----BEGIN CERTIFICATE-----",
        "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n\u6c34\n-----END CERTIFICATE-----\n",
        make_ca().pem.replace("CERTIFICATE", "TRUSTED CERTIFICATE"),
        make_ca().pem.replace("CERTIFICATE", "CERTIFICATE REQUEST"),
        make_ca().pem.replace("BEGIN", "begin"),
        base64.b64encode(make_ca().der).decode(),
        make_ca().der.decode("latin-1"),
        make_ca().pem[:-100],
    ],
)
def test_what_is_no_pem_certificate_is_refused(content: str) -> None:
    assert fault_of(content) in ("Give exactly one certificate, as PEM.", "It is not an X.509 certificate.")


def with_serial(ca: Made, serial: bytes) -> str:
    """The CA with another serial number (DER content octets); its signature is not looked at."""
    old = ca.certificate.serial_number.to_bytes((ca.certificate.serial_number.bit_length() + 8) // 8)
    assert len(old) == len(serial)
    der = ca.der.replace(b"\x02" + bytes([len(old)]) + old, b"\x02" + bytes([len(old)]) + serial, 1)
    body = base64.encodebytes(der).decode()
    return f"-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n"


@pytest.mark.filterwarnings("ignore:Parsed a serial number")  # cryptography says it too, and lets it pass for now
def test_a_serial_number_that_is_not_positive_is_refused() -> None:
    ca = next(ca for ca in iter(make_ca, None) if ca.certificate.serial_number.bit_length() in range(153, 160))
    negative = b"\xff" * ((ca.certificate.serial_number.bit_length() + 8) // 8 - 1) + b"\x7f"

    assert "serial number" in fault_of(with_serial(ca, b"\x80" + negative[1:]))


def record_of(ca: Made, **changes: Any) -> CaCertificate:
    return ca_record(der=ca.der, verify_code=CODE, expires_at=int(AT) + 10, **changes)


def proof_fault(content: str, ca: Made, **changes: Any) -> FaultKind | None:
    fault = check_proof(content, record_of(ca, **changes), AT)
    return None if fault is None else fault.kind


def test_a_certificate_issued_to_the_verify_code_is_the_proof() -> None:
    ca = make_ca()

    assert proof_fault(issue(ca, CODE, key=OTHER_KEY).pem, ca) is None


@pytest.mark.parametrize("names", [(), ("somebody",), (CODE.upper(),), (CODE + " ",), (CODE, CODE), ("a", CODE)])
def test_another_common_name_is_no_proof(names: tuple[str, ...]) -> None:
    ca = make_ca()

    assert proof_fault(issue(ca, *names).pem, ca) is FaultKind.VERIFY_CODE


def test_a_proof_by_another_key_is_none() -> None:
    ca = make_ca()
    namesake, stranger = make_ca(key=OTHER_KEY), make_ca("Stranger", key=OTHER_KEY)

    assert proof_fault(issue(namesake, CODE).pem, ca) is FaultKind.PROOF
    assert proof_fault(issue(stranger, CODE).pem, ca) is FaultKind.PROOF
    assert proof_fault(issue(None, CODE).pem, ca) is FaultKind.PROOF


def test_a_proof_under_another_issuer_name_is_none() -> None:
    """The same key, but not issued by this CA."""
    ca, renamed = make_ca(), make_ca("Renamed")

    assert proof_fault(issue(renamed, CODE).pem, ca) is FaultKind.PROOF


def test_a_proof_holds_only_while_it_and_the_ca_are_in_force() -> None:
    ca = make_ca()

    assert proof_fault(issue(ca, CODE, not_before=NOW + DAY / 24).pem, ca) is FaultKind.PROOF
    assert proof_fault(issue(ca, CODE, not_after=NOW - DAY / 24).pem, ca) is FaultKind.PROOF
    assert check_proof(issue(ca, CODE).pem, record_of(ca), AT + 11) is not None


def test_a_proof_by_a_weak_hash_is_none() -> None:
    """A collision would do without the key."""
    ca = make_ca()

    assert proof_fault(issue(ca, CODE, algorithm=hashes.SHA224()).pem, ca) is FaultKind.PROOF


def test_a_proof_that_cannot_be_read_is_a_fault_of_its_content() -> None:
    ca = make_ca()

    for content in ("", "garbage", issue(ca, CODE).pem * 2, issue(ca, CODE).pem + ca.key_pem):
        assert proof_fault(content, ca) is FaultKind.CONTENT


@given(st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=4))
@pytest.mark.filterwarnings("ignore:Parsed a serial number", "ignore:Attribute's length must be")
def test_damaged_certificates_are_values_never_exceptions(damage: list[tuple[int, int]]) -> None:
    der = bytearray(_SOUND.der)
    for position, octet in damage:
        der[position % len(der)] = octet
    content = f"-----BEGIN CERTIFICATE-----\n{base64.encodebytes(der).decode()}-----END CERTIFICATE-----\n"

    assert isinstance(read_device_ca(content, AT), DeviceCa | CertificateFault)
    fault = check_proof(content, record_of(_SOUND), AT)
    assert fault is not None


@given(st.text(max_size=300))
def test_any_text_is_refused(content: str) -> None:
    assert isinstance(read_device_ca(content, AT), CertificateFault)


_SOUND = make_ca()


def test_a_device_certificate_is_recorded_by_both_fingerprints() -> None:
    made = issue(make_ca(), "pump-1", key=KEY)

    record = read_device_certificate(made.der, "p", "id", AT)

    assert (record.project_id, record.certificate_id, record.common_name) == ("p", "id", "pump-1")
    assert record.fingerprint == made.certificate.fingerprint(hashes.SHA256()).hex()
    assert record.fingerprint_sha1 == made.certificate.fingerprint(hashes.SHA1()).hex()
    assert (record.created_at, record.expires_at) == (int(AT), int((NOW + 365 * DAY).timestamp()))
    with pytest.raises(ValueError, match="cannot be read"):
        read_device_certificate(b"", "p", "id", AT)


def test_look_alike_has_the_name_as_openssl_folds_it_and_another_key():
    other_key = ec.generate_private_key(ec.SECP256R1())
    mine = make_ca("Fleet CA").der
    for name in ("Fleet CA", "fleet ca", " Fleet   CA "):
        assert is_look_alike(mine, make_ca(name, key=other_key).der)
    assert not is_look_alike(mine, make_ca("Fleet CA").der), "the same key: whichever is taken, the signature is right"
    assert not is_look_alike(mine, make_ca("Fleet CA", key=other_key, organization="Works").der)
    assert not is_look_alike(mine, b"nonsense")


def test_issued_by_is_by_name_and_key():
    other_key = ec.generate_private_key(ec.SECP256R1())
    ca, same_name = make_ca("Fleet CA"), make_ca("Fleet CA", key=other_key)
    leaf = issue(ca, "pump").der
    assert is_issued_by(leaf, ca.der)
    assert not is_issued_by(leaf, same_name.der)
    assert not is_issued_by(leaf, make_ca("Other CA").der)
    assert not is_issued_by(leaf, b"nonsense")

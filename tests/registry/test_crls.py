"""What is taken as a CRL, and whose it is."""

import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from engine.registry.crls import (
    CrlFault,
    CrlFile,
    at_or_above,
    check_issuer,
    crl_pem_of,
    is_by,
    is_in_force,
    read_crl,
    read_crl_text,
    read_issuer,
)
from engine.registry.record import Crl
from tests.helpers.certificates import CERTIFICATE_SIGN, KEY, NO_USAGE, NOW, issue, make_ca
from tests.helpers.crls import der, make_crl, pem
from tests.registry.contract_certificates import ca as ca_record

CA = make_ca()
GOOD = make_crl(CA.certificate, KEY, 7, 8, now=NOW, number=5)
MOST = 10_000


def why(data: bytes, most: int = MOST) -> str:
    fault = read_crl(data, most)
    assert isinstance(fault, CrlFault)
    return fault.why


def good(crl: x509.CertificateRevocationList = GOOD) -> Crl:
    read = read_crl(der(crl), MOST)
    assert isinstance(read, Crl)
    return read


def test_pem_der_and_base64_are_read_alike() -> None:
    expected = Crl(
        der=der(GOOD),
        number=5,
        this_update=int(NOW.timestamp()) - 3600,
        next_update=int(NOW.timestamp()) + 24 * 3600,
        revoked=2,
    )
    assert read_crl(der(GOOD), MOST) == expected
    assert read_crl(pem(GOOD).encode(), MOST) == expected
    assert read_crl_text(f"Certificate Revocation List (CRL):\n{pem(GOOD)}", MOST) == expected
    wrapped = base64.encodebytes(der(GOOD)).decode()
    assert read_crl_text(wrapped, MOST) == expected
    assert crl_pem_of(expected.der) == pem(GOOD)


def test_number_may_be_absent_or_of_twenty_octets() -> None:
    assert good(make_crl(CA.certificate, KEY, number=None)).number is None
    assert good(make_crl(CA.certificate, KEY, number=2**159 - 1)).number == 2**159 - 1


@pytest.mark.parametrize("text", ["", "nonsense", "!!!!", "AAAA", "\u00e9" * 9, pem(GOOD) * 2, CA.pem, pem(GOOD)[:200]])
def test_text_that_is_no_crl_is_a_fault(text: str) -> None:
    assert isinstance(read_crl_text(text, MOST), CrlFault)


@pytest.mark.parametrize("cut", [1, 50, 100, -1])
def test_crl_cut_short_or_with_trailing_bytes_is_a_fault(cut: int) -> None:
    assert isinstance(read_crl(der(GOOD)[:cut], MOST), CrlFault)
    assert isinstance(read_crl(der(GOOD) + b"\0", MOST), CrlFault)


def test_private_key_that_comes_along_is_named() -> None:
    assert "private key" in why((CA.key_pem + pem(GOOD)).encode())


def test_one_byte_too_many_is_a_fault() -> None:
    assert isinstance(read_crl(der(GOOD), len(der(GOOD))), Crl)
    assert "larger than" in why(der(GOOD), len(der(GOOD)) - 1)


@pytest.mark.parametrize(
    "extension",
    [
        x509.DeltaCRLIndicator(1),
        x509.IssuingDistributionPoint(None, None, False, False, None, True, False),
    ],
    ids=["delta", "indirect"],
)
def test_lists_that_verify_chain_does_not_evaluate_are_refused(extension: x509.ExtensionType) -> None:
    assert "critical extension" in why(der(make_crl(CA.certificate, KEY, extension=extension)))


def test_weak_signature_is_refused() -> None:
    assert "signature must be" in why(der(make_crl(CA.certificate, KEY, algorithm=hashes.SHA224())))


def test_issuer_s_name_key_and_usage_must_be_the_ca_s() -> None:
    other_key = ec.generate_private_key(ec.SECP256R1())
    by_other = make_crl(CA.certificate, other_key)
    without = make_ca(usage={"key_cert_sign": True})
    assert check_issuer(der(GOOD), CA.der) is None
    for crl, ca, word in (
        (GOOD, make_ca("Other"), "issuer is not the subject"),
        (by_other, CA, "not by this CA's key"),
        (GOOD, without, "no cRLSign"),
    ):
        fault = check_issuer(der(crl), ca.der)
        assert fault is not None
        assert word in fault.why
    assert check_issuer(b"nonsense", CA.der) is not None


def test_file_is_by_the_ca_whose_name_and_key_it_has() -> None:
    file = CrlFile("a.crl", good(), read_issuer(der(GOOD)))
    assert is_by(file, CA.der)
    assert not is_by(file, make_ca(key=ec.generate_private_key(ec.SECP256R1())).der)
    assert not is_by(file, make_ca("Other").der)
    assert not is_by(file, b"nonsense")


def test_list_is_in_force_from_this_update_until_before_next_update() -> None:
    crl = good()
    assert [is_in_force(crl, at) for at in (crl.this_update - 1, crl.this_update, crl.next_update - 1)] == [
        False,
        True,
        True,
    ]
    assert not is_in_force(crl, crl.next_update)


def test_cas_above_are_found_through_any_number_of_issuers() -> None:
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(3)]
    root = make_ca("Root", key=keys[0])
    usage = [x509.BasicConstraints(ca=True, path_length=None), x509.KeyUsage(**NO_USAGE | CERTIFICATE_SIGN)]
    middle = issue(root, "Middle", key=keys[1], extensions=usage)
    low = issue(middle, "Low", key=keys[2], extensions=usage)
    records = [ca_record(number, der=one.der) for number, one in enumerate((root, middle, low, make_ca("Root")))]
    assert at_or_above(records[2], records) == [records[2], records[1], records[0]]
    assert at_or_above(records[0], records) == [records[0]]

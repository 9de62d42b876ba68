"""What is a certificate at all: DER and nothing else, in one way only; and how names are compared."""

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from engine.gate.interface import ChainProfile, ChainReason, VerifyChain
from engine.gate.reference.chain_certificate import canonical_name, read_certificate, seconds
from tests.helpers import chains
from tests.helpers.chains import fleet, issue, reason_of

MALFORMED = ChainReason.MALFORMED


def refused(verify_chain: VerifyChain, leaf: bytes) -> bool:
    return all(reason_of(verify_chain, leaf, fleet().intermediate, profile=one) is MALFORMED for one in ChainProfile)


class TestOneCertificateOneEncoding:
    """CVE-2014-8275: a second encoding has another fingerprint, and the same signature."""

    def test_long_form_of_a_short_length(self, verify_chain: VerifyChain) -> None:
        body, algorithm, signature = chains.elements(fleet().device.der)
        assert signature[1] < 0x80
        longer = signature[:1] + b"\x81" + signature[1:]
        assert refused(verify_chain, chains.tlv(0x30, body, algorithm, longer))

    def test_indefinite_length(self, verify_chain: VerifyChain) -> None:
        content = b"".join(chains.elements(fleet().device.der))
        assert refused(verify_chain, b"\x30\x80" + content + b"\0\0")

    def test_trailing_bytes(self, verify_chain: VerifyChain) -> None:
        assert refused(verify_chain, fleet().device.der + b"\0")
        assert refused(verify_chain, chains.tlv(0x30, *chains.elements(fleet().device.der), b"\x05\0"))

    @pytest.mark.parametrize("cut", [1, 2, 10, 100])
    def test_truncated(self, verify_chain: VerifyChain, cut: int) -> None:
        assert refused(verify_chain, fleet().device.der[:-cut])

    def test_nothing(self, verify_chain: VerifyChain) -> None:
        assert refused(verify_chain, b"")

    def test_parameters_beside_the_outer_algorithm(self, verify_chain: VerifyChain) -> None:
        body, algorithm, signature = chains.elements(fleet().device.der)
        padded = chains.tlv(0x30, *chains.elements(algorithm), b"\x05\0")
        for profile in ChainProfile:
            reason = reason_of(
                verify_chain, chains.tlv(0x30, body, padded, signature), fleet().intermediate, profile=profile
            )
            assert reason in (ChainReason.BAD_SIGNATURE, MALFORMED)

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("0603551d0f0101ff", "0603551d0f010101"),  # TRUE is 0xff
            ("0603551d0f0101ff", "0603551d0f010100"),  # FALSE is the default, and left out
            ("a003020102", "a003020100"),  # so is version 1
            ("a003020102", "a003020101"),  # version 2 is nobody's
            ("a003020102", "a003020103"),
        ],
    )
    def test_signed_by_the_ca_all_the_same(self, verify_chain: VerifyChain, old: str, new: str) -> None:
        edit = chains.replaced(bytes.fromhex(old), bytes.fromhex(new))
        assert refused(verify_chain, chains.signed_anew(fleet().device.der, fleet().intermediate, edit))

    def test_extension_twice(self, verify_chain: VerifyChain) -> None:
        def edit(body: bytes) -> bytes:
            *fields, extensions = chains.elements(body)
            (listed,) = chains.elements(extensions)
            one, *others = chains.elements(listed)
            return chains.tlv(0x30, *fields, chains.tlv(0xA3, chains.tlv(0x30, one, one, *others)))

        assert refused(verify_chain, chains.signed_anew(fleet().device.der, fleet().intermediate, edit))

    @pytest.mark.parametrize("text", [b"\xff\xfe\xfd\xfc\xfb\xfa", b"\xed\xa0\x80abc", b"\xc0\x80abcd"])
    def test_name_that_is_not_utf8(self, verify_chain: VerifyChain, text: bytes) -> None:
        """mosquitto 2.0.16 fell over a common name that is not UTF-8."""
        edit = chains.replaced(b"device", text)
        assert refused(verify_chain, chains.signed_anew(fleet().device.der, fleet().intermediate, edit))

    def test_nul_in_a_name_is_a_character(self, verify_chain: VerifyChain) -> None:
        edit = chains.replaced(b"device", b"de\0ice")
        leaf = chains.signed_anew(fleet().device.der, fleet().intermediate, edit)
        assert reason_of(verify_chain, leaf, fleet().intermediate) is None


class TestNames:
    def issued_under(self, verify_chain: VerifyChain, issuer_name: x509.Name, profile: ChainProfile) -> object:
        """Why a leaf is refused whose issuer is spelled so, and whose CA is "Example  ca"."""
        ca = issue("Example  ca", None, chains.AUTHORITY)
        leaf = issue("device", ca._replace(subject=issuer_name))
        return reason_of(verify_chain, leaf, trusted=chains.anchors(ca), profile=profile)

    @pytest.mark.parametrize("text", ["example CA", " EXAMPLE CA ", "Example \t ca"])
    def test_case_and_white_space_do_not_count_in_profile_path(self, verify_chain: VerifyChain, text: str) -> None:
        assert self.issued_under(verify_chain, chains.name(text), ChainProfile.PATH) is None
        assert self.issued_under(verify_chain, chains.name(text), ChainProfile.DEVICE) is ChainReason.UNKNOWN_CA

    def test_type_of_the_string_counts_in_profile_device_only(self, verify_chain: VerifyChain) -> None:
        printable = x509.name._ASN1Type.PrintableString
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Example  ca", printable)])
        assert self.issued_under(verify_chain, name, ChainProfile.PATH) is None
        assert self.issued_under(verify_chain, name, ChainProfile.DEVICE) is ChainReason.UNKNOWN_CA

    @pytest.mark.parametrize("text", ["Example ca 2", "Exampleca", "Éxample ca"])
    def test_other_names_are_others(self, verify_chain: VerifyChain, text: str) -> None:
        for profile in ChainProfile:
            assert self.issued_under(verify_chain, chains.name(text), profile) is ChainReason.UNKNOWN_CA

    def test_canonical_name_folds_ascii_only(self) -> None:
        assert canonical_name(chains.name("É  A")) == canonical_name(chains.name("É a"))
        assert canonical_name(chains.name("É")) != canonical_name(chains.name("é"))


def test_certificate_is_read_without_a_warning_for_what_cryptography_only_warns_of() -> None:
    """Warnings are errors here, and a peer must not fill the log."""
    leaf = chains.signed_anew(fleet().device.der, fleet().intermediate, chains.with_field(1, b"\x02\x01\xff"))
    certificate = read_certificate(leaf)
    assert certificate is not None
    assert certificate.serial_number == -1


def test_seconds_are_of_utc() -> None:
    assert seconds(chains.utc(chains.NOW)) == chains.NOW

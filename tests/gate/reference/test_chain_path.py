"""What makes a path invalid: chains good but for one field, and the reason that both implementations give for it."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from engine.gate.interface import AcceptedChain, ChainProfile, ChainReason, VerifyChain
from tests.helpers import chains
from tests.helpers.chains import AUTHORITY, CLIENT_AUTH, DEVICE, IS_CA, SERVER_AUTH, SIGNS, fleet, issue, reason_of

UNKNOWN_EXTENSION = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
POLICIES = x509.PolicyConstraints(require_explicit_policy=0, inhibit_policy_mapping=None)
PROXY = x509.UnrecognizedExtension(
    x509.ObjectIdentifier("1.3.6.1.5.5.7.1.14"), bytes.fromhex("300c300a06082b06010505071501")
)
ANY_USAGE = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]), False)
BOTH = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), False)
WILDCARD = (x509.SubjectAlternativeName([x509.DNSName("*.example.com")]), False)
CONSTRAINTS = (x509.NameConstraints([x509.DNSName("example.com")], None), True)

R = ChainReason
PUBLIC_EXPONENT = 65_537


def authority(*extensions: tuple[x509.ExtensionType, bool]) -> dict[str, object]:
    return {"extensions": (*AUTHORITY, *extensions)}


# What is different in the leaf; why it is refused in profile DEVICE, and in PATH.
LEAVES: dict[str, tuple[dict[str, object], ChainReason | None, ChainReason | None]] = {
    "nothing": ({}, None, None),
    "no extKeyUsage": ({"extensions": DEVICE[:1]}, R.EXTENDED_KEY_USAGE, None),
    "extKeyUsage of servers": ({"extensions": (DEVICE[0], SERVER_AUTH)}, R.EXTENDED_KEY_USAGE, R.EXTENDED_KEY_USAGE),
    "extKeyUsage of anything": ({"extensions": (DEVICE[0], ANY_USAGE)}, R.EXTENDED_KEY_USAGE, R.EXTENDED_KEY_USAGE),
    "extKeyUsage of both": ({"extensions": (DEVICE[0], BOTH)}, None, None),
    "no keyUsage": ({"extensions": (CLIENT_AUTH,)}, None, None),
    "keyUsage without digitalSignature": (
        {"extensions": ((chains.key_usage("key_agreement"), True), CLIENT_AUTH)},
        R.KEY_USAGE,
        R.KEY_USAGE,
    ),
    "CA=true": ({"extensions": (IS_CA, CLIENT_AUTH)}, R.LEAF_IS_CA, None),
    "CA=false": ({"extensions": ((x509.BasicConstraints(False, None), True), *DEVICE)}, None, None),
    "name constraints": ({"extensions": (*DEVICE, CONSTRAINTS)}, R.LEAF_NAME_CONSTRAINTS, None),
    "wildcard": ({"extensions": (*DEVICE, WILDCARD)}, R.LEAF_WILDCARD, None),
    "unknown critical extension": (
        {"extensions": (*DEVICE, (UNKNOWN_EXTENSION, True))},
        R.CRITICAL_EXTENSION,
        R.CRITICAL_EXTENSION,
    ),
    "unknown extension": ({"extensions": (*DEVICE, (UNKNOWN_EXTENSION, False))}, None, None),
    "proxy certificate": ({"extensions": (*DEVICE, (PROXY, False))}, R.CRITICAL_EXTENSION, R.CRITICAL_EXTENSION),
    "expired": ({"not_after": chains.NOW - 1}, R.EXPIRED, R.EXPIRED),
    "ends now": ({"not_after": chains.NOW}, R.EXPIRED, R.EXPIRED),
    "ends in a second": ({"not_after": chains.NOW + 1}, None, None),
    "begins in a second": ({"not_before": chains.NOW + 1}, R.NOT_YET_VALID, R.NOT_YET_VALID),
    "begins now": ({"not_before": chains.NOW}, None, None),
    "serial number of 20 octets": ({"serial_number": 2**159 - 1}, None, None),
    "P-384": ({"key": ec.generate_private_key(ec.SECP384R1())}, None, None),
    "P-521": ({"key": ec.generate_private_key(ec.SECP521R1())}, None, None),
    "Ed25519": ({"key": ed25519.Ed25519PrivateKey.generate()}, None, None),
    "P-224": ({"key": ec.generate_private_key(ec.SECP224R1())}, R.WEAK_KEY, None),
    "secp256k1": ({"key": ec.generate_private_key(ec.SECP256K1())}, R.WEAK_KEY, None),
    "RSA of 1024 bits": ({"key": rsa.generate_private_key(PUBLIC_EXPONENT, 1024)}, R.WEAK_KEY, None),
    "RSA of 2048 bits": ({"key": rsa.generate_private_key(PUBLIC_EXPONENT, 2048)}, None, None),
    "RSA of 8192 bits": ({"public_key": rsa.RSAPublicNumbers(PUBLIC_EXPONENT, 2**8191 + 1).public_key()}, None, None),
    "RSA of 8193 bits": (
        {"public_key": rsa.RSAPublicNumbers(PUBLIC_EXPONENT, 2**8192 + 1).public_key()},
        R.WEAK_KEY,
        None,
    ),
    "DSA": ({"key": dsa.generate_private_key(2048)}, R.WEAK_KEY, None),
    "SHA-384": ({"hash_algorithm": hashes.SHA384()}, None, None),
    "SHA-224": ({"hash_algorithm": hashes.SHA224()}, R.WEAK_SIGNATURE, None),
}

# The same for the intermediate.
INTERMEDIATES: dict[str, tuple[dict[str, object], ChainReason | None, ChainReason | None]] = {
    "nothing": ({}, None, None),
    "no extension": ({"extensions": ()}, R.NOT_A_CA, R.NOT_A_CA),
    "CA=false": ({"extensions": ((x509.BasicConstraints(False, None), True), SIGNS)}, R.NOT_A_CA, R.NOT_A_CA),
    "no keyUsage": ({"extensions": (IS_CA,)}, None, None),
    "keyUsage without keyCertSign": (
        {"extensions": (IS_CA, (chains.key_usage("crl_sign", "digital_signature"), True))},
        R.KEY_USAGE,
        R.KEY_USAGE,
    ),
    "extKeyUsage of servers": (authority(SERVER_AUTH), R.EXTENDED_KEY_USAGE, R.EXTENDED_KEY_USAGE),
    "extKeyUsage of clients": (authority(CLIENT_AUTH), None, None),
    "unknown critical extension": (authority((UNKNOWN_EXTENSION, True)), R.CRITICAL_EXTENSION, R.CRITICAL_EXTENSION),
    "policy constraints": (authority((POLICIES, True)), R.CRITICAL_EXTENSION, R.CRITICAL_EXTENSION),
    "expired": ({"not_after": chains.NOW - 1}, R.EXPIRED, R.EXPIRED),
    "not yet valid": ({"not_before": chains.NOW + 1}, R.NOT_YET_VALID, R.NOT_YET_VALID),
    "Ed25519": ({"key": ed25519.Ed25519PrivateKey.generate()}, None, None),
    "RSA of 2048 bits": ({"key": rsa.generate_private_key(PUBLIC_EXPONENT, 2048)}, None, None),
    "RSA of 1024 bits": ({"key": rsa.generate_private_key(PUBLIC_EXPONENT, 1024)}, R.WEAK_KEY, None),
    "P-224": ({"key": ec.generate_private_key(ec.SECP224R1())}, R.WEAK_KEY, None),
    "DSA": ({"key": dsa.generate_private_key(2048)}, R.WEAK_KEY, None),
    "SHA-224": ({"hash_algorithm": hashes.SHA224()}, R.WEAK_SIGNATURE, None),
    "no name": ({"subject": x509.Name([])}, R.NOT_A_CA, R.NOT_A_CA),
    "pathLenConstraint 0": ({"extensions": ((x509.BasicConstraints(True, 0), True), SIGNS)}, None, None),
}

profiles = pytest.mark.parametrize("profile", ChainProfile)


class TestOneFieldAtATime:
    @profiles
    @pytest.mark.parametrize("case", LEAVES)
    def test_of_the_leaf(self, verify_chain: VerifyChain, case: str, profile: ChainProfile) -> None:
        different, *expected = LEAVES[case]
        leaf = issue("device", fleet().intermediate, **{"extensions": DEVICE, **different})  # type: ignore[arg-type]
        reason = reason_of(verify_chain, leaf, fleet().intermediate, profile=profile)
        assert reason is expected[profile is ChainProfile.PATH]

    @profiles
    @pytest.mark.parametrize("case", INTERMEDIATES)
    def test_of_the_intermediate(self, verify_chain: VerifyChain, case: str, profile: ChainProfile) -> None:
        different, *expected = INTERMEDIATES[case]
        fields = {"subject": "intermediate", "issuer": fleet().root, "extensions": AUTHORITY, **different}
        intermediate = issue(**fields)  # type: ignore[arg-type]
        reason = reason_of(verify_chain, issue("device", intermediate), intermediate, profile=profile)
        assert reason is expected[profile is ChainProfile.PATH]

    @pytest.mark.parametrize(
        "case", [case for case, row in INTERMEDIATES.items() if row[1] not in (R.WEAK_SIGNATURE, None)]
    )
    def test_of_the_anchor(self, verify_chain: VerifyChain, case: str) -> None:
        """Whatever the store holds: an anchor that is no CA, or expired, anchors nothing."""
        different, expected, _ = INTERMEDIATES[case]
        fields = {"subject": "anchor", "extensions": AUTHORITY, **different}
        anchor = issue(**fields)  # type: ignore[arg-type]
        reason = reason_of(verify_chain, issue("device", anchor), trusted=chains.anchors(anchor))
        assert reason is expected

    def test_of_the_anchor_its_own_signature_does_not_count(self, verify_chain: VerifyChain) -> None:
        anchor = issue("anchor", None, AUTHORITY, hash_algorithm=hashes.SHA224())
        assert reason_of(verify_chain, issue("device", anchor), trusted=chains.anchors(anchor)) is None


class TestBuiltByHand:
    """What no builder makes: edited, and signed again by the CA."""

    @pytest.mark.parametrize(
        ("serial_number", "reason"),
        [
            ("020100", R.SERIAL_NUMBER),
            ("0201ff", R.SERIAL_NUMBER),
            ("021500" + "ff" * 20, R.SERIAL_NUMBER),
            ("0215" + "7f" * 21, R.SERIAL_NUMBER),
            ("0214" + "7f" * 20, None),
            ("02020080", None),
        ],
    )
    def test_serial_number(self, verify_chain: VerifyChain, serial_number: str, reason: ChainReason | None) -> None:
        edit = chains.with_field(1, bytes.fromhex(serial_number))
        leaf = chains.signed_anew(fleet().device.der, fleet().intermediate, edit)
        assert reason_of(verify_chain, leaf, fleet().intermediate) is reason
        assert reason_of(verify_chain, leaf, fleet().intermediate, profile=ChainProfile.PATH) is None

    def test_version_1_leaf(self, verify_chain: VerifyChain) -> None:
        def edit(body: bytes) -> bytes:
            return chains.tlv(0x30, *list(chains.elements(body))[1:-1])

        leaf = chains.signed_anew(fleet().device.der, fleet().intermediate, edit)
        assert reason_of(verify_chain, leaf, fleet().intermediate) is R.LEAF_VERSION
        assert reason_of(verify_chain, leaf, fleet().intermediate, profile=ChainProfile.PATH) is None

    def test_sha1(self, verify_chain: VerifyChain) -> None:
        edit = chains.with_field(2, chains.ECDSA_WITH_SHA1)
        leaf = chains.signed_anew(fleet().device.der, fleet().intermediate, edit, chains.ECDSA_WITH_SHA1)
        assert reason_of(verify_chain, leaf, fleet().intermediate) is R.WEAK_SIGNATURE

    def test_algorithm_that_is_named_differently_outside(self, verify_chain: VerifyChain) -> None:
        leaf = chains.signed_anew(fleet().device.der, fleet().intermediate, lambda body: body, chains.ECDSA_WITH_SHA1)
        for profile in ChainProfile:
            reason = reason_of(verify_chain, leaf, fleet().intermediate, profile=profile)
            assert reason in (R.BAD_SIGNATURE, R.WEAK_SIGNATURE)

    def test_every_byte_of_the_signature_counts(self, verify_chain: VerifyChain) -> None:
        der = fleet().device.der
        for place in (-1, -8, -30):
            changed = bytearray(der)
            changed[place] ^= 1
            assert reason_of(verify_chain, bytes(changed), fleet().intermediate) is R.BAD_SIGNATURE

    def test_signature_by_another_key(self, verify_chain: VerifyChain) -> None:
        impostor = issue("intermediate", None, AUTHORITY)
        leaf = issue("device", impostor)
        assert reason_of(verify_chain, leaf, fleet().intermediate) is R.BAD_SIGNATURE

    def test_signature_by_a_key_of_another_kind(self, verify_chain: VerifyChain) -> None:
        impostor = issue("intermediate", None, AUTHORITY, key=rsa.generate_private_key(PUBLIC_EXPONENT, 2048))
        leaf = issue("device", impostor)
        assert reason_of(verify_chain, leaf, fleet().intermediate) is R.BAD_SIGNATURE


class TestPathLength:
    def chain(self, *lengths: int | None) -> list[chains.Issued]:
        """From the leaf to the root, with these pathLenConstraints from the root down."""
        path: list[chains.Issued] = []
        for number, length in enumerate(lengths):
            extensions = ((x509.BasicConstraints(True, length), True), SIGNS)
            path.insert(0, issue(f"ca{number}", path[0] if path else None, extensions))
        return [issue("device", path[0]), *path]

    @pytest.mark.parametrize(
        ("lengths", "reason"),
        [
            ((1, 0), None),
            ((0, None), R.PATH_LENGTH),
            ((0,), None),
            ((1, None, None), R.PATH_LENGTH),
            ((2, 1, 0), None),
            ((None, 0, None), R.PATH_LENGTH),
        ],
    )
    def test_of_every_issuer_counts(
        self, verify_chain: VerifyChain, lengths: tuple[int | None, ...], reason: ChainReason | None
    ) -> None:
        *sent, root = self.chain(*lengths)
        assert reason_of(verify_chain, *sent, trusted=chains.anchors(root)) is reason

    def test_counts_no_self_issued_intermediate(self, verify_chain: VerifyChain) -> None:
        """A CA that changes its key (RFC 5280 section 6.1.4 (l))."""
        extensions = ((x509.BasicConstraints(True, 0), True), SIGNS)
        old = issue("ca", None, extensions)
        identifier = x509.AuthorityKeyIdentifier(b"old", None, None)
        new = issue("ca", old, (*extensions, (identifier, False), (x509.SubjectKeyIdentifier(b"new"), False)))
        assert reason_of(verify_chain, issue("device", new), new, trusted=chains.anchors(old)) is None

    def test_self_issued_intermediate_that_does_not_say_so_is_taken_for_self_signed(
        self, verify_chain: VerifyChain
    ) -> None:
        """As OpenSSL has it: without authorityKeyIdentifier nothing tells a CA's new key from a root."""
        old = issue("ca", None, AUTHORITY)
        new = issue("ca", old, AUTHORITY)
        reason = reason_of(verify_chain, issue("device", new), new, trusted=chains.anchors(old))
        assert reason is R.BAD_SIGNATURE


class TestRegressions:
    def test_cve_2021_3450_a_leaf_issues_nothing(self, verify_chain: VerifyChain) -> None:
        forged = issue("other device", fleet().device)
        for profile in ChainProfile:
            assert reason_of(verify_chain, forged, fleet().device, fleet().intermediate, profile=profile) is R.NOT_A_CA

    @pytest.mark.parametrize(("critical", "reason"), [(False, None), (True, R.CRITICAL_EXTENSION)])
    def test_cve_2023_0464_policies_are_never_evaluated(
        self, verify_chain: VerifyChain, critical: bool, reason: ChainReason | None
    ) -> None:
        """Mappings that fork with every CA: a critical one is refused, others cost nothing."""
        policies = [x509.ObjectIdentifier(f"1.3.6.1.4.1.99999.{n}") for n in range(20)]
        information = x509.CertificatePolicies([x509.PolicyInformation(one, None) for one in policies])
        identifiers = [chains.tlv(0x06, bytes.fromhex("2b06010401868d1f") + bytes([n])) for n in range(20)]
        pairs = (chains.tlv(0x30, one, other) for one in identifiers for other in identifiers[:4])
        mappings = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.33"), chains.tlv(0x30, *pairs))
        path = [fleet().root]
        for number in range(4):
            path.insert(0, issue(f"ca{number}", path[0], (*AUTHORITY, (information, False), (mappings, critical))))
        assert reason_of(verify_chain, issue("device", path[0]), *path[:-1]) is reason

    @pytest.mark.parametrize("usage", [SERVER_AUTH, ANY_USAGE])
    def test_cve_2024_45159_usages_are_judged_whoever_asked_for_a_certificate(
        self, verify_chain: VerifyChain, usage: tuple[x509.ExtensionType, bool]
    ) -> None:
        leaf = issue("device", fleet().intermediate, (DEVICE[0], usage))
        assert reason_of(verify_chain, leaf, fleet().intermediate) is R.EXTENDED_KEY_USAGE


def test_verdict_holds_from_the_latest_begin_to_the_earliest_end(verify_chain: VerifyChain) -> None:
    intermediate = issue("intermediate", fleet().root, AUTHORITY, not_before=chains.BEGIN + 60)
    leaf = issue("device", intermediate, not_after=chains.END - 60)
    verdict = chains.verdict_of(verify_chain, leaf, intermediate)
    assert isinstance(verdict, AcceptedChain)
    assert (verdict.since, verdict.until) == (chains.BEGIN + 60, chains.END - 60)

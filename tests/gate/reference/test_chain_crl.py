"""Revocation: which CRL decides, which one cannot be used, and that an expired one never lets anybody in."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from engine.gate.interface import AcceptedChain, Anchor, AnchorSet, ChainProfile, ChainReason, VerifyChain
from tests.helpers import chains
from tests.helpers.chains import AUTHORITY, IS_CA, fleet, issue, issue_crl, reason_of, verdict_of

R = ChainReason
UNKNOWN_EXTENSION = (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00"), True)
DELTA = (x509.DeltaCRLIndicator(1), True)
PARTITION = (x509.IssuingDistributionPoint(None, None, True, False, None, False, False), True)


def judged(verify_chain: VerifyChain, *crls: bytes, **options: object) -> ChainReason | None:
    """Why the fleet's device is refused under these CRLs."""
    trusted = chains.anchors(fleet().root, crls=crls)
    return reason_of(verify_chain, fleet().device, fleet().intermediate, trusted=trusted, **options)


class TestWhoIsRevoked:
    def test_nobody_by_empty_crls(self, verify_chain: VerifyChain) -> None:
        assert judged(verify_chain, issue_crl(fleet().root), issue_crl(fleet().intermediate)) is None

    def test_the_device(self, verify_chain: VerifyChain) -> None:
        assert judged(verify_chain, issue_crl(fleet().intermediate, fleet().device)) is R.REVOKED

    def test_the_intermediate(self, verify_chain: VerifyChain) -> None:
        assert judged(verify_chain, issue_crl(fleet().root, fleet().intermediate)) is R.REVOKED

    def test_another_device(self, verify_chain: VerifyChain) -> None:
        other = issue("other", fleet().intermediate)
        assert judged(verify_chain, issue_crl(fleet().intermediate, other)) is None

    def test_the_same_number_of_another_issuer(self, verify_chain: VerifyChain) -> None:
        """Serial numbers are unique for one issuer only."""
        assert judged(verify_chain, issue_crl(fleet().root, fleet().device)) is None

    def test_whoever_any_crl_in_force_lists(self, verify_chain: VerifyChain) -> None:
        nobody, device = issue_crl(fleet().intermediate), issue_crl(fleet().intermediate, fleet().device)
        for crls in ((nobody, device), (device, nobody)):
            assert judged(verify_chain, *crls) is R.REVOKED

    def test_below_an_intermediate_that_is_the_anchor(self, verify_chain: VerifyChain) -> None:
        trusted = chains.anchors(fleet().intermediate, crls=[issue_crl(fleet().intermediate, fleet().device)])
        assert reason_of(verify_chain, fleet().device, trusted=trusted) is R.REVOKED


class TestMissing:
    def test_in_profile_device_an_issuer_without_a_crl_revokes_nothing(self, verify_chain: VerifyChain) -> None:
        assert judged(verify_chain, issue_crl(fleet().root)) is None

    def test_in_profile_path_every_issuer_needs_one_where_any_is_given(self, verify_chain: VerifyChain) -> None:
        both = issue_crl(fleet().root), issue_crl(fleet().intermediate)
        assert judged(verify_chain, *both, profile=ChainProfile.PATH) is None
        for crl in both:
            assert judged(verify_chain, crl, profile=ChainProfile.PATH) is R.CRL_MISSING
        assert judged(verify_chain, profile=ChainProfile.PATH) is None


class TestTime:
    @pytest.mark.parametrize(
        ("this_update", "next_update", "reason"),
        [
            (chains.NOW, chains.END, None),
            (chains.NOW + 1, chains.END, R.CRL_EXPIRED),
            (chains.BEGIN, chains.NOW + 1, None),
            (chains.BEGIN, chains.NOW, R.CRL_EXPIRED),
        ],
    )
    def test_crl_out_of_force_refuses(
        self, verify_chain: VerifyChain, this_update: float, next_update: float, reason: ChainReason | None
    ) -> None:
        crl = issue_crl(fleet().intermediate, this_update=this_update, next_update=next_update)
        assert judged(verify_chain, crl) is reason

    def test_crl_in_force_serves_beside_an_old_one(self, verify_chain: VerifyChain) -> None:
        old = issue_crl(fleet().intermediate, next_update=chains.NOW - 1)
        for crls in ((old, issue_crl(fleet().intermediate)), (issue_crl(fleet().intermediate), old)):
            assert judged(verify_chain, *crls) is None

    def test_verdict_holds_until_the_next_update(self, verify_chain: VerifyChain) -> None:
        crl = issue_crl(fleet().intermediate, this_update=chains.NOW - 60, next_update=chains.NOW + 60)
        trusted = chains.anchors(fleet().root, crls=[crl])
        verdict = verdict_of(verify_chain, fleet().device, fleet().intermediate, trusted=trusted)
        assert isinstance(verdict, AcceptedChain)
        assert (verdict.since, verdict.until) == (chains.NOW - 60, chains.NOW + 60)
        later = verdict_of(verify_chain, fleet().device, fleet().intermediate, trusted=trusted, now=chains.NOW + 60)
        assert later.reason is R.CRL_EXPIRED

    def test_crl_without_next_update_refuses(self, verify_chain: VerifyChain) -> None:
        """RFC 5280 section 5.1.2.5 demands one; without it a CRL would be good for ever."""

        def edit(body: bytes) -> bytes:
            return chains.tlv(0x30, *[part for n, part in enumerate(chains.elements(body)) if n != 4])

        crl = chains.signed_anew(issue_crl(fleet().intermediate), fleet().intermediate, edit)
        assert x509.load_der_x509_crl(crl).next_update_utc is None
        assert judged(verify_chain, crl) is R.CRL_EXPIRED


class TestUnusable:
    @pytest.mark.parametrize("extension", [UNKNOWN_EXTENSION, DELTA, PARTITION], ids=["unknown", "delta", "partition"])
    def test_critical_extension(self, verify_chain: VerifyChain, extension: tuple[x509.ExtensionType, bool]) -> None:
        crl = issue_crl(fleet().intermediate, extensions=(extension,))
        assert judged(verify_chain, crl) is R.CRL_UNUSABLE

    def test_critical_extension_of_an_entry(self, verify_chain: VerifyChain) -> None:
        """An indirect CRL's entries are of other issuers, and say so there."""
        other = issue("other", fleet().intermediate)
        crl = issue_crl(fleet().intermediate, other, entry_extensions=(UNKNOWN_EXTENSION,))
        assert judged(verify_chain, crl) is R.CRL_UNUSABLE

    def test_other_extensions_do_not_matter(self, verify_chain: VerifyChain) -> None:
        crl = issue_crl(fleet().intermediate, extensions=((x509.CRLNumber(7), False),))
        assert judged(verify_chain, crl) is None

    def test_crl_that_anchors_share_counts_for_each_of_them(self, verify_chain: VerifyChain) -> None:
        """It is parsed once for the set. A broken one spoils each of its anchors, and an anchor without it none."""
        other, crl = issue("other", None, AUTHORITY), issue_crl(fleet().intermediate, fleet().device)
        sent = fleet().device, fleet().intermediate
        for crls, reason in (
            ([crl, issue_crl(other)], R.REVOKED),
            ([issue_crl(other), crl], R.REVOKED),
            ([crl, b"broken"], R.CRL_UNUSABLE),
        ):
            trusted = chains.anchors(other, fleet().root, crls=crls)
            assert reason_of(verify_chain, *sent, trusted=trusted) is reason
        beside = AnchorSet([Anchor(other.der, (crl,)), Anchor(fleet().root.der)])
        assert reason_of(verify_chain, *sent, trusted=beside) is None

    def test_signature_of_somebody_else(self, verify_chain: VerifyChain) -> None:
        crl = issue_crl(fleet().intermediate, key=ec.generate_private_key(ec.SECP256R1()))
        assert judged(verify_chain, crl) is R.CRL_UNUSABLE
        assert judged(verify_chain, crl, issue_crl(fleet().intermediate)) is None

    def test_algorithm_that_is_named_differently_outside(self, verify_chain: VerifyChain) -> None:
        crl = chains.signed_anew(
            issue_crl(fleet().intermediate), fleet().intermediate, lambda body: body, chains.ECDSA_WITH_SHA1
        )
        assert judged(verify_chain, crl) is R.CRL_UNUSABLE

    def test_sha1_in_profile_device(self, verify_chain: VerifyChain) -> None:
        edit = chains.with_field(1, chains.ECDSA_WITH_SHA1)
        crl = chains.signed_anew(issue_crl(fleet().intermediate), fleet().intermediate, edit, chains.ECDSA_WITH_SHA1)
        assert judged(verify_chain, crl) is R.CRL_UNUSABLE

    def test_issuer_without_crl_sign(self, verify_chain: VerifyChain) -> None:
        ca = issue("ca", None, (IS_CA, (chains.key_usage("key_cert_sign"), True)))
        trusted = chains.anchors(ca, crls=[issue_crl(ca)])
        assert reason_of(verify_chain, issue("device", ca), trusted=trusted) is R.CRL_UNUSABLE

    @pytest.mark.parametrize("broken", [b"", b"no CRL", b"\x30\x00"])
    def test_broken_crl_closes_its_anchor_and_no_other(self, verify_chain: VerifyChain, broken: bytes) -> None:
        assert judged(verify_chain, broken) is R.CRL_UNUSABLE
        other = issue("other", None, AUTHORITY)
        trusted = AnchorSet([Anchor(other.der, (broken,)), Anchor(fleet().root.der)])
        assert reason_of(verify_chain, fleet().device, fleet().intermediate, trusted=trusted) is None

    def test_trailing_byte(self, verify_chain: VerifyChain) -> None:
        assert judged(verify_chain, issue_crl(fleet().intermediate) + b"\0") is R.CRL_UNUSABLE


class TestKeyChange:
    def test_new_key_signs_the_crl_for_the_old_one(self, verify_chain: VerifyChain) -> None:
        """The CA's name is what a CRL binds; any key of that name further up on the path may have signed."""
        identifiers = [(x509.SubjectKeyIdentifier(one), False) for one in (b"new", b"old")]
        by_new = (x509.AuthorityKeyIdentifier(b"new", None, None), False)
        by_old = (x509.AuthorityKeyIdentifier(b"old", None, None), False)
        new = issue("ca", None, (*AUTHORITY, identifiers[0]))
        old = issue("ca", new, (*AUTHORITY, identifiers[1], by_new))
        leaf = issue("device", old, (*chains.DEVICE, by_old))
        for revoked, reason in (((), None), ((leaf,), R.REVOKED)):
            trusted = chains.anchors(new, crls=[issue_crl(new, *revoked)])
            assert reason_of(verify_chain, leaf, old, trusted=trusted) is reason

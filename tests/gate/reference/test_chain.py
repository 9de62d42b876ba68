"""`verify_chain`: what is sent, the possible paths and their budget, what is remembered; both implementations alike."""

import ssl
from collections.abc import Sequence

import msgspec
import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from engine.gate import compiled
from engine.gate.interface import AcceptedChain, Anchor, AnchorSet, ChainProfile, ChainReason, VerifyChain
from engine.gate.reference import chain as reference
from engine.limits import Limits
from tests.gate.reference.conftest import IMPLEMENTATIONS
from tests.helpers import chains
from tests.helpers.chains import AUTHORITY, fleet, issue, reason_of, verdict_of

R = ChainReason


@pytest.fixture(scope="module")
def other() -> chains.Issued:
    return issue("other", None, AUTHORITY)


class TestWhatIsSent:
    def test_path_to_a_root_is_accepted(self, verify_chain: VerifyChain, other: chains.Issued) -> None:
        verdict = verdict_of(
            verify_chain, fleet().device, fleet().intermediate, trusted=chains.anchors(other, fleet().root)
        )
        assert isinstance(verdict, AcceptedChain)
        assert verdict.anchor == 1
        assert verdict.anchor_sha256.hex() == chains.sha256(fleet().root)

    def test_partial_path_to_an_intermediate_is_accepted(self, verify_chain: VerifyChain) -> None:
        trusted = chains.anchors(fleet().intermediate)
        assert reason_of(verify_chain, fleet().device, trusted=trusted) is None
        assert reason_of(verify_chain, fleet().device, fleet().intermediate, fleet().root, trusted=trusted) is None

    def test_missing_intermediate_is_an_unknown_ca(self, verify_chain: VerifyChain) -> None:
        assert reason_of(verify_chain, fleet().device) is R.UNKNOWN_CA

    def test_foreign_root_is_an_unknown_ca(self, verify_chain: VerifyChain, other: chains.Issued) -> None:
        sent = (fleet().device, fleet().intermediate, fleet().root)
        assert reason_of(verify_chain, *sent, trusted=chains.anchors(other)) is R.UNKNOWN_CA

    def test_nothing_is_accepted_without_anchors(self, verify_chain: VerifyChain) -> None:
        assert reason_of(verify_chain, fleet().device, fleet().intermediate, trusted=AnchorSet([])) is R.UNKNOWN_CA

    def test_self_signed_leaf_is_an_unknown_ca(self, verify_chain: VerifyChain) -> None:
        assert reason_of(verify_chain, issue("device")) is R.UNKNOWN_CA

    def test_anchor_sent_as_leaf_is_refused(self, verify_chain: VerifyChain) -> None:
        for profile, reason in ((ChainProfile.DEVICE, R.LEAF_IS_CA), (ChainProfile.PATH, R.UNKNOWN_CA)):
            assert reason_of(verify_chain, fleet().root, profile=profile) is reason

    def test_order_and_unneeded_certificates_do_not_matter(
        self, verify_chain: VerifyChain, other: chains.Issued
    ) -> None:
        below = issue("below", fleet().intermediate, AUTHORITY)
        sent = (issue("device", below), other, fleet().root, fleet().intermediate, below, below)
        assert reason_of(verify_chain, *sent) is None

    def test_too_many_certificates(self, verify_chain: VerifyChain, other: chains.Issued) -> None:
        sent = (fleet().device, fleet().intermediate, *[other] * 6)
        assert reason_of(verify_chain, *sent) is None
        assert reason_of(verify_chain, *sent, other) is R.TOO_MANY_CERTIFICATES

    def test_too_large(self, verify_chain: VerifyChain) -> None:
        assert reason_of(verify_chain, bytes(16 * 1024 - 3)) is R.MALFORMED
        assert reason_of(verify_chain, bytes(16 * 1024 - 2)) is R.TOO_LARGE
        assert reason_of(verify_chain, fleet().device, bytes(2**24)) is R.TOO_LARGE

    def test_malformed_intermediate_is_refused_though_it_is_not_needed(self, verify_chain: VerifyChain) -> None:
        assert reason_of(verify_chain, fleet().device, fleet().intermediate, b"\x30\x00") is R.MALFORMED

    def test_fraction_of_a_second_does_not_count(self, verify_chain: VerifyChain) -> None:
        sent = (fleet().device, fleet().intermediate)
        assert reason_of(verify_chain, *sent, now=chains.END - 0.5) is None
        assert reason_of(verify_chain, *sent, now=chains.END) is R.EXPIRED
        assert reason_of(verify_chain, *sent, now=chains.BEGIN - 0.5) is R.NOT_YET_VALID


class TestAnchors:
    def test_anchor_that_is_no_certificate_is_no_anchor_and_keeps_its_place(self, verify_chain: VerifyChain) -> None:
        trusted = AnchorSet([Anchor(b"no certificate"), Anchor(fleet().root.der)])
        verdict = verdict_of(verify_chain, fleet().device, fleet().intermediate, trusted=trusted)
        assert isinstance(verdict, AcceptedChain)
        assert verdict.anchor == 1

    def test_anchors_of_one_name_are_told_apart_by_their_keys(self, verify_chain: VerifyChain) -> None:
        """A tenant that uploads a CA of another tenant's name must not get in its way."""
        impostors = [issue("root", None, AUTHORITY) for _ in range(4)]
        for trusted in (chains.anchors(*impostors, fleet().root), chains.anchors(fleet().root, *impostors)):
            assert reason_of(verify_chain, fleet().device, fleet().intermediate, trusted=trusted) is None
        impostors_only = chains.anchors(*impostors)
        reason = reason_of(verify_chain, fleet().device, fleet().intermediate, trusted=impostors_only)
        assert reason is R.BAD_SIGNATURE

    def test_renewed_anchor_serves_beside_the_expired_one(self, verify_chain: VerifyChain) -> None:
        """The same name and key: the path that is valid counts, whichever stands first."""
        expired = issue("ca", None, AUTHORITY, not_after=chains.NOW - 1)
        renewed = issue("ca", None, AUTHORITY, key=expired.key)
        leaf = issue("device", renewed)
        for pair in ((expired, renewed), (renewed, expired)):
            assert reason_of(verify_chain, leaf, trusted=chains.anchors(*pair)) is None

    def test_reason_is_that_of_the_path_that_got_furthest(self, verify_chain: VerifyChain) -> None:
        expired = issue("ca", None, AUTHORITY, not_after=chains.NOW - 1)
        no_ca = issue("ca", None, (), key=expired.key)
        for pair in ((expired, no_ca), (no_ca, expired)):
            assert reason_of(verify_chain, issue("device", expired), trusted=chains.anchors(*pair)) is R.EXPIRED

    def test_key_identifiers_choose_among_one_name(self, verify_chain: VerifyChain) -> None:
        identifier = (x509.SubjectKeyIdentifier(b"one"), False)
        ca = issue("ca", None, (*AUTHORITY, identifier))
        for named, reason in ((b"one", None), (b"other", R.UNKNOWN_CA)):
            wanted = (x509.AuthorityKeyIdentifier(named, None, None), False)
            leaf = issue("device", ca, (*chains.DEVICE, wanted))
            assert reason_of(verify_chain, leaf, trusted=chains.anchors(ca)) is reason

    def test_serial_number_in_the_key_identifier_counts(self, verify_chain: VerifyChain) -> None:
        ca = issue("ca", None, AUTHORITY, serial_number=7)
        for serial, reason in ((7, None), (8, R.UNKNOWN_CA)):
            wanted = (x509.AuthorityKeyIdentifier(None, [x509.DirectoryName(ca.subject)], serial), False)
            leaf = issue("device", ca, (*chains.DEVICE, wanted))
            assert reason_of(verify_chain, leaf, trusted=chains.anchors(ca)) is reason


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS.values(), ids=IMPLEMENTATIONS.keys())
class TestBudget:
    """CVE-2018-16875: how much work a peer's certificates make is bounded, however they are named."""

    def test_cve_2018_16875_possible_paths_are_cut_off(self, implementation: type[reference.ChainVerifier]) -> None:
        """Seven CAs of two names, each of which may have issued all of the other name: 556 ways, none to an anchor."""
        a, b = issue("a", None, AUTHORITY), issue("b", None, AUTHORITY)
        many = [issue("a", b, AUTHORITY) for _ in range(4)] + [issue("b", a, AUTHORITY) for _ in range(3)]
        reason = reason_of(implementation(Limits()), issue("device", many[0]), *many)
        assert reason is R.BUDGET_EXCEEDED

    @pytest.mark.parametrize(("budget", "reason"), [(3, None), (2, R.BUDGET_EXCEEDED), (0, R.BUDGET_EXCEEDED)])
    def test_a_path_costs_its_signatures(
        self, implementation: type[reference.ChainVerifier], budget: int, reason: ChainReason | None
    ) -> None:
        limits = msgspec.structs.replace(Limits(), chain_signatures=budget)
        assert reason_of(implementation(limits), fleet().device, fleet().intermediate) is reason

    def test_longest_honest_path_is_within_the_limits(self, implementation: type[reference.ChainVerifier]) -> None:
        path = [fleet().root]
        for number in range(7):
            path.insert(0, issue(f"ca{number}", path[0], AUTHORITY))
        assert reason_of(implementation(Limits()), issue("device", path[0]), *path[:-1]) is None


class TestMemory:
    """Of the native twin: the reference remembers nothing but anchors."""

    def verifier(self, **limits: int) -> compiled.ChainVerifier:
        return compiled.ChainVerifier(msgspec.structs.replace(Limits(), **limits))

    def test_removed_anchor_is_forgotten_at_once(self) -> None:
        verifier = self.verifier()
        sent = (fleet().device, fleet().intermediate)
        assert reason_of(verifier, *sent) is None
        assert reason_of(verifier, *sent, trusted=AnchorSet([])) is R.UNKNOWN_CA
        assert reason_of(verifier, *sent) is None

    def test_new_crl_of_the_anchor_counts_at_once(self) -> None:
        verifier = self.verifier()
        sent = (fleet().device, fleet().intermediate)
        assert reason_of(verifier, *sent) is None
        revoking = chains.anchors(fleet().root, crls=[chains.issue_crl(fleet().root, fleet().intermediate)])
        assert reason_of(verifier, *sent, trusted=revoking) is R.REVOKED
        assert reason_of(verifier, *sent) is None

    def test_added_anchor_flushes_nothing(self, other: chains.Issued) -> None:
        verifier = self.verifier()
        sent = (fleet().device, fleet().intermediate)
        first = verdict_of(verifier, *sent, trusted=chains.anchors(fleet().root))
        again = verdict_of(verifier, *sent, trusted=chains.anchors(other, fleet().root))
        assert isinstance(first, AcceptedChain)
        assert again == msgspec.structs.replace(first, anchor=1)
        assert verifier.chains_remembered == 1

    def test_remembered_chain_ends_with_its_certificates(self) -> None:
        verifier = self.verifier()
        sent = (fleet().device, fleet().intermediate)
        assert reason_of(verifier, *sent) is None
        assert reason_of(verifier, *sent, now=chains.END) is R.EXPIRED
        assert reason_of(verifier, *sent, now=chains.BEGIN - 1) is R.NOT_YET_VALID

    def test_remembered_chain_is_of_its_profile(self) -> None:
        verifier = self.verifier()
        leaf = issue("device", fleet().intermediate, ())
        assert reason_of(verifier, leaf, fleet().intermediate, profile=ChainProfile.PATH) is None
        assert reason_of(verifier, leaf, fleet().intermediate) is R.EXTENDED_KEY_USAGE

    def test_remembered_chain_is_of_what_was_sent(self) -> None:
        verifier = self.verifier()
        assert reason_of(verifier, fleet().device, fleet().intermediate) is None
        assert reason_of(verifier, fleet().device) is R.UNKNOWN_CA

    def test_only_what_was_accepted_is_remembered(self, other: chains.Issued) -> None:
        verifier = self.verifier()
        reason_of(verifier, issue("device", other), other, fleet().intermediate)
        assert (verifier.certificates_remembered, verifier.chains_remembered) == (1, 0)  # the anchor

    def test_tables_stay_within_their_budget(self) -> None:
        verifier = self.verifier(chains_remembered=8, certificates_remembered=8)
        for _ in range(40):
            ca = issue("ca", fleet().root, AUTHORITY)
            assert reason_of(verifier, issue("device", ca), ca) is None
        assert (verifier.certificates_remembered, verifier.chains_remembered) == (8, 8)

    def test_without_tables_the_verdict_is_the_same(self) -> None:
        verifier = self.verifier(chains_remembered=0, certificates_remembered=0)
        for _ in range(2):
            assert reason_of(verifier, fleet().device, fleet().intermediate) is None
        assert (verifier.certificates_remembered, verifier.chains_remembered) == (0, 0)

    def test_anchors_outlive_the_verifier_that_read_them(self) -> None:
        trusted = chains.anchors(fleet().root)
        for _ in range(3):
            assert reason_of(self.verifier(), fleet().device, fleet().intermediate, trusted=trusted) is None

    def test_refusal_leaves_no_error_behind_for_pythons_ssl(self) -> None:
        """Both look into one queue of libcrypto's; the reason of another's handshake must not be ours."""
        verifier = self.verifier()
        changed = fleet().device.der[:-1] + bytes([fleet().device.der[-1] ^ 1])
        assert reason_of(verifier, changed, fleet().intermediate) is R.BAD_SIGNATURE
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="a")
        with pytest.raises(ssl.SSLWantReadError):
            tls.do_handshake()


FRESH = msgspec.structs.replace(Limits(), chains_remembered=0, certificates_remembered=0)
REFERENCE, NATIVE = reference.ChainVerifier(FRESH), compiled.ChainVerifier(FRESH)


def compare(sent: Sequence[bytes], trusted: AnchorSet, profile: ChainProfile) -> None:
    expected, found = (
        verdict_of(implementation, *sent, trusted=trusted, profile=profile) for implementation in (REFERENCE, NATIVE)
    )
    assert chains.agree(expected, found), (expected, found)


class TestBothAlike:
    CHANGES = st.lists(st.tuples(st.integers(0, 2000), st.integers(1, 255)), min_size=1, max_size=3)

    @staticmethod
    def changed(data: bytes, changes: list[tuple[int, int]]) -> bytes:
        edited = bytearray(data)
        for place, difference in changes:
            edited[place % len(edited)] ^= difference
        return bytes(edited)

    @given(changes=CHANGES, profile=st.sampled_from(ChainProfile))
    def test_bytes_on_the_wire_are_changed(self, changes: list[tuple[int, int]], profile: ChainProfile) -> None:
        sent = (self.changed(chains.rich_fleet().device.der, changes), chains.rich_fleet().intermediate.der)
        compare(sent, chains.anchors(chains.rich_fleet().root), profile)

    @given(changes=CHANGES, profile=st.sampled_from(ChainProfile), of_leaf=st.booleans())
    def test_bytes_are_changed_and_signed(
        self, changes: list[tuple[int, int]], profile: ChainProfile, of_leaf: bool
    ) -> None:
        """What a CA would have to sign: the change is not found by the signature."""
        root, intermediate, device = chains.rich_fleet()
        signed, issuer = (device, intermediate) if of_leaf else (intermediate, root)
        again = chains.signed_anew(signed.der, issuer, lambda body: self.changed(body, changes))
        compare((again, intermediate.der) if of_leaf else (device.der, again), chains.anchors(root), profile)

    @given(data=st.binary(max_size=400))
    def test_arbitrary_bytes(self, data: bytes) -> None:
        for implementation in (REFERENCE, NATIVE):
            assert reason_of(implementation, data, data) is R.MALFORMED

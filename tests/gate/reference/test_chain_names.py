"""Name constraints: which names are inside, and which ones nobody can hold against them."""

import ipaddress

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from engine.gate.compiled import library_version
from engine.gate.interface import ChainProfile, ChainReason, VerifyChain
from engine.gate.reference.chain_names import subtrees
from tests.helpers import chains
from tests.helpers.chains import AUTHORITY, DEVICE, fleet, issue, reason_of

N = ChainReason.NAME_CONSTRAINTS


def dns(text: str) -> x509.GeneralName:
    return x509.DNSName(text)


def email(text: str) -> x509.GeneralName:
    return x509.RFC822Name(text)


def uri(text: str) -> x509.GeneralName:
    return x509.UniformResourceIdentifier(text)


def network(text: str) -> x509.GeneralName:
    return x509.IPAddress(ipaddress.ip_network(text))


def address(text: str) -> x509.GeneralName:
    return x509.IPAddress(ipaddress.ip_address(text))


def directory(*parts: str) -> x509.GeneralName:
    return x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, one) for one in parts]))


OTHER = x509.OtherName(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")

# The constraint, a name, is it inside.
ROWS = [
    (dns("example.com"), dns("example.com"), True),
    (dns("example.com"), dns("a.Example.COM"), True),
    (dns("example.com"), dns("badexample.com"), False),
    (dns(".example.com"), dns("a.example.com"), True),
    (dns(".example.com"), dns("example.com"), False),
    (dns(""), dns("example.com"), True),
    (email("example.com"), email("a@EXAMPLE.com"), True),
    (email("example.com"), email("a@b.example.com"), False),
    (email(".example.com"), email("a@b.example.com"), True),
    (email(".example.com"), email("a@example.com"), False),
    (email("a@example.com"), email("a@example.COM"), True),
    (email("a@example.com"), email("A@example.com"), False),
    (uri("a.example.com"), uri("https://a.example.com/path"), True),
    (uri("example.com"), uri("https://a.example.com"), False),
    (uri(".example.com"), uri("https://a.example.com"), True),
    (network("10.0.0.0/8"), address("10.1.2.3"), True),
    (network("10.0.0.0/8"), address("11.1.2.3"), False),
    (network("10.0.0.0/8"), address("::10.1.2.3"), False),
    (network("2001:db8::/32"), address("2001:db8::1"), True),
    (network("2001:db8::/32"), address("2001:db9::1"), False),
    (directory("a"), directory("a", "b"), True),
    (directory("a"), directory("  A  "), True),
    (directory("a"), directory("b", "a"), False),
    (directory("a", "b"), directory("a"), False),
]


def constrained(
    verify_chain: VerifyChain,
    *names: x509.GeneralName,
    permitted: list[x509.GeneralName] | None = None,
    excluded: list[x509.GeneralName] | None = None,
    profile: ChainProfile = ChainProfile.PATH,
    subject: x509.Name | str = "device",
) -> ChainReason | None:
    constraints = (x509.NameConstraints(permitted, excluded), True)
    ca = issue("ca", fleet().root, (*AUTHORITY, constraints))
    extensions = (*DEVICE, (x509.SubjectAlternativeName(names), False)) if names else DEVICE
    return reason_of(verify_chain, issue(subject, ca, extensions), ca, profile=profile)


both_profiles = pytest.mark.parametrize("profile", ChainProfile)


class TestInsideOrOutside:
    @both_profiles
    @pytest.mark.parametrize(("base", "name", "is_inside"), ROWS)
    def test_one_name_and_one_constraint(
        self,
        verify_chain: VerifyChain,
        base: x509.GeneralName,
        name: x509.GeneralName,
        is_inside: bool,
        profile: ChainProfile,
    ) -> None:
        if isinstance(base, x509.DirectoryName):  # the subject is one as well, and has to be inside
            subject = x509.Name([*base.value, *chains.name("device")])
            assert constrained(verify_chain, name, permitted=[base], profile=profile, subject=subject) is (
                None if is_inside else N
            )
        else:
            assert constrained(verify_chain, name, permitted=[base], profile=profile) is (None if is_inside else N)
        if not (name == email("A@example.com") and library_version().startswith("AWS-LC")):  # named in docs/chains.md
            assert constrained(verify_chain, name, excluded=[base], profile=profile) is (N if is_inside else None)

    def test_subject_is_constrained(self, verify_chain: VerifyChain) -> None:
        for constraint in ({"permitted": [directory("a")]}, {"excluded": [x509.DirectoryName(chains.name("device"))]}):
            assert constrained(verify_chain, **constraint) is N  # type: ignore[arg-type]

    def test_email_address_in_the_subject_is_constrained(self, verify_chain: VerifyChain) -> None:
        subject = x509.Name([x509.NameAttribute(NameOID.EMAIL_ADDRESS, "a@example.com")])
        assert constrained(verify_chain, permitted=[email("example.com")], subject=subject) is None
        assert constrained(verify_chain, permitted=[email("example.org")], subject=subject) is N

    def test_common_name_is_no_dns_name(self, verify_chain: VerifyChain) -> None:
        assert constrained(verify_chain, permitted=[dns("example.com")], subject="device.example.org") is None

    def test_exclusion_wins(self, verify_chain: VerifyChain) -> None:
        rules = {"permitted": [dns("example.com")], "excluded": [dns("b.example.com")]}
        assert constrained(verify_chain, dns("a.example.com"), **rules) is None  # type: ignore[arg-type]
        assert constrained(verify_chain, dns("b.example.com"), **rules) is N  # type: ignore[arg-type]

    def test_other_kinds_are_not_constrained(self, verify_chain: VerifyChain) -> None:
        assert constrained(verify_chain, email("a@b.org"), permitted=[dns("example.com")]) is None

    def test_every_ca_above_constrains(self, verify_chain: VerifyChain) -> None:
        upper = issue("upper", fleet().root, (*AUTHORITY, (x509.NameConstraints([dns("example.com")], None), True)))
        lower = issue("lower", upper, (*AUTHORITY, (x509.NameConstraints([dns("example.org")], None), True)))
        for text in ("a.example.com", "a.example.org"):
            names = (x509.SubjectAlternativeName([dns(text)]), False)
            assert reason_of(verify_chain, issue("device", lower, (*DEVICE, names)), lower, upper) is N

    def test_anchor_constrains(self, verify_chain: VerifyChain) -> None:
        anchor = issue("anchor", None, (*AUTHORITY, (x509.NameConstraints([dns("example.com")], None), True)))
        leaf = issue("device", anchor, (*DEVICE, (x509.SubjectAlternativeName([dns("example.org")]), False)))
        assert reason_of(verify_chain, leaf, trusted=chains.anchors(anchor)) is N


class TestNobodyCanSay:
    @pytest.mark.parametrize("name", ["*.example.com", "*.b.example.com", "*.org", "a*.example.com"])
    @pytest.mark.parametrize("constraint", [{"permitted": [dns("example.com")]}, {"excluded": [dns("b.example.com")]}])
    def test_cve_2025_61727_wildcard_against_a_constraint(
        self, verify_chain: VerifyChain, name: str, constraint: dict[str, list[x509.GeneralName]]
    ) -> None:
        """*.example.com stands for b.example.com too: an excluded subtree must not be passed by it."""
        wildcard = x509.DNSName._init_without_validation(name)
        assert constrained(verify_chain, wildcard, **constraint) is N  # type: ignore[arg-type]

    def test_wildcard_that_nothing_constrains(self, verify_chain: VerifyChain) -> None:
        assert constrained(verify_chain, dns("*.example.com"), permitted=[email("a.org")]) is None

    @pytest.mark.parametrize(
        "name", ["", "a..example.com", "-a.example.com", "a b.example.com", ".example.com", "a" * 64]
    )
    def test_dns_name_that_is_none(self, verify_chain: VerifyChain, name: str) -> None:
        broken = x509.DNSName._init_without_validation(name)
        for constraint in ({"permitted": [dns("")]}, {"excluded": [dns("example.org")]}):
            assert constrained(verify_chain, broken, **constraint) is N  # type: ignore[arg-type]
        assert constrained(verify_chain, broken, permitted=[email("a.org")]) is None

    @pytest.mark.parametrize("name", ["a..example.com", "-a", "..a", "."])
    def test_dns_constraint_that_is_none(self, verify_chain: VerifyChain, name: str) -> None:
        broken = x509.DNSName._init_without_validation(name)
        assert constrained(verify_chain, excluded=[broken], profile=ChainProfile.DEVICE) is N

    @pytest.mark.parametrize(
        "name",
        [
            "https://user@a.example.com/",
            "https://a.example.com:8883/",
            "https://evil.org?.a.example.com",
            "https://evil.org#.a.example.com",
            "https://[::1]/",
            "urn:a.example.com",
            "https:///a.example.com",
            "/a.example.com",
            "https://a.example.com/x:y",
        ],
    )
    def test_uri_whose_host_libraries_read_differently(self, verify_chain: VerifyChain, name: str) -> None:
        for constraint in ({"permitted": [uri("a.example.com")]}, {"excluded": [uri("b.example.com")]}):
            assert constrained(verify_chain, uri(name), **constraint) is N  # type: ignore[arg-type]
        assert constrained(verify_chain, uri(name), permitted=[dns("example.com")]) is None

    def test_constraint_on_a_name_of_another_kind(self, verify_chain: VerifyChain) -> None:
        """In profile DEVICE at once; in PATH where there is such a name."""
        assert constrained(verify_chain, OTHER, excluded=[OTHER]) is N
        assert constrained(verify_chain, excluded=[OTHER]) is None
        assert constrained(verify_chain, excluded=[OTHER], profile=ChainProfile.DEVICE) is N


def test_subtrees_are_both_kinds() -> None:
    assert subtrees(None) == []
    assert subtrees(x509.NameConstraints([dns("a")], [dns("b")])) == [dns("a"), dns("b")]

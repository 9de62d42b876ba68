"""Name constraints, readably (RFC 5280 section 4.2.1.10): `cryptography`'s verifier has them for some names only."""

import ipaddress
import re
from collections.abc import Iterable, Iterator, Sequence

from cryptography import x509
from cryptography.x509.oid import NameOID

from engine.gate.reference.chain_certificate import Certificate, canonical_name

EVALUATED = (x509.DNSName, x509.RFC822Name, x509.UniformResourceIdentifier, x509.DirectoryName, x509.IPAddress)
"""The kinds of names that constraints are evaluated for; a constrained name of another kind is never inside."""


_LABEL = "(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"
_DNS_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
"""RFC 1034 section 3.5 and RFC 2181 section 11; no wildcard, and no white space."""

_URI = re.compile("[^:/]+://([^:/]+)(?:/[^:]*)?", re.DOTALL)


class Unevaluable(Exception):
    """A name or a constraint of which nobody can say what it means."""


def keep_name_constraints(path: Sequence[Certificate]) -> bool:
    """Are all names inside the constraints of every CA above them? Self-issued intermediates are exempt."""
    for place, certificate in enumerate(path):
        if place and certificate.is_self_issued:
            continue
        constraints = [issuer.extension(x509.NameConstraints) for issuer in path[place + 1 :]]
        present = [one for one in constraints if one is not None]
        try:
            if present and not all(_is_within(name, one) for name in _names(certificate) for one in present):
                return False
        except Unevaluable:
            return False
    return True


def subtrees(constraints: x509.NameConstraints | None) -> list[x509.GeneralName]:
    """What is permitted or excluded."""
    if constraints is None:
        return []
    return [*(constraints.permitted_subtrees or ()), *(constraints.excluded_subtrees or ())]


def are_evaluable(constraints: x509.NameConstraints | None) -> bool:
    """Do we know what is meant by all of them, whatever names there are?"""
    return all(isinstance(base, EVALUATED) and _is_clear(base) for base in subtrees(constraints))


def _is_clear(base: x509.GeneralName) -> bool:
    """A DNS name in a constraint may also be empty, or begin with a dot."""
    return not isinstance(base, x509.DNSName) or base.value == "" or _is_dns_name(base.value.removeprefix("."))


def _is_dns_name(text: str) -> bool:
    return _DNS_NAME.fullmatch(text) is not None


def has_wildcard(certificate: Certificate) -> bool:
    """Is there a DNS name with a wildcard in subjectAltName?"""
    names = certificate.extension(x509.SubjectAlternativeName) or ()
    return any(isinstance(name, x509.DNSName) and "*" in name.value for name in names)


def _names(certificate: Certificate) -> Iterator[x509.GeneralName]:
    """The subject, the e-mail addresses in it, and the subjectAltName."""
    subject = certificate.parsed.subject
    if subject.rdns:
        yield x509.DirectoryName(subject)
    for address in subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS):
        yield x509.RFC822Name._init_without_validation(str(address.value))
    yield from certificate.extension(x509.SubjectAlternativeName) or ()


def _is_within(name: x509.GeneralName, constraints: x509.NameConstraints) -> bool:
    permitted = _of_kind(name, constraints.permitted_subtrees)
    excluded = _of_kind(name, constraints.excluded_subtrees)
    if (permitted or excluded) and isinstance(name, x509.DNSName) and not _is_dns_name(name.value):
        raise Unevaluable("a wildcard is on both sides of a constraint (CVE-2025-61727), and the rest is no name")
    if permitted and not any(_matches(name, base) for base in permitted):
        return False
    return not any(_matches(name, base) for base in excluded)


def _of_kind(name: x509.GeneralName, subtrees: Iterable[x509.GeneralName] | None) -> list[x509.GeneralName]:
    return [base for base in subtrees or () if type(base) is type(name)]


def _matches(name: x509.GeneralName, base: x509.GeneralName) -> bool:
    match name, base:
        case x509.DirectoryName(), x509.DirectoryName():
            above = canonical_name(base.value)
            return canonical_name(name.value)[: len(above)] == above
        case x509.DNSName(), x509.DNSName():
            return _is_in_domain(name.value, base.value)
        case x509.RFC822Name(), x509.RFC822Name():
            return _is_address_in(name.value, base.value)
        case x509.UniformResourceIdentifier(), x509.UniformResourceIdentifier():
            return _is_host_in(_host(name.value), base.value)
        case x509.IPAddress(), x509.IPAddress():
            return _is_address_of(name.value, base.value)
    raise Unevaluable(f"constraints on a {type(name).__name__}")


def _is_in_domain(name: str, base: str) -> bool:
    """`host.example.com` is in `example.com`, and so is `example.com`; only what is below it is in `.example.com`."""
    name, base = name.lower(), base.lower()
    return not base or name == base or name.endswith(base if base.startswith(".") else f".{base}")


def _is_address_in(address: str, base: str) -> bool:
    """`base` is an address (whose local part keeps its case), a host, or with a dot in front all hosts of a domain."""
    local, at, host = address.rpartition("@")
    if not at:
        raise Unevaluable("an e-mail address without @")
    base_local, base_at, base_host = base.rpartition("@")
    if base_at:
        return (not base_local or local == base_local) and host.lower() == base_host.lower()
    return _is_host_in(host, base)


def _is_host_in(host: str, base: str) -> bool:
    """Unlike a DNS name, a host of an e-mail address or URI is below `base` only where `base` begins with a dot."""
    host, base = host.lower(), base.lower()
    return host == base or (base.startswith(".") and host.endswith(base) and host != base)


def _host(uri: str) -> str:
    """The host of a URI, which a constrained one must have, and beside it no user, no port and no other colon: there
    OpenSSL takes more than the host for the host.
    """
    found = _URI.fullmatch(uri)
    if found is None or not _is_dns_name(found[1]):
        raise Unevaluable("a URI with more than a host and a path")
    return found[1]


def _is_address_of(address: object, network: object) -> bool:
    """Another version of IP is never inside."""
    match address, network:
        case ipaddress.IPv4Address(), ipaddress.IPv4Network():
            return address in network
        case ipaddress.IPv6Address(), ipaddress.IPv6Network():
            return address in network
    return False

"""Is a certification path valid? A table of checks in the order of ChainReason: the first that fails is the reason."""

import datetime
import itertools
from collections.abc import Callable, Sequence

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, PublicKeyAlgorithmOID
from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder, Store, VerificationError

from engine.gate.interface import ChainProfile, ChainReason
from engine.gate.reference.chain_certificate import STRONG_SIGNATURES, Certificate
from engine.gate.reference.chain_names import are_evaluable, has_wildcard, keep_name_constraints, subtrees

Path = Sequence[Certificate]
"""From the leaf to the anchor, both included."""

_DEVICE = (ChainProfile.DEVICE,)
_BOTH = (ChainProfile.PATH, ChainProfile.DEVICE)

EVALUATED_EXTENSIONS = {
    ExtensionOID.KEY_USAGE,
    ExtensionOID.EXTENDED_KEY_USAGE,
    ExtensionOID.BASIC_CONSTRAINTS,
    ExtensionOID.NAME_CONSTRAINTS,
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
}
"""What may be critical. Policies are off (CVE-2023-0464), so nothing that demands one is here."""

PROXY_CERTIFICATE = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.14")
"""RFC 3820: an end entity that issues. Refused whether it says critical or not."""

_SERIAL_NUMBER_BITS = 8 * 20 - 1
"""20 octets of a positive INTEGER (RFC 5280 section 4.1.2.2)."""


def leaf_fault(leaf: Certificate) -> ChainReason | None:
    """Profile DEVICE: what no path makes good."""
    if leaf.parsed.version is not x509.Version.v3:
        return ChainReason.LEAF_VERSION
    if _is_ca(leaf):
        return ChainReason.LEAF_IS_CA
    if leaf.extension(x509.NameConstraints) is not None:
        return ChainReason.LEAF_NAME_CONSTRAINTS
    return ChainReason.LEAF_WILDCARD if has_wildcard(leaf) else None


def path_fault(path: Path, now: float, profile: ChainProfile) -> ChainReason | None:
    """Why the path is not valid. What costs comes last: the signatures."""
    for reason, profiles, holds in _CHECKS:
        if profile in profiles and not holds(path, now):
            return reason
    if profile is ChainProfile.DEVICE and _is_known_to_library(path):
        if _library_accepts(path, now):
            return None
        return ChainReason.REFUSED_BY_LIBRARY if _are_signed(path) else ChainReason.BAD_SIGNATURE
    return None if _are_signed(path) else ChainReason.BAD_SIGNATURE


def _have_serial_numbers(path: Path, _: float) -> bool:
    numbers = (certificate.serial_number for certificate in path[:-1])
    return all(number > 0 and number.bit_length() <= _SERIAL_NUMBER_BITS for number in numbers)


def _is_ca(certificate: Certificate) -> bool:
    constraints = certificate.extension(x509.BasicConstraints)
    return constraints is not None and constraints.ca


def _are_issued_by_cas(path: Path, _: float) -> bool:
    """A leaf never issues (CVE-2021-3450), nor does a CA without a name."""
    return all(_is_ca(issuer) and issuer.subject for issuer in path[1:])


def _have_key_usage(path: Path, _: float) -> bool:
    """Where the extension is present."""
    leaf, *issuers = (certificate.extension(x509.KeyUsage) for certificate in path)
    return (leaf is None or leaf.digital_signature) and all(usage is None or usage.key_cert_sign for usage in issuers)


def _have_client_auth(path: Path, _: float) -> bool:
    """Where the extension is present: the issuers' binds what is below them. anyExtendedKeyUsage is not enough."""
    usages = (certificate.extension(x509.ExtendedKeyUsage) for certificate in path)
    return all(usage is None or ExtendedKeyUsageOID.CLIENT_AUTH in usage for usage in usages)


def _has_client_auth(path: Path, _: float) -> bool:
    return path[0].extension(x509.ExtendedKeyUsage) is not None


def _have_no_other_critical_extension(path: Path, _: float) -> bool:
    extensions = (extension for certificate in path for extension in certificate.extensions)
    return all(
        extension.oid in EVALUATED_EXTENSIONS or not (extension.critical or extension.oid == PROXY_CERTIFICATE)
        for extension in extensions
    )


def _have_known_keys(path: Path, _: float) -> bool:
    return all(certificate.key is not None for certificate in path)


def _have_strong_keys(path: Path, _: float) -> bool:
    return all(_is_strong(certificate) for certificate in path)


def _is_strong(certificate: Certificate) -> bool:
    match certificate.key:
        case rsa.RSAPublicKey() if (
            certificate.parsed.public_key_algorithm_oid == PublicKeyAlgorithmOID.RSAES_PKCS1_v1_5
        ):
            return 2048 <= certificate.key.key_size <= 8192
        case ec.EllipticCurvePublicKey():
            return isinstance(certificate.key.curve, ec.SECP256R1 | ec.SECP384R1 | ec.SECP521R1)
        case ed25519.Ed25519PublicKey():
            return True
    return False


def _have_strong_signatures(path: Path, _: float) -> bool:
    """Nobody relies on the anchor's own."""
    return all(certificate.parsed.signature_algorithm_oid in STRONG_SIGNATURES for certificate in path[:-1])


def _have_begun(path: Path, now: float) -> bool:
    return all(certificate.not_before <= now for certificate in path)


def _have_not_ended(path: Path, now: float) -> bool:
    """The anchor too. The second of notAfter itself is out, as in OpenSSL."""
    return all(now < certificate.not_after for certificate in path)


def _keep_path_length(path: Path, _: float) -> bool:
    """RFC 5280 section 4.2.1.9: pathLenConstraint counts the intermediates below that are not self-issued."""
    below = 0
    for issuer in path[1:]:
        constraints = issuer.extension(x509.BasicConstraints)
        if constraints is not None and constraints.path_length is not None and below > constraints.path_length:
            return False
        below += not issuer.is_self_issued
    return True


def _keep_name_constraints(path: Path, _: float) -> bool:
    return keep_name_constraints(path)


def _have_evaluable_constraints(path: Path, _: float) -> bool:
    return all(are_evaluable(issuer.extension(x509.NameConstraints)) for issuer in path[1:])


_CHECKS: Sequence[tuple[ChainReason, Sequence[ChainProfile], Callable[[Path, float], object]]] = (
    (ChainReason.SERIAL_NUMBER, _DEVICE, _have_serial_numbers),
    (ChainReason.NOT_A_CA, _BOTH, _are_issued_by_cas),
    (ChainReason.KEY_USAGE, _BOTH, _have_key_usage),
    (ChainReason.EXTENDED_KEY_USAGE, _BOTH, _have_client_auth),
    (ChainReason.EXTENDED_KEY_USAGE, _DEVICE, _has_client_auth),
    (ChainReason.CRITICAL_EXTENSION, _BOTH, _have_no_other_critical_extension),
    (ChainReason.WEAK_KEY, _BOTH, _have_known_keys),
    (ChainReason.WEAK_KEY, _DEVICE, _have_strong_keys),
    (ChainReason.WEAK_SIGNATURE, _DEVICE, _have_strong_signatures),
    (ChainReason.NOT_YET_VALID, _BOTH, _have_begun),
    (ChainReason.EXPIRED, _BOTH, _have_not_ended),
    (ChainReason.PATH_LENGTH, _BOTH, _keep_path_length),
    (ChainReason.NAME_CONSTRAINTS, _DEVICE, _have_evaluable_constraints),
    (ChainReason.NAME_CONSTRAINTS, _BOTH, _keep_name_constraints),
)


def _are_signed(path: Path) -> bool:
    return all(issuer.has_signed(certificate.parsed) for certificate, issuer in itertools.pairwise(path))


_NOTHING_MORE = ExtensionPolicy.permit_all()
_A_CA = _NOTHING_MORE.require_present(x509.BasicConstraints, Criticality.AGNOSTIC, None)


def _is_known_to_library(path: Path) -> bool:
    """Its verifier has no Ed25519 issuers, no name constraints but these, and it counts self-issued CAs."""
    constraints = [issuer.extension(x509.NameConstraints) for issuer in path[1:]]
    has_other_key = any(isinstance(issuer.key, ed25519.Ed25519PublicKey) for issuer in path[1:])
    has_new_key = any(intermediate.is_self_issued for intermediate in path[1:-1])
    has_other_names = any(not _is_known_constraint(base) for one in constraints for base in subtrees(one))
    return not (has_other_key or has_new_key or has_other_names)


def _is_known_constraint(base: x509.GeneralName) -> bool:
    """A DNS name that begins with a dot, or is empty, it takes for malformed."""
    if isinstance(base, x509.DNSName):
        return base.value != "" and not base.value.startswith(".")
    return isinstance(base, x509.IPAddress)


def _library_accepts(path: Path, now: float) -> bool:
    """What the checks above found nothing against, `cryptography.x509.verification` must not either."""
    leaf, *intermediates, anchor = (certificate.parsed for certificate in path)
    verifier = (
        PolicyBuilder()
        .store(Store([anchor]))
        .time(datetime.datetime.fromtimestamp(now, datetime.UTC))
        .max_chain_depth(len(path))
        .extension_policies(ca_policy=_A_CA, ee_policy=_NOTHING_MORE)
        .build_client_verifier()
    )
    try:
        verifier.verify(leaf, intermediates)
    except VerificationError:
        return False
    return True

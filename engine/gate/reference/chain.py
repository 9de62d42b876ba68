"""The reference of `verify_chain`: possible paths, and the first one that nothing speaks against (docs/chains.md)."""

import importlib
from collections.abc import Iterator, Sequence

import msgspec

from engine.gate.interface import (
    AcceptedChain,
    Anchor,
    AnchorSet,
    ChainProfile,
    ChainReason,
    ChainVerdict,
    Operation,
    RefusedChain,
    VerifyChain,
)
from engine.gate.reference.chain_certificate import CanonicalName, Certificate, read_certificate
from engine.gate.reference.chain_crl import Crl, read_crl, revocation
from engine.gate.reference.chain_known_answers import KNOWN_ANSWERS
from engine.gate.reference.chain_path import leaf_fault, path_fault
from engine.limits import Limits

_PREFIX_BYTES = 3
"""Before each certificate of the list that TLS carries (RFC 5246 section 7.4.2)."""


class _Anchor(msgspec.Struct, frozen=True, eq=False):
    """A parsed anchor; `crls` is None where one of them is broken."""

    place: int
    certificate: Certificate
    crls: Sequence[Crl] | None


_Anchors = dict[CanonicalName, list[_Anchor]]


class _BudgetExceeded(Exception):
    """More paths than may be tried."""


class ChainVerifier:
    """VerifyChain in Python. It remembers nothing but the parsed anchors, in their AnchorSet."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def __call__(
        self, leaf: bytes, intermediates: Sequence[bytes], anchors: AnchorSet, now: float, profile: ChainProfile
    ) -> ChainVerdict:
        """As VerifyChain."""
        now = float(int(now))
        sent = (leaf, *intermediates)
        if sum(len(der) + _PREFIX_BYTES for der in sent) > self._limits.certificate_list_bytes:
            return RefusedChain(ChainReason.TOO_LARGE)
        if len(sent) > self._limits.certificates:
            return RefusedChain(ChainReason.TOO_MANY_CERTIFICATES)
        certificates = [certificate for certificate in map(read_certificate, sent) if certificate]
        if len(certificates) < len(sent):
            return RefusedChain(ChainReason.MALFORMED)
        fault = leaf_fault(certificates[0]) if profile is ChainProfile.DEVICE else None
        if fault is not None:
            return RefusedChain(fault)
        return self._first_valid(certificates, anchors.prepared(_prepare, _prepare), now, profile)

    def _first_valid(
        self, certificates: Sequence[Certificate], anchors: _Anchors, now: float, profile: ChainProfile
    ) -> ChainVerdict:
        """The first valid path; without one, the reason of the path that got furthest."""
        furthest = ChainReason.UNKNOWN_CA
        paths = _Paths(certificates[1:], anchors, profile, self._limits.chain_signatures)
        try:
            for path, anchor in paths.from_leaf(certificates[0]):
                verdict = _judge(path, anchor, now, profile)
                if isinstance(verdict, AcceptedChain):
                    return verdict
                furthest = max(furthest, verdict.reason)
        except _BudgetExceeded:
            return RefusedChain(ChainReason.BUDGET_EXCEEDED)
        return RefusedChain(furthest)


class _Paths:
    """Every way from a leaf to an anchor: at each step the anchors come first, then the intermediates as sent."""

    def __init__(
        self, intermediates: Sequence[Certificate], anchors: _Anchors, profile: ChainProfile, budget: int
    ) -> None:
        self._intermediates = intermediates
        self._anchors = anchors
        self._profile = profile
        self._budget = budget

    def from_leaf(self, leaf: Certificate) -> Iterator[tuple[list[Certificate], _Anchor]]:
        return self._beyond([leaf])

    def _beyond(self, path: list[Certificate]) -> Iterator[tuple[list[Certificate], _Anchor]]:
        for anchor in self._anchors.get(path[-1].issuer, ()):
            if self._may_follow(path, anchor.certificate):
                self._pay(path)
                yield [*path, anchor.certificate], anchor
        for intermediate in self._intermediates:
            if self._may_follow(path, intermediate):
                self._pay(path)
                yield from self._beyond([*path, intermediate])

    def _may_follow(self, path: Sequence[Certificate], issuer: Certificate) -> bool:
        """In profile DEVICE a name is spelled alike, byte for byte, as everywhere in TLS today."""
        if path[-1].is_self_signed:
            return False
        if self._profile is ChainProfile.DEVICE and issuer.spelled_subject != path[-1].spelled_issuer:
            return False
        return issuer.may_issue(path[-1]) and all(issuer.der != certificate.der for certificate in path)

    def _pay(self, path: Sequence[Certificate]) -> None:
        self._budget -= len(path)
        if self._budget < 0:
            raise _BudgetExceeded


def _judge(path: Sequence[Certificate], anchor: _Anchor, now: float, profile: ChainProfile) -> ChainVerdict:
    """Accept one path, or say why not."""
    fault = path_fault(path, now, profile)
    if fault is not None:
        return RefusedChain(fault)
    if anchor.crls is None:
        return RefusedChain(ChainReason.CRL_UNUSABLE)
    consulted = revocation(path, anchor.crls, now, profile)
    if isinstance(consulted, ChainReason):
        return RefusedChain(consulted)
    return AcceptedChain(
        anchor=anchor.place,
        anchor_sha256=anchor.certificate.sha256,
        since=max(*(one.not_before for one in path), *(crl.this_update for crl in consulted)),
        until=min(*(one.not_after for one in path), *(crl.next_update for crl in consulted)),
    )


def _prepare(anchors: Sequence[Anchor]) -> _Anchors:
    """The anchors by name. One that is no certificate is no anchor."""
    prepared: _Anchors = {}
    # A project's anchors have the same CRLs: parsing one costs milliseconds, and a tenant chooses how many there are.
    parsed = {der: read_crl(der) for der in dict.fromkeys(der for anchor in anchors for der in anchor.crls)}
    for place, anchor in enumerate(anchors):
        certificate = read_certificate(anchor.certificate)
        if certificate is not None:
            crls = [crl for crl in map(parsed.get, anchor.crls) if crl]
            known = crls if len(crls) == len(anchor.crls) else None
            prepared.setdefault(certificate.subject, []).append(_Anchor(place, certificate, known))
    return prepared


def _native() -> VerifyChain:
    """The compiled twin with tables of its own. ImportError where the module was not built."""
    twin: VerifyChain = importlib.import_module("engine.gate.compiled").ChainVerifier(Limits())
    return twin


def _forgetful_native() -> VerifyChain:
    """The same without a table of verified chains, so that every sight is the first."""
    limits = msgspec.structs.replace(Limits(), chains_remembered=0)
    twin: VerifyChain = importlib.import_module("engine.gate.compiled").ChainVerifier(limits)
    return twin


VERIFY_CHAIN: Operation[VerifyChain] = Operation(
    name="verify_chain", reference=ChainVerifier(Limits()), native=_native, known_answers=KNOWN_ANSWERS
)
"""Measured on a chain that was seen before: that is what a fleet that reconnects costs."""

VERIFY_CHAIN_FIRST_SIGHT: Operation[VerifyChain] = Operation(
    name="verify_chain_first_sight",
    reference=ChainVerifier(Limits()),
    native=_forgetful_native,
    known_answers=KNOWN_ANSWERS,
)
"""The same operation on a chain that was not; its figure is shown beside the other one and chooses nothing."""

"""NIST's path validation suite (cryptography-vectors): each test as the suite says, or named as not supported."""

import tomllib
from collections.abc import Callable
from pathlib import Path

import cryptography_vectors
import msgspec
import pytest

from engine.gate import compiled
from engine.gate.interface import AcceptedChain, Anchor, AnchorSet, ChainProfile, VerifyChain
from engine.gate.reference import chain as reference
from engine.limits import Limits

ROOT = Path(__file__).parents[2]
DATA = Path(cryptography_vectors.__file__).parent / "x509" / "PKITS_data"

SECTIONS = {"4.1": 6, "4.2": 8, "4.3": 11, "4.4": 21, "4.5": 8, "4.6": 17, "4.7": 5, "4.13": 38, "4.16": 2}
"""How many tests the suite has in each."""


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row of tests/vectors/pkits.toml, which says what is what."""

    id: str
    leaf: str
    intermediates: tuple[str, ...]
    crls: tuple[str, ...]
    valid: bool
    reason: str | None = None
    native_reason: str | None = None
    not_supported: str | None = None


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    now: float
    test: tuple[Case, ...]


TABLE = msgspec.convert(tomllib.loads((ROOT / "tests" / "vectors" / "pkits.toml").read_text("utf-8")), Table)


def certificate(name: str) -> bytes:
    return (DATA / "certs" / f"{name}.crt").read_bytes()


def crl(name: str) -> bytes:
    return (DATA / "crls" / f"{name}.crl").read_bytes()


@pytest.mark.parametrize(
    "implementation", [reference.ChainVerifier, compiled.ChainVerifier], ids=["reference", "native"]
)
@pytest.mark.parametrize("case", TABLE.test, ids=lambda case: case.id)
def test_of_the_suite(case: Case, implementation: Callable[[Limits], VerifyChain]) -> None:
    anchors = AnchorSet([Anchor(certificate("TrustAnchorRootCertificate"), tuple(map(crl, case.crls)))])
    intermediates = [certificate(name) for name in case.intermediates]
    verdict = implementation(Limits())(certificate(case.leaf), intermediates, anchors, TABLE.now, ChainProfile.PATH)
    if isinstance(verdict, AcceptedChain):
        assert case.valid
        assert case.reason is None
    else:
        native_reason = case.native_reason or case.reason
        reason = native_reason if implementation is compiled.ChainVerifier else case.reason
        assert verdict.reason.name.lower() == reason
        assert not case.valid or case.not_supported


def test_every_test_of_the_sections_is_in_the_table() -> None:
    expected = {f"{section}.{number}" for section, count in SECTIONS.items() for number in range(1, count + 1)}
    assert sorted(case.id for case in TABLE.test) == sorted(expected)


def test_what_is_not_supported_is_in_the_documentation() -> None:
    text = (ROOT / "docs" / "chains.md").read_text("utf-8")
    for case in TABLE.test:
        if case.not_supported:
            assert f"4.{case.id.partition('.')[2]}" in text
            assert case.not_supported in text

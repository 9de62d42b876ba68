"""What `verify_chain` proves itself with at start: right for both, and what its names say."""

import pytest
from cryptography import x509

from engine.gate.interface import AcceptedChain, ChainReason, KnownAnswer, RefusedChain, VerifyChain
from engine.gate.reference.chain_known_answers import KNOWN_ANSWERS


@pytest.mark.parametrize("known", KNOWN_ANSWERS, ids=lambda known: str(known.answer)[:60])
def test_known_answer(known: KnownAnswer, verify_chain: VerifyChain) -> None:
    assert verify_chain(*known.arguments) == known.answer  # type: ignore[arg-type]


def test_both_kinds_of_answers_are_known() -> None:
    answers = [known.answer for known in KNOWN_ANSWERS]
    assert sum(isinstance(answer, AcceptedChain) for answer in answers) == 3
    reasons = {answer.reason for answer in answers if isinstance(answer, RefusedChain)}
    assert reasons >= {ChainReason.UNKNOWN_CA, ChainReason.BAD_SIGNATURE, ChainReason.EXPIRED, ChainReason.REVOKED}


def test_first_one_is_a_path_of_three() -> None:
    leaf, (intermediate,), anchors, *_ = KNOWN_ANSWERS[0].arguments
    path = [x509.load_der_x509_certificate(der) for der in (leaf, intermediate, anchors.anchors[0].certificate)]
    assert [one.subject.rfc4514_string() for one in path] == ["CN=device", "CN=intermediate", "CN=root"]
